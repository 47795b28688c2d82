"""Each command as a method: what it sends."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.commands import GameCommands
from planning_poker_client.errors import NoRound
from planning_poker_client.exchange import CallOptions
from planning_poker_client.inbox import AckPace, Inbox
from tests.client import said


class Recorder(GameCommands):
    """A seat whose commands are kept and accepted."""

    def __init__(self, *events: pb.GameEvent) -> None:
        self.player_id = "p1"
        self.sent: list[pb.Command] = []
        self.options: list[CallOptions] = []
        self._inbox = Inbox(said.game(3))
        self.happens(*events)

    def sits_down_at(self, snapshot: pb.Game) -> "Recorder":
        self._inbox = Inbox(snapshot)
        return self

    def happens(self, *events: pb.GameEvent) -> None:
        self._inbox.receive(said.batch(*events).event_batch, 0.0, AckPace())

    def _followed(self) -> Inbox:
        return self._inbox

    async def _send(self, command: pb.Command, options: CallOptions) -> Receipt:
        self.sent.append(command)
        self.options.append(options)
        return Receipt("c", said.GAME, 9, story_ids=("s8", "s9"))


ROUND = (said.round_started(4, "r1", "s1"),)
REVEALED = (
    *ROUND,
    said.voted(5),
    said.event(
        6,
        votes_revealed=pb.VotesRevealed(
            round=pb.Round(round_id="r1", story_id="s1", status=pb.ROUND_STATUS_REVEALED)
        ),
    ),
)
MINUTE = Duration(seconds=60)
Call = Callable[[Recorder], Awaitable[Any]]

COMMANDS: list[tuple[Call, pb.Command]] = [
    (
        lambda game: game.start_round("s1", abandon_open=True, duration=60),
        pb.Command(start_round=pb.StartRound(story_id="s1", abandon_open=True, duration=MINUTE)),
    ),
    (lambda game: game.start_round(), pb.Command(start_round=pb.StartRound())),
    (
        lambda game: game.start_round(duration=0),
        pb.Command(start_round=pb.StartRound(duration=Duration())),
    ),
    (lambda game: game.again(), pb.Command(start_round=pb.StartRound(story_id="s1"))),
    (
        lambda game: game.vote("8", comment="risky"),
        pb.Command(submit_vote=pb.SubmitVote(round_id="r1", card="8", comment="risky")),
    ),
    (lambda game: game.retract(), pb.Command(retract_vote=pb.RetractVote(round_id="r1"))),
    (
        lambda game: game.reveal(force=True),
        pb.Command(reveal_votes=pb.RevealVotes(round_id="r1", force=True)),
    ),
    (lambda game: game.cancel_reveal(), pb.Command(cancel_reveal=pb.CancelReveal(round_id="r1"))),
    (
        lambda game: game.set_deadline(timedelta(minutes=1)),
        pb.Command(set_deadline=pb.SetDeadline(round_id="r1", remaining=MINUTE)),
    ),
    (
        lambda game: game.set_deadline(None),
        pb.Command(set_deadline=pb.SetDeadline(round_id="r1")),
    ),
    (lambda game: game.abandon_round(), pb.Command(abandon_round=pb.AbandonRound(round_id="r1"))),
    (
        lambda game: game.accept("8"),
        pb.Command(accept_estimate=pb.AcceptEstimate(story_id="s1", round_id="r1", value="8")),
    ),
    (
        lambda game: game.accept("8", story_id="s7"),
        pb.Command(accept_estimate=pb.AcceptEstimate(story_id="s7", value="8")),
    ),
    (
        lambda game: game.add_story("Login", description="d", key="PP-1", url="https://x.test"),
        pb.Command(
            add_stories=pb.AddStories(
                stories=[
                    pb.NewStory(title="Login", description="d", key="PP-1", url="https://x.test")
                ]
            )
        ),
    ),
    (
        lambda game: game.add_stories([pb.NewStory(title="A")], before_story_id="s1"),
        pb.Command(
            add_stories=pb.AddStories(stories=[pb.NewStory(title="A")], before_story_id="s1")
        ),
    ),
    (
        lambda game: game.update_story("s1", title="B", skipped=False),
        pb.Command(update_story=pb.UpdateStory(story_id="s1", title="B", skipped=False)),
    ),
    (
        lambda game: game.move_story("s1", before_story_id="s2"),
        pb.Command(move_story=pb.MoveStory(story_id="s1", before_story_id="s2")),
    ),
    (lambda game: game.remove_story("s1"), pb.Command(remove_story=pb.RemoveStory(story_id="s1"))),
    (
        lambda game: game.update_player("p2", role="observer"),
        pb.Command(update_player=pb.UpdatePlayer(player_id="p2", role=pb.PLAYER_ROLE_OBSERVER)),
    ),
    (
        lambda game: game.update_player(display_name="Ada L.", facilitator=False),
        pb.Command(update_player=pb.UpdatePlayer(display_name="Ada L.", facilitator=False)),
    ),
    (
        lambda game: game.remove_player("p2"),
        pb.Command(remove_player=pb.RemovePlayer(player_id="p2")),
    ),
    (
        lambda game: game.reset_seat("p2", b"n" * 32),
        pb.Command(reset_seat=pb.ResetSeat(player_id="p2", seat_secret=b"n" * 32)),
    ),
    (
        lambda game: game.claim_facilitation(),
        pb.Command(claim_facilitation=pb.ClaimFacilitation()),
    ),
    (lambda game: game.leave(), pb.Command(leave_game=pb.LeaveGame())),
    (
        lambda game: game.update(display_name="Sprint 13", passcode=""),
        pb.Command(update_game=pb.UpdateGame(display_name="Sprint 13", passcode="")),
    ),
    (
        lambda game: game.update(settings=pb.GameSettings(auto_reveal=True)),
        pb.Command(update_game=pb.UpdateGame(settings=pb.GameSettings(auto_reveal=True))),
    ),
    (lambda game: game.end(), pb.Command(end_game=pb.EndGame())),
]


@pytest.mark.parametrize(
    ("call", "command"), COMMANDS, ids=[str(command.WhichOneof("body")) for _, command in COMMANDS]
)
async def test_each_method_sends_its_command(call: Call, command: pb.Command) -> None:
    game = Recorder(*REVEALED)
    await call(game)
    assert game.sent == [command]
    # Equality does not see the presence of an empty message or text.
    assert game.sent[0].SerializeToString() == command.SerializeToString()


def test_every_command_of_the_contract_has_a_method() -> None:
    covered = {command.WhichOneof("body") for _, command in COMMANDS}
    bodies = {field.name for field in pb.Command.DESCRIPTOR.oneofs_by_name["body"].fields}
    assert bodies - covered == {"create_game", "join_game"}  # the client's


async def test_a_command_names_the_round_that_is_seen_at_the_moment_of_the_call() -> None:
    game = Recorder(*ROUND)
    await game.vote("8")
    game.happens(said.round_started(5, "r2"))
    await game.vote("5")
    assert [command.submit_vote.round_id for command in game.sent] == ["r1", "r2"]


async def test_the_round_of_a_snapshot_is_named_too() -> None:
    snapshot = said.game(9, phase=pb.GAME_PHASE_VOTING)
    snapshot.current_round.round_id = "r4"
    game = Recorder().sits_down_at(snapshot)
    await game.vote("8")
    later = said.game(12, phase=pb.GAME_PHASE_VOTING)
    later.current_round.round_id = "r5"
    game._inbox.receive(said.snapshot_instead(later).event_batch, 0.0, AckPace())
    await game.vote("8")
    assert [command.submit_vote.round_id for command in game.sent] == ["r4", "r5"]


async def test_after_a_round_was_abandoned_the_server_is_asked_all_the_same() -> None:
    abandoned = said.event(5, round_abandoned=pb.RoundAbandoned(round_id="r1"))
    game = Recorder(*ROUND, abandoned)
    await game.vote("8")
    assert game.sent[0].submit_vote.round_id == "r1"


@pytest.mark.parametrize(
    "call",
    [
        lambda game: game.vote("8"),
        lambda game: game.retract(),
        lambda game: game.reveal(),
        lambda game: game.cancel_reveal(),
        lambda game: game.set_deadline(60),
        lambda game: game.abandon_round(),
        lambda game: game.again(),
        lambda game: game.accept("8"),
    ],
)
async def test_without_any_round_so_far_nothing_is_sent(call: Call) -> None:
    game = Recorder()
    with pytest.raises(NoRound):
        await call(game)
    assert not game.sent


async def test_a_story_can_be_estimated_without_a_round() -> None:
    game = Recorder()
    await game.accept("8", story_id="s1")
    assert game.sent[0].accept_estimate == pb.AcceptEstimate(story_id="s1", value="8")


async def test_the_estimate_of_a_round_without_a_story_needs_to_name_one() -> None:
    game = Recorder(said.round_started(4, "r1"))
    with pytest.raises(NoRound, match="give a story_id"):
        await game.accept("8")
    await game.accept("8", story_id="s1")
    assert game.sent[0].accept_estimate == pb.AcceptEstimate(story_id="s1", value="8")


async def test_starting_a_story_adds_it_and_opens_its_round() -> None:
    game = Recorder()
    await game.start_story("Login", key="PP-1", request_id="hook", expected_version=3)
    add, start = game.sent
    assert [story.title for story in add.add_stories.stories] == ["Login"]
    assert start.start_round.story_id == "s8"
    assert [options.get("request_id") for options in game.options] == ["hook", "hook/round"]
    assert [options.get("expected_version") for options in game.options] == [3, None]


async def test_a_card_that_is_a_number_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(TypeError, match=r"vote\('8'\), not 8"):
        await Recorder(*ROUND).vote(8)  # type: ignore[arg-type]


async def test_a_role_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="voter or an observer"):
        await Recorder().update_player(role="owner")  # type: ignore[arg-type]
