"""The world of one scenario while it runs: a house, the players, and what was asked."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from planning_poker_client import (
    BadStories,
    CommandRefused,
    ConnectionProblem,
    Game,
    GameDetached,
    NoRound,
    NotSent,
    OutcomeUnknown,
    PokerClient,
    PokerError,
    Receipt,
    Replaced,
)
from planning_poker_simulator.scenarios.house import House
from planning_poker_simulator.scenarios.model import ACCEPTED, Scenario, Step
from planning_poker_simulator.scenarios.programs import OPTIONS, PlayersLine, Program
from planning_poker_simulator.scenarios.results import Failure, StepFailed, describe
from planning_poker_simulator.scenarios.seats import NotThere, Seat
from planning_poker_simulator.scenarios.wire import mark_of

PATIENCE_S: Final = 8.0
"""Longest time that something takes that must happen."""
_POLL_S: Final = 0.01
Send = Callable[[Game, str], Awaitable[Receipt]]
"""Asks the server something, under this request id."""

_NAMES: Final[tuple[tuple[type[PokerError], str], ...]] = (
    (Replaced, "REPLACED"),
    (NotSent, "NOT_SENT"),
    (NoRound, "NO_ROUND"),
    (OutcomeUnknown, "OUTCOME_UNKNOWN"),
    (GameDetached, "DETACHED"),
    (ConnectionProblem, "CONNECTION_FAILED"),
    (BadStories, "BAD_STORIES"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked the server, and the answer."""

    step: Step
    player: str
    correlation_id: str
    answer: str
    version: int = 0
    duplicate: bool = False
    definite: bool = True


class Table:
    """Where a scenario's actions find what they act on."""

    def __init__(self, scenario: Scenario, house: House, exits: AsyncExitStack) -> None:
        self.scenario = scenario
        self.house = house
        self.exits = exits
        self.seats = {player.name: Seat(player) for player in scenario.players}
        self.lines: dict[str, PlayersLine] = {}
        self.programs: dict[str, Program] = {}
        """Those that players share, by connection."""
        self.reader = PokerClient(
            house.address, client_name="poker-sim", connect=False, options=OPTIONS
        )
        self.host: Seat | None = None
        """Who opened the game."""
        self.game_id = ""
        self.passcode = scenario.settings.passcode or ""
        self.newest = 0
        """The highest version that an answer or a look has named."""
        self.asked: list[Asked] = []
        self.marks: dict[str, tuple[str, str]] = {}
        """Line and player of each vote, by its mark."""
        self.opening = asyncio.Lock()
        """Held while a line and a program are opened, which others may share."""
        self.background: list[tuple[Step, asyncio.Task[None]]] = []
        self.in_parallel = False
        self.server_runs = True

    @property
    def answers(self) -> Counter[str]:
        """How often each was given."""
        return Counter(each.answer for each in self.asked)

    # Players

    def chosen(self, step: Step) -> list[Seat]:
        """The players an action is about."""
        return [self.seats[name] for name in step.players]

    def actor(self, step: Step) -> Seat:
        """Who does something that is not about one player. Raises NotThere."""
        if step.by:
            return self.seats[step.by]
        if self.host is None:
            raise NotThere("nobody has joined, so there is no game yet")
        return self.host

    async def line_of(self, seat: Seat) -> PlayersLine:
        """The player's line, opened at the first time."""
        key = seat.player.connection or seat.name
        if key not in self.lines:
            line = PlayersLine(key, seat.player.line, self.house, self.scenario.name)
            await line.open(self.exits)
            self.lines[key] = line
        return self.lines[key]

    def mark(self, seat: Seat) -> str:
        """A new mark for a vote of this player."""
        comment = mark_of(len(self.marks) + 1)
        self.marks[comment.removeprefix("mark-")] = (seat.line.name, seat.name)
        return comment

    # Asking

    async def ask(
        self, step: Step, seat: Seat, send: Send, *, expect: bool = True
    ) -> Receipt | None:
        """Let a player ask for something, and hold the answer against what is expected.

        None where it was refused as expected. Raises StepFailed.
        """
        if not self.in_parallel:
            await seat.catch_up(self.newest, PATIENCE_S)
        game, id_ = seat.game(step.tab), str(uuid4())
        seat.line.stumble()
        return await self.answer(step, seat.name, id_, send(game, id_), expect=expect)

    async def answer(
        self, step: Step, player: str, id_: str, asking: Awaitable[Receipt], *, expect: bool = True
    ) -> Receipt | None:
        """Wait for an answer and note it. Raises StepFailed where it is another than expected."""
        receipt, definite = None, True
        try:
            receipt = await asking
            answer, said = ACCEPTED, ACCEPTED
        except PokerError as error:
            answer, said, definite = _name_of(error), f"{_name_of(error)} ({error})", error.definite
        version = receipt.version if receipt is not None else 0
        duplicate = receipt is not None and receipt.duplicate
        self.newest = max(self.newest, version)
        self.asked.append(Asked(step, player, id_, answer, version, duplicate, definite))
        wanted = step.expected if expect else (ACCEPTED,)
        if answer not in wanted:
            raise StepFailed(
                Failure(
                    step.line, f"{describe(step)} ({player})", " or ".join(wanted), f"it was {said}"
                )
            )
        return receipt

    # Waiting

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that must happen. Raises NotThere."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():  # noqa: ASYNC110, many things can make it so
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise NotThere(f"{what} within {PATIENCE_S:g} s") from None

    async def until_back(self, seats: Iterable[Seat]) -> None:
        """Wait until the programs of these players are connected and up to date again."""
        programs = [p for seat in seats for p in seat.programs if p.line.works and p.is_open]
        if not self.server_runs:
            return
        await self.until(lambda: all(map(_is_back, programs)), "not all programs came back")

    def server_streams(self) -> int:
        """How many the server has open; 0 where it is not ours to know."""
        return self.house.server.connections if self.house.server is not None else 0


def _is_back(program: Program) -> bool:
    told, game = program.told, program.game
    if game is None or (told is not None and told.over):
        return True
    return program.is_connected and not game.stale


def _name_of(error: PokerError) -> str:
    """The answer's name: the reason of a refusal, or what the SDK has to say."""
    if isinstance(error, CommandRefused):
        return error.reason
    return next((name for kind, name in _NAMES if isinstance(error, kind)), type(error).__name__)
