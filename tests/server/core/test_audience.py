"""Who follows a room: seats, leases, and what each is told when one of them ends."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_server.requests import AttachRequest
from planning_poker_simulator.virtual_time import VirtualLoop, in_virtual_time, let_pass, quiet
from tests.server.core.desk import cast
from tests.server.core.parts import (
    GAME_ID,
    Bench,
    cid,
    creation,
    game,
    secret_of,
    ticket,
)
from tests.server.core.scripted import Client, Played, detached, driven, names, results, versions

GRACE_MS = 15_000


def remove(player_id: str) -> pb.Command:
    body = pb.RemovePlayer(player_id=player_id)
    return pb.Command(game_id=GAME_ID, player_id="p1", remove_player=body)


def reset(player_id: str, name: str) -> pb.Command:
    body = pb.ResetSeat(player_id=player_id, seat_secret=secret_of(name))
    return pb.Command(game_id=GAME_ID, player_id="p1", reset_seat=body)


def leave(player_id: str) -> pb.Command:
    return pb.Command(game_id=GAME_ID, player_id=player_id, leave_game=pb.LeaveGame())


def join(name: str, **fields: bool) -> pb.Command:
    body = pb.JoinGame(display_name=name, seat_secret=secret_of(name), attach=True, **fields)  # type: ignore[arg-type]
    return pb.Command(game_id=GAME_ID, join_game=body)


async def connected(played: Played) -> set[str]:
    """Who counts as connected, as somebody who attaches now is told."""
    watcher = await played.client()
    played.attach(watcher)
    (attached,) = [e.attached for e in watcher.told() if e.HasField("attached")]
    played.driver.unsubscribe(watcher)
    return set(attached.connected_player_ids)


def attach(played: Played, client: Client, player_id: str, secret: bytes) -> None:
    seat = pb.Seat(player_id=player_id, seat_secret=secret)
    request = pb.Attach(game_id=GAME_ID, seats=[seat])
    played.driver.attach(client, AttachRequest(request, cid(5)), b"")


# Attaching


@in_virtual_time
async def test_a_seat_is_attached_with_its_secret_only() -> None:
    played = await driven(game("Bob", voting=True))
    client = await played.client()
    refusals = []
    for player_id, secret in (
        ("p2", secret_of("Ada")),
        ("p2", b""),
        ("p9", secret_of("Ada")),
        ("p9", b""),
        ("", b""),
    ):
        attach(played, client, player_id, secret)
        (told,) = client.told()
        assert told.detached.reason == pb.DETACH_REASON_REFUSED
        refusal = told.detached.refusal
        assert refusal.player_ids == [player_id]  # as it was asked for
        refusal.ClearField("player_ids")
        refusals.append(refusal)
    assert {refusal.reason for refusal in refusals} == {pb.REASON_SEAT_SECRET_WRONG}
    # Whether there is such a seat cannot be told from the refusal.
    assert len({refusal.SerializeToString(deterministic=True) for refusal in refusals}) == 1
    assert client.session.subscriptions == {}


@in_virtual_time
async def test_one_wrong_seat_attaches_none() -> None:
    played = await driven(game("Bob"))
    client = await played.client()
    seats = [
        pb.Seat(player_id="p1", seat_secret=secret_of("Ada")),
        pb.Seat(player_id="p2", seat_secret=b"guess"),
    ]
    played.driver.attach(
        client, AttachRequest(pb.Attach(game_id=GAME_ID, seats=seats), cid(5)), b""
    )
    assert detached(client.told()) == ["REFUSED"]
    assert await connected(played) == set()


@in_virtual_time
async def test_a_refused_attach_leaves_the_subscription_there_was() -> None:
    played = await driven(game("Bob"))
    ada = await played.client("Ada")
    attach(played, ada, "p2", b"guess")
    assert detached(ada.told()) == ["REFUSED"]
    assert set(ada.session.subscriptions[GAME_ID].seats) == {"p1"}
    assert await connected(played) == {"p1"}


@in_virtual_time
async def test_a_watcher_of_a_game_with_a_passcode_has_to_prove_it() -> None:
    bench = Bench()
    sealed = storage.SealedPasscode(salt=b"s" * 16, hash=b"h" * 32)
    made = creation()
    assert isinstance(made.command, pb.Command)
    made.command.create_game.passcode = "given"
    asked = ticket(made.command)
    bench.do(replace(asked, actor=asked.actor._replace(new_passcode=sealed)))
    played = await driven(bench)
    watcher = await played.client()
    for wrong in (b"", b"x" * 32):
        played.attach(watcher, passcode=wrong)
        (told,) = watcher.told()
        assert told.detached.refusal.reason == pb.REASON_PASSCODE_WRONG
    played.attach(watcher, passcode=b"h" * 32)
    assert watcher.told()[0].HasField("attached")
    ada = await played.client()
    played.attach(ada, "Ada")
    assert ada.told()[0].HasField("attached")


# Leases


@in_virtual_time
async def test_attaching_again_is_no_absence_and_leaves_no_lease_behind() -> None:
    played = await driven(game("Bob"))
    ada, watcher = await played.client("Ada"), await played.client()
    played.attach(watcher)
    await let_pass(2_000)
    watcher.told()
    for _ in range(5):
        played.attach(ada, "Ada")
    await let_pass(10 * GRACE_MS)
    assert "presence_delta" not in names(watcher.told())
    played.driver.unsubscribe(ada)
    await let_pass(GRACE_MS)
    assert await connected(played) == set()


@in_virtual_time
async def test_attaching_again_with_fewer_seats_lets_the_others_go() -> None:
    played = await driven(game("Bob"))
    both = await played.client("Ada", "Bob")
    played.attach(both, "Ada")
    assert await connected(played) == {"p1", "p2"}
    await let_pass(GRACE_MS)
    assert await connected(played) == {"p1"}


@in_virtual_time
async def test_a_seat_open_in_two_places_is_connected_until_both_are_gone() -> None:
    played = await driven(game("Bob"))
    phone, laptop = await played.client("Ada"), await played.client("Ada")
    played.driver.unsubscribe(phone)
    played.driver.unsubscribe(phone)  # its end is noticed twice
    await let_pass(GRACE_MS)
    assert await connected(played) == {"p1"}
    played.driver.unsubscribe(laptop)
    await let_pass(GRACE_MS)
    assert await connected(played) == set()


@in_virtual_time
async def test_a_seat_named_twice_in_an_attach_is_held_once() -> None:
    played = await driven(game("Bob"))
    ada = await played.client()
    played.attach(ada, "Ada", "Ada")
    played.driver.unsubscribe(ada)
    await let_pass(GRACE_MS)
    assert await connected(played) == set()


@in_virtual_time
async def test_a_seat_that_a_bot_holds_is_never_connected() -> None:
    played = await driven(game("Bob"))
    bot = await played.client()
    told = await played.say(bot, join("Absent", proxied=True), cid(1))
    assert list(told[0].attached.player_ids) == ["p3"]
    assert await connected(played) == set()


@in_virtual_time
async def test_joining_adds_a_seat_to_those_the_stream_holds() -> None:
    played = await driven(game("Bob"))
    client = await played.client("Ada")
    told = await played.say(client, join("Cid"), cid(1))
    assert list(told[0].attached.player_ids) == ["p1", "p3"]
    assert await connected(played) == {"p1", "p3"}
    assert (await played.result(client, cast(player_id="p1"), cid(2))).HasField("refusal")


# Superseding


@in_virtual_time
async def test_the_same_client_on_a_new_stream_replaces_its_older_one() -> None:
    played = await driven(game("Bob"))
    old = await played.client("Ada", instance_id="laptop")
    new = await played.client("Ada", instance_id="laptop")
    (told,) = old.told()
    assert told.detached.reason == pb.DETACH_REASON_SUPERSEDED
    assert told.detached.next_step == pb.NEXT_STEP_STOP
    assert old.session.subscriptions == {}
    assert await connected(played) == {"p1"}
    played.driver.unsubscribe(old)  # its stream ends later
    await let_pass(GRACE_MS)
    assert await connected(played) == {"p1"}
    played.driver.unsubscribe(new)
    await let_pass(GRACE_MS)
    assert await connected(played) == set()


@pytest.mark.parametrize("instances", [("", ""), ("laptop", "phone"), ("laptop", "")])
def test_other_clients_are_not_superseded(instances: tuple[str, str]) -> None:
    @in_virtual_time
    async def scenario() -> None:
        played = await driven(game("Bob"))
        one = await played.client("Ada", instance_id=instances[0])
        await played.client("Ada", instance_id=instances[1])
        assert detached(one.told()) == []

    scenario()


# Seats that end


@in_virtual_time
async def test_who_is_removed_is_told_of_it_and_then_nothing_more() -> None:
    played = await driven(game("Bob", voting=True))
    ada, bob = await played.client("Ada"), await played.client("Bob")
    assert versions(await played.say(ada, remove("p2"), cid(1))) == [5]
    told = bob.told()
    assert names(told) == ["event_batch", "detached"]
    assert told[1].detached.reason == pb.DETACH_REASON_REMOVED
    assert told[1].detached.next_step == pb.NEXT_STEP_STOP
    await played.say(ada, cast(), cid(2))
    assert bob.told() == []
    attach(played, bob, "p2", secret_of("Bob"))
    assert detached(bob.told()) == ["REFUSED"]
    await let_pass(GRACE_MS)
    assert await connected(played) == {"p1"}


@in_virtual_time
async def test_who_leaves_gets_its_answer_and_follows_no_more() -> None:
    played = await driven(game("Bob"))
    ada, bob = await played.client("Ada"), await played.client("Bob")
    told = await played.say(bob, leave("p2"), cid(1))
    assert names(told) == ["event_batch", "detached", "command_result"]
    assert detached(told) == ["REQUESTED"]
    assert told[2].command_result.accepted.version == 4
    assert versions(ada.told()) == [4]


@in_virtual_time
async def test_a_stream_with_another_seat_goes_on_without_the_one_that_ended() -> None:
    played = await driven(game("Bob", voting=True))
    both = await played.client("Ada", "Bob")
    told = await played.say(both, remove("p2"), cid(1))
    assert detached(told) == []
    assert both.command(cast(player_id="p2"), cid(2)) == ()
    assert both.refused() == "SEAT_NOT_HELD"
    assert (await played.result(both, cast(), cid(3))).HasField("accepted")
    played.driver.unsubscribe(both)
    await let_pass(GRACE_MS)
    assert await connected(played) == set()


@in_virtual_time
async def test_a_watcher_stays_when_players_go() -> None:
    played = await driven(game("Bob"))
    ada, watcher = await played.client("Ada"), await played.client()
    played.attach(watcher)
    watcher.told()
    await played.say(ada, remove("p2"), cid(1))
    told = watcher.told()
    assert versions(told) == [4]
    assert detached(told) == []


@in_virtual_time
async def test_a_reset_seat_belongs_to_its_new_secret() -> None:
    played = await driven(game("Bob", voting=True))
    ada, bob = await played.client("Ada"), await played.client("Bob")
    bobs_card = cast("13", "p2")
    bobs_card.submit_vote.comment = "canary"
    await played.say(bob, bobs_card, cid(1))
    await played.say(ada, reset("p2", "Bob's new phone"), cid(2))
    assert detached(bob.told()) == ["REMOVED"]
    attach(played, bob, "p2", secret_of("Bob"))
    assert detached(bob.told()) == ["REFUSED"]
    phone = await played.client()
    attach(played, phone, "p2", secret_of("Bob's new phone"))
    told = phone.told()
    assert told[0].HasField("attached")
    # Who has a seat reset must not see the card that lies there.
    assert "canary" not in str(told)


@in_virtual_time
async def test_a_join_sent_again_with_a_secret_that_was_replaced_attaches_nobody() -> None:
    played = await driven(game("Bob", voting=True))
    ada, thief = await played.client("Ada"), await played.client()
    await played.say(thief, join("Cid"), cid(1))
    await played.say(ada, reset("p3", "Cid's own phone"), cid(2))
    phone = await played.client()
    attach(played, phone, "p3", secret_of("Cid's own phone"))
    thief.told()
    told = await played.say(thief, join("Cid"), cid(1))
    assert names(told) == ["command_result"]
    assert told[0].command_result.duplicate
    assert thief.session.subscriptions == {}


@in_virtual_time
async def test_a_reset_seat_is_connected_no_longer_unless_its_new_holder_comes() -> None:
    played = await driven(game("Bob", "Cid"))
    ada, both = await played.client("Ada"), await played.client("Bob", "Cid")
    await played.say(ada, reset("p3", "Cid's new phone"), cid(1))
    assert detached(both.told()) == []
    await let_pass(GRACE_MS)
    assert await connected(played) == {"p1", "p2"}


@in_virtual_time
async def test_a_join_and_a_removal_in_one_batch_attach_nobody() -> None:
    played = await driven(game())
    ada, bob = await played.client("Ada"), await played.client()
    played.log.gate = asyncio.Event()
    played.submit(ada, cast(), cid(1))
    await quiet()
    played.submit(bob, join("Bob"), cid(2))
    played.submit(ada, remove("p2"), cid(3))
    played.log.gate.set()
    await quiet()
    told = bob.told()
    assert names(told) == ["command_result"]
    assert told[0].command_result.accepted.player_id == "p2"
    assert bob.session.subscriptions == {}
    await let_pass(GRACE_MS)
    assert await connected(played) == {"p1"}


# What is private


@in_virtual_time
async def test_a_card_reaches_every_stream_of_its_holder_and_no_other() -> None:
    played = await driven(game("Bob", "Eve", voting=True))
    bob, bobs_phone = await played.client("Bob"), await played.client("Bob")
    ada, eve, watcher = (
        await played.client("Ada"),
        await played.client("Eve"),
        await played.client(),
    )
    played.attach(watcher)
    command = cast("13", "p2")
    command.submit_vote.comment = "canary"
    told = await played.say(bob, command, cid(1))
    assert [e.seat_state.comment for e in told if e.HasField("seat_state")] == ["canary"]
    assert [e.seat_state.card for e in bobs_phone.told() if e.HasField("seat_state")] == ["13"]
    late = await played.client()
    played.attach(late, "Eve")
    # Eve sends Bob's command again, under its id, to learn what it was.
    attempt = cast("13", "p3")
    attempt.submit_vote.comment = "guess"
    others = await played.say(eve, attempt, cid(1))
    for client in (ada, eve, watcher, late):
        others += client.told()
    assert versions(others)
    assert b"canary" not in b"".join(envelope.SerializeToString() for envelope in others)
    assert not any(result.duplicate for result in results(others))


@in_virtual_time
async def test_who_becomes_an_observer_is_told_that_the_card_is_back() -> None:
    played = await driven(game("Bob", voting=True))
    bob = await played.client("Bob")
    await played.say(bob, cast("5", "p2"), cid(1))
    rename = pb.UpdatePlayer(display_name="Robert")
    command = pb.Command(game_id=GAME_ID, player_id="p2", update_player=rename)
    assert "seat_state" not in names(await played.say(bob, command, cid(2)))
    observe = pb.UpdatePlayer(role=pb.PLAYER_ROLE_OBSERVER)
    command = pb.Command(game_id=GAME_ID, player_id="p2", update_player=observe)
    told = await played.say(bob, command, cid(3))
    assert [e.seat_state.card for e in told if e.HasField("seat_state")] == [""]


# Whatever happens, nothing is left behind

_STREAMS = 3
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["attach", "attach", "attach", "unsubscribe", "kick", "reset", "wait"]),
        st.integers(0, _STREAMS - 1),
        st.sets(st.sampled_from(["Ada", "Bob", "Cid"]), max_size=3),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(steps=_STEPS)
@example(steps=[("attach", 0, {"Cid"}), ("reset", 0, set())])
@example(steps=[("attach", 0, {"Bob"}), ("attach", 1, {"Bob"}), ("unsubscribe", 0, set())])
def test_no_history_of_streams_leaves_a_seat_connected_or_a_room_in_memory(
    steps: list[tuple[str, int, set[str]]],
) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(_history(steps))


async def _history(steps: list[tuple[str, int, set[str]]]) -> None:
    played = await driven(game("Bob", "Cid"), idle_ms=1_000)
    # The first two are one client.
    streams = [await played.client(instance_id=name) for name in ("a", "a", "b")]
    manager = await played.client("Ada")
    for number, (step, which, seats) in enumerate(steps):
        stream = streams[which]
        if step == "attach":
            played.attach(stream, *sorted(seats))
        elif step == "unsubscribe":
            played.driver.unsubscribe(stream)
            if GAME_ID in stream.session.subscriptions:
                stream.session._followed.remove(GAME_ID)
        elif step == "kick" and "p2" in played.room.state.view.players:
            await played.say(manager, remove("p2"), cid(100 + number))
        elif step == "reset" and "p3" in played.room.state.view.players:
            await played.say(manager, reset("p3", f"reset {number}"), cid(100 + number))
        elif step == "wait":
            await let_pass(GRACE_MS)
        await quiet()
    await let_pass(GRACE_MS)
    held = {
        player_id
        for stream in (*streams, manager)
        for outbox in stream.session.subscriptions.values()
        for player_id in outbox.seats
    }
    assert await connected(played) == held
    for stream in (*streams, manager):
        played.driver.unsubscribe(stream)
    await let_pass(GRACE_MS)
    assert played.driver.closed or await connected(played) == set()
    await let_pass(GRACE_MS + 1_000)
    assert played.driver.closed


@in_virtual_time
async def test_who_begins_with_a_snapshot_can_resume_from_it() -> None:
    played = await driven(game("Bob"))
    client = await played.client()
    played.attach(client, "Ada")
    (first,) = [e.attached for e in client.told() if e.HasField("attached")]
    again = await played.client()
    attach_ = pb.Attach(
        game_id=GAME_ID,
        after_version=first.head_version,
        after_correlation_id=first.head_correlation_id,
    )
    played.attach_with(again, attach_, "Ada")
    (second,) = [e.attached for e in again.told() if e.HasField("attached")]
    assert second.outcome == pb.ATTACH_OUTCOME_RESUMED
    assert second.head_correlation_id == first.head_correlation_id
