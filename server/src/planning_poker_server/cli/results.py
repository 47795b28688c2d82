"""What a game came to, printed when it is over."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from planning_poker_model.view import GameView
from planning_poker_server.cli.blocks import said
from planning_poker_server.cli.running import printing


def print_results(console: Console, view: GameView) -> None:
    """The estimates of all stories, as a table as wide as it needs to be. Raises OutputGone."""
    with console.capture() as captured:
        console.print(said(view.display_name, "bold"))
        console.print(results(view))
        console.print(summary(view))
    with printing():
        console.file.write(captured.get())
        console.file.flush()


def results(view: GameView) -> Table:
    """A row for each story, in the backlog's order."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Key", style="cyan", no_wrap=True)
    table.add_column("Story")
    table.add_column("Rounds", justify="right")
    table.add_column("Estimate", justify="right", style="bold green")
    for story in view.stories.values():
        title = said(story.title)
        title.no_wrap = False
        estimate = said(story.estimate.value) if story.HasField("estimate") else Text("–")
        table.add_row(said(story.key), title, str(story.round_count or "–"), estimate)
    return table


def summary(view: GameView) -> str:
    """How many stories have an estimate, and the sum of those that are numbers."""
    estimates = [s.estimate for s in view.stories.values() if s.HasField("estimate")]
    total = sum(each.number for each in estimates if each.HasField("number"))
    count = f"{len(estimates)} of {len(view.stories)} stories estimated"
    return f"{count}, {total:g} points in all." if total else f"{count}."
