"""Write what scenarios can say into its page: .venv/bin/python tools/scenario_reference.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from planning_poker_simulator.scenarios.game_settings import SETTINGS
from planning_poker_simulator.scenarios.promises import PROMISES
from planning_poker_simulator.scenarios.vocabulary import (
    ACTIONS,
    MODIFIERS,
    OUTCOMES,
    Shape,
    Word,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scenarios.md"
BEGIN = "<!-- From the vocabulary of scenarios, by tools/scenario_reference.py: do not edit. -->\n"
END = "<!-- The end of what is written. -->\n"
_FEW = 5
"""Choices up to which they stand in the table."""


def reference() -> str:
    """All tables."""
    return "\n".join(
        [
            "### Actions\n",
            *_words("action", ACTIONS),
            "\n### With any action\n",
            "| key | takes | what it means |",
            "| --- | --- | --- |",
            *(f"| `{key}` | {shape.value} | {what} |" for key, (shape, what) in MODIFIERS.items()),
            "\n`expect`, `background` and `tab` are for actions in which a player asks the server.",
            "\n### Outcomes\n",
            *_words("outcome", OUTCOMES),
            "\n### Settings of the game\n",
            "| setting | what it is |",
            "| --- | --- |",
            *(f"| `{key}` | {what} |" for key, what in SETTINGS.items()),
            "\n### What is always checked\n",
            "| promise | what it says |",
            "| --- | --- |",
            *(f"| {name} | {what} |" for name, what in PROMISES.items()),
            "",
        ]
    )


def _words(kind: str, words: Mapping[str, Word]) -> Iterator[str]:
    yield f"| {kind} | takes | options | what it means |"
    yield "| --- | --- | --- | --- |"
    for name, word in words.items():
        options = ", ".join(f"`{key}` ({shape.value})" for key, shape in word.options.items())
        where = " Not with `--server`." if word.steers else ""
        yield f"| `{name}` | {_takes(word)} | {options} | {word.meaning}{where} |"


def _takes(word: Word) -> str:
    if not 0 < len(word.choices) <= _FEW:
        return word.shape.value
    choices = ", ".join(f"`{each}`" for each in word.choices)
    return choices if word.shape is Shape.TEXT else f"{word.shape.value}: {choices}"


def written(page: str) -> str:
    """`page` with the tables between its marks; raises ValueError where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the tables")
    return f"{before}{begin}\n{reference()}\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
