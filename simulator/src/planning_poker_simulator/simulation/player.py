"""A player of the simulation: the real SDK, and a user of it who never rests."""

import asyncio
from typing import Any, Final
from uuid import UUID

import planningpoker.v1 as pb
from planning_poker_client import (
    Available,
    CallOptions,
    ConnectionProblem,
    Game,
    GameDetached,
    MemorySeatStore,
    PokerClient,
    PokerError,
    Receipt,
    Resynced,
    RolledBack,
)
from planning_poker_client.errors import CommandRefused
from planning_poker_simulator.checking.history import (
    Accepted,
    Asked,
    Read,
    Refused,
    Told,
)
from planning_poker_simulator.simulation.deeds import some_command
from planning_poker_simulator.simulation.program import AT_ONCE, Program, outcome_of

_NEVER_IN_VAIN: Final = frozenset({"add_stories", "start_round", "remove_story"})
"""Commands that change something whenever they are accepted."""
_WIDE: Final = 100
_READS: Final = 0.1
"""The share of commands after which the game is read."""


class Player(Program):
    """Sits at every table: with a seat of its own, on another's seat, or without one."""

    def __init__(self, *rest: Any) -> None:
        super().__init__(*rest)
        self.store = MemorySeatStore()
        self.seated: dict[int, tuple[str, str, bytes]] = {}
        """By table: game, player and secret, for whoever shares the seat."""
        self.partner: Player | None = None
        self._commands: dict[str, tuple[Asked, int, pb.Command]] = {}

    async def _live(self) -> None:
        self.client = client = self._new_client(seats=self.store)
        while True:
            try:
                await client.open()
                break
            except ConnectionProblem as problem:
                self._say(f"is not connected: {problem}")
                await asyncio.sleep(self._chance.uniform(0.2, 2.0))
        for table in range(len(self._tables.codes)):
            self._begin(self._follow(client, table))
        await self._act()

    async def _follow(self, client: PokerClient, table: int) -> None:
        """Sit at a table whenever that is possible, and read all that happens there."""
        while True:
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            try:
                game = await self._sit(client, table)
            except PokerError as error:
                self._say(f"has no place: {type(error).__name__} {error}")
                await asyncio.sleep(self._chance.uniform(0.5, 2.0))
                continue
            if game is None:
                continue
            self.games[table] = game
            await self._read(game)
            if self.games.get(table) is game:
                del self.games[table]
            await game.detach()
            if game.view.phase == pb.GAME_PHASE_ENDED:
                self._sometimes("game: ended")
                await self._watch(client, table, game.game_id)
                return

    async def _watch(self, client: PokerClient, table: int, game_id: str) -> None:
        """Show how a game ended."""
        while table not in self.games:
            try:
                self.games[table] = await client.attach(game_id)
            except PokerError:
                await asyncio.sleep(self._chance.uniform(0.5, 2.0))

    async def _sit(self, client: PokerClient, table: int) -> Game | None:
        code = self._tables.codes[table]
        if not code:
            return await self._open_table(client, table)
        if self.plan.kind == "watcher":
            return await client.attach(code)
        if self.partner is not None:
            shared = self.partner.seated.get(table)
            if shared is None:
                return None
            game_id, player_id, secret = shared
            return await client.attach(game_id, player_id=player_id, seat_secret=secret)
        for seat in await self.store.load():
            if seat.is_in(code) and seat.player_id:
                found = await client.rejoin(code)
                for other in found[1:]:
                    await other.detach()
                if found:
                    return self._note(table, found[0])
        try:
            return self._note(table, await self._join(client, code))
        except CommandRefused as refused:
            if refused.reason != "GAME_ENDED":
                raise
            return await client.attach(code)

    async def _join(self, client: PokerClient, code: str) -> Game:
        request_id = self._new_id()
        self._history.taken.append(request_id)
        return await client.join(
            code,
            f"{self.plan.name} {self._text()}",
            role="observer" if self.plan.role == "observer" else "voter",
            request_id=request_id,
            seat_secret=self._chance.randbytes(32),
        )

    async def _open_table(self, client: PokerClient, table: int) -> Game | None:
        if self.plan.name != "player 1":
            return None
        self._history.taken.append(str(UUID(int=table + 1)))
        game = await client.create_game(
            f"Table {table + 1}",
            player=self.plan.name,
            settings=self._tables.settings[table],
            request_id=str(UUID(int=table + 1)),
            seat_secret=bytes([table + 1]) * 32,
        )
        self._tables.codes[table], self._tables.game_ids[table] = game.join_code, game.game_id
        return self._note(table, game)

    def _note(self, table: int, game: Game) -> Game:
        self.seated[table] = game.game_id, game.player_id, game.seat_secret
        return game

    async def _read(self, game: Game) -> None:
        told = Told(self.plan.name, game.game_id, game.view.version)
        self._history.told.append(told)
        loop = asyncio.get_running_loop()
        try:
            async for item in game.changes():
                told.items.append((loop.time(), item))
                if isinstance(item, Resynced) and self.plan.options.change_buffer < _WIDE:
                    self._sometimes("sdk: changes collapsed")
                if isinstance(item, RolledBack):
                    self._sometimes("sdk: rolled back")
                if self.plan.reads_every_s and not self._tables.calm:
                    await asyncio.sleep(self.plan.reads_every_s)
        except GameDetached as detached:
            self._sometimes(f"sdk: game detached as {detached.reason}")
        except PokerError as error:
            self._say(f"reads no more: {error}")

    # What it asks

    async def _act(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self.plan.pause_s))
            if self._tables.calm or not self.games or self.waiting >= AT_ONCE:
                continue
            table = self._chance.choice(list(self.games))
            game = self.games[table]
            if not game.player_id:
                continue
            if self._commands and self._chance.random() < 0.1:
                asked, home, command = self._commands[self._chance.choice(list(self._commands))]
                if self.games.get(home) is None or self.games[home].player_id != asked.actor:
                    continue
                self._sometimes("command: repeated")
                if asked.given > len(asked.outcomes) + self.waiting:
                    self._sometimes("command: repeated after its process died")
                is_done = any(isinstance(each, Accepted) for each in asked.outcomes)
                if is_done and asked.name in _NEVER_IN_VAIN and self._chance.random() < 0.2:
                    self._begin(self._reuse(self.games[home], asked))
                else:
                    self._begin(self._give(self.games[home], asked, command))
            else:
                self._begin(self._ask_anything(game, table))

    async def _ask_anything(self, game: Game, table: int) -> None:
        text = self._text()
        command = some_command(game.view, self._chance, text)
        asked = Asked(
            correlation_id=self._new_id(),
            game_id=game.game_id,
            actor=game.player_id,
            name=command.WhichOneof("body") or "",
            command=command,
        )
        self._commands[asked.correlation_id] = asked, table, command
        self._history.asked.append(asked)
        await self._give(game, asked, command)

    async def _give(self, game: Game, asked: Asked, command: pb.Command) -> None:
        away = asked.name == "submit_vote" and not self._is_served
        outcome = await self._ask(asked, lambda: self._send(game, command, asked))
        if not isinstance(outcome, Accepted):
            return
        if away and self.plan.options.offline_votes_for:
            self._sometimes("sdk: offline vote sent")
        if self._chance.random() < _READS and self.client is not None:
            await self._read_own(self.client, game.game_id, outcome.version)

    async def _send(self, game: Game, command: pb.Command, asked: Asked) -> Receipt:
        own = pb.Command()
        own.CopyFrom(command)
        # Any command of the contract, as each typed method gives its own.
        return await game._send(own, CallOptions(request_id=asked.correlation_id))

    async def _read_own(self, client: PokerClient, game_id: str, version: int) -> None:
        """What was accepted is read, with what it changed."""
        now = asyncio.get_running_loop().time()
        try:
            view = await client.read_game(game_id, min_version=version)
        except PokerError as error:
            self._say(f"cannot read: {error}")
            return
        self._sometimes("read: what one wrote")
        read = Read(now, self.plan.name, game_id, version, None, view.to_game())
        self._history.reads.append(read)

    async def _reuse(self, game: Game, asked: Asked) -> None:
        """Use the id of a command that was accepted for another one."""
        other = pb.Command(update_player=pb.UpdatePlayer(display_name=f"Reused {self._text()}"))
        self._say(f"uses {asked.correlation_id[:8]} once more, for update_player")
        outcome = await outcome_of(self._send(game, other, asked))
        self._history.reused.append((asked, "update_player", outcome))
        if outcome == Refused("CORRELATION_ID_REUSED"):
            self._sometimes("command: refused, since its id was used")

    @property
    def _is_served(self) -> bool:
        client = self.client
        return client is not None and isinstance(client.service, Available)
