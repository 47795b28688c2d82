"""Accepted means durable: whatever ends the server, what it accepted is there again."""

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from tests.integration.harness import Host
from tests.integration.process import ServerProcess
from tests.integration.raw import (
    PATIENCE_S,
    Client,
    Seat,
    Stream,
    StreamEnded,
    new_id,
    new_secret,
)

CARDS = ["0", "1", "2", "3", "5", "8", "13", "21", "34", "55", "89", "?", "☕"]
UNAVAILABLE, DATA_LOSS = 14, 15


def story(number: int = 1, size: int = 0) -> pb.AddStories:
    described = pb.NewStory(title=f"Story {number}", description="x" * size)
    return pb.AddStories(stories=[described])


def stored_events(database: Path, game_id: str) -> list[pb.GameEvent]:
    """What the log holds of a game."""
    query = "SELECT event FROM events WHERE game_id = ? ORDER BY version"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [pb.GameEvent.FromString(row[0]) for row in connection.execute(query, (game_id,))]


def execute(database: Path, statement: str, *parameters: object) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement, parameters).rowcount == 1


class Voter:
    """Votes as fast as it is answered, and remembers what it was told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seat: Seat
        self.accepted: dict[str, pb.Accepted] = {}
        self.card = ""
        """Of the last accepted vote."""
        self.in_flight: tuple[str, pb.SubmitVote] | None = None
        self._random = random.Random(name)  # noqa: S311

    async def play(self, stream: Stream) -> None:
        """Vote until the stream ends."""
        try:
            while True:
                await self.vote(stream)
        except StreamEnded:
            return

    async def vote(self, stream: Stream) -> None:
        if self.in_flight is None:
            vote = pb.SubmitVote(round_id="r1", card=self._random.choice(CARDS))
            self.in_flight = new_id(), vote
        correlation_id, vote = self.in_flight
        result = await stream.ask(self.seat, correlation_id, submit_vote=vote)
        if result.HasField("accepted"):
            self.accepted[correlation_id] = result.accepted
            self.card, self.in_flight = vote.card, None
            await stream.ack(self.seat.game_id, result.accepted.version)


async def test_kill_9_in_the_middle_of_a_round_loses_nothing_that_was_accepted(
    tmp_path: Path,
) -> None:
    voters = [Voter(name) for name in ("Ada", "Bob", "Cyd", "Dan", "Eve")]
    async with ServerProcess(tmp_path, STREAM__COMMANDS_PER_SECOND="100000") as server:
        for crash in range(3):
            async with Client(server.address) as client:
                streams = [await client.stream() for _ in voters]
                if crash == 0:
                    await sit_down(voters, streams)
                else:
                    for voter, stream in zip(voters, streams, strict=True):
                        await stream.attach(voter.seat)
                tasks = [
                    asyncio.create_task(voter.play(stream))
                    for voter, stream in zip(voters, streams, strict=True)
                ]
                wanted = 60 * (crash + 1)
                await streams[0].until(lambda _: sum(len(v.accepted) for v in voters) >= wanted)  # noqa: B023
                await server.kill()
                await asyncio.gather(*tasks)
            await server.start()
            await everything_accepted_is_there(server, voters)


async def sit_down(voters: list[Voter], streams: list[Stream]) -> None:
    """All take a seat; the first opens the round."""
    host, *others = zip(voters, streams, strict=True)
    voter, stream = host
    voter.seat = await stream.create(voter.name)
    for voter, joining in others:
        voter.seat = await joining.join(host[0].seat.game_id, voter.name)
    await stream.do(host[0].seat, start_round=pb.StartRound())
    for _, joined in others:
        await joined.events("round_started")


async def everything_accepted_is_there(server: ServerProcess, voters: list[Voter]) -> None:
    """And nothing else: each command once, in a history without a hole, and each last card."""
    game_id = voters[0].seat.game_id
    stored = stored_events(server.database, game_id)
    assert [event.version for event in stored] == list(range(1, len(stored) + 1))
    causes = [event.correlation_id for event in stored if event.HasField("vote_submitted")]
    assert len(causes) == len(set(causes))
    known = {cause for voter in voters for cause in voter.accepted}
    in_flight = {voter.in_flight[0] for voter in voters if voter.in_flight}
    assert known <= set(causes) <= known | in_flight
    folded = GameView()
    for event in stored:
        folded.apply(event)
    async with Client(server.address) as client:
        for voter in voters:
            stream = await client.stream()
            attached = await stream.attach(voter.seat)
            assert GameView.from_game(attached.snapshot) == folded
            for cause, accepted in voter.accepted.items():
                assert stored[accepted.version - 1].correlation_id == cause
            unanswered = voter.in_flight
            card = unanswered[1].card if unanswered and unanswered[0] in causes else voter.card
            assert (await stream.expect("seat_state")).card == card
            if unanswered:
                result = await stream.ask(voter.seat, unanswered[0], submit_vote=unanswered[1])
                assert result.duplicate == (unanswered[0] in causes)
                again = await stream.ask(voter.seat, unanswered[0], submit_vote=unanswered[1])
                assert (again.duplicate, again.accepted) == (True, result.accepted)
                voter.accepted[unanswered[0]] = result.accepted
                voter.card, voter.in_flight = unanswered[1].card, None
                folded = await stream.reaches(game_id, result.accepted.version)


async def restarted(host: Host, **sections: dict[str, Any]) -> Stream:
    await host.server.stop(0)
    await host.start(**sections)
    return await host.stream()


async def test_secrets_passcodes_receipts_and_codes_survive_a_restart(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create("Ada", passcode="correct horse", labels={"team": "blue"})
    bob = await stream.join(ada.game_id, "Bob", passcode="correct horse")
    cyd = await stream.join(ada.game_id, "Cyd", passcode="correct horse")
    await stream.do(ada, remove_player=pb.RemovePlayer(player_id=cyd.player_id))
    correlation_id = new_id()
    first = await stream.ask(ada, correlation_id, add_stories=story())
    view = await stream.reaches(ada.game_id, first.accepted.version)

    stream = await restarted(host)
    attached = await stream.attach(ada)
    assert GameView.from_game(attached.snapshot) == view
    again = await stream.ask(ada, correlation_id, add_stories=story())
    assert (again.duplicate, again.accepted) == (True, first.accepted)
    await stream.attach(bob)
    assert (await stream.attach_refused(cyd)).refusal.reason == pb.REASON_SEAT_SECRET_WRONG
    guest = pb.JoinGame(display_name="Dan", seat_secret=new_secret(), passcode="wrong")
    refusal = await stream.refused(view.join_code, join_game=guest)
    assert refusal.reason == pb.REASON_PASSCODE_WRONG
    dan = await stream.join(view.join_code, "Dan", passcode="correct horse")
    assert dan.player_id == "p4"


async def test_a_client_resumes_across_a_restart(host: Host) -> None:
    welcome_epochs = []
    await host.start()
    stream = (await host.client()).silent()
    welcome_epochs.append((await stream.hello()).log_epoch)
    ada = await stream.create()
    accepted = await stream.do(ada, add_stories=story())
    (last,) = await stream.events("stories_added")
    await host.server.stop(0)
    await host.start()
    later = (await host.client()).silent()
    welcome_epochs.append((await later.hello()).log_epoch)
    assert len(set(welcome_epochs)) == 1
    later.views[ada.game_id] = stream.views[ada.game_id].copy()
    attached = await later.attach(
        ada, after_version=accepted.version, after_correlation_id=last.correlation_id
    )
    assert attached.outcome == pb.ATTACH_OUTCOME_RESUMED
    await later.do(ada, add_stories=story(2))
    await later.reaches(ada.game_id, accepted.version + 1)


async def test_a_deadline_survives_a_kill_and_reveals_what_there_is(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path, ROOM__SETTLE_MS="100") as server:
        async with Client(server.address) as client:
            stream = await client.stream()
            ada = await stream.create()
            bob = await stream.join(ada.game_id, "Bob")
            await stream.do(ada, start_round=pb.StartRound())
            await stream.do(bob, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
            # Set last: however slow the machine is, the vote is in time.
            deadline = pb.SetDeadline(round_id="r1", remaining=Duration(seconds=1))
            await stream.do(ada, set_deadline=deadline)
            await server.kill()
        await server.start()
        # Nobody attaches before it: the server itself remembers.
        await revealed(server.database, ada.game_id)
        async with Client(server.address) as client:
            stream = await client.stream()
            await stream.attach(ada)
            view = stream.views[ada.game_id]
            assert view.phase == pb.GAME_PHASE_REVEALED
            assert {v.player_id: v.card for v in view.votes.values()} == {bob.player_id: "8"}


async def revealed(database: Path, game_id: str) -> None:
    """Wait until the log holds the reveal; nobody is told who could tell us."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(e.HasField("votes_revealed") for e in stored_events(database, game_id)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_countdown_survives_a_restart_and_turns_the_cards_once(host: Host) -> None:
    await host.start(room={"settle_ms": 50})
    stream = await host.stream()
    countdown = Duration(nanos=300_000_000)
    settings = pb.GameSettings(auto_reveal=True, reveal_countdown=countdown)
    ada = await stream.create("Ada", settings=settings)
    await stream.do(ada, start_round=pb.StartRound())
    await stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    await stream.events("reveal_scheduled")
    stream = await restarted(host, room={"settle_ms": 50})
    attached = await stream.attach(ada)
    if attached.snapshot.phase == pb.GAME_PHASE_VOTING:
        assert attached.snapshot.current_round.HasField("reveal_time")
        await stream.events("votes_revealed")
    events = stored_events(host.database, ada.game_id)
    assert [e.WhichOneof("event") for e in events][-2:] == ["reveal_scheduled", "votes_revealed"]


