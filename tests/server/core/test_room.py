"""A room proposes, the log commits, the room publishes."""

import dataclasses

import pytest

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain.consequences import RESERVED_EVENTS
from planning_poker_server.domain.types import Actor, FireTimer
from planning_poker_server.eventlog.port import Commit, GameCorrupt, Proposal, Record
from planning_poker_server.room import Room, Ticket
from planning_poker_simulator.virtual_time import START_MS
from tests.server.core.parts import (
    GAME_ID,
    Bench,
    automatic,
    cid,
    creation,
    game,
    joining,
    kind_of,
    reason,
    retraction,
    reveal,
    starting,
    story,
    vote,
)


def kinds(proposal: Proposal) -> list[str]:
    return [kind_of(record) for record in proposal.records]


def test_nothing_is_confirmed_by_a_proposal_alone() -> None:
    bench = Bench()
    proposal = bench.propose(creation())
    assert kinds(proposal) == ["game_created", "player_joined"]
    assert bench.room.head == 0
    assert bench.room.state.view.players == {}
    assert not bench.room.reaches(1)


def test_a_commit_confirms_the_proposal_and_gives_its_answers() -> None:
    bench = Bench()
    publication = bench.commit(bench.propose(creation()))
    assert bench.room.head == 2
    (answer,) = publication.answers
    assert answer.result.accepted.player_id == "p1"
    assert answer.result.accepted.version == 2
    assert answer.events_through == 2
    assert [event.version for event in publication.events] == [1, 2]


def test_a_proposal_cannot_be_published_without_its_own_commit() -> None:
    bench = game("Bob")
    first = bench.propose(story("Login"))
    bench.propose(story("Logout"))
    with pytest.raises(AssertionError):
        bench.room.publish(Commit(first))
    assert bench.room.head == 3


def test_a_commit_is_published_only_once() -> None:
    bench = game("Bob")
    proposal = bench.propose(story("Login"))
    bench.commit(proposal)
    with pytest.raises(AssertionError):
        bench.room.publish(Commit(proposal))
    assert bench.room.head == 4


def test_catching_up_makes_the_pending_proposal_void() -> None:
    bench = game("Bob")
    ahead = bench.reloaded()
    ahead.do(story("Login"))
    lost = bench.propose(story("Logout"))
    bench.room.catch_up(ahead.rows[bench.room.head :])
    with pytest.raises(AssertionError):
        bench.room.publish(Commit(lost))


def test_after_a_conflict_the_same_commands_are_decided_again() -> None:
    bench = game("Bob", voting=True)
    elsewhere = bench.reloaded()
    asked = vote("Bob", "p2", "5")
    assert bench.propose(asked).expected_head == 4
    elsewhere.do(vote("Ada", "p1", "8"), reveal(force=True))
    bench.rows = elsewhere.rows[:]
    bench.room.catch_up(bench.rows[bench.room.head :])
    result = bench.say(asked)
    assert reason(result) == "ROUND_CLOSED"
    assert result.refusal.current_version == 6


def test_catching_up_returns_what_subscribers_must_be_told() -> None:
    bench = game("Bob")
    elsewhere = bench.reloaded()
    elsewhere.do(story("Login"), starting())
    events = bench.room.catch_up(elsewhere.rows[bench.room.head :])
    assert [event.version for event in events] == [4, 5]
    assert bench.room.state.view == elsewhere.room.state.view


def test_the_commands_of_a_batch_see_each_other() -> None:
    bench = game("Bob")
    accepted, voted, refused = bench.run(
        starting(), vote("Bob", "p2", "5"), vote("Bob", "p2", "5", round_id="r2")
    )
    assert accepted.accepted.round_id == "r1"
    assert voted.accepted.version == 5
    assert reason(refused) == "ROUND_CLOSED"


