"""A client program of the simulation: the real SDK, and a user of it who never rests."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
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
    NotSent,
    OutcomeUnknown,
    PokerClient,
    PokerError,
    Resynced,
    RolledBack,
)
from planning_poker_client.endpoint import Dial
from planning_poker_client.errors import CommandRefused
from planning_poker_simulator.checking.history import (
    Accepted,
    Asked,
    History,
    NeverSent,
    Outcome,
    Refused,
    Told,
    Unknown,
)
from planning_poker_simulator.simulation.deeds import some_command
from planning_poker_simulator.simulation.plan import ProgramPlan
from planning_poker_simulator.simulation.processes import Process

_NEVER_IN_VAIN: Final = frozenset({"add_stories", "start_round", "remove_story"})
"""Commands that change something whenever they are accepted."""
_WIDE: Final = 100
_AT_ONCE: Final = 8
"""Commands of one program that wait for their answers."""


class Tables:
    """What people tell each other beside the service: where the games are."""

    def __init__(self, games: int, chance: Random) -> None:
        self.codes: list[str] = [""] * games
        self.settings = [_settings(chance) for _ in range(games)]
        self.calm = False
        """Nobody asks for anything any more."""


def _settings(chance: Random) -> pb.GameSettings:
    everyone = pb.PERMISSION_EVERYONE
    settings = pb.GameSettings(
        auto_reveal=chance.random() < 0.6,
        reveal=everyone,
        manage_rounds=everyone,
        manage_stories=everyone,
        manage_players=chance.choice((pb.PERMISSION_FACILITATORS, everyone)),
    )
    settings.claim_grace.seconds = 2
    return settings


class Program:
    """One program, over all its processes: what it keeps on its disk is its seats."""

    def __init__(
        self,
        plan: ProgramPlan,
        tables: Tables,
        history: History,
        dial: Callable[["Program"], Dial],
        say: Callable[[str, str], None],
        sometimes: Callable[[str], None],
        chance: Random,
    ) -> None:
        self.plan = plan
        self.store = MemorySeatStore()
        self.process: Process | None = None
        self.processes: list[Process] = []
        self.client: PokerClient | None = None
        self.games: dict[int, Game] = {}
        self.seated: dict[int, tuple[str, str, bytes]] = {}
        """By table: game, player and secret, for whoever shares the seat."""
        self.partner: Program | None = None
        self._tables = tables
        self._history = history
        self._dial = dial
        self._say = say
        self._sometimes = sometimes
        self._chance = chance
        self._commands: dict[str, tuple[Asked, int, pb.Command]] = {}
        self._serial = 0
        self._waiting = 0
        self._instance_id = self._new_id()

    # Its life

    def start(self) -> None:
        """A new process."""
        self.process = Process(f"{self.plan.name}/{len(self.processes) + 1}")
        self.processes.append(self.process)
        self.games, self._waiting = {}, 0
        self.process.start(self._live())

    def kill(self) -> None:
        """The process is gone, with all that it knew."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    async def _live(self) -> None:
        self.client = client = PokerClient(
            "the server",
            client_name=self.plan.name,
            instance_id=self._instance_id,
            seats=self.store,
            options=self.plan.options,
            dial=self._dial(self),
            chance=self._chance,
        )
        while True:
            try:
                await client.open()
                break
            except ConnectionProblem as problem:
                self._say(self.plan.name, f"is not connected: {problem}")
                await asyncio.sleep(self._chance.uniform(0.2, 2.0))
        for table in range(len(self._tables.codes)):
            self._begin(self._follow(client, table))
        await self._act()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        # The process keeps its tasks.
        if self.process is not None:
            self.process.start(work)

    async def _follow(self, client: PokerClient, table: int) -> None:
        """Sit at a table whenever that is possible, and read all that happens there."""
        while True:
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            try:
                game = await self._sit(client, table)
            except PokerError as error:
                self._say(self.plan.name, f"has no place: {type(error).__name__} {error}")
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
        self._tables.codes[table] = game.join_code
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
                if self.plan.reads_every_s:
                    await asyncio.sleep(self.plan.reads_every_s)
        except GameDetached as detached:
            self._sometimes(f"sdk: game detached as {detached.reason}")
        except PokerError as error:
            self._say(self.plan.name, f"reads no more: {error}")

    # What it asks

    async def _act(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self.plan.pause_s))
            if self._tables.calm or not self.games or self._waiting >= _AT_ONCE:
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
                if asked.given > len(asked.outcomes) + self._waiting:
                    self._sometimes("command: repeated after its process died")
                is_done = any(isinstance(each, Accepted) for each in asked.outcomes)
                if is_done and asked.name in _NEVER_IN_VAIN and self._chance.random() < 0.2:
                    self._begin(self._reuse(self.games[home], asked))
                else:
                    self._begin(self._give(self.games[home], asked, command))
            else:
                self._begin(self._ask(game, table))

    async def _ask(self, game: Game, table: int) -> None:
        text = self._text()
        command = some_command(game, self._chance, text)
        asked = Asked(
            correlation_id=self._new_id(),
            game_id=game.game_id,
            actor=game.player_id,
            name=command.WhichOneof("body") or "",
            comment=command.submit_vote.comment,
        )
        self._commands[asked.correlation_id] = asked, table, command
        self._history.asked.append(asked)
        await self._give(game, asked, command)

    async def _give(self, game: Game, asked: Asked, command: pb.Command) -> None:
        own = pb.Command()
        own.CopyFrom(command)
        asked.given += 1
        self._waiting += 1
        away = asked.name == "submit_vote" and not self._is_served
        self._say(self.plan.name, f"asks for {asked.name} as {asked.correlation_id[:8]}")
        outcome = await self._outcome(game, own, asked)
        self._waiting -= 1
        asked.outcomes.append(outcome)
        if away and isinstance(outcome, Accepted) and self.plan.options.offline_votes_for:
            self._sometimes("sdk: offline vote sent")
        if isinstance(outcome, NeverSent):
            self._sometimes("command: never sent")
        self._say(self.plan.name, f"{asked.correlation_id[:8]}: {outcome}")

    async def _reuse(self, game: Game, asked: Asked) -> None:
        """Use the id of a command that was accepted for another one."""
        other = pb.Command(update_player=pb.UpdatePlayer(display_name=f"Reused {self._text()}"))
        self._say(self.plan.name, f"uses {asked.correlation_id[:8]} once more, for update_player")
        outcome = await self._outcome(game, other, asked)
        self._history.reused.append((asked, "update_player", outcome))
        if outcome == Refused("CORRELATION_ID_REUSED"):
            self._sometimes("command: refused, since its id was used")

    async def _outcome(self, game: Game, command: pb.Command, asked: Asked) -> Outcome:
        try:
            # Any command of the contract, as each typed method gives its own.
            receipt = await game._send(command, CallOptions(request_id=asked.correlation_id))
        except OutcomeUnknown as unknown:
            return Unknown(str(unknown))
        except CommandRefused as refused:
            return Refused(refused.reason)
        except NotSent as error:
            return NeverSent(str(error))
        except PokerError as error:
            return NeverSent(str(error)) if error.definite else Unknown(str(error))
        return Accepted(receipt.version, receipt.duplicate)

    @property
    def _is_served(self) -> bool:
        client = self.client
        return client is not None and isinstance(client.service, Available)

    def _text(self) -> str:
        """Like no other text of this run."""
        self._serial += 1
        return f"~{self.plan.name.replace(' ', '')}.{self._serial}~"

    def _new_id(self) -> str:
        return str(UUID(int=self._chance.getrandbits(128), version=4))
