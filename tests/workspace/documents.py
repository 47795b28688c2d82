"""Finds in a document what can be checked against the tree: paths, targets, names, quotes."""

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from planning_poker_server.cli.arguments import parser
from planningpoker.v1 import service_pb2
from tests.workspace.tree import ROOT

# Where a path in a document may start from; the packages, because pages name
# modules as the layout in docs/architecture.md does.
BASES = (
    ROOT,
    ROOT / "server/src/planning_poker_server",
    ROOT / "client/src/planning_poker_client",
    ROOT / "simulator/src/planning_poker_simulator",
    ROOT / "model/src/planning_poker_model",
    ROOT / "protos/planningpoker/v1",
)
# What running makes, or a person may add.
NOT_COMMITTED = (".venv", "data", "config/local.toml")
EXTENSIONS = "py|pyi|md|toml|txt|in|proto|mjs|json|csv|yaml|yml|lock|ini|mako|db|pem|service"
_FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.M | re.S)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
_PATH = re.compile(rf"^[\w.{{}}*,/-]+(?:/|\.(?:{EXTENSIONS}))$|^[\w.{{}}*,-]+(?:/[\w.{{}}*,-]+)+$")
_MAKE = re.compile(r"\bmake((?: +[A-Z_]+=\S+)* +[a-z][a-z-]*)")
_TEST = re.compile(r"\btest_[a-z0-9_]+\b(?!\.py|/)")
_DOTTED = re.compile(r"^planning_?poker(?:_\w+)?(?:\.\w+)+$")
_COMMAND = re.compile(r"(?:^|/|^\S+=\S+ )planning-poker( .*)$", re.M)
_VARIABLE = re.compile(r"\bPLANNING_POKER_([A-Z]+)__([A-Z_]+)\b")


class Block(NamedTuple):
    """A fenced block of code and the paragraph before it."""

    language: str
    text: str
    before: str


def documents() -> list[Path]:
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> Iterator[Block]:
    for found in _FENCE.finditer(text):
        before = text[: found.start()].rstrip().rpartition("\n\n")[2]
        yield Block(found[1], found[2], " ".join(before.split()))


def spans(text: str) -> Iterator[str]:
    """What stands in single backquotes, outside of blocks."""
    for found in _SPAN.finditer(_FENCE.sub("", text)):
        yield found[1]


def links(text: str) -> Iterator[str]:
    for found in _LINK.finditer(_FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", found[1]):
            yield found[1]


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ +(.+?) *$", _FENCE.sub("", text), re.M)


def anchor(heading: str) -> str:
    """The fragment under which a heading is reached."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def paths(text: str) -> Iterator[str]:
    for span in spans(text):
        path = span.partition("::")[0]
        if _PATH.match(path) and not path.startswith("/"):
            yield path


def alternatives(path: str) -> list[str]:
    """`a.{b,c}` is two paths."""
    found = re.search(r"\{([^{}]*)\}", path)
    if not found:
        return [path]
    return [
        each
        for part in found[1].split(",")
        for each in alternatives(path[: found.start()] + part + path[found.end() :])
    ]


def exists(path: str, beside: Path) -> bool:
    clean = path.rstrip("/")
    if any(clean == each or clean.startswith(f"{each}/") for each in NOT_COMMITTED):
        return True
    return any(any(base.glob(clean)) for base in (*BASES, beside.parent))


def missing_paths(text: str, document: Path) -> list[str]:
    return [
        each
        for path in paths(text)
        for each in alternatives(path)
        if not exists(each, beside=document)
    ]


def broken_links(text: str, document: Path) -> list[str]:
    return [link for link in links(text) if not _link_leads_somewhere(link, text, document)]


def _link_leads_somewhere(link: str, text: str, document: Path) -> bool:
    name, _, fragment = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    if not fragment:
        return True
    target_text = target.read_text(encoding="utf-8") if name else text
    return fragment in [anchor(heading) for heading in headings(target_text)]


@cache
def make_targets() -> frozenset[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))


def unknown_targets(text: str) -> list[str]:
    commands = (block.text for block in blocks(text) if block.language == "sh")
    code = [*spans(text), *commands]
    named = [found.split()[-1] for each in code for found in _MAKE.findall(each)]
    return [name for name in named if name not in make_targets()]


def misunderstood_commands(text: str) -> list[str]:
    """Uses of our command line that it would refuse."""
    shown = [*spans(text), *(block.text for block in blocks(text) if block.language == "sh")]
    lines = [line for each in shown for line in _COMMAND.findall(each)]
    return [line for line in lines if not _is_understood(shlex.split(line, comments=True))]


def _is_understood(arguments: list[str]) -> bool:
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            parser().parse_args(arguments)
    except SystemExit as end:
        return end.code == 0  # --help
    return True


@cache
def known_tests() -> frozenset[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    return frozenset(name for text in sources for name in re.findall(r"def (test_\w+)\(", text))


def unknown_tests(text: str) -> list[str]:
    named = [name for span in spans(text) for name in _TEST.findall(span)]
    return [name for name in named if name not in known_tests()]


def unknown_names(text: str) -> list[str]:
    """Dotted names of ours that cannot be imported."""
    dotted = (span.removesuffix("()") for span in spans(text))
    return [name for name in dotted if _DOTTED.match(name) and not importable(name)]


def importable(dotted: str) -> bool:
    if dotted in (each.full_name for each in service_pb2.DESCRIPTOR.services_by_name.values()):
        return True
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[count:]:
            found = getattr(found, attribute, None)
        return found is not None
    return (ROOT / "protos" / "/".join(parts)).is_dir()


def unknown_settings(text: str) -> list[str]:
    defaults = tomllib.loads((ROOT / "config/default.toml").read_text(encoding="utf-8"))
    return [
        f"{section}__{key}"
        for section, key in _VARIABLE.findall(text)
        if key.lower() not in defaults.get(section.lower(), {})
    ]


def quoted_file(block: Block) -> Path | None:
    """The file that the text before a block says it is from: "From `path`:"."""
    found = re.search(r"\b[Ff]rom `([^`]+)`:$", block.before)
    return ROOT / found[1] if found else None


def is_excerpt(block: Sequence[str], source: Sequence[str]) -> bool:
    """Whether the block's lines stand in the source, in order, indented alike.

    A line "…" (commented, too) stands for anything left out.
    """
    runs: list[list[str]] = [[]]
    for line in block:
        if line.strip(" #/.") == "…":
            runs.append([])
        else:
            runs[-1].append(line)
    position = 0
    for run in (_dedented(run) for run in runs if any(run)):
        ends = [
            start + len(run)
            for start in range(position, len(source) - len(run) + 1)
            if _dedented(source[start : start + len(run)]) == run
        ]
        if not ends:
            return False
        position = ends[0]
    return True


def _dedented(lines: Sequence[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[0].strip():
        kept.pop(0)
    while kept and not kept[-1].strip():
        kept.pop()
    margin = min((len(line) - len(line.lstrip()) for line in kept if line.strip()), default=0)
    return [line[margin:].rstrip() for line in kept]