async def test_after_a_restart_nothing_is_revealed_before_the_voters_are_back(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create("Ada", settings=pb.GameSettings(auto_reveal=True))
    bob = await stream.join(ada.game_id, "Bob")
    await stream.do(ada, start_round=pb.StartRound())
    await stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    stream = await restarted(host, room={"settle_ms": 60_000})
    await stream.attach(ada)  # alone: everyone who is connected has voted
    await stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="5"))
    assert stream.views[ada.game_id].phase == pb.GAME_PHASE_VOTING
    await stream.attach(bob)
    await stream.do(bob, submit_vote=pb.SubmitVote(round_id="r1", card="5"))
    await stream.events("votes_revealed")


async def test_once_the_clients_had_time_to_come_back_an_automatic_reveal_goes_on(
    host: Host,
) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create("Ada", settings=pb.GameSettings(auto_reveal=True))
    await stream.join(ada.game_id, "Bob")
    await stream.do(ada, start_round=pb.StartRound())
    await stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    stream = await restarted(host, room={"settle_ms": 50})
    await stream.attach(ada)
    (event,) = await stream.events("votes_revealed")
    assert list(event.votes_revealed.absent_player_ids) == ["p2"]


CORRUPTIONS = {
    "an event of other bytes": (
        "UPDATE events SET event = x'ffffff' WHERE game_id = ? AND version = 3"
    ),
    "an event of another version": (
        "UPDATE events SET event = (SELECT event FROM events e WHERE e.game_id = events.game_id"
        " AND e.version = 2) WHERE game_id = ? AND version = 3"
    ),
    "a sealed part of other bytes": (
        "UPDATE events SET sealed = x'ffffff' WHERE game_id = ? AND version = 4"
    ),
    "a missing event": "DELETE FROM events WHERE game_id = ? AND version = 3",
    "a missing last event": "DELETE FROM events WHERE game_id = ? AND version = 6",
    "a head without its event": "UPDATE games SET head = head + 1 WHERE game_id = ?",
    "an event with no bytes": "UPDATE events SET event = x'' WHERE game_id = ? AND version = 4",
}


