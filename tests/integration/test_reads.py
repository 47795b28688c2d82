"""What was, for whoever may see it: GetGame and ReadHistory on a real server."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub
from tests.integration.harness import Host
from tests.integration.raw import Seat, Status, Stream, eventually, new_secret, status_of
from tests.integration.tables import table


class Reader:
    """Reads without ever having said Hello."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PlanningPokerServiceStub(channel)

    async def game(self, game_id: str, **fields: Any) -> pb.Game:
        response = await self._stub.GetGame(pb.GetGameRequest(game_id=game_id, **fields))
        return response.game

    async def batches(self, game_id: str, **fields: Any) -> list[pb.EventBatch]:
        request = pb.ReadHistoryRequest(game_id=game_id, **fields)
        return [response.batch async for response in self._stub.ReadHistory(request)]

    async def history(self, game_id: str, **fields: Any) -> list[pb.GameEvent]:
        return [event for batch in await self.batches(game_id, **fields) for event in batch.events]

    async def refused(self, game_id: str, **fields: Any) -> Status:
        """How GetGame is refused."""
        call = self._stub.GetGame(pb.GetGameRequest(game_id=game_id, **fields))
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        return await status_of(call)

    async def history_refused(self, game_id: str, **fields: Any) -> Status:
        call = self._stub.ReadHistory(pb.ReadHistoryRequest(game_id=game_id, **fields))
        with pytest.raises(grpc.aio.AioRpcError):
            async for _ in call:
                pass
        return await status_of(call)


async def reader(host: Host) -> Reader:
    return Reader((await host.client()).channel)


async def played(host: Host) -> tuple[Stream, Seat, dict[int, pb.Game]]:
    """A game with some of everything, and what a client saw live at each version."""
    stream, ada, bob_stream, bob = await table(host)
    seen = {stream.views[ada.game_id].version: stream.views[ada.game_id].to_game()}

    async def do(who: Stream, seat: Seat, **body: Any) -> None:
        version = (await who.do(seat, **body)).version
        view = await stream.reaches(ada.game_id, version)
        seen[view.version] = view.to_game()

    await do(stream, ada, submit_vote=pb.SubmitVote(round_id="r1", card="5"))
    await do(bob_stream, bob, submit_vote=pb.SubmitVote(round_id="r1", card="8", comment="hard"))
    await do(bob_stream, bob, retract_vote=pb.RetractVote(round_id="r1"))
    await do(bob_stream, bob, submit_vote=pb.SubmitVote(round_id="r1", card="13"))
    await do(stream, ada, reveal_votes=pb.RevealVotes(round_id="r1"))
    await do(stream, ada, accept_estimate=pb.AcceptEstimate(story_id="s1", value="8"))
    await do(stream, ada, update_player=pb.UpdatePlayer(player_id="p1", display_name="Ada L."))
    await do(bob_stream, bob, leave_game=pb.LeaveGame())
    await do(stream, ada, end_game=pb.EndGame())
    return stream, ada, seen


async def test_a_game_is_read_as_it_was_seen_live_at_each_version(host: Host) -> None:
    stream, ada, seen = await played(host)
    read = await reader(host)
    for version, game in seen.items():
        assert await read.game(ada.game_id, version=version) == game
    head = max(seen)
    assert await read.game(ada.game_id) == await read.game(ada.game_id, version=head)
    assert await read.game(seen[head].join_code) == seen[head]
    assert not (await read.game(ada.game_id, version=min(seen) + 2)).current_round.votes
    assert stream.views[ada.game_id].version == head, "reading is no event"


async def test_the_history_is_every_event_once_and_folds_into_the_game(host: Host) -> None:
    _, ada, seen = await played(host)
    read = await reader(host)
    events = await read.history(ada.game_id)
    head = max(seen)
    assert [event.version for event in events] == list(range(1, head + 1))
    view = GameView()
    for event in events:
        view.apply(event)
    assert view.to_game() == seen[head]
    assert await read.history(ada.game_id, after_version=3, through_version=6) == events[3:6]
    assert await read.history(ada.game_id, after_version=head) == []
    assert await read.history(ada.game_id, through_version=head + 9) == events


