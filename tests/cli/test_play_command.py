from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import planningpoker.v1 as pb
from planning_poker_client import Game, PokerClient
from tests.client.jira_export import export, row

if TYPE_CHECKING:
    from tests.cli.conftest import Start

CANARY = "7fc4-canary"


@pytest.fixture
async def address(start: "Start") -> str:
    server = await start("serve", "--port", "0", "--environment", "production")
    return await server.address()


@pytest.fixture
async def game(address: str) -> AsyncIterator[Game]:
    """A game that Ada leads through the SDK."""
    async with PokerClient(address) as client:
        yield await client.create_game("Sprint 12", player="Ada")


async def test_a_person_sits_down_votes_and_sees_the_cards_turned(
    start: "Start", address: str, game: Game
) -> None:
    bob = await start("join", game.join_code, "--name", "Bob", "--server", address)
    greeting = await bob.until("You are Bob in")
    assert greeting == f"You are Bob in “Sprint 12”; others join with {game.join_code}"
    await game.wait_for(lambda view: view.player("Bob") is not None)

    await game.start_story("Login page")
    await bob.until("Cards for “Login page”")
    await game.vote("5", comment=CANARY)
    await bob.until("Ada lays a card")
    assert not any(CANARY in line for line in bob.lines)

    await bob.type("vote 8 more than it seems")
    await bob.until("Your card is 8; it lies face down.")
    await game.reveal()
    await bob.until(f"(Ada 5 “{CANARY}”, Bob 8 “more than it seems”)")
    await game.accept("8")
    await bob.until("“Login page” is estimated at 8")

    await bob.type("quit")
    assert await bob.end() == 0
    assert bob.lines[-1] == "You left the table."
    await game.wait_for(lambda view: view.player("Bob") is None)


async def test_refusals_and_mistakes_are_sentences_and_end_nothing(
    start: "Start", address: str, game: Game
) -> None:
    bob = await start("join", game.game_id, "--name", "Bob", "--server", address)
    await bob.type("vote 8")
    await bob.until("No round was started yet: next or start TITLE opens one.")
    await bob.type("start Mine")
    await bob.until("only facilitators may add stories; ask Ada.")
    await bob.type("juggle")
    await bob.until("juggle is not known here; help lists what is.")
    await bob.type("help")
    await bob.until("The cards are 0 1 2 3 5 8 13 21 34 55 89 ? ☕")
    await game.start_story("Login page")
    await bob.until("Cards for")
    await bob.type("vote 7")
    await bob.until("7 is not in this deck: 0 1 2 3 5 8")
    await bob.type("reveal")
    await bob.until("only facilitators may reveal")
    await bob.type("quit")
    assert await bob.end() == 0
    assert await bob.errors() == ""


async def test_the_end_of_the_input_leaves_the_table(
    start: "Start", address: str, game: Game
) -> None:
    bob = await start("join", game.join_code, "--name", "Bob", "--server", address)
    await bob.until("You are Bob")
    assert bob.process.stdin is not None
    bob.process.stdin.close()
    assert await bob.end() == 0
    await game.wait_for(lambda view: view.player("Bob") is None)


async def test_the_end_of_the_game_shows_what_it_came_to(
    start: "Start", address: str, game: Game
) -> None:
    bob = await start("join", game.join_code, "--name", "Bob", "--observer", "--server", address)
    await bob.until("You are Bob")
    await game.start_story("Login page")
    await game.vote("5")
    await game.reveal()
    await game.accept("5")
    await game.end()
    assert await bob.end() == 0
    assert bob.lines[-1] == "1 of 1 stories estimated, 5 points in all."


async def test_who_is_removed_is_told_so(start: "Start", address: str, game: Game) -> None:
    bob = await start("join", game.join_code, "--name", "Bob", "--server", address)
    await bob.until("You are Bob")
    await game.wait_for(lambda view: view.player("Bob") is not None)
    player = game.view.player("Bob")
    assert player is not None
    await game.remove_player(player.player_id)
    assert await bob.end() == 1
    (sentence,) = (await bob.errors()).splitlines()
    assert "removed" in sentence


