"""ListGames on a real server: who sees what, in which order, page by page."""

from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from tests.integration.harness import Host
from tests.integration.raw import Stream
from tests.integration.watching import TOKEN, list_refused, listed

OPERATED: Any = {"server": {"operator_token": TOKEN, "open_feed": False}}
OPEN: Any = {"server": {"open_feed": True}}


async def games(stream: Stream, count: int, **fields: Any) -> list[str]:
    """Ids of new games called Sprint 1, Sprint 2, …"""
    return [
        (await stream.create(display_name=f"Sprint {number}", **fields)).game_id
        for number in range(1, count + 1)
    ]


def names(response: pb.ListGamesResponse) -> list[str]:
    return [game.display_name for game in response.games]


async def channel(host: Host) -> grpc.aio.Channel:
    return (await host.client()).channel


async def test_games_are_listed_with_what_is_known_of_them(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    labels = {"team": "payments", "room": "4"}
    ada = await stream.create(display_name="Sprint 12", labels=labels, passcode="secret")
    await stream.do(ada, start_round=pb.StartRound())
    (game,) = (await listed(await channel(host), TOKEN)).games
    seen = stream.views[ada.game_id].to_game()
    assert (game.game_id, game.display_name, game.join_code) == (
        ada.game_id,
        "Sprint 12",
        seen.join_code,
    )
    assert (game.phase, game.version) == (pb.GAME_PHASE_VOTING, seen.version)
    assert dict(game.labels) == labels
    assert game.passcode_required
    assert game.create_time == seen.create_time
    assert game.update_time.ToMilliseconds() >= game.create_time.ToMilliseconds()


@pytest.mark.parametrize("size", [1, 3, 7, 0])
async def test_pages_hold_each_game_once(host: Host, size: int) -> None:
    await host.start(**OPERATED)
    made = await games(await host.stream(), 7)
    on = await channel(host)
    found: list[str] = []
    token = ""
    while True:
        page = await listed(on, TOKEN, page_size=size, page_token=token)
        assert len(page.games) <= (size or 100)
        found += [game.game_id for game in page.games]
        token = page.next_page_token
        if not token:
            break
    assert sorted(found) == sorted(made)


async def test_games_made_meanwhile_do_not_shift_the_pages(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    made = await games(stream, 4)
    on = await channel(host)
    first = await listed(on, TOKEN, page_size=2)
    await games(stream, 3)
    rest = await listed(on, TOKEN, page_size=10, page_token=first.next_page_token)
    found = [game.game_id for game in (*first.games, *rest.games)]
    assert sorted(found) == sorted(made)


async def test_games_are_found_by_name_label_phase_and_age(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    await stream.create(display_name="Sprint ÄPFEL", labels={"team": "a", "room": "1"})
    pears = await stream.create(display_name="Sprint Birnen", labels={"team": "a"})
    await stream.create(display_name="Retro")
    await stream.do(pears, end_game=pb.EndGame())
    on = await channel(host)

    async def found(**fields: Any) -> set[str]:
        return set(names(await listed(on, TOKEN, **fields)))

    assert await found(name="sprint") == {"Sprint ÄPFEL", "Sprint Birnen"}
    assert await found(name="äpfel") == {"Sprint ÄPFEL"}
    assert await found(labels={"team": "a"}) == {"Sprint ÄPFEL", "Sprint Birnen"}
    assert await found(labels={"team": "a", "room": "1"}) == {"Sprint ÄPFEL"}
    assert await found(phases=[pb.GAME_PHASE_ENDED]) == {"Sprint Birnen"}
    assert await found(phases=[pb.GAME_PHASE_LOBBY], name="retro") == {"Retro"}
    (retro,) = (await listed(on, TOKEN, name="retro")).games
    assert await found(created_since=retro.create_time, name="Retro") == {"Retro"}
    assert await found(created_before=retro.create_time, name="Retro") == set()
    assert await found(updated_before=retro.update_time, name="Retro") == set()


async def test_what_is_rare_is_found_behind_pages_that_have_little(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planning_poker_server.lists._ROWS", 2)
    monkeypatch.setattr("planning_poker_server.lists._MAX_EXAMINED", 4)
    await host.start(**OPERATED)
    stream = await host.stream()
    await stream.create(display_name="The needle")
    await games(stream, 9)
    on = await channel(host)
    pages = [await listed(on, TOKEN, name="needle")]
    while pages[-1].next_page_token:
        token = pages[-1].next_page_token
        pages.append(await listed(on, TOKEN, name="needle", page_token=token))
    assert [names(page) for page in pages] == [[], [], ["The needle"]]


async def test_strangers_see_no_game_unless_told_otherwise(host: Host) -> None:
    await host.start(**OPERATED)
    await (await host.stream()).create()
    on = await channel(host)
    for token in (None, "another-token-of-more-than-32-characters", TOKEN[:-1]):
        status = await list_refused(on, token)
        assert (status.code, status.reason) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "UNAUTHENTICATED",
        )
        assert TOKEN not in status.message


async def test_a_server_without_a_token_has_no_operators(host: Host) -> None:
    await host.start(server={"open_feed": False})
    for token in (None, "", TOKEN):
        assert (await list_refused(await channel(host), token)).reason == "UNAUTHENTICATED"


async def test_an_open_server_shows_strangers_all_but_what_a_passcode_guards(host: Host) -> None:
    await host.start(server={"open_feed": True, "operator_token": TOKEN})
    stream = await host.stream()
    await stream.create(display_name="Open")
    guarded = await stream.create(display_name="Guarded", passcode="secret")
    on = await channel(host)
    assert names(await listed(on)) == ["Open"]
    assert set(names(await listed(on, TOKEN))) == {"Open", "Guarded"}
    assert (await list_refused(on, "a-wrong-token")).reason == "UNAUTHENTICATED"
    await stream.do(guarded, update_game=pb.UpdateGame(passcode=""))
    assert set(names(await listed(on))) == {"Open", "Guarded"}


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("page_size", {"page_size": -1}),
        ("name", {"name": "x" * 201}),
        ("phases", {"phases": [9]}),
        ("phases", {"phases": [0]}),
        ("labels", {"labels": {str(n): "" for n in range(17)}}),
        ("page_token", {"page_token": "☃"}),
        ("page_token", {"page_token": "AAAA"}),
        ("page_token", {"page_token": "x" * 100_000}),
        ("page_token", {"page_token": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OSBhIGI="}),
    ],
)
async def test_what_cannot_be_meant_is_refused_by_name(
    host: Host, field: str, fields: dict[str, Any]
) -> None:
    await host.start(**OPEN)
    status = await list_refused(await channel(host), **fields)
    assert (status.code, status.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_VALUE",
    )


async def test_a_page_token_is_good_for_its_own_request_only(host: Host) -> None:
    await host.start(**OPEN)
    await games(await host.stream(), 3)
    on = await channel(host)
    token = (await listed(on, page_size=1, name="sprint")).next_page_token
    assert len((await listed(on, page_size=2, name="sprint", page_token=token)).games) == 2
    for other in ({"name": "Sprint 1"}, {"phases": [pb.GAME_PHASE_LOBBY]}, {}):
        status = await list_refused(on, page_token=token, **other)
        assert status.code == grpc.StatusCode.INVALID_ARGUMENT


async def test_absurd_times_are_no_error_of_the_server(host: Host) -> None:
    await host.start(**OPEN)
    await games(await host.stream(), 1)
    far = {"seconds": 9_000_000_000_000_000_000}
    on = await channel(host)
    assert len((await listed(on, created_before=far)).games) == 1
    assert len((await listed(on, created_since=far)).games) == 0
    assert len((await listed(on, created_since={"seconds": -far["seconds"]})).games) == 1
