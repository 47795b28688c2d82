"""What is told while scenarios are played: bars on a terminal, else a line for each."""

from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from planning_poker_simulator.cli.tables import MARKS
from planning_poker_simulator.scenarios.model import Scenario, Step
from planning_poker_simulator.scenarios.results import Result, describe

_NAME: Final = 44
_STEP: Final = 40


class Progress:
    """A watcher of runs, for `with`."""

    def __init__(self, console: Console, count: int) -> None:
        self._console = console
        self._count = count
        self._ended = 0
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[step]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def began(self, scenario: Scenario) -> None:
        """Show a bar for it."""
        name = escape(scenario.name[:_NAME])
        self._tasks[id(scenario)] = self._bars.add_task(name, total=scenario.steps, step="")

    def acts(self, scenario: Scenario, done: int, step: Step) -> None:
        """It is at this action."""
        text = escape(describe(step)[:_STEP])
        self._bars.update(self._tasks[id(scenario)], completed=done, step=text)

    def ended(self, result: Result) -> None:
        """A line that stays."""
        self._ended += 1
        self._bars.remove_task(self._tasks.pop(id(result.scenario)))
        mark, style = MARKS[result.verdict]
        count = f"{self._ended:>{len(str(self._count))}}/{self._count}"
        name = escape(result.scenario.name)
        self._console.print(f"{count} [{style}]{mark}[/] {name} [dim]{result.seconds:.2f} s[/]")
