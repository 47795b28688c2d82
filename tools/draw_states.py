"""Draw the client's table of states into its page: .venv/bin/python tools/draw_states.py."""

from pathlib import Path

from planning_poker_client.states import TRANSITIONS, Disconnected, Signal

PAGE = Path(__file__).resolve().parent.parent / "docs" / "patterns" / "connection-state.md"
BEGIN = "<!-- From the table in states.py, by tools/draw_states.py: do not edit. -->\n"
END = "<!-- The end of what is drawn. -->\n"


def diagram() -> str:
    """The table as a Mermaid state diagram; closing, which every state allows, is one note."""
    lines = ["stateDiagram-v2", f"    [*] --> {Disconnected.__name__}"]
    lines += [
        f"    {before.__name__} --> {after.__name__}: {signal.value}"
        for (before, signal), after in TRANSITIONS.items()
        if signal is not Signal.CLOSE
    ]
    note = f"{Signal.CLOSE.value}, every state leads here"
    lines.append(f"    note right of {Disconnected.__name__}: {note}")
    return "\n".join(["```mermaid", *lines, "```", ""])


def drawn(page: str) -> str:
    """`page` with the diagram between its marks; raises ValueError where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the diagram")
    return f"{before}{begin}\n{diagram()}\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