async def test_a_long_history_comes_in_runs_without_a_hole(host: Host) -> None:
    await host.start(stream={"command_burst": 10_000, "commands_per_second": 10_000.0})
    stream = await host.stream()
    ada = await stream.create()
    for number in range(12):
        stories = [pb.NewStory(title=f"{number}/{n}", description="x" * 2_000) for n in range(40)]
        await stream.do(ada, add_stories=pb.AddStories(stories=stories))
        await stream.ack(ada.game_id, stream.views[ada.game_id].version)
    for number in range(1_100):
        renamed = pb.UpdatePlayer(player_id=ada.player_id, display_name=f"Ada {number}")
        done = await stream.do(ada, update_player=renamed)
        await stream.ack(ada.game_id, done.version)
    batches = await (await reader(host)).batches(ada.game_id)
    assert len(batches) > 3
    assert all(batch.replay and batch.ByteSize() < 300_000 for batch in batches)
    versions = [event.version for batch in batches for event in batch.events]
    assert versions == list(range(1, stream.views[ada.game_id].version + 1))
    assert [batch.first_version for batch in batches] == [
        batch.events[0].version for batch in batches
    ]


async def test_a_guarded_game_is_read_with_its_passcode_or_a_seat_only(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create(passcode="open sesame")
    read = await reader(host)
    for access in (
        None,
        pb.ReadAccess(passcode="guess"),
        pb.ReadAccess(seat=pb.Seat(player_id="p1", seat_secret=new_secret())),
        pb.ReadAccess(seat=pb.Seat(player_id="p9", seat_secret=ada.secret)),
    ):
        for refused in (
            await read.refused(ada.game_id, access=access),
            await read.history_refused(ada.game_id, access=access),
        ):
            assert (refused.code, refused.reason) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "PASSCODE_WRONG",
            )
    for access in (
        pb.ReadAccess(passcode="open sesame"),
        pb.ReadAccess(seat=pb.Seat(player_id=ada.player_id, seat_secret=ada.secret)),
    ):
        assert (await read.game(ada.game_id, access=access)).game_id == ada.game_id
        assert len(await read.history(ada.game_id, access=access)) == 2


async def test_guessing_passcodes_by_reading_is_as_slow_as_by_joining(host: Host) -> None:
    await host.start(room={"passcode_attempts_per_minute": 3})
    ada = await (await host.stream()).create(passcode="open sesame")
    read = await reader(host)
    guess = pb.ReadAccess(passcode="guess")
    reasons = [(await read.refused(ada.game_id, access=guess)).reason for _ in range(5)]
    assert reasons == ["PASSCODE_WRONG"] * 3 + ["TOO_MANY_ATTEMPTS"] * 2


BAD: Sequence[tuple[dict[str, Any], str]] = (
    ({"game_id": "0" * 32}, "GAME_NOT_FOUND"),
    ({"game_id": "ZZZZ-ZZ"}, "GAME_NOT_FOUND"),
    ({"game_id": "../../etc"}, "GAME_NOT_FOUND"),
    ({"game_id": "x" * 10_000}, "GAME_NOT_FOUND"),
)


@pytest.mark.parametrize(("fields", "reason"), BAD)
async def test_what_is_no_game_is_refused_alike(
    host: Host, fields: dict[str, Any], reason: str
) -> None:
    await host.start()
    read = await reader(host)
    for refused in (await read.refused(**fields), await read.history_refused(**fields)):
        assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, reason)


