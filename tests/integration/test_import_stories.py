"""Files of stories, imported through the SDK into a real server, and broken off in the middle."""

import asyncio
from pathlib import Path

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    BadStories,
    ClientOptions,
    CommandRefused,
    Game,
    ImportedStories,
    PokerClient,
    PokerError,
    read_stories,
    sync,
)
from planning_poker_simulator import FaultProxy
from tests.client.jira_export import export, issues, row
from tests.integration.harness import Host

PATIENCE_S = 20.0
BASE = "https://example.atlassian.net"
COUNT = 1_000
EXPORT = export(issues(COUNT))
KEYS = [f"SHOP-{number}" for number in range(1, COUNT + 1)]
EAGER = ClientOptions(backoff_first=0.02, backoff_longest=0.05)


@pytest.fixture
def jira(tmp_path: Path) -> Path:
    path = tmp_path / "jira.csv"
    path.write_bytes(EXPORT)
    return path


def keys(game: Game) -> list[str]:
    return [story.key for story in game.view.stories.values()]


def counts(result: ImportedStories) -> tuple[int, int]:
    return result.added, result.already_there


async def has_stories(game: Game, count: int) -> None:
    await game.wait_for(lambda view: len(view.stories) >= count, timeout=PATIENCE_S)


async def imports_again(address: str, game: Game, jira: Path) -> ImportedStories:
    """Another process goes on with the same seat."""
    async with PokerClient(address) as client:
        again = await client.attach(
            game.game_id, player_id=game.player_id, seat_secret=game.seat_secret
        )
        return await again.import_stories(jira, base_url=BASE)


async def test_an_import_whose_connection_is_cut_for_good_is_completed_by_another_process(
    host: Host, jira: Path
) -> None:
    host.lines.expected.add("connection lost")
    address = (await host.start()).address
    async with (
        FaultProxy(address) as gate,
        PokerClient(gate.address, options=EAGER) as client,
        PokerClient(address) as watching,
    ):
        ada = await client.create_game("Refinement", player="Ada")
        board = await watching.attach(ada.game_id)
        broken = asyncio.create_task(ada.import_stories(jira, base_url=BASE, timeout=0.5))
        await has_stories(board, 300)
        gate.down()
        with pytest.raises(PokerError) as lost:
            await broken
        assert lost.value.retryable
        there = len(board.view.stories)
        assert 300 <= there < COUNT

        result = await imports_again(address, ada, jira)
        await has_stories(board, COUNT)
        assert keys(board) == KEYS
        assert counts(result) == (COUNT - there, there)
        assert result.story_ids == tuple(board.view.stories)
        assert board.view.stories[result.story_ids[2]].url == f"{BASE}/browse/SHOP-3"
        assert len(result.notes) == 40

        head = await host.log.head(ada.game_id)
        assert counts(await imports_again(address, ada, jira)) == (0, COUNT)
        assert await host.log.head(ada.game_id) == head


async def test_an_import_that_is_cancelled_again_and_again_adds_every_story_once(
    host: Host, jira: Path
) -> None:
    address = (await host.start()).address
    async with PokerClient(address) as client:
        ada = await client.create_game("Refinement", player="Ada")
        calls = 0
        while len(ada.view.stories) < COUNT:
            there = len(ada.view.stories)
            call = asyncio.create_task(ada.import_stories(jira, base_url=BASE))
            await has_stories(ada, min(there + 150, COUNT))
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            calls += 1
        assert calls >= 4
        assert counts(await ada.import_stories(jira, base_url=BASE)) == (0, COUNT)
        assert keys(ada) == KEYS


async def test_an_import_survives_cuts_by_itself(host: Host, jira: Path) -> None:
    host.lines.expected.add("connection lost")
    address = (await host.start()).address
    async with FaultProxy(address) as gate, PokerClient(gate.address, options=EAGER) as client:
        ada = await client.create_game("Refinement", player="Ada")
        call = asyncio.create_task(ada.import_stories(jira))
        for count in (100, 400, 700):
            await has_stories(ada, count)
            gate.cut()
        result = await call
        assert keys(ada) == KEYS
        assert sum(counts(result)) == COUNT


async def test_as_much_as_a_game_holds_is_imported_twice_in_a_row(host: Host) -> None:
    address = (await host.start()).address
    large = export([row(number, Description="x" * 1_000) for number in range(1, COUNT + 1)])
    async with PokerClient(address) as client:
        ada = await client.create_game("Refinement", player="Ada")
        assert counts(await ada.import_stories(large)) == (COUNT, 0)
        assert counts(await ada.import_stories(large)) == (0, COUNT)
        assert keys(ada) == KEYS


async def test_stories_so_long_that_each_counts_as_two_commands_are_imported(host: Host) -> None:
    address = (await host.start(stream={"command_burst": 20})).address
    longest = {"Summary": "🚀" * 200, "Description": "🚀" * 4_000}
    large = export([row(number, **longest) for number in range(1, 41)])
    async with PokerClient(address) as client:
        ada = await client.create_game("Refinement", player="Ada")
        assert counts(await ada.import_stories(large)) == (40, 0)
        assert keys(ada) == KEYS[:40]


