"""Single commands without a stream, said rightly or wrongly."""

import asyncio
from typing import Any

import grpc

import planningpoker.v1 as pb
from tests.integration.raw import PATIENCE_S, Client, Seat, Status, new_id, new_secret, status_of

EXECUTE = "/planningpoker.v1.PlanningPokerService/Execute"


def request(
    game: Seat | str, correlation_id: str | None = None, instance_id: str = "", **body: Any
) -> pb.ExecuteRequest:
    """A command of a seat, with its secret, or without one to a game."""
    seat = game if isinstance(game, Seat) else Seat(game, "", b"")
    return pb.ExecuteRequest(
        correlation_id=new_id() if correlation_id is None else correlation_id,
        command=pb.Command(game_id=seat.game_id, player_id=seat.player_id, **body),
        seat_secret=seat.secret,
        instance_id=instance_id,
    )


def call(client: Client, message: bytes) -> Any:
    """One call of Execute with these bytes."""
    return client.channel.unary_unary(EXECUTE, None, None)(message)


async def result_of(client: Client, asked: pb.ExecuteRequest) -> pb.CommandResult:
    async with asyncio.timeout(PATIENCE_S):
        answer: bytes = await call(client, asked.SerializeToString())
    return pb.ExecuteResponse.FromString(answer).result


async def execute(
    client: Client, game: Seat | str, correlation_id: str | None = None, **body: Any
) -> pb.CommandResult:
    """The result of one command."""
    return await result_of(client, request(game, correlation_id, **body))


async def accepted(client: Client, game: Seat | str, **body: Any) -> pb.Accepted:
    """Like `execute`, for what must be accepted."""
    result = await execute(client, game, **body)
    assert result.HasField("accepted"), result
    return result.accepted


async def refused(client: Client, game: Seat | str, **body: Any) -> pb.Refusal:
    """Like `execute`, for what must be refused."""
    result = await execute(client, game, **body)
    assert result.HasField("refusal"), result
    return result.refusal


async def status(client: Client, message: bytes) -> Status:
    """How a call ends that is not answered."""
    ended = call(client, message)
    async with asyncio.timeout(PATIENCE_S):
        try:
            await ended
        except grpc.aio.AioRpcError:
            return await status_of(ended)
    raise AssertionError("it was answered")


async def created(client: Client, name: str = "Ada", **fields: Any) -> Seat:
    """A new game with this player in it."""
    secret = new_secret()
    creator = pb.JoinGame(display_name=name, seat_secret=secret, attach=True)
    given: dict[str, Any] = {"display_name": "Sprint 12", "creator": creator} | fields
    create = pb.CreateGame(**given)
    result = await execute(client, "", create_game=create)
    assert result.HasField("accepted"), result
    return Seat(result.game_id, result.accepted.player_id, secret)


async def joined(client: Client, game: str, name: str, **fields: Any) -> Seat:
    """A seat in a game given by id or code."""
    secret = new_secret()
    join = pb.JoinGame(display_name=name, seat_secret=secret, attach=True, **fields)
    result = await execute(client, game, join_game=join)
    assert result.HasField("accepted"), result
    return Seat(result.game_id, result.accepted.player_id, secret)
