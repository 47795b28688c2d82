"""A client program of the simulation: its processes, one after the other, and what it asks."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, Final
from uuid import UUID

import planningpoker.v1 as pb
from planning_poker_client import (
    Game,
    NotSent,
    OutcomeUnknown,
    PokerClient,
    PokerError,
    Receipt,
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
    Unknown,
)
from planning_poker_simulator.simulation.plan import ProgramPlan
from planning_poker_simulator.simulation.processes import Process

AT_ONCE: Final = 8
"""Commands of one program that wait for their answers."""


class Tables:
    """What people tell each other beside the service: where the games are."""

    def __init__(self, games: int, chance: Random) -> None:
        self.codes: list[str] = [""] * games
        self.game_ids: list[str] = [""] * games
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


class Program(ABC):
    """One program, over all its processes: what is kept on its disk are attributes of this."""

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
        self.process: Process | None = None
        self.processes: list[Process] = []
        self.client: PokerClient | None = None
        self.games: dict[int, Game] = {}
        """What it follows, by table."""
        self.waiting = 0
        """Commands whose outcomes it does not know."""
        self._tables = tables
        self._history = history
        self._dial = dial
        self._says = say
        self._sometimes = sometimes
        self._chance = chance
        self._serial = 0
        self._instance_id = self._new_id()

    # Its life

    def start(self) -> None:
        """A new process."""
        self.process = Process(f"{self.plan.name}/{len(self.processes) + 1}")
        self.processes.append(self.process)
        self.games, self.waiting = {}, 0
        self._begin(self._live())

    def kill(self) -> None:
        """The process is gone, with all that it knew."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    @abstractmethod
    async def _live(self) -> None:
        """All that a process does."""

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        # The process keeps its tasks.
        if self.process is not None:
            self.process.start(self._noted(work, self.process))

    async def _noted(self, work: Coroutine[Any, Any, None], process: Process) -> None:
        try:
            await work
        except Exception as error:
            if not process.killed:  # and only buried
                self._history.incidents.append(f"{self.plan.name}: {error!r}")
            raise

    def _new_client(self, **rest: Any) -> PokerClient:
        return PokerClient(
            "the server",
            client_name=self.plan.name,
            instance_id=self._instance_id,
            options=self.plan.options,
            dial=self._dial(self),
            chance=self._chance,
            **rest,
        )

    # What it asks

    async def _ask(self, asked: Asked, send: Callable[[], Awaitable[Receipt]]) -> Outcome:
        """Give a command, and note what came of it."""
        asked.given += 1
        self.waiting += 1
        self._say(f"asks for {asked.name} as {asked.correlation_id[:8]}")
        outcome = await outcome_of(send())
        self.waiting -= 1
        asked.outcomes.append(outcome)
        if isinstance(outcome, NeverSent):
            self._sometimes("command: never sent")
        self._say(f"{asked.correlation_id[:8]}: {outcome}")
        return outcome

    def _say(self, what: str) -> None:
        self._says(self.plan.name, what)

    def _text(self) -> str:
        """Like no other text of this run."""
        self._serial += 1
        return f"~{self.plan.name.replace(' ', '')}.{self._serial}~"

    def _new_id(self) -> str:
        return str(UUID(int=self._chance.getrandbits(128), version=4))


async def outcome_of(answer: Awaitable[Receipt]) -> Outcome:
    """What became of a command."""
    try:
        receipt = await answer
    except OutcomeUnknown as unknown:
        return Unknown(str(unknown))
    except CommandRefused as refused:
        return Refused(refused.reason)
    except NotSent as error:
        return NeverSent(str(error))
    except PokerError as error:
        return NeverSent(str(error)) if error.definite else Unknown(str(error))
    return Accepted(receipt.version, receipt.duplicate)