async def test_a_game_that_is_not_there_is_one_sentence(start: "Start", address: str) -> None:
    bob = await start("join", "ZZZZ-ZZ", "--name", "Bob", "--server", address)
    assert await bob.end() == 1
    (sentence,) = (await bob.errors()).splitlines()
    assert "Traceback" not in sentence


async def test_one_can_open_a_game_with_a_backlog_and_lead_it(
    start: "Start", address: str, tmp_path: Path
) -> None:
    backlog = tmp_path / "b.csv"
    backlog.write_text("title,key\nLogin,A-1\nLogout,A-2\n")
    ada = await start(
        *("create", "Sprint 13", "--name", "Ada", "--deck", "t_shirt"),
        *("--server", address, "--backlog", str(backlog)),
    )
    code = (await ada.until("others join with")).split()[-1]
    async with PokerClient(address) as client:
        bob = await client.join(code, "Bob")
        for line in ("next", "M", "again"):
            await ada.type(line)
        await ada.until("Your card is M")
        await bob.vote("L")
        await ada.until("Bob lays a card")
        await ada.type("reveal")
        await ada.until("The cards are turned.")
        await ada.type("accept")
        await ada.until("The estimate is L.")
        await ada.type("lead bob")
        await ada.until("Bob is a facilitator now.")
        await ada.type("next")
        await ada.until("A-2 is on the table.")
        await ada.type("end")
    assert await ada.end() == 0
    assert ada.lines[-1] == "1 of 2 stories estimated."


async def test_an_export_from_jira_is_a_backlog_and_what_was_cut_is_told(
    start: "Start", address: str, tmp_path: Path
) -> None:
    backlog = tmp_path / "jira.csv"
    long = {"Description": "x" * 5_000}
    backlog.write_bytes(export([row(number, **long) for number in range(1, 13)]))
    ada = await start(
        *("create", "Sprint 13", "--name", "Ada", "--server", address, "--backlog", str(backlog))
    )
    await ada.until("others join with")
    await ada.type("next")
    await ada.until("SHOP-1 is on the table.")
    await ada.type("end")
    assert await ada.end() == 0
    told = (await ada.errors()).splitlines()
    assert told[0] == (
        f"{backlog}: line 2: the description was cut from 5,000 to 4,000 characters."
    )
    assert told[10:] == [f"{backlog}: … and 2 more like these."]


async def test_a_passcode_comes_in_the_first_line_and_is_printed_nowhere(
    start: "Start", address: str
) -> None:
    async with PokerClient(address) as client:
        game = await client.create_game("Sprint 14", player="Ada", passcode=CANARY)
        options = ("--name", "Bob", "--server", address)
        bob = await start("join", game.join_code, *options, "--passcode")
        await bob.type(CANARY)
        await bob.until("You are Bob")
        await bob.type("quit")
        assert await bob.end() == 0
        assert not any(CANARY in line for line in bob.lines)

        eve = await start("join", game.join_code, "--name", "Eve", "--server", address)
        assert await eve.end() == 1
        assert "passcode" in (await eve.errors()).lower()
        assert game.view.player("Eve") is None


async def test_an_observers_vote_is_refused_with_a_sentence(
    start: "Start", address: str, game: Game
) -> None:
    bob = await start("join", game.join_code, "--name", "Bob", "--observer", "--server", address)
    await bob.until("You are Bob")
    await game.start_story("Login page")
    await bob.until("Cards for")
    await bob.type("vote 8")
    await bob.until("Observers do not vote")
    assert game.view.voted == {}
    player = game.view.player("Bob")
    assert player is not None
    assert player.role == pb.PLAYER_ROLE_OBSERVER


async def test_an_observer_can_sit_down_and_a_voter_step_back(
    start: "Start", address: str, game: Game
) -> None:
    bob = await start("join", game.join_code, "--name", "Bob", "--observer", "--server", address)
    await bob.until("You are Bob")
    await game.start_story("Login page")
    before = game.view.version
    lines = ("sit", "vote 8", "retract", "vote 5", "watch")
    for line in lines:
        await bob.type(line)
    await bob.until("You vote from now on.")
    await bob.until("You took your card back.")
    await bob.until("You only watch from now on.")
    # An event for each line: only then has this client seen all of it.
    await game.wait_for(lambda view: view.version >= before + len(lines))
    assert game.view.voted == {}
