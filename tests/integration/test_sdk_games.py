"""Whole games through the SDK, against the real server."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import planningpoker.v1 as pb
from planning_poker_client import (
    Change,
    CommandRefused,
    Game,
    GameDetached,
    PokerClient,
    RolledBack,
)
from tests.integration.harness import Host

PATIENCE_S = 10.0


@pytest_asyncio.fixture
async def ada_client(host: Host) -> AsyncIterator[PokerClient]:
    await host.start()
    async with PokerClient(host.server.address) as client:
        yield client


@pytest_asyncio.fixture
async def bob_client(host: Host, ada_client: PokerClient) -> AsyncIterator[PokerClient]:
    async with PokerClient(host.server.address) as client:
        yield client


@pytest_asyncio.fixture
async def ada(ada_client: PokerClient) -> Game:
    return await ada_client.create_game("Sprint 12", deck="fibonacci", player="Ada")


@pytest_asyncio.fixture
async def bob(bob_client: PokerClient, ada: Game) -> Game:
    return await bob_client.join(ada.join_code, "Bob")


async def caught_up(*games: Game) -> None:
    """Wait until all see the newest version that one of them sees."""
    newest = max(game.view.version for game in games)
    for game in games:
        await game.wait_for(lambda view: view.version >= newest, timeout=PATIENCE_S)


async def refused(command: object) -> str:
    with pytest.raises(CommandRefused) as error:
        await command  # type: ignore[misc]
    assert error.value.definite
    return error.value.reason


async def test_an_own_vote_shows_before_the_server_has_it_and_a_refused_one_is_taken_back(
    ada: Game, bob: Game
) -> None:
    await ada.start_round()
    await caught_up(ada, bob)
    changes = bob.changes()
    voting = asyncio.create_task(bob.vote("8"))
    await asyncio.sleep(0)
    assert (bob.view.has_voted("p2"), ada.view.has_voted("p2")) == (True, False)
    assert [command.name for command in bob.pending] == ["submit_vote"]
    receipt = await voting
    assert (bob.view.version >= receipt.version, bob.pending, bob.stale) == (True, (), False)
    assert await refused(bob.vote("eleven")) == "CARD_NOT_IN_DECK"
    assert bob.seat.card == "8"
    voted, taken_back = await anext(changes), await anext(changes)
    assert isinstance(voted, Change)
    assert isinstance(taken_back, RolledBack)
    assert isinstance(taken_back.error, CommandRefused)


async def test_a_whole_game_from_the_first_story_to_the_last_estimate(
    ada: Game, bob: Game, bob_client: PokerClient
) -> None:
    changes = bob.changes()
    await ada.add_stories([pb.NewStory(title="Login"), pb.NewStory(title="Search")])
    first, second = ada.view.stories
    await ada.start_round(first)
    await ada.vote("8", comment="unknown API")
    await bob.wait_for(lambda view: view.has_voted("p1"), timeout=PATIENCE_S)
    await bob.vote("3")
    await ada.reveal()
    await bob.wait_for(lambda view: bool(view.votes), timeout=PATIENCE_S)
    assert {key: vote.card for key, vote in bob.view.votes.items()} == {"p1": "8", "p2": "3"}
    await ada.again()
    late = await bob_client.join(ada.join_code, "Cy", role="observer")
    await ada.vote("5")
    await bob.wait_for(lambda view: view.phase == pb.GAME_PHASE_VOTING, timeout=PATIENCE_S)
    await bob.vote("5")
    await ada.reveal()
    await ada.accept("5")
    await ada.start_round(second)
    assert await refused(late.vote("5")) == "OBSERVER_CANNOT_VOTE"
    await ada.abandon_round()
    await ada.update_story(second, skipped=True)
    await ada.end()
    names = [change.name async for change in changes if isinstance(change, Change)]
    assert names == [
        "stories_added",
        "round_started",
        "vote_submitted",
        "vote_submitted",
        "votes_revealed",
        "round_started",
        "player_joined",
        "vote_submitted",
        "vote_submitted",
        "votes_revealed",
        "estimate_accepted",
        "round_started",
        "round_abandoned",
        "story_updated",
        "game_ended",
    ]
    await caught_up(ada, bob, late)
    assert ada.view == bob.view == late.view
    story = ada.view.stories[first]
    assert (story.estimate.value, story.round_count) == ("5", 2)
    assert await refused(ada.start_round(second)) == "GAME_ENDED"


async def test_the_backlog_can_be_kept_in_order(ada: Game) -> None:
    a = await ada.add_story("A", description="first\nline", key="PP-1", url="https://x.test/1")
    b = await ada.add_story("B")
    c, d = await ada.add_stories(
        [pb.NewStory(title="C"), pb.NewStory(title="D")], before_story_id=b
    )
    await ada.move_story(a)
    await ada.move_story(d, before_story_id=c)
    await ada.update_story(c, title="C2", description="")
    await ada.remove_story(b)
    assert list(ada.view.stories) == [d, c, a]
    assert ada.view.stories[c].title == "C2"
    assert ada.view.stories[a].key == "PP-1"


async def test_people_can_be_changed_removed_and_given_a_new_seat(
    ada: Game, bob: Game, bob_client: PokerClient
) -> None:
    await bob.update_player(display_name="Robert", role="observer")
    await ada.update_player("p2", facilitator=True)
    await caught_up(ada, bob)
    player = ada.view.player("Robert")
    assert player is not None
    assert (player.role, player.facilitator) == (pb.PLAYER_ROLE_OBSERVER, True)
    changes = bob.changes()
    await ada.reset_seat("p2", b"n" * 32)
    with pytest.raises(GameDetached) as detached:
        async for _ in changes:
            pass
    assert detached.value.reason == "REMOVED"
    assert await refused(
        bob_client.attach(bob.game_id, player_id="p2", seat_secret=bob.seat_secret)
    ) == ("SEAT_SECRET_WRONG")
    again = await bob_client.attach(bob.game_id, player_id="p2", seat_secret=b"n" * 32)
    await again.update_player(role="voter")
    await ada.remove_player("p2")
    assert "p2" not in ada.view.players
    cy = await bob_client.join(ada.join_code, "Cy")
    assert await refused(cy.claim_facilitation()) == "CLAIM_NOT_OPEN"


async def test_who_leaves_is_gone_and_can_come_back_with_the_same_secret(
    ada: Game, bob: Game, bob_client: PokerClient
) -> None:
    changes = bob.changes()
    await bob.leave()
    assert [item.name async for item in changes if isinstance(item, Change)] == ["player_left"]
    await ada.wait_for(lambda view: "p2" not in view.players, timeout=PATIENCE_S)
    back = await bob_client.join(ada.join_code, "Bob", seat_secret=bob.seat_secret)
    assert back.player_id == "p2"
    await back.update_player(display_name="Bobby")


async def test_a_passcode_guards_joining_and_watching(ada: Game, bob_client: PokerClient) -> None:
    await ada.update(display_name="Secret sprint", passcode="sesame")
    assert await refused(bob_client.join(ada.join_code, "Bob")) == "PASSCODE_WRONG"
    assert await refused(bob_client.attach(ada.join_code)) == "PASSCODE_WRONG"
    watcher = await bob_client.attach(ada.join_code, passcode="sesame")
    assert watcher.view.passcode_required
    bob = await bob_client.join(ada.join_code, "Bob", passcode="sesame")
    await caught_up(ada, bob, watcher)
    assert watcher.view == ada.view


async def test_a_game_can_be_managed_without_a_seat(ada_client: PokerClient) -> None:
    owner = await ada_client.create_game("Board", deck="t_shirt", passcode="sesame")
    assert owner.player_id == ""
    await owner.start_story("Login")
    assert await refused(owner.vote("M")) in ("SEAT_NOT_HELD", "OBSERVER_CANNOT_VOTE")
    voter = await ada_client.join(owner.join_code, "Ada", passcode="sesame")
    await voter.vote("M")
    await owner.reveal()
    await owner.accept("M")
    assert voter.view.votes["p1"].card == "M"
    assert owner.view is voter.view


async def test_a_round_reveals_itself_and_its_countdown_can_be_stopped(
    ada_client: PokerClient,
) -> None:
    settings = pb.GameSettings(auto_reveal=True)
    settings.reveal_countdown.FromSeconds(30)
    ada = await ada_client.create_game("Sprint 12", player="Ada", settings=settings)
    await ada.start_round(duration=600)
    assert ada.view.round_expire_time is not None
    await ada.set_deadline(None)
    assert ada.view.round_expire_time is None
    await ada.vote("8")
    await ada.wait_for(lambda view: view.round_reveal_time is not None, timeout=PATIENCE_S)
    await ada.cancel_reveal()
    assert ada.view.round_reveal_time is None
    await ada.retract()
    assert ada.seat.card == ""
    await ada.update(settings=pb.GameSettings(auto_reveal=True))
    await ada.vote("5")
    await ada.wait_for(lambda view: view.phase == pb.GAME_PHASE_REVEALED, timeout=PATIENCE_S)


async def test_the_same_request_again_has_one_effect_and_the_same_answer(ada: Game) -> None:
    first = await ada.add_story("Login", request_id="ticket-1")
    again = await ada.add_story("Login", request_id="ticket-1")
    assert first == again
    assert list(ada.view.stories) == [first]
    receipt = await ada.start_round(first, request_id="ticket-2")
    repeated = await ada.start_round(first, request_id="ticket-2")
    assert not receipt.duplicate
    assert repeated.duplicate
    assert (repeated.version, repeated.round_id) == (receipt.version, receipt.round_id)
    assert await refused(ada.start_round("", request_id="ticket-2")) == "CORRELATION_ID_REUSED"


async def test_joining_twice_with_one_secret_is_one_player(
    ada: Game, bob_client: PokerClient
) -> None:
    first = await bob_client.join(ada.join_code, "Bob", seat_secret=b"s" * 32, request_id="hook")
    second = await bob_client.join(ada.join_code, "Bob", seat_secret=b"s" * 32, request_id="hook")
    assert first.player_id == second.player_id
    await caught_up(ada, second)
    assert len(ada.view.players) == 2


async def test_a_command_that_expects_another_version_is_refused_with_the_right_one(
    ada: Game,
) -> None:
    with pytest.raises(CommandRefused) as conflict:
        await ada.add_story("Login", expected_version=1)
    assert (conflict.value.reason, conflict.value.code) == ("VERSION_CONFLICT", "ABORTED")
    assert conflict.value.current_version == ada.view.version
    await ada.add_story("Login", expected_version=ada.view.version)


async def test_who_has_not_voted_is_named(ada: Game, bob: Game) -> None:
    await ada.start_round()
    await ada.vote("8")
    with pytest.raises(CommandRefused) as missing:
        await ada.reveal()
    assert missing.value.reason == "NOT_ALL_PLAYERS_VOTED"
    assert missing.value.player_ids == ("p2",)
    await ada.reveal(force=True)


async def test_many_commands_at_once_stay_within_what_the_server_takes(ada: Game) -> None:
    added = await asyncio.gather(*(ada.add_story(f"Story {number}") for number in range(90)))
    assert len(set(added)) == 90
    assert list(ada.view.stories) == added


async def test_one_client_holds_many_seats_of_one_game(
    ada: Game, bob_client: PokerClient, ada_client: PokerClient
) -> None:
    names = [f"Player {number}" for number in range(8)]
    seats = await asyncio.gather(*(bob_client.join(ada.join_code, name) for name in names))
    await ada.start_round()
    await caught_up(ada, *seats)
    await asyncio.gather(*(seat.vote("5") for seat in seats))
    await seats[0].detach()
    await seats[1].vote("8")
    await ada.vote("8")
    await ada.reveal(force=True)
    await caught_up(ada, *seats[1:])
    assert len(seats[1].view.votes) == 9
    assert seats[1].view is seats[7].view


async def test_presence_shows_who_is_connected(ada: Game, bob: Game) -> None:
    assert bob.presence == {"p1", "p2"}


async def test_a_seat_is_found_again_by_another_process_with_its_card(
    ada: Game, bob: Game, bob_client: PokerClient, host: Host
) -> None:
    await ada.start_round()
    await caught_up(ada, bob)
    await bob.vote("8", comment="risky")
    await bob_client.close()
    async with PokerClient(host.server.address) as other:
        again = await other.attach(
            bob.game_id, player_id=bob.player_id, seat_secret=bob.seat_secret
        )
        await ada.add_story("Whose event comes behind the seat's state")
        await again.wait_for(lambda view: bool(view.stories), timeout=PATIENCE_S)
        assert (again.seat.card, again.seat.comment) == ("8", "risky")


async def test_no_card_secret_or_token_is_in_what_the_sdk_logs_and_prints(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    server = await host.start()
    deck = pb.Deck(name="odd", cards=[pb.Card(label="CANARY-1"), pb.Card(label="CANARY-2")])
    secret = b"CANARY-3".ljust(32, b"!")
    with caplog.at_level(logging.DEBUG):
        async with PokerClient(server.address, token="CANARY-4") as client:
            game = await client.create_game(
                "Sprint 12", player="Ada", deck=deck, seat_secret=secret, passcode="CANARY-5"
            )
            changes = game.changes()
            await game.start_round()
            receipt = await game.vote("CANARY-1", comment="CANARY-6")
            with pytest.raises(CommandRefused) as refused:
                await game.vote("CANARY-7")
            printed = [repr(receipt), repr(game), repr(client), repr(game.view)]
            await game.reveal()
            await game.end()
            printed += [repr(item) async for item in changes]
    printed += [record.getMessage() for record in caplog.records if "planning" in record.name]
    assert "CANARY" not in "\n".join(printed)
    assert refused.value.reason == "CARD_NOT_IN_DECK"


async def test_a_story_is_started_once_however_its_request_is_named(ada: Game) -> None:
    for request_id in ("webhook-7", "11111111-2222-4333-8444-555555555555"):
        first = await ada.start_story("Login", request_id=request_id)
        again = await ada.start_story("Login", request_id=request_id)
        assert (again.duplicate, again.round_id) == (True, first.round_id)
        await ada.vote("8")
        await ada.reveal()
    assert len(ada.view.stories) == 2
