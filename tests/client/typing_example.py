"""Typical use of the SDK, as its users write it; `mypy --strict` over it is the test."""

# ruff: noqa: T201

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import planningpoker.v1 as pb
from planning_poker_client import (
    Available,
    Change,
    ClientOptions,
    CommandRefused,
    Connected,
    Degraded,
    DeliveryReport,
    Failed,
    Fallback,
    Game,
    GameView,
    OutcomeUnknown,
    PokerClient,
    PokerError,
    Receipt,
    Reconnecting,
    Resynced,
    RolledBack,
    ShownView,
    Unavailable,
    WaitTimeout,
)


async def ten_lines() -> None:
    async with PokerClient("localhost:50051") as client:
        game = await client.create_game(name="Sprint 12", deck="fibonacci", player="Ada")
        print("join with", game.join_code)
        await game.start_story("Login page")
        await game.vote("8")
        await game.wait_for(lambda view: len(view.voted) == 2, timeout=60)
        await game.reveal()
        print(game.view.votes)


async def bot(address: str, token: str, seat_secret: bytes) -> None:
    options = ClientOptions(connect_timeout=3, change_buffer=100)
    async with PokerClient(address, token=token, client_name="bot", options=options) as client:
        game = await client.join("K7QF-3M", name="Bob", role="observer", seat_secret=seat_secret)
        watching = asyncio.create_task(watch(client))
        async for line in tell(game):
            print(line)
        await watching


async def tell(game: Game) -> AsyncIterator[str]:
    async for item in game.changes():
        match item:
            case Resynced(from_version, to_version):
                yield f"missed {to_version - from_version} events"
            case Change(body=pb.VotesRevealed() as revealed):
                cards = [vote.card for vote in revealed.round.votes]
                yield f"{item.time:%H:%M} {revealed.story.title}: {', '.join(cards)}"
            case Change(body=pb.RoundStarted(round=round_)):
                yield f"round {round_.number}"
            case Change(name=name, actor_id=actor_id):
                yield f"{name} by {actor_id}"
            case RolledBack(name=name, error=error):
                yield f"no {name}: {error}"


async def watch(client: PokerClient) -> None:
    async for state in client.states():
        match state:
            case Connected():
                print("connected")
            case Reconnecting(attempt=attempt, reason=reason):
                print("attempt", attempt, "because", reason)
            case Failed(reason=reason):
                print("given up:", reason)


async def watch_service(client: PokerClient) -> None:
    async for service in client.services():
        match service:
            case Available():
                print("all works")
            case Degraded(reason=reason, fallback=Fallback.READ_ONLY_MODE):
                print("only to be looked at:", reason)
            case Degraded(reason=reason, fallback=fallback):
                print(fallback.value, reason)
            case Unavailable(reason=reason, retry_after=wait):
                print(reason, "" if wait is None else wait.total_seconds())
                await client.reconnect()


async def reveal(game: Game) -> frozenset[str]:
    receipt = await game.reveal()
    try:
        report: DeliveryReport = await receipt.delivered(timeout=30)
    except WaitTimeout:
        interim = game.last_report
        return interim.pending if interim is not None else frozenset()
    return report.pending | report.absent


def table(game: Game) -> str:
    view: ShownView = game.view
    waiting = ", ".join(command.name for command in view.pending)
    return f"{view.display_name}{' (old)' if view.stale else ''} {waiting} {game.seat.card}"


async def vote(game: Game, card: str, webhook_id: str) -> Receipt | None:
    try:
        return await game.vote(card, comment="risky", request_id=webhook_id, timeout=5)
    except CommandRefused as refused:
        if refused.reason == "ROUND_CLOSED":
            return None
        wait: timedelta = refused.retry_after
        print(refused.code, refused.message, refused.player_ids, wait)
        raise
    except OutcomeUnknown as unknown:
        return await game.vote(card, comment="risky", request_id=unknown.correlation_id)
    except PokerError as error:
        print(error.definite, error.retryable)
        raise


def summary(view: GameView) -> dict[str, str]:
    return {story.title: story.estimate.value for story in view.stories.values()}
