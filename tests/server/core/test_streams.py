"""One stream's reader, writer and alarm on a transport that does as it is told."""

import asyncio
from collections import deque
from typing import cast as typed

import pytest

import planningpoker.v1 as pb
from planning_poker_server.calls import Context
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.metrics import Metrics
from planning_poker_server.session import Session
from planning_poker_server.streams import PlayStream
from planning_poker_simulator.virtual_time import CLOCK, in_virtual_time, let_pass, now_ms, quiet
from tests.server.core.desk import cast
from tests.server.core.houses import CountingLog, House, house
from tests.server.core.parts import (
    GAME_ID,
    PRINCIPAL,
    cid,
    game,
    secret_of,
    stream_settings,
)
from tests.server.core.scripted import names, versions

_EOF = object()


class Transport:
    """What grpc.aio gives a handler: reading and writing whole messages."""

    def __init__(self) -> None:
        self.incoming: deque[object] = deque()
        self.written: list[pb.ServerEnvelope] = []
        self.read_count = 0
        self.can_write = asyncio.Event()
        self.can_write.set()
        self._arrived = asyncio.Event()

    def send(self, *messages: object) -> None:
        """What the client sends; not bytes: its end."""
        self.incoming.extend(messages)
        self._arrived.set()

    async def read(self) -> object:
        while not self.incoming:
            self._arrived.clear()
            await self._arrived.wait()
        self.read_count += 1
        return self.incoming.popleft()

    async def write(self, frame: bytes) -> None:
        await self.can_write.wait()
        self.written.append(pb.ServerEnvelope.FromString(frame))


class Call:
    """A stream that runs."""

    def __init__(self, rooms: House, **settings: int) -> None:
        self.rooms = rooms
        self.transport = Transport()
        session = Session(
            "session-1", PRINCIPAL, pb.Welcome(), stream_settings(**settings), 30_000, now_ms()
        )
        context = typed(Context, self.transport)
        self.metrics = Metrics()
        self.stream = PlayStream(
            session, rooms.rooms, context, "ipv4:127.0.0.1", CLOCK, 60_000, self.metrics
        )
        self.task = asyncio.create_task(self.stream.run())

    def hello(self) -> None:
        self.send(pb.ClientEnvelope(hello=pb.Hello(versions=[1])))

    def attach(self, name: str = "Ada", player_id: str = "p1") -> None:
        seat = pb.Seat(player_id=player_id, seat_secret=secret_of(name))
        self.send(pb.ClientEnvelope(attach=pb.Attach(game_id=GAME_ID, seats=[seat])))

    def send(self, *envelopes: pb.ClientEnvelope) -> None:
        for envelope in envelopes:
            envelope.version = 1
            self.transport.send(envelope.SerializeToString())

    def told(self) -> list[pb.ServerEnvelope]:
        told, self.transport.written = self.transport.written, []
        return told

    async def end(self) -> None:
        """The client vanishes, and grpc cancels the handler."""
        self.task.cancel()
        await asyncio.wait({self.task})


def voting(correlation_id: str = cid(1)) -> pb.ClientEnvelope:
    return pb.ClientEnvelope(correlation_id=correlation_id, command=cast())


@in_virtual_time
async def test_a_stream_is_served_in_order_until_the_client_closes_it() -> None:
    rooms = await house(game("Bob", voting=True))
    call = Call(rooms)
    call.hello()
    call.attach()
    call.send(voting())
    call.transport.send(_EOF)
    assert await call.task is None
    told = names(call.told())
    assert told[:2] == ["welcome", "attached"]
    assert told.index("event_batch") < told.index("command_result")
    await rooms.rooms.close()


@in_virtual_time
async def test_bytes_that_are_no_envelope_end_the_stream() -> None:
    rooms = await house()
    call = Call(rooms)
    call.transport.send(b"\xff\xff\xff")
    refusal = await call.task
    assert refusal is not None
    assert refusal.reason == pb.REASON_MALFORMED
    assert names(call.told()) == ["goodbye"]
    await rooms.rooms.close()


@in_virtual_time
async def test_a_stream_that_says_nothing_is_ended_in_time() -> None:
    rooms = await house()
    call = Call(rooms, hello_timeout_ms=10_000)
    await let_pass(9_999)
    assert not call.task.done()
    await let_pass(1)
    refusal = call.task.result()
    assert refusal is not None
    assert refusal.reason == pb.REASON_HELLO_TIMEOUT
    await rooms.rooms.close()


@in_virtual_time
async def test_a_quiet_stream_does_nothing() -> None:
    rooms = await house(game("Bob"))
    call = Call(rooms)
    call.hello()
    call.attach()
    await let_pass(1_000)
    call.told()
    call.send(pb.ClientEnvelope(ack=pb.Ack(game_id=GAME_ID, version=3)))
    await let_pass(60_000)
    call.told()
    await let_pass(3_600_000)
    assert call.told() == []
    await call.end()
    await rooms.rooms.close()


