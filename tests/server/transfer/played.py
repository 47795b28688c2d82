"""Games as a log holds them, played by the server's own rules."""

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain.state import GameState
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import Commit, EventLog, Proposal, Record
from planning_poker_server.room import Publication, Room, decoded, summary
from planning_poker_server.settings import DatabaseSettings
from tools.fold_table import GAME_ID, Table

CODE = "K7QF-3M"
OTHER_ID, OTHER_CODE = "f" * 32, "AAAA-AA"
OPEN_CARD = "☕ later"
"""A card that lies face down at the end of `rich_game`, and is turned nowhere."""


class _Recorder(Room):
    """A room that keeps what the log was given."""

    def __init__(self) -> None:
        super().__init__(GAME_ID, GameLimits(), tail_events=1_000)
        self.records: list[Record] = []

    def publish(self, commit: Commit) -> Publication:
        self.records += commit.proposal.records
        return super().publish(commit)


class Played(Table):
    """A table whose records are kept."""

    def __init__(self) -> None:
        super().__init__()
        self._room = self._recorder = _Recorder()

    @property
    def records(self) -> list[Record]:
        return self._recorder.records


def rich_game() -> list[Record]:
    """Every kind of event but the end; a round is open in which a card lies face down."""
    table = Played()
    create = pb.CreateGame(labels={name: f"label {name}" for name in ("team", "channel", "a", "z")})
    create.ttl.FromSeconds(86_400)
    settings = pb.GameSettings(auto_reveal=True)
    settings.reveal_countdown.seconds = 5
    table.create(settings, labels=create.labels, ttl=create.ttl)
    table.join("p2", "Bob")
    table.join("p3", "Cid", external_id="U123")
    table.join("p4", "Dan")
    table.join("p5", "Eve", role=pb.PLAYER_ROLE_OBSERVER)
    stories = [pb.NewStory(title=f"Story {n} ½ ☕", description="a\nb") for n in range(1, 5)]
    table.do("p1", add_stories=pb.AddStories(stories=stories))
    _rework(table)
    table.do("p1", start_round=pb.StartRound(story_id="s1"))
    for player_id, card in (("p1", "2"), ("p2", "3")):
        table.vote(player_id, card)
    table.do("p2", retract_vote=pb.RetractVote(round_id=table.round_id))
    table.vote("p2", "2")
    table.fire("countdown")
    accept = pb.AcceptEstimate(story_id="s1", round_id=table.round_id, value="2")
    table.do("p1", accept_estimate=accept)
    table.do("p1", start_round=pb.StartRound(story_id="s4"))
    table.do("p1", abandon_round=pb.AbandonRound(round_id=table.round_id))
    start = pb.StartRound(story_id="s4")
    start.duration.seconds = 600
    table.do("p1", start_round=start)
    deadline = pb.SetDeadline(round_id=table.round_id)
    deadline.remaining.seconds = 900
    table.do("p1", set_deadline=deadline)
    vote = pb.SubmitVote(round_id=table.round_id, card="3", comment=OPEN_CARD)
    table.do("p2", submit_vote=vote)
    return table.records


def _rework(table: Played) -> None:
    """People come, go and change; so do the stories and the game."""
    table.do("p1", update_game=pb.UpdateGame(display_name="Sprint 13", passcode="open sesame"))
    table.do("p1", update_story=pb.UpdateStory(story_id="s1", title="Sign-in"))
    table.do("p1", move_story=pb.MoveStory(story_id="s4", before_story_id="s2"))
    table.do("p1", remove_story=pb.RemoveStory(story_id="s3"))
    table.do("p2", update_player=pb.UpdatePlayer(display_name="Bob B."))
    table.do("p1", remove_player=pb.RemovePlayer(player_id="p3"))
    table.do("p4", leave_game=pb.LeaveGame())
    table.do("p1", start_round=pb.StartRound())
    table.vote("p1", "1")
    table.vote("p2", "1")
    table.do("p1", retract_vote=pb.RetractVote(round_id=table.round_id))
    table.do("p1", abandon_round=pb.AbandonRound(round_id=table.round_id))
    table.do("p1", reset_seat=pb.ResetSeat(player_id="p5", seat_secret=NEW_SECRET))


NEW_SECRET = b"n" * 32
"""Of Eve, who is p5, since her seat was reset."""


def ended_game() -> list[Record]:
    """A short game that is over: nothing in it needs a secret."""
    table = Played()
    table.create()
    table.join("p2", "Bob")
    table.do("p1", start_round=pb.StartRound())
    table.vote("p1", "1")
    table.vote("p2", "2")
    table.reveal()
    table.do("p1", end_game=pb.EndGame())
    return table.records


def long_game(count: int) -> list[Record]:
    """A game of `count` events: two players who cannot make up their minds."""
    table = Played()
    table.create()
    table.join("p2", "Bob")
    table.do("p1", start_round=pb.StartRound())
    table.vote("p1", "1")
    table.vote("p2", "2")
    records, last = table.records, len(table.records)
    event = pb.GameEvent.FromString(records[-1].event)
    for version in range(last + 1, count + 1):
        event.version = version
        event.correlation_id = str(uuid.UUID(int=version))
        stored = event.SerializeToString(deterministic=True)
        records.append(Record(version, stored, records[last - 1].sealed))
    return records


def renamed(records: Sequence[Record], game_id: str, join_code: str) -> list[Record]:
    """The same history as that of another game."""
    event = pb.GameEvent.FromString(records[0].event)
    event.game_created.game.game_id, event.game_created.game.join_code = game_id, join_code
    stored = event.SerializeToString(deterministic=True)
    return [records[0]._replace(event=stored), *records[1:]]


def proposal_of(records: Sequence[Record]) -> Proposal:
    """What puts this history into an empty log."""
    state = GameState()
    for record in records:
        state.evolve(*decoded(record))
    return Proposal(state.view.game_id, 0, records, state.timers(), summary(state))


def database(path: Path) -> DatabaseSettings:
    return DatabaseSettings(f"sqlite:///{path}", 5_000, max_batch=256, max_waiting=1_000)


async def fill(path: Path, *histories: Iterable[Record]) -> None:
    """Put these games into the database at `path`."""
    log = await open_log(database(path))
    for records in histories:
        assert isinstance(await log.append(proposal_of(list(records))), Commit)
    await log.close()


async def stored(log: EventLog, game_id: str) -> list[Record]:
    return [record async for page in log.read(game_id) for record in page]
