"""A player while a scenario runs: the seat, and the programs that are open for it."""

import secrets
from contextlib import AsyncExitStack

from planning_poker_client import Game, PokerError, WaitTimeout
from planning_poker_model.limits import SEAT_SECRET_BYTES
from planning_poker_model.view import GameView
from planning_poker_simulator.scenarios.house import TimeLimit
from planning_poker_simulator.scenarios.model import Player
from planning_poker_simulator.scenarios.programs import PlayersLine, Program, Told


class Seat:
    """One player; not seated before joining."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.secret = secrets.token_bytes(SEAT_SECRET_BYTES)
        self.player_id = ""
        """Once seated; kept when the seat is given up."""
        self.game_id = ""
        self.line: PlayersLine
        """Once there was a program."""
        self.programs: list[Program] = []
        """Those that are open, the first window first."""
        self.past: list[Told] = []
        """What programs were told that are closed now."""

    @property
    def name(self) -> str:
        """As the scenario calls the player."""
        return self.player.name

    def game(self, tab: int = 1) -> Game:
        """The game as one of the player's windows has it. Raises NotThere."""
        if not self.player_id:
            raise NotThere(f"{self.name} has not joined")
        if len(self.programs) < tab:
            what = f"no window {tab}" if self.programs else "no program open"
            raise NotThere(f"{self.name} has {what}")
        return self.programs[tab - 1].games[self.name]

    @property
    def told(self) -> list[Told]:
        """All that this player's programs were told."""
        return [*self.past, *(told for each in self.programs for told in each.all_told)]

    @property
    def follows(self) -> bool:
        """Whether a program of this player is to have all that happens."""
        return any(each.follows for each in self.programs)

    def view(self, tab: int = 1) -> GameView | None:
        """What the player sees; None with no program open."""
        if len(self.programs) < tab or self.name not in self.programs[tab - 1].games:
            return None
        return self.programs[tab - 1].games[self.name].view

    async def catch_up(self, version: int, seconds: float) -> None:
        """Wait until every window that can has this version. Raises NotThere."""
        limit = TimeLimit(seconds)
        for program in self.programs:
            if self.name not in program.games or not program.follows:
                continue
            game = program.games[self.name]
            try:
                await game.wait_for(lambda view: view.version >= version, timeout=limit.left)
            except WaitTimeout:
                at = game.view.version
                what = f"{self.name}'s program is at version {at} and not at {version}"
                raise NotThere(f"{what} after {seconds:g} s") from None
            except PokerError:
                continue  # let go meanwhile, which outcomes may ask about

    async def open_window(self, exits: AsyncExitStack) -> None:
        """One more program with the same seat; it closes with `exits` at the latest."""
        program = Program(self.line)
        await program.open()
        exits.push_async_callback(program.close)
        game = await program.client.attach(
            self.game_id, player_id=self.player_id, seat_secret=self.secret
        )
        program.follow(self.name, game)
        self.programs.append(program)

    async def close_window(self) -> None:
        """The last one that was opened. Raises NotThere."""
        if not self.programs:
            raise NotThere(f"{self.name} has no program open")
        program = self.programs.pop()
        await program.close()
        self.past.extend(program.all_told)


class NotThere(Exception):
    """A player cannot do it: not seated, nothing open, or behind."""