@in_virtual_time
async def test_a_command_that_the_log_keeps_waiting_is_answered_in_time() -> None:
    rooms = await house()
    rooms.log.gate = asyncio.Event()
    call = Call(rooms)
    call.hello()
    await let_pass(1_000)
    join = pb.JoinGame(display_name="Bob", seat_secret=b"s" * 32)
    command = pb.Command(game_id=GAME_ID, join_game=join)
    call.send(pb.ClientEnvelope(correlation_id=cid(1), command=command))
    await let_pass(29_999)
    assert names(call.told()) == ["welcome"]
    await let_pass(1)
    (told,) = call.told()
    assert told.command_result.refusal.reason == pb.REASON_TIMEOUT
    await call.end()
    await rooms.rooms.close()


@in_virtual_time
async def test_a_client_that_reads_nothing_is_read_from_no_more() -> None:
    rooms = await house()
    call = Call(rooms)
    call.hello()
    await quiet()
    call.transport.can_write.clear()
    call.send(*(pb.ClientEnvelope() for _ in range(1_000)))
    await quiet()
    assert call.transport.read_count < 150
    call.transport.can_write.set()
    await quiet()
    assert call.transport.read_count == 1_001
    assert len(call.told()) == 1_001
    await call.end()
    await rooms.rooms.close()


@in_virtual_time
async def test_a_failure_while_reading_ends_the_stream() -> None:
    rooms = await house(game("Bob"))

    async def fails(*_: object) -> None:
        raise RuntimeError("a bug")

    rooms.rooms.attach = fails  # type: ignore[method-assign,assignment]
    call = Call(rooms)
    call.hello()
    call.attach()
    with pytest.raises(RuntimeError):
        await call.task
    await rooms.rooms.close()


@in_virtual_time
async def test_a_failure_when_a_time_has_come_ends_the_stream() -> None:
    rooms = await house(game("Bob"))
    call = Call(rooms)
    call.hello()
    call.attach()

    def fails(now_ms: int) -> None:
        raise RuntimeError("a bug")

    call.stream.session.tick = fails  # type: ignore[method-assign]
    await let_pass(6_000)
    assert call.task.done()
    with pytest.raises(RuntimeError, match="a bug"):
        await call.task
    await rooms.rooms.close()


@in_virtual_time
async def test_after_a_failure_a_peer_that_takes_nothing_is_still_cut_off() -> None:
    rooms = await house(game("Bob"))
    call = Call(rooms)
    call.transport.can_write.clear()

    def fails(now_ms: int) -> None:
        raise RuntimeError("a bug")

    call.stream.session.tick = fails  # type: ignore[method-assign]
    await let_pass(1_000)
    call.hello()
    await let_pass(59_000)
    assert not call.task.done()
    await let_pass(2_000)
    refusal = call.task.result()
    assert refusal is not None
    assert refusal.reason == pb.REASON_TIMEOUT
    await rooms.rooms.close()


@in_virtual_time
async def test_a_client_that_vanishes_while_it_attaches_leaves_nothing_behind() -> None:
    rooms = await house(game("Bob"), idle_ms=1_000)
    rooms.log.gate = asyncio.Event()
    call = Call(rooms)
    call.hello()
    call.attach()
    await quiet()
    await call.end()
    rooms.log.gate.set()
    await quiet()
    assert call.stream.session.subscriptions == {}
    await let_pass(1_000)
    reads = len(rooms.log.reads)
    await rooms.attach(rooms.client())
    assert len(rooms.log.reads) == reads + 1  # its room had left memory
    await rooms.rooms.close()


@in_virtual_time
async def test_a_client_that_vanishes_is_an_absence_and_no_leave() -> None:
    rooms = await house(game("Bob"))
    call, other = Call(rooms), rooms.client()
    call.hello()
    call.attach("Bob", "p2")
    await rooms.attach(other, "Ada")
    await let_pass(5_000)
    other.told()
    await call.end()
    await let_pass(15_000)
    (told,) = other.told()
    assert dict(told.presence_delta.players) == {"p2": pb.PRESENCE_DISCONNECTED}
    assert await rooms.log.head(GAME_ID) == 3
    await rooms.rooms.close()


@in_virtual_time
async def test_a_slow_subscriber_is_let_go_by_its_room_too() -> None:
    rooms = await house(game("Bob", voting=True), idle_ms=1_000)
    call, other = Call(rooms, window_events=1, max_outbox_frames=2), rooms.client()
    call.hello()
    call.attach("Bob", "p2")
    await rooms.attach(other, "Ada")
    for number in range(6):
        await rooms.say(other, cast(), cid(number))
    assert names(call.told())[-1] == "detached"
    await let_pass(15_000)
    presence = [e.presence_delta.players for e in other.told() if e.HasField("presence_delta")]
    assert dict(presence[-1]) == {"p2": pb.PRESENCE_DISCONNECTED}
    assert not call.task.done()
    await call.end()
    await rooms.rooms.close()


