"""Listing games, and purging one: what is asked, page after page, and what becomes of a loss."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    ClientClosed,
    ClientOptions,
    CommandRefused,
    GameSummary,
    ListOptions,
    OutcomeUnknown,
    PokerClient,
    sync,
)
from planning_poker_client.calls.listing import list_request
from tests.client.feed_server import GAMES, Call, Script, serving

EAGER = ClientOptions(backoff_first=0.01, backoff_longest=0.05)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def summary(game_id: str) -> pb.GameSummary:
    game = pb.GameSummary(
        game_id=game_id,
        display_name="Sprint 12",
        phase=pb.GAME_PHASE_ENDED,
        version=7,
        labels={"team": "a"},
        join_code="K7QF-3M",
        passcode_required=True,
    )
    game.create_time.FromDatetime(NOON)
    game.update_time.FromDatetime(NOON)
    return game


def page(*game_ids: str, following: str = "") -> Script:
    async def answers(_: Call) -> pb.ListGamesResponse:
        return pb.ListGamesResponse(games=map(summary, game_ids), next_page_token=following)

    return answers


async def lost(call: Call) -> None:
    await call.lose()


async def hangs(call: Call) -> None:
    await call.last()


# What is asked


def test_what_is_asked_may_be_written_as_one_says_it() -> None:
    request = list_request(
        {
            "phases": ["voting", pb.GAME_PHASE_ENDED],
            "name": "sprint",
            "labels": {"team": "a"},
            "created_since": NOON,
            "updated_before": NOON,
            "page_size": 5,
        }
    )
    assert list(request.phases) == [pb.GAME_PHASE_VOTING, pb.GAME_PHASE_ENDED]
    assert (request.name, dict(request.labels), request.page_size) == ("sprint", {"team": "a"}, 5)
    assert request.created_since.ToDatetime(tzinfo=UTC) == NOON
    assert request.updated_before.ToDatetime(tzinfo=UTC) == NOON
    assert not request.HasField("created_before")
    assert not request.HasField("updated_since")


def test_a_phase_that_stands_alone_is_one() -> None:
    assert list(list_request({"phases": "ended"}).phases) == [pb.GAME_PHASE_ENDED]
    assert list(list_request({"phases": pb.GAME_PHASE_LOBBY}).phases) == [pb.GAME_PHASE_LOBBY]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"phases": ["open"]}, "lobby, voting, revealed, ended, not 'open'"),
        ({"created_since": datetime(2026, 11, 27)}, "has no time zone"),  # noqa: DTZ001
    ],
)
async def test_what_would_mean_nothing_is_refused_before_it_is_sent(
    options: ListOptions, sentence: str
) -> None:
    async with PokerClient("localhost:1", connect=False) as client:
        with pytest.raises(ValueError, match=sentence):
            client.list_games(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"phase": "ended"}, "no option 'phase'; possible are phases, name, labels"),
        ({"updated_before": "2026-11-27"}, "updated_before must be a datetime, not '2026-11-27'"),
        ({"updated_before": NOON.date()}, "updated_before must be a datetime"),
    ],
)
async def test_a_filter_that_is_misspelt_does_not_list_all_games(
    options: Any, sentence: str
) -> None:
    async with PokerClient("localhost:1", connect=False) as client:
        with pytest.raises(TypeError, match=sentence):
            client.list_games(**options)


# What is told


async def test_games_come_page_after_page_also_where_one_is_empty_or_lost() -> None:
    scripts = (page(GAMES[0], following="t1"), lost, page(following="t2"), page(GAMES[1]))
    async with serving(*scripts) as server:
        async with PokerClient(server.address, connect=False, options=EAGER) as client:
            games = client.list_games(name="sprint")
            first = await anext(games)
            assert len(server.calls) == 1  # the next page is asked for when it is needed
            assert first == GameSummary(
                game_id=GAMES[0],
                display_name="Sprint 12",
                phase=pb.GAME_PHASE_ENDED,
                version=7,
                create_time=NOON,
                update_time=NOON,
                join_code="K7QF-3M",
                passcode_required=True,
                labels={"team": "a"},
            )
            assert [game.game_id async for game in games] == [GAMES[1]]
        asked = [(call.request.name, call.request.page_token) for call in server.calls]
        assert asked == [("sprint", ""), ("sprint", "t1"), ("sprint", "t1"), ("sprint", "t2")]


async def test_a_step_that_is_given_up_or_fails_is_taken_again() -> None:
    async def refuses(call: Call) -> None:
        message = "This server lets operators list."
        await call.refuse(pb.REASON_UNAUTHENTICATED, grpc.StatusCode.UNAUTHENTICATED, message)

    scripts = (page(GAMES[0], following="t1"), hangs, refuses, page(GAMES[1]))
    async with (
        serving(*scripts) as server,
        PokerClient(server.address, connect=False, options=EAGER) as client,
    ):
        games = client.list_games()
        first = await anext(games)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(games)
        with pytest.raises(CommandRefused, match="operators"):
            await anext(games)
        assert [first.game_id, *[game.game_id async for game in games]] == GAMES
        assert [game async for game in games] == []


async def test_two_consumers_of_a_list_share_it() -> None:
    async with (
        serving(page(GAMES[0], following="t1"), page(GAMES[1])) as server,
        PokerClient(server.address, connect=False, options=EAGER) as client,
    ):
        games = client.list_games()
        both = await asyncio.gather(anext(games), anext(games))
        assert [game.game_id for game in both] == GAMES


async def test_whoever_asks_too_fast_is_given_the_games_a_little_later() -> None:
    async def too_fast(call: Call) -> None:
        code = grpc.StatusCode.RESOURCE_EXHAUSTED
        await call.refuse(pb.REASON_TOO_MANY_COMMANDS, code, "Too fast.")

    async with (
        serving(too_fast, page(GAMES[0])) as server,
        PokerClient(server.address, connect=False, options=EAGER) as client,
    ):
        assert [game.game_id async for game in client.list_games()] == [GAMES[0]]


async def test_programs_without_an_event_loop_list_and_purge_too() -> None:
    async def purged(call: Call) -> pb.PurgeGameResponse:
        return pb.PurgeGameResponse(game_id=GAMES[0])

    def work(address: str) -> None:
        with sync.PokerClient(address, connect=False, options=EAGER) as client:
            assert [game.game_id for game in client.list_games()] == GAMES
            assert client.purge_game("K7QF-3M", expected_version=7) == GAMES[0]
            cut_short = client.list_games()
        with pytest.raises(ClientClosed, match="before all was read"):
            next(cut_short)

    async with serving(page(GAMES[0], following="t1"), page(GAMES[1]), purged) as server:
        await asyncio.to_thread(work, server.address)
        asked = pb.PurgeGameRequest(game_id="K7QF-3M", expected_version=7)
        assert server.calls[-1].request == asked


# What goes wrong


async def test_a_purge_that_is_refused_says_why() -> None:
    async def refuses(call: Call) -> None:
        message = "The game is at version 9."
        await call.refuse(pb.REASON_VERSION_CONFLICT, grpc.StatusCode.ABORTED, message)

    async with (
        serving(refuses) as server,
        PokerClient(server.address, connect=False, options=EAGER) as client,
    ):
        with pytest.raises(CommandRefused, match="at version 9") as refused:
            await client.purge_game("K7QF-3M", expected_version=7)
        assert refused.value.reason == "VERSION_CONFLICT"
        assert len(server.calls) == 1


async def test_a_purge_without_an_answer_may_have_happened() -> None:
    async with serving(lost) as server:
        async with PokerClient(server.address, connect=False, options=EAGER) as client:
            with pytest.raises(OutcomeUnknown, match="purge it again") as unknown:
                await client.purge_game("K7QF-3M", timeout=0.2)
            assert not unknown.value.definite
        assert len(server.calls) > 1


async def test_a_client_that_is_closed_meanwhile_says_so_to_who_waits() -> None:
    async with serving(hangs) as server:
        async with PokerClient(server.address, connect=False) as client:
            reading = asyncio.ensure_future(client.read_game("K7QF-3M"))
            listing = asyncio.ensure_future(anext(client.list_games()))
            purging = asyncio.ensure_future(client.purge_game("K7QF-3M"))
            while len(server.calls) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        outcomes = await asyncio.gather(reading, listing, purging, return_exceptions=True)
        assert [type(each) for each in outcomes] == [ClientClosed, ClientClosed, OutcomeUnknown]
