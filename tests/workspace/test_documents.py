"""No document rots: what it names exists, and what it quotes is still so."""

import re
from pathlib import Path

import pytest

from tests.workspace import documents
from tests.workspace.tree import ROOT

PATTERNS = ROOT / "docs" / "patterns"
SECTIONS = [
    "Problem",
    "Solution",
    "Code example",
    "Usage guidelines",
    "Where it is used",
    "The test that fails if it breaks",
]
each_document = pytest.mark.parametrize(
    "document", documents.documents(), ids=lambda path: str(path.relative_to(ROOT))
)
PAGES = sorted(path for path in PATTERNS.glob("*.md") if path.name != "README.md")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@each_document
def test_each_path_that_a_document_names_exists(document: Path) -> None:
    assert not documents.missing_paths(read(document), document)


@each_document
def test_each_link_of_a_document_leads_somewhere(document: Path) -> None:
    assert not documents.broken_links(read(document), document)


@each_document
def test_each_make_target_that_a_document_names_exists(document: Path) -> None:
    assert not documents.unknown_targets(read(document))


@each_document
def test_each_test_that_a_document_names_exists(document: Path) -> None:
    assert not documents.unknown_tests(read(document))


@each_document
def test_each_module_and_class_that_a_document_names_can_be_imported(document: Path) -> None:
    assert not documents.unknown_names(read(document))


@each_document
def test_each_setting_that_a_document_names_exists(document: Path) -> None:
    assert not documents.unknown_settings(read(document))


@each_document
def test_each_command_line_that_a_document_shows_is_understood(document: Path) -> None:
    assert not documents.misunderstood_commands(read(document))


@each_document
def test_each_block_that_says_where_it_is_from_stands_there(document: Path) -> None:
    for block in documents.blocks(read(document)):
        source = documents.quoted_file(block)
        if source:
            assert documents.is_excerpt(block.text.splitlines(), read(source).splitlines()), source


@each_page
def test_a_pattern_page_has_what_every_page_must_hold(page: Path) -> None:
    assert [each for each in documents.headings(read(page)) if each in SECTIONS] == SECTIONS


@each_page
def test_a_pattern_page_quotes_our_own_code(page: Path) -> None:
    python = [block for block in documents.blocks(read(page)) if block.language == "python"]
    assert python
    assert all(documents.quoted_file(block) for block in python), "say From `path`:"


@each_page
def test_a_pattern_page_names_the_test_that_fails_if_it_breaks(page: Path) -> None:
    section = read(page).partition(f"## {SECTIONS[-1]}")[2]
    assert re.search(r"`(?:[\w/.]+::)?test_\w+`", section)


@each_page
def test_a_pattern_page_stands_in_the_index(page: Path) -> None:
    assert f"({page.name})" in read(PATTERNS / "README.md")


def test_each_decision_stands_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = read(folder / "README.md")
    records = sorted(folder.glob("[0-9]*.md"))
    assert records
    assert [path.name for path in records if f"({path.name})" not in index] == []


BAD = """
See `server/src/nothing.py`, `config/{default,nothing}.toml`, [here](nothing.md), [there](#nowhere),
`make nothing` and `make PYTHON=python3.12 nothing`, `test_nothing_at_all`,
`planning_poker_server.nothing`, `PLANNING_POKER_SERVER__NOTHING` and `planning-poker nothing`.
"""


def test_a_document_that_names_what_is_not_there_is_caught() -> None:
    page = ROOT / "docs" / "bad.md"
    assert documents.missing_paths(BAD, page) == ["server/src/nothing.py", "config/nothing.toml"]
    assert documents.broken_links(BAD, page) == ["nothing.md", "#nowhere"]
    assert documents.unknown_targets(BAD) == ["nothing", "nothing"]
    assert documents.unknown_tests(BAD) == ["test_nothing_at_all"]
    assert documents.unknown_names(BAD) == ["planning_poker_server.nothing"]
    assert documents.unknown_settings(BAD) == ["SERVER__NOTHING"]
    assert documents.misunderstood_commands(BAD) == [" nothing"]


def test_a_quote_that_differs_from_its_source_is_caught() -> None:
    source = ["def f():", "    a = 1", "    b = 2", "    return a"]
    assert documents.is_excerpt(["a = 1", "# …", "return a"], source)
    assert not documents.is_excerpt(["a = 2"], source)
    assert not documents.is_excerpt(["return a", "…", "a = 1"], source)
    assert not documents.is_excerpt(["def f():", "a = 1"], source)
