from importlib.metadata import version

import pytest

from planning_poker_server.cli import main

COMMANDS = ["serve", "demo", "create", "join"]
GAMES = ["verify", "export", "import"]


def printed(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    """What is printed by a command line that ends in its parser."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == code
    out, err = capsys.readouterr()
    return out if code == 0 else err


def test_help_has_an_example_of_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--help")
    for command in COMMANDS:
        assert f"planning-poker {command} " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_has_an_example_of_it(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    text = printed(capsys, command, "--help")
    assert f"example:\n  planning-poker {command} " in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_help_of_games_has_an_example_of_each_of_its_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "games", "--help")
    for command in GAMES:
        assert f"planning-poker games {command}" in text


@pytest.mark.parametrize("command", GAMES)
def test_the_help_of_each_command_of_games_has_an_example_of_it(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    text = printed(capsys, "games", command, "--help")
    assert f"example:\n  planning-poker games {command} " in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--version") == f"planning-poker {version('planning-poker-server')}\n"


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("play",),
        ("serve", "--port", "high"),
        ("serve", "--prot", "1"),
        ("serve", "--conf", "x"),
        ("join", "K7QF-3M"),
        ("join", "--name", "Bob"),
        ("create", "Sprint", "--name", "Ada", "--deck", "tarot"),
        ("demo", "--seed", "x"),
        ("games",),
        ("games", "burn"),
        ("games", "export"),
        ("games", "verify", "--data", "x"),
    ],
)
def test_what_is_not_understood_ends_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    assert "usage: planning-poker" in printed(capsys, *argv, code=2)