def test_versions_have_no_hole_and_times_never_go_back() -> None:
    bench = game("Bob", "Cid", voting=True)
    bench.now_ms -= 60_000
    bench.do(vote("Ada", "p1", "5"), vote("Bob", "p2", "8"))
    bench.now_ms += 120_000
    bench.do(vote("Cid", "p3", "8"), reveal())
    events = [pb.GameEvent.FromString(record.event) for record in bench.rows]
    assert [event.version for event in events] == list(range(1, 10))
    times = [event.event_time.ToMilliseconds() for event in events]
    assert times == sorted(times)
    assert times[0] == START_MS


def test_refusals_leave_everything_as_it_was() -> None:
    bench = game("Bob", voting=True)
    before, snapshot = bench.room.state, bench.room.snapshot()
    proposal = bench.propose(
        vote("Bob", "p2", "4"),
        vote("Bob", "p1", "5"),
        joining("Ada", secret=b"x" * 32),
        reveal(),
        retraction("Eve", "p2"),
    )
    assert proposal.records == ()
    results = [answer.result for answer in bench.commit(proposal).answers]
    assert [reason(result) for result in results] == [
        "CARD_NOT_IN_DECK",
        "SEAT_NOT_HELD",
        "NAME_TAKEN",
        "NO_VOTES",
        "SEAT_NOT_HELD",
    ]
    assert bench.room.state is before
    assert bench.room.snapshot() == snapshot
    assert bench.reloaded().room.state.view == bench.room.state.view


def test_a_refusal_waits_for_the_log_too() -> None:
    bench = game("Bob")
    proposal = bench.propose(reveal())
    assert proposal.expected_head == bench.room.head
    assert [reason(answer.result) for answer in bench.commit(proposal).answers] == ["ROUND_CLOSED"]


def test_a_refusal_says_at_which_version_it_was_decided() -> None:
    bench = game("Bob")
    _, refused = bench.run(story("Login"), reveal())
    assert refused.refusal.current_version == 4


def test_what_follows_by_itself_is_in_the_same_proposal() -> None:
    bench = game("Bob", settings=automatic(), voting=True)
    bench.do(vote("Ada", "p1", "5"))
    proposal = bench.propose(vote("Bob", "p2", "8", cid(7)))
    assert kinds(proposal) == ["vote_submitted", "votes_revealed"]
    (answer,) = bench.commit(proposal).answers
    assert answer.result.accepted.version == 6
    assert answer.events_through == 7
    revealed = pb.GameEvent.FromString(proposal.records[1].event)
    assert (revealed.actor_id, revealed.correlation_id) == ("", cid(7))


def test_what_follows_from_presence_alone_is_proposed_without_a_command() -> None:
    bench = game("Bob", settings=automatic(), voting=True)
    bench.do(vote("Ada", "p1", "5"))
    assert bench.propose().records == ()
    bench.connected = {"p1"}
    assert kinds(bench.propose()) == ["votes_revealed"]


def test_what_follows_from_presence_is_not_forgotten_among_refused_commands() -> None:
    bench = game("Bob", settings=automatic(), voting=True)
    bench.do(vote("Ada", "p1", "5"))
    bench.connected = {"p1"}
    proposal = bench.propose(vote("Ada", "p1", "4"))
    assert kinds(proposal) == ["votes_revealed"]
    assert [reason(a.result) for a in bench.commit(proposal).answers] == ["CARD_NOT_IN_DECK"]


def test_what_follows_from_presence_is_not_forgotten_beside_a_repeated_command() -> None:
    bench = game("Bob", settings=automatic(), voting=True)
    cast = vote("Ada", "p1", "5")
    bench.do(cast)
    bench.connected = {"p1"}
    assert kinds(bench.propose(cast)) == ["votes_revealed"]


def test_nothing_follows_where_there_is_no_game() -> None:
    assert Bench().propose().records == ()


def test_a_due_timer_fires_by_a_ticket_of_the_server() -> None:
    bench = game("Bob", settings=automatic(countdown_s=3), voting=True)
    bench.do(vote("Ada", "p1", "5"), vote("Bob", "p2", "8"))
    assert bench.kinds[-1] == "reveal_scheduled"
    bench.now_ms += 3_000
    publication = bench.fire("countdown")
    assert [event.WhichOneof("event") for event in publication.events] == ["votes_revealed"]
    assert bench.propose().timers == ()


