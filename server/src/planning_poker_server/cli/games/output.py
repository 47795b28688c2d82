"""How the commands print: tables for people, JSON for programs."""

import json

from rich.console import Console, RenderableType

from planning_poker_server.cli.running import printing, say


def print_json(value: object) -> None:
    """One JSON value with a line break behind it. Raises OutputGone."""
    say(json.dumps(value, ensure_ascii=False, indent=2))


def print_rich(*parts: RenderableType) -> None:
    """Tables and text on standard output, as wide as the terminal. Raises OutputGone."""
    console = Console(highlight=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    with printing():
        console.file.write(captured.get())
        console.file.flush()
