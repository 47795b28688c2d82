"""A bot of the simulation: watches the feed, votes by Execute, reads, and has no stream of Play."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import planningpoker.v1 as pb
from planning_poker_client import (
    CaughtUp,
    PokerClient,
    PokerError,
    Receipt,
    Watched,
)
from planning_poker_simulator.checking.history import (
    MARK,
    Asked,
    Caught,
    Fed,
    Read,
    ReadHistory,
)
from planning_poker_simulator.simulation.deeds import some_command
from planning_poker_simulator.simulation.program import AT_ONCE, Program

_CARDS: Final = ("1", "2", "3", "5", "8", "13")
_SOME: Final = ("votes_revealed", "round_started", "player_joined", "game_ended")
_AFTER: Final = 12
"""About so many events are taken before a watch is closed, and the next one begins."""


class Bot(Program):
    """Takes a seat in every game that it hears of. On its disk: how far it is, and its seats."""

    def __init__(self, *rest: Any) -> None:
        super().__init__(*rest)
        self._cursor = ""
        self._fed: Fed | None = None
        self._seats: dict[str, str] = {}
        """Players by game; the secrets follow from it."""

    async def _live(self) -> None:
        self.client = client = self._new_client(connect=False)
        self._begin(self._act(client))
        while True:
            fed = await self._begin_with()
            try:
                await self._watch(client, fed)
            except PokerError as error:
                self._say(f"watches no more: {error}")
                await asyncio.sleep(self._chance.uniform(0.2, 2.0))

    async def _begin_with(self) -> Fed:
        """What it watches, the same for all its life."""
        if self._fed is None:
            game_id = ""
            while self.plan.watches == "game" and not game_id:
                await asyncio.sleep(self._chance.uniform(0.1, 0.5))
                game_id = self._tables.game_ids[0]
            names = frozenset(_SOME if self.plan.watches == "some" else ())
            self._fed = Fed(self.plan.name, game_id, names)
            self._history.fed.append(self._fed)
        return self._fed

    async def _watch(self, client: PokerClient, fed: Fed) -> None:
        """Watch from where it stands, for a while."""
        opened = asyncio.get_running_loop().time()
        last = self._chance.expovariate(1 / _AFTER)
        async with client.watch(
            cursor=self._cursor, game=fed.game_id, event_types=fed.names
        ) as watch:
            taken = 0
            async for item in watch:
                taken += 1
                await self._take(client, fed, item, opened)
                if taken > last:
                    break
            # Not that of the item: it has moved on behind what nobody wanted.
            self._cursor = watch.cursor
        self._sometimes("watch: gone on from its cursor")

    async def _take(
        self, client: PokerClient, fed: Fed, item: Watched | CaughtUp, opened: float
    ) -> None:
        # Both, or neither: as in one transaction.
        self._cursor = item.cursor
        if isinstance(item, CaughtUp):
            self._sometimes("watch: caught up")
            fed.caught_up.append(Caught(opened, len(fed.items)))
            return
        fed.items.append((item.game_id, item.change.event))
        if self._tables.calm:
            return
        if item.name == "round_started":
            await self._or_meanwhile(self._vote(client, item))
        elif self._chance.random() < 0.1:
            await self._or_meanwhile(self._read(client, item))

    async def _or_meanwhile(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something first, which keeps the watch waiting, or beside it."""
        if self._chance.random() < 0.5:
            await work
        else:
            self._begin(work)

    # What it does

    async def _act(self, client: PokerClient) -> None:
        """Look at a game now and then, and ask for anything that fits."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self.plan.pause_s))
            if self._tables.calm or not self._seats or self.waiting >= AT_ONCE:
                continue
            game_id = self._chance.choice(list(self._seats))
            with suppress(PokerError):
                view = await client.read_game(game_id)
                command = some_command(view, self._chance, self._text())
                self._begin(self._execute(client, game_id, command))

    async def _vote(self, client: PokerClient, started: Watched) -> None:
        game_id = started.game_id
        if game_id not in self._seats and not await self._sit(client, game_id):
            return
        vote = pb.SubmitVote(
            round_id=started.change.event.round_started.round.round_id,
            card=self._chance.choice(_CARDS),
            comment=f"{MARK}{self._text()}",
        )
        await self._execute(client, game_id, pb.Command(submit_vote=vote))

    async def _execute(self, client: PokerClient, game_id: str, command: pb.Command) -> None:
        command.game_id, command.player_id = game_id, self._seats[game_id]
        asked = Asked(
            correlation_id=self._new_id(),
            game_id=game_id,
            actor=command.player_id,
            name=command.WhichOneof("body") or "",
            command=command,
        )
        self._history.asked.append(asked)

        async def send() -> Receipt:
            secret, id_ = self._secret(game_id), asked.correlation_id
            return await client.execute(command, secret, request_id=id_)

        await self._ask(asked, send)
        self._sometimes("execute: a command")
        if self._chance.random() < 0.2:
            await self._ask(asked, send)
            self._sometimes("execute: repeated")

    async def _sit(self, client: PokerClient, game_id: str) -> bool:
        # The same each time, whatever became of earlier processes.
        request_id = str(uuid5(NAMESPACE_OID, f"{self.plan.name} {game_id}"))
        self._history.taken.append(request_id)
        try:
            seat = await client.execute_join(
                game_id, self.plan.name, request_id=request_id, seat_secret=self._secret(game_id)
            )
        except PokerError as error:
            self._say(f"has no seat: {type(error).__name__} {error}")
            return False
        self._seats[game_id] = seat.player_id
        return True

    def _secret(self, game_id: str) -> bytes:
        return uuid5(NAMESPACE_OID, f"{self.plan.name} {game_id}").bytes * 2

    async def _read(self, client: PokerClient, item: Watched) -> None:
        """Read the game of what it was told."""
        version = item.version
        now = asyncio.get_running_loop().time()
        try:
            if self._chance.random() < 0.5:
                exactly = version if self._chance.random() < 0.5 else None
                view = await client.read_game(
                    item.game_id, version=exactly, min_version=version if exactly is None else None
                )
                game = view.to_game()
                read = Read(now, self.plan.name, item.game_id, version, exactly, game)
                self._history.reads.append(read)
                self._sometimes("read: a game")
                return
            after = self._chance.randrange(version)
            events = [
                change.event async for change in client.history(item.game_id, after_version=after)
            ]
        except PokerError as error:
            self._say(f"cannot read: {error}")
            return
        self._sometimes("read: a history")
        self._history.read_histories.append(
            ReadHistory(now, self.plan.name, item.game_id, after, events)
        )