def test_a_timer_that_was_moved_does_not_fire() -> None:
    bench = game("Bob", settings=automatic(countdown_s=3), voting=True)
    bench.do(vote("Ada", "p1", "5"), vote("Bob", "p2", "8"))
    (timer,) = bench.room.state.timers()
    bench.do(retraction("Bob", "p2"))
    bench.now_ms += 3_000
    fire = FireTimer(timer.kind, timer.round_id, timer.set_version)
    assert bench.propose(Ticket(fire, Actor(), cid(1))).records == ()


def test_a_proposal_carries_all_timers_that_are_set() -> None:
    bench = game("Bob", settings=automatic(countdown_s=3), voting=True)
    bench.do(vote("Ada", "p1", "5"))
    proposal = bench.propose(vote("Bob", "p2", "8"))
    (timer,) = proposal.timers
    assert (timer.kind, timer.round_id, timer.due_ms) == ("countdown", "r1", START_MS + 3_000)


def test_a_proposal_summarises_the_game_for_lists() -> None:
    bench = Bench()
    summary = bench.propose(creation()).summary
    assert summary.join_code == "K7QF-3M"
    assert summary.display_name == "Sprint 12"
    assert summary.phase == pb.GAME_PHASE_LOBBY
    assert summary.create_ms == START_MS


def test_a_game_read_from_its_bytes_is_the_game_that_was_played() -> None:
    bench = game("Bob", "Cid", voting=True)
    bench.do(story("Login"), vote("Bob", "p2", "5"), vote("Cid", "p3", "8"), reveal(force=True))
    other = bench.reloaded()
    assert other.room.state.view == bench.room.state.view
    assert other.room.snapshot() == bench.room.snapshot()
    assert other.room.state.own_vote("p2") == ("5", "")
    assert other.room.state.timers() == bench.room.state.timers()


@pytest.mark.parametrize(
    "broken",
    [
        Record(4, b"\xff\xff", b""),
        Record(4, b"", b""),
        Record(6, pb.GameEvent(version=6).SerializeToString(), b""),
        Record(4, pb.GameEvent(version=5).SerializeToString(), b""),
        Record(5, pb.GameEvent(version=4).SerializeToString(), b""),
        Record(4, pb.GameEvent(version=4).SerializeToString(), b"\xff"),
        Record(
            4,
            pb.GameEvent(version=4, player_left=pb.PlayerLeft(player_id="p9")).SerializeToString(),
            b"",
        ),
    ],
)
def test_a_record_that_cannot_follow_is_corruption(broken: Record) -> None:
    bench = game("Bob")
    with pytest.raises(GameCorrupt):
        bench.room.catch_up([broken])
    assert bench.room.head == 3


def test_an_event_of_a_later_server_only_advances_the_version() -> None:
    bench = game("Bob")
    unknown = pb.GameEvent(version=4).SerializeToString() + b"\xfa\x7f\x01x"
    bench.room.catch_up([Record(4, unknown, b"")])
    assert bench.room.head == 4
    _, frame = bench.room.frame(3, 10, 10_000, START_MS, 0)
    assert unknown in frame


def test_a_full_history_takes_nothing_that_follows_by_itself() -> None:
    bench = Bench(GameLimits(max_events=5 + RESERVED_EVENTS))
    bench.do(creation(automatic()), joining("Bob"), starting(), vote("Ada", "p1", "5"))
    bench.connected = {"p1"}
    assert bench.propose().records == ()


# What subscribers get


def attached(bench: Bench, version: int, correlation_id: str) -> tuple[str, int, int, bool]:
    begin = bench.room.attach(version, correlation_id)
    outcome = pb.AttachOutcome.Name(begin.outcome).removeprefix("ATTACH_OUTCOME_")
    return outcome, begin.head, begin.after, begin.snapshot is not None


