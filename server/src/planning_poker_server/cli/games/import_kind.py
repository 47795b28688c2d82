"""What a file to import holds, a game or stories, and which options fit it."""

from argparse import Namespace
from pathlib import Path
from typing import Final

from planning_poker_server.cli.running import Failure

_BLANK: Final = b" \t\r\n"
_LOOKED_AT: Final = 64
_FOR_A_GAME: Final = ("database", "config", "environment")
_FOR_STORIES: Final = ("game", "new", "name", "seats", "base_url", "server", "token_file")


def is_game(path: Path) -> bool:
    """Whether it holds a game: by its name, or where that says nothing by its beginning.

    A file that cannot be read is taken for stories, whose reader says why.
    """
    suffix = path.suffix.lower()
    if suffix in (".json", ".csv"):
        return suffix == ".json"
    try:
        with path.open("rb") as file:
            return file.read(_LOOKED_AT).lstrip(_BLANK).startswith(b"{")
    except OSError:
        return False


def check_options(arguments: Namespace, *, game: bool) -> None:
    """Raises Failure for options that would be ignored."""
    for name in _FOR_STORIES if game else _FOR_A_GAME:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            holds = "a game, which goes into a database" if game else "stories, for a server's game"
            message = f"{arguments.file} holds {holds}: leave out {option}."
            raise Failure(message, code=2)