@pytest.mark.parametrize("statement", CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
async def test_a_corrupt_row_closes_that_game_only_with_data_loss_and_a_line_in_the_log(
    host: Host, statement: str
) -> None:
    host.lines.expected.add("the game's log is corrupt")
    await host.start()
    stream = await host.stream()
    ada, eve = await stream.create("Ada"), await stream.create("Eve")
    for seat in (ada, eve):
        await stream.do(seat, add_stories=story())
        await stream.do(seat, start_round=pb.StartRound(story_id="s1"))
        await stream.do(seat, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
        await stream.do(seat, submit_vote=pb.SubmitVote(round_id="r1", card="5"))
    await host.server.stop(0)
    execute(host.database, statement, ada.game_id)
    await host.start()
    stream = await host.stream()
    detached = await stream.attach_refused(ada)
    assert (detached.refusal.reason, detached.refusal.code) == (pb.REASON_GAME_CORRUPT, DATA_LOSS)
    assert detached.next_step == pb.NEXT_STEP_STOP
    join = pb.JoinGame(display_name="Bob", seat_secret=new_secret())
    assert (await stream.refused(ada.game_id, join_game=join)).code == DATA_LOSS
    (line, *_) = [r for r in host.lines.records() if r["level"] == "ERROR"]
    assert line["game_id"] == ada.game_id
    await stream.attach(eve)
    await stream.do(eve, reveal_votes=pb.RevealVotes(round_id="r1"))


async def test_a_corrupt_game_with_a_deadline_fills_no_log_and_stops_no_other_deadline(
    host: Host,
) -> None:
    host.lines.expected.add("the game's log is corrupt")
    await host.start()
    stream = await host.stream()
    ada, eve = await stream.create("Ada"), await stream.create("Eve")
    for seat in (ada, eve):
        await stream.do(seat, start_round=pb.StartRound(duration=Duration(seconds=3)))
        await stream.do(seat, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    await host.server.stop(0)
    execute(
        host.database,
        "UPDATE events SET event = x'ffffff' WHERE game_id = ? AND version = 3",
        ada.game_id,
    )
    await host.start(room={"settle_ms": 0})
    await revealed(host.database, eve.game_id)
    assert len(host.lines.messages("ERROR")) == 1


async def test_a_disk_without_space_gives_unavailable_and_recovers_without_a_restart(
    tmp_path: Path,
) -> None:
    async with ServerProcess(tmp_path) as server, Client(server.address) as client:
        stream, wall = await client.stream(), await client.stream()
        ada = await stream.create()
        await wall.attach(ada.game_id)
        await stream.do(ada, add_stories=story(1))
        before = stream.views[ada.game_id].copy()
        wal = server.database.with_name("games.db-wal")
        server.limit_files_to(wal.stat().st_size)
        correlation_id = new_id()
        for _ in range(3):
            result = await stream.ask(ada, correlation_id, add_stories=story(2, 4_000))
            refusal = result.refusal
            assert (refusal.reason, refusal.code) == (pb.REASON_LOG_UNAVAILABLE, UNAVAILABLE)
            assert refusal.retry_delay.ToMilliseconds() > 0
        creator = pb.JoinGame(display_name="Eve", seat_secret=new_secret())
        create = pb.CreateGame(display_name="Sprint 13", creator=creator)
        assert (await stream.refused("", create_game=create)).code == UNAVAILABLE
        assert (await wall.ping()).head_versions[ada.game_id] == before.version
        assert GameView.from_game((await (await client.stream()).attach(ada)).snapshot) == before

        server.limit_files_to(1 << 40)
        result = await stream.ask(ada, correlation_id, add_stories=story(2, 4_000))
        assert result.HasField("accepted")
        assert result.accepted.version == before.version + 1
        assert await wall.reaches(ada.game_id, result.accepted.version) == stream.views[ada.game_id]
        stored = stored_events(server.database, ada.game_id)
        assert len(stored) == result.accepted.version


async def test_a_locked_database_gives_unavailable_and_recovers_without_a_restart(
    host: Host,
) -> None:
    host.lines.expected |= {"the log is unavailable", "timers cannot be read"}
    await host.start(database={"busy_timeout_ms": 50})
    stream, wall = await host.stream(), await host.stream()
    ada = await stream.create()
    await wall.attach(ada.game_id)
    with closing(sqlite3.connect(host.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refusal = await stream.refused(ada, add_stories=story())
        assert (refusal.reason, refusal.code) == (pb.REASON_LOG_UNAVAILABLE, UNAVAILABLE)
        assert refusal.definite
        assert "event_batch" not in wall.names()
        other.execute("ROLLBACK")
    await stream.do(ada, add_stories=story())
    await wall.events("stories_added")


async def test_a_deleted_database_gives_unavailable_rather_than_a_new_and_empty_one(
    host: Host,
) -> None:
    host.lines.expected |= {"the log is unavailable", "timers cannot be read"}
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    hidden = host.database.rename(host.database.with_name("hidden.db"))
    refusal = await stream.refused(ada, add_stories=story())
    assert (refusal.reason, refusal.code) == (pb.REASON_LOG_UNAVAILABLE, UNAVAILABLE)
    hidden.rename(host.database)
    await stream.do(ada, add_stories=story())


async def test_sigterm_stops_the_process_cleanly_with_what_it_accepted(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path) as server:
        async with Client(server.address) as client:
            stream = await client.stream()
            ada = await stream.create()
            accepted = await stream.do(ada, add_stories=story())
            code = await server.terminate()
            assert code == 0
            assert (await stream.expect("goodbye")).reason == pb.GOODBYE_REASON_DRAINING
        assert len(stored_events(server.database, ada.game_id)) == accepted.version
        assert "ERROR" not in server.log.read_text()