def with_ids() -> Bench:
    """Ten events, each with its version as its correlation id."""
    bench = Bench(tail_events=5)
    bench.do(creation(correlation_id=cid(1)))
    for number in range(3, 11):
        bench.do(joining(f"P{number}", cid(number)))
    return bench


def test_a_new_subscriber_begins_with_a_snapshot() -> None:
    assert attached(with_ids(), 0, "") == ("FRESH", 10, 10, True)


def test_who_is_up_to_date_resumes_with_nothing_to_send() -> None:
    assert attached(with_ids(), 10, cid(10)) == ("RESUMED", 10, 10, False)


def test_who_is_as_far_behind_as_the_tail_reaches_resumes() -> None:
    assert attached(with_ids(), 5, cid(5)) == ("RESUMED", 10, 5, False)


def test_who_is_behind_the_tail_gets_a_snapshot() -> None:
    assert attached(with_ids(), 4, cid(4)) == ("SNAPSHOT", 10, 10, True)


def test_who_is_ahead_of_the_head_gets_a_snapshot() -> None:
    assert attached(with_ids(), 11, cid(11)) == ("SNAPSHOT", 10, 10, True)


@pytest.mark.parametrize("foreign", ["", cid(9), "not a uuid"])
def test_who_resumes_from_an_event_that_is_not_ours_gets_a_snapshot(foreign: str) -> None:
    assert attached(with_ids(), 10, foreign) == ("SNAPSHOT", 10, 10, True)


def test_a_snapshot_is_encoded_once_a_version() -> None:
    bench = game("Bob")
    first = bench.room.snapshot()
    bench.propose(story("Login"))
    assert bench.room.snapshot() is first
    bench.do(story("Login"))
    assert pb.Game.FromString(bench.room.snapshot()).version == 4


def test_a_frame_is_encoded_once_for_subscribers_in_step() -> None:
    bench = with_ids()
    last, frame = bench.room.frame(7, 100, 100_000, START_MS, 0)
    assert last == 10
    assert bench.room.frame(7, 100, 100_000, START_MS + 5, 0)[1] is frame
    assert bench.room.frame(8, 100, 100_000, START_MS, 0)[1] is not frame
    batch = pb.ServerEnvelope.FromString(frame).event_batch
    assert [event.version for event in batch.events] == [8, 9, 10]
    assert (batch.game_id, batch.first_version) == (GAME_ID, 8)


def test_frames_are_cut_by_number_and_by_size() -> None:
    bench = with_ids()
    assert bench.room.frame(5, 2, 100_000, START_MS, 0)[0] == 7
    assert bench.room.frame(5, 100, 1, START_MS, 0)[0] == 6


def test_a_new_head_is_never_hidden_by_a_frame_kept() -> None:
    bench = with_ids()
    bench.room.frame(9, 100, 100_000, START_MS, 0)
    bench.do(joining("Late"))
    assert bench.room.frame(9, 100, 100_000, START_MS, 0)[0] == 11


def test_what_happened_before_the_subscription_is_marked_as_replay() -> None:
    bench = with_ids()

    def replay(through: int) -> bool:
        _, frame = bench.room.frame(7, 2, 100_000, START_MS, through)
        return pb.ServerEnvelope.FromString(frame).event_batch.replay

    assert replay(9)
    assert not replay(7)


def test_a_room_reaches_from_where_its_tail_begins_to_its_head() -> None:
    room = with_ids().room
    assert [version for version in range(13) if room.reaches(version)] == [4, 5, 6, 7, 8, 9, 10]


def test_an_empty_room_has_no_head() -> None:
    room = Room(GAME_ID, GameLimits(), 10)
    assert room.head == 0
    assert room.reaches(0)


def test_nothing_of_a_trial_shows_a_card_or_a_digest_in_its_repr() -> None:
    bench = game("Ada", voting=True)
    cast = dataclasses.replace(vote("Ada", "p1", card="13"), digest=b"canary")
    bench.propose(cast)
    assert bench.room._pending is not None
    _, batch = bench.room._pending
    shown = repr([batch.events, batch.answers])
    assert "vote" not in shown
    assert "canary" not in shown