async def test_a_game_without_room_for_all_takes_the_rest_when_there_is_room(host: Host) -> None:
    address = (await host.start(game={"max_stories": 150})).address
    file = read_stories(b"title\n" + b"A\n" * 200)
    async with PokerClient(address) as client:
        ada = await client.create_game("Refinement", player="Ada")
        with pytest.raises(CommandRefused) as refused:
            await ada.import_stories(file)
        assert refused.value.reason == "TOO_MANY_STORIES"
        for story_id in tuple(ada.view.stories)[:50]:
            await ada.remove_story(story_id)
        assert counts(await ada.import_stories(file)) == (100, 100)
        assert len(ada.view.stories) == 150


BAD = {
    "a row without a summary": (
        export([*issues(998), row(999, Summary=""), row(1_000)]),
        "line 3096: the summary is empty",
    ),
    "a row with a field too few": (
        export([*issues(999), row(1_000)[1:]]),
        "line 3099: has 17 fields; the header names 18",
    ),
    "a quote in the wrong place": (EXPORT + b'"a"b,c\n', "line 3102: is not CSV"),
    "a NUL at its end": (EXPORT + b"\0", "line 3102: holds a NUL character"),
    "a broken byte": (EXPORT + b"\xff", "line 3102: is damaged UTF-8"),
    "no column of summaries": (EXPORT.replace(b"Summary", b"Title?"), "line 1: has unknown"),
    "an issue too many": (export(issues(1_001)), "it has 1,001 stories"),
    "too much text": (
        export([row(number, Description="x" * 2_000) for number in range(1, 1_001)]),
        "its text is over 1,048,576 bytes",
    ),
}


@pytest.mark.parametrize(("data", "expected"), BAD.values(), ids=BAD)
async def test_of_a_bad_file_nothing_is_imported(host: Host, data: bytes, expected: str) -> None:
    address = (await host.start()).address
    async with PokerClient(address) as client:
        ada = await client.create_game("Refinement", player="Ada")
        head = await host.log.head(ada.game_id)
        with pytest.raises(BadStories) as bad:
            await ada.import_stories(data)
        assert str(bad.value.problems[0]).startswith(expected)
        assert await host.log.head(ada.game_id) == head


async def test_a_file_goes_before_another_story_in_its_order(host: Host) -> None:
    address = (await host.start()).address
    async with PokerClient(address) as client:
        ada = await client.create_game("Refinement", player="Ada")
        first, last = await ada.add_stories([pb.NewStory(title="first"), pb.NewStory(title="last")])
        file = read_stories(export(issues(250)))
        result = await ada.import_stories(file, before_story_id=last)
        assert list(ada.view.stories) == [first, *result.story_ids, last]


async def test_a_file_is_imported_once_more_under_a_request_of_its_own(host: Host) -> None:
    address = (await host.start()).address
    async with PokerClient(address) as client:
        ada = await client.create_game("Refinement", player="Ada")
        for request_id, expected in ((None, (2, 0)), ("more", (2, 0)), ("more", (0, 2))):
            result = await ada.import_stories(b"title\nA\nB\n", request_id=request_id)
            assert counts(result) == expected
        assert len(ada.view.stories) == 4


async def test_a_file_that_was_imported_with_other_options_is_refused(host: Host) -> None:
    address = (await host.start()).address
    async with PokerClient(address) as client:
        ada = await client.create_game("Refinement", player="Ada")
        await ada.import_stories(b"title,key\nA,B-1\n")
        with pytest.raises(CommandRefused, match="imported into this game before") as refused:
            await ada.import_stories(b"title,key\nA,B-1\n", base_url=BASE)
        assert refused.value.reason == "CORRELATION_ID_REUSED"
        assert len(ada.view.stories) == 1


async def test_another_game_takes_the_same_file(host: Host) -> None:
    address = (await host.start()).address
    async with PokerClient(address) as client:
        for name in ("one", "other"):
            game = await client.create_game(name, player="Ada")
            assert counts(await game.import_stories(b"title\nA\n")) == (1, 0)


async def test_a_seat_imports_without_following_its_game(host: Host, jira: Path) -> None:
    address = (await host.start()).address
    async with PokerClient(address, connect=False) as client:
        seat = await client.execute_create("Refinement", player="Ada")
        assert counts(await seat.import_stories(jira)) == (COUNT, 0)
        assert counts(await seat.import_stories(jira)) == (0, COUNT)
        view = await client.read_game(seat.game_id)
        assert [story.key for story in view.stories.values()] == KEYS


async def test_a_script_imports_without_an_event_loop(host: Host, jira: Path) -> None:
    address = (await host.start()).address

    def script() -> tuple[tuple[int, int], int]:
        with sync.PokerClient(address) as client:
            game = client.create_game("Refinement", player="Ada")
            return counts(game.import_stories(jira)), len(game.view.stories)

    assert await asyncio.to_thread(script) == ((COUNT, 0), COUNT)
