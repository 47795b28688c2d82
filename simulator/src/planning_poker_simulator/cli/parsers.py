"""The kind of parser that all commands have."""

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from argparse import _SubParsersAction


class Parser(ArgumentParser):
    """Takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)


Commands: TypeAlias = "_SubParsersAction[Parser]"
"""Where a command's parser is added."""
