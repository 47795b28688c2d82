"""Typical use of the SDK, as its users write it; `mypy --strict` over it is the test."""

# ruff: noqa: T201

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import planningpoker.v1 as pb
from planning_poker_client import (
    Available,
    BadStories,
    CaughtUp,
    Change,
    ClientOptions,
    CommandRefused,
    Connected,
    Degraded,
    DeliveryReport,
    Failed,
    Fallback,
    FileSeatStore,
    Game,
    GameSummary,
    GameView,
    History,
    ImportedStories,
    MemorySeatStore,
    OutcomeUnknown,
    PokerClient,
    PokerError,
    Receipt,
    Reconnecting,
    Resynced,
    RolledBack,
    SeatHandle,
    SeatStore,
    ShownView,
    StoredSeat,
    StoryFile,
    Unavailable,
    WaitTimeout,
    Watch,
    Watched,
    read_stories,
    sync,
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


async def read(client: PokerClient, receipt: Receipt) -> list[str]:
    view: GameView = await client.read_game(receipt.game_id, min_version=receipt.version)
    history: History = client.history(view.game_id, after_version=2)
    return [f"{change.time:%H:%M} {change.name}" async for change in history]


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


async def refine(game: Game, path: Path) -> list[str]:
    try:
        result: ImportedStories = await game.import_stories(
            path, base_url="https://example.atlassian.net", timeout=30
        )
    except BadStories as bad:
        return [f"{path.name}:{problem.line} {problem.what}" for problem in bad.problems]
    print(f"{result.added} of {len(result.story_ids)} stories are new")
    return [str(note) for note in result.notes]


async def checked_before(client: PokerClient, data: bytes) -> Game:
    file: StoryFile = read_stories(data, kind="csv")
    game = await client.create_game(f"{len(file.stories)} stories", player="Ada")
    await game.import_stories(file, before_story_id="")
    return game


def summary(view: GameView) -> dict[str, str]:
    return {story.title: story.estimate.value for story in view.stories.values()}


# Seats that outlive the process


class DatabaseSeats:
    """A store of one's own needs three methods, and to know of `SeatStore` nothing at all."""

    def __init__(self) -> None:
        self._rows: dict[str, StoredSeat] = {}

    async def load(self) -> Sequence[StoredSeat]:
        return list(self._rows.values())

    async def save(self, seat: StoredSeat) -> None:
        self._rows[seat.key] = seat

    async def remove(self, seat: StoredSeat) -> None:
        self._rows.pop(seat.key, None)


def store(path: Path | None) -> SeatStore:
    if path is None:
        return MemorySeatStore()
    return FileSeatStore(path) if path.suffix == ".json" else DatabaseSeats()


async def board(address: str, path: Path) -> dict[str, Game]:
    async with PokerClient(address, seats=store(path)) as client:
        await client.join("K7QF-3M", "Board", role="observer")
        return {game.game_id: game for game in await client.rejoin()}


# Seats without a stream


async def slash_vote(
    address: str, key: bytes, user_id: str, code: str, card: str, round_id: str
) -> int:
    async with PokerClient(address, connect=False, seat_key=key) as client:
        seat = await client.execute_join(code, user_id, external_id=user_id, proxied=True)
        receipt = await seat.vote(card, round_id=round_id, request_id=f"{user_id}/{card}")
        return receipt.version


async def cron(address: str, instance_id: str, game_id: str) -> Receipt:
    async with PokerClient(address, connect=False, instance_id=instance_id) as client:
        command = pb.Command(game_id=game_id, end_game=pb.EndGame())
        await client.seat(game_id).add_story("Retrospective")
        return await client.execute(command, timeout=5, request_id="tonight")


async def estimate(seat: SeatHandle, title: str) -> str:
    opened = await seat.start_story(title)
    await seat.vote("8", round_id=opened.round_id)
    await seat.reveal(force=True, round_id=opened.round_id)
    await seat.accept("8", story_id="s1", round_id=opened.round_id)
    return opened.round_id


# All games


async def estimates(address: str, token: str, cursor: str) -> AsyncIterator[tuple[str, str]]:
    """Each estimate with the cursor to be stored together with what is done about it."""
    async with PokerClient(address, connect=False, token=token) as client:
        watch: Watch
        async with client.watch(
            cursor=cursor, from_now=True, event_types="estimate_accepted"
        ) as watch:
            async for item in watch:
                match item:
                    case Watched(body=pb.EstimateAccepted(story=story)):
                        print(item.game_id, item.version, f"{item.time:%H:%M}", item.actor_id)
                        yield item.cursor, f"{story.title}: {story.estimate.value}"
                    case CaughtUp():
                        print("live; to be continued from", watch.cursor)


async def tidy(client: PokerClient) -> None:
    game: GameSummary
    long_ago = datetime.now(UTC) - timedelta(days=90)
    async for game in client.list_games(phases=["ended"], updated_before=long_ago):
        if game.labels.get("keep") != "yes":
            gone: str = await client.purge_game(game.game_id, expected_version=game.version)
            print("gone:", gone)


def audit(client: sync.PokerClient, store: Path) -> None:
    for game in client.list_games(name="sprint", labels={"team": "a"}, page_size=1_000):
        print(game.display_name, game.phase == pb.GAME_PHASE_ENDED, game.update_time)
    cursor = store.read_text() if store.exists() else ""
    watch: sync.Watch
    with client.watch(cursor=cursor, game="K7QF-3M", passcode="sesame") as watch:
        for item in watch:
            if isinstance(item, CaughtUp):
                break
            print(item.name, item.change.event)
        store.write_text(watch.cursor)


# Without an event loop


def script(address: str) -> dict[str, str]:
    with sync.PokerClient(address, token=None, seats=MemorySeatStore()) as client:
        game: sync.Game = client.create_game("Sprint 12", player="Ada", deck="fibonacci")
        story_id: str = game.add_story("Login page", key="PP-1")
        receipt: Receipt = game.start_round(story_id, duration=timedelta(minutes=5))
        game.vote("8", request_id="hook-1")
        game.wait_for(lambda view: receipt.round_id != "" and bool(view.voted), timeout=60)
        print(game.import_stories(Path("jira.csv")).already_there)
        report: DeliveryReport = game.delivered(game.reveal(force=True), timeout=60)
        print(report.final, client.service, game.stale)
        for state in client.states():
            if isinstance(state, Connected):
                break
        for item in follow(game):
            print(item)
        return summary(game.view)


def follow(game: sync.Game) -> list[str]:
    told: list[str] = []
    for item in game.changes():
        match item:
            case Change(body=pb.VotesRevealed() as revealed):
                told.append(revealed.story.title)
            case Resynced(to_version=version):
                told.append(str(version))
    return told


def sync_slash(client: sync.PokerClient, game_id: str, player_id: str, secret: bytes) -> int:
    seat: sync.SeatHandle = client.seat(game_id, player_id, secret)
    other: sync.SeatHandle = client.execute_join(game_id, "Bob", role="observer")
    games: Sequence[sync.Game] = client.rejoin()
    print(other.player_id, len(games))
    return seat.retract(round_id="r1").version


# What must not type-check: each `ignore` is needed, or mypy says so.


def wrong(game: sync.Game, client: sync.PokerClient) -> None:
    game.vote(8)  # type: ignore[arg-type]
    game.vote("8", commment="risky")  # type: ignore[call-arg]
    client.join("K7QF-3M", "Bob", role="boss")  # type: ignore[arg-type]
    sync.PokerClient("localhost:50051", tocken="x")  # type: ignore[call-arg]
    client.watch(cursor=3)  # type: ignore[arg-type]
    client.list_games(phases=["open"])  # type: ignore[list-item]
    story: int = game.add_story("Login")  # type: ignore[assignment]
    game.import_stories("jira.csv")  # type: ignore[arg-type]
    print(story)
