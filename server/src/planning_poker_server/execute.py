"""Execute: one command without a stream, decided as on one."""

import asyncio
from collections import Counter

from google.protobuf.message import DecodeError

import planningpoker.v1 as pb
from planning_poker_server import ids
from planning_poker_server.calls import NOBODY, Context, abort, address_of, incident
from planning_poker_server.clock import Clock
from planning_poker_server.domain.digest import digest
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.envelopes import (
    authority_of,
    bad_command,
    bad_execute,
    bad_game_id,
    draining,
    echo,
    game_named,
    joining,
    too_fast,
    too_many_unanswered,
    took_too_long,
)
from planning_poker_server.ratelimit import Buckets
from planning_poker_server.requests import CommandRequest
from planning_poker_server.rooms import Rooms
from planning_poker_server.seats import hash_of
from planning_poker_server.session import BYTES_PER_TOKEN
from planning_poker_server.settings import ServerSettings, StreamSettings


class Call:
    """One command that waits for its answer, whether or not its caller still does."""

    session_id = "execute"

    def __init__(self, principal: str, instance_id: str) -> None:
        self.principal = principal
        self.authority = authority_of(principal, instance_id)
        self.result: asyncio.Future[pb.CommandResult] = asyncio.get_running_loop().create_future()

    def answer(self, _serial: int, result: pb.CommandResult, *_: int) -> None:
        """The answer; one that comes after the time-out is for whoever asks again."""
        if not self.result.done():
            self.result.set_result(result)


class ExecuteService:
    """The handler of Execute, within bounds for each caller and for all."""

    def __init__(
        self,
        rooms: Rooms,
        server: ServerSettings,
        stream: StreamSettings,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._timeout_ms = server.request_timeout_ms
        self._max_calls = server.max_calls
        self._max_unanswered = stream.max_unanswered
        self._clock = clock
        self._buckets = Buckets(60 * stream.commands_per_second, stream.command_burst)
        self._unanswered: Counter[str] = Counter()
        self._draining = False

    def drain(self) -> None:
        """Take no new calls; those that were taken are answered."""
        self._draining = True

    async def execute(self, message: bytes, context: Context) -> bytes:
        """The handler; takes and gives the bytes of messages."""
        if self._draining:
            await abort(context, draining())
        try:
            request = pb.ExecuteRequest.FromString(message)
        except DecodeError:
            text = "The message could not be decoded as an ExecuteRequest."
            await abort(context, refuse(pb.REASON_MALFORMED, text))
        try:
            result = await self._result(request, address_of(context))
        except Exception:
            await abort(context, incident("a call"))
        return pb.ExecuteResponse(result=result).SerializeToString()

    async def _result(self, request: pb.ExecuteRequest, peer: str) -> pb.CommandResult:
        principal, command = NOBODY, request.command
        caller = f"{principal}|{peer}"
        correlation_id = ids.parse_correlation_id(request.correlation_id)
        game = game_named(command)
        refusal = (
            self._too_much(caller, request.ByteSize())
            or bad_command(command, correlation_id, game)
            or bad_execute(request)
        )
        if refusal is not None or correlation_id is None or game is None:
            refusal = refusal or bad_game_id()
            return pb.CommandResult(game_id=echo(command.game_id), refusal=refusal)
        if command.HasField("create_game"):
            game = ids.game_id_for(principal, correlation_id)
        command.game_id = game
        call = Call(principal, request.instance_id)
        self._ask(call, caller, peer, _request_of(command, correlation_id, request.seat_secret))
        # Who has gone away meanwhile takes nothing with it: the command stays.
        return await asyncio.shield(call.result)

    def _too_much(self, caller: str, size: int) -> pb.Refusal | None:
        wait_ms = self._buckets.take(caller, self._clock.now_ms())
        if wait_ms:
            return too_fast(wait_ms)
        self._buckets.charge(caller, size // BYTES_PER_TOKEN)
        of_all = self._unanswered.total()
        if of_all >= self._max_calls or self._unanswered[caller] >= self._max_unanswered:
            return too_many_unanswered()
        return None

    def _ask(self, call: Call, caller: str, peer: str, request: CommandRequest) -> None:
        """Have it decided; it counts as unanswered until it is answered or took too long."""

        def too_late() -> None:
            game_id = request.command.game_id
            call.answer(0, pb.CommandResult(game_id=game_id, refusal=took_too_long()))

        def answered(_: object) -> None:
            alarm.cancel()
            self._unanswered[caller] -= 1
            if not self._unanswered[caller]:
                del self._unanswered[caller]

        alarm = self._clock.call_at(self._clock.now_ms() + self._timeout_ms, too_late)
        self._unanswered[caller] += 1
        call.result.add_done_callback(answered)
        self._rooms.execute(call, peer, request)


def _request_of(command: pb.Command, correlation_id: str, seat_secret: bytes) -> CommandRequest:
    """The command as a stream would ask for it that proved the seat with this secret."""
    proof = seat_secret if command.player_id else joining(command).seat_secret
    return CommandRequest(0, command, correlation_id, hash_of(proof), digest(command), attach=False)
