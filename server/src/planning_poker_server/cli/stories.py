"""Stories from a file that was named on the command line."""

from pathlib import Path
from typing import Final

from planning_poker_client import StoryFile, read_stories
from planning_poker_server.cli.running import complain

_NOTES_SHOWN: Final = 10


def stories_from(path: Path, base_url: str = "") -> StoryFile:
    """Read a file, and tell what had to be changed to use it. Raises BadStories.

    `Game.import_stories` takes what it gives.
    """
    file = read_stories(path, base_url=base_url)
    for note in file.notes[:_NOTES_SHOWN]:
        complain(f"{path}: {note}.")
    if len(file.notes) > _NOTES_SHOWN:
        complain(f"{path}: … and {len(file.notes) - _NOTES_SHOWN} more like these.")
    return file