@in_virtual_time
async def test_a_draining_stream_gives_the_answers_of_what_it_took_and_ends() -> None:
    rooms = await house(game("Bob", voting=True))
    call = Call(rooms)
    call.hello()
    call.attach()
    await quiet()
    call.told()
    held = _hold(rooms.log)
    call.send(voting())
    await quiet()
    call.stream.drain(refuse(pb.REASON_DRAINING, "The server is stopping.", retry_ms=1_000))
    await quiet()
    assert not call.task.done()
    held.set()
    refusal = await call.task
    assert refusal is not None
    assert refusal.reason == pb.REASON_DRAINING
    told = call.told()
    assert versions(told) == [5]
    assert names(told)[-1] == "goodbye"
    assert "command_result" in names(told)
    await rooms.rooms.close()


def _hold(log: CountingLog) -> asyncio.Event:
    """Appends wait until the event is set."""
    gate, append = asyncio.Event(), log.append

    async def held(proposal: object) -> object:
        await gate.wait()
        return await append(proposal)  # type: ignore[arg-type]

    log.append = held  # type: ignore[method-assign,assignment]
    return gate


# A peer that does not read, or does not acknowledge


@in_virtual_time
async def test_a_subscription_given_up_is_told_to_its_room_even_while_a_write_hangs() -> None:
    rooms = await house(game("Bob"))
    call = Call(rooms)
    call.hello()
    call.attach()
    await let_pass(1_000)
    call.told()
    call.transport.can_write.clear()
    call.send(pb.ClientEnvelope(ping=pb.Ping()))
    await let_pass(58_000)
    assert GAME_ID in call.stream.session.subscriptions
    for _ in range(16):
        call.send(pb.ClientEnvelope(ping=pb.Ping()))
        await let_pass(1_000)
    await asyncio.wait({call.task})
    assert call.stream.session.gone
    assert rooms.rooms._drivers[GAME_ID]._audience.empty
    await rooms.rooms.close()


@in_virtual_time
async def test_a_stream_whose_peer_takes_nothing_for_a_minute_is_cut_off() -> None:
    rooms = await house(game("Bob"))
    call = Call(rooms)
    call.transport.can_write.clear()
    call.hello()
    await let_pass(59_900)
    assert not call.task.done()
    await let_pass(200)
    refusal = call.task.result()
    assert refusal is not None, "a cancelled call would tell its peer nothing"
    assert refusal.reason == pb.REASON_TIMEOUT
    assert call.metrics.registry.get_sample_value("planning_poker_stalled_streams_total") == 1
    await rooms.rooms.close()


@in_virtual_time
async def test_a_slow_peer_is_not_cut_off_as_long_as_it_takes_something() -> None:
    rooms = await house(game("Bob"))
    call = Call(rooms)
    call.hello()
    for _ in range(10):
        call.transport.can_write.clear()
        call.send(pb.ClientEnvelope(ping=pb.Ping()))
        await let_pass(50_000)
        call.transport.can_write.set()
        await quiet()
    assert not call.task.done()
    await call.end()
    await rooms.rooms.close()


@in_virtual_time
async def test_what_nobody_acknowledges_is_given_up_counted_and_resumed() -> None:
    rooms = await house(game("Bob"))
    call = Call(rooms)
    call.hello()
    call.attach()
    await let_pass(75_000)
    told = call.told()
    assert names(told)[-1] == "detached"
    assert told[-1].detached.next_step == pb.NEXT_STEP_RESUME
    sample = call.metrics.registry.get_sample_value
    assert sample("planning_poker_redeliveries_total") == 0, "it has shown no life"
    labels = {"reason": "UNACKNOWLEDGED"}
    count = call.metrics.registry.get_sample_value("planning_poker_detached_total", labels)
    assert count == 1
    await call.end()
    await rooms.rooms.close()


@in_virtual_time
async def test_what_is_sent_again_is_counted() -> None:
    rooms = await house(game("Bob"))
    call = Call(rooms)
    call.hello()
    call.attach()
    await let_pass(1_000)
    call.send(pb.ClientEnvelope(ping=pb.Ping()))
    await let_pass(4_000)
    again = [envelope.event_batch for envelope in call.told() if envelope.HasField("event_batch")]
    assert [batch.attempt for batch in again] == [2]
    assert call.metrics.registry.get_sample_value("planning_poker_redeliveries_total") == 1
    await call.end()
    await rooms.rooms.close()