async def test_a_version_that_is_not_there_yet_is_out_of_range(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    read = await reader(host)
    for fields in ({"version": 3}, {"min_version": 3}, {"version": 1, "min_version": 2}):
        refused = await read.refused(ada.game_id, **fields)
        assert (refused.code, refused.reason) == (
            grpc.StatusCode.OUT_OF_RANGE,
            "VERSION_NOT_THERE",
        )
    assert (await read.game(ada.game_id, min_version=2)).version == 2
    assert (await read.refused(ada.game_id, version=-1)).code is grpc.StatusCode.INVALID_ARGUMENT
    refused = await read.history_refused(ada.game_id, after_version=-1)
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_reads_are_refused_while_the_log_is_away_and_a_damaged_game_is_said_to_be(
    host: Host,
) -> None:
    host.lines.expected |= {"timers cannot be read", "the game's log is corrupt"}
    _, ada, _ = await played(host)
    read = await reader(host)
    host.log.refuses = True
    refused = await read.refused(ada.game_id, version=2)
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE")
    assert refused.retry_ms > 0
    assert (await read.game(ada.game_id)).game_id == ada.game_id, "the head is in memory"
    host.log.refuses = False
    host.log.corrupt.add(ada.game_id)
    assert (await read.history_refused(ada.game_id)).code is grpc.StatusCode.DATA_LOSS


async def test_a_history_that_ends_before_it_begins_is_empty(host: Host) -> None:
    _, ada, _ = await played(host)
    read = await reader(host)
    for through in (5, 1, 0, -3):
        assert await read.history(ada.game_id, after_version=5, through_version=through) == []
    assert await read.history(ada.game_id, after_version=1_000) == []


async def test_an_event_that_cannot_be_decoded_is_never_sent(host: Host) -> None:
    _, ada, _ = await played(host)
    await host.server.stop()
    with closing(sqlite3.connect(host.database)) as outside, outside:
        outside.execute("UPDATE events SET event = x'ffffff' WHERE version = 4")
    await host.start()
    refused = await (await reader(host)).history_refused(ada.game_id)
    assert (refused.code, refused.reason) == (grpc.StatusCode.DATA_LOSS, "GAME_CORRUPT")


async def test_a_history_whose_game_goes_meanwhile_does_not_look_complete(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planning_poker_server.eventlog.memory._PAGE", 3)
    await host.start(database={"url": "memory:"})
    ada = await (await host.stream()).create()
    stream = await host.stream()
    for name in ("Bob", "Eve", "Kim"):
        await stream.join(ada.game_id, name)
    events = host.log.events

    async def purged_behind_the_first_page(
        game_id: str, after: int = 0
    ) -> AsyncIterator[Sequence[bytes]]:
        async for page in events(game_id, after):
            yield page
            await host.log.purge(game_id, 5_000)

    monkeypatch.setattr(host.log, "events", purged_behind_the_first_page)
    assert (await (await reader(host)).history_refused(ada.game_id)).reason == "GAME_NOT_FOUND"


async def test_more_reads_than_there_may_be_are_told_to_come_again(host: Host) -> None:
    await host.start(server={"max_reads": 1}, stream={"commands_per_second": 1.0})
    ada = await (await host.stream()).create()
    read = await reader(host)
    await read.game(ada.game_id)
    outcomes = await asyncio.gather(
        *(read.game(ada.game_id, version=1) for _ in range(60)), return_exceptions=True
    )
    codes = {o.code() for o in outcomes if isinstance(o, grpc.aio.AioRpcError)}
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert any(isinstance(outcome, pb.Game) for outcome in outcomes)


async def test_reading_what_is_long_ago_in_a_long_game_costs_more_than_a_look(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.start(stream={"commands_per_second": 0.1, "command_burst": 100})
    writer = await host.stream()
    ada = await writer.create()
    for number in range(16):
        stories = [pb.NewStory(title=f"{number}/{n}") for n in range(50)]
        await writer.do(ada, add_stories=pb.AddStories(stories=stories))
    for number in range(70):
        done = await writer.do(ada, remove_story=pb.RemoveStory(story_id=f"s{number + 1}"))
        await writer.ack(ada.game_id, done.version)
    monkeypatch.setattr("planning_poker_server.admission._EVENTS_PER_TOKEN", 8)
    read = await reader(host)
    for _ in range(40):
        await read.game(ada.game_id)
    for _ in range(6):  # 60 looks are left, and each of these costs 11
        assert (await read.game(ada.game_id, version=80)).version == 80
    refused = await read.refused(ada.game_id, version=80)
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_COMMANDS",
    )
    assert refused.retry_ms > 0


async def test_who_reads_nothing_of_a_history_is_cut_off(host: Host) -> None:
    await host.start(
        stream={"stall_ms": 1_000, "command_burst": 5_000, "commands_per_second": 5_000.0}
    )
    stream = await host.stream()
    ada = await stream.create()
    await stream.do(ada, add_stories=pb.AddStories(stories=[pb.NewStory(title="Login")]))
    for number in range(1_500):
        text = f"{number}".ljust(3_999, ".")
        done = await stream.do(ada, update_story=pb.UpdateStory(story_id="s1", description=text))
        await stream.ack(ada.game_id, done.version)
    client = await host.client()
    call = PlanningPokerServiceStub(client.channel).ReadHistory(
        pb.ReadHistoryRequest(game_id=ada.game_id)
    )
    reads = host.server._services.reads._admission
    await eventually(lambda: reads._open == 1)
    await eventually(lambda: reads._open == 0)
    with pytest.raises(grpc.aio.AioRpcError, match="go on from what you have") as cut_off:
        async for _ in call:
            pass
    assert cut_off.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_stop_does_not_wait_for_who_reads(host: Host) -> None:
    server = await host.start()
    ada = await (await host.stream()).create()
    read = await reader(host)
    await read.game(ada.game_id)
    async with asyncio.timeout(5):
        await server.stop()
    with pytest.raises(grpc.aio.AioRpcError):
        await read.game(ada.game_id)
