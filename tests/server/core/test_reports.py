"""Who is told about the delivery of a critical event, and when: a room in virtual time."""

import asyncio
from collections.abc import Sequence

import planningpoker.v1 as pb
from planning_poker_simulator.virtual_time import in_virtual_time, let_pass, quiet
from tests.server.core.desk import cast
from tests.server.core.parts import (
    GAME_ID,
    Bench,
    automatic,
    cid,
    creation,
    game,
    joining,
    starting,
    ticket,
    vote,
)
from tests.server.core.scripted import Client, Played, driven, results

EVERYONE = pb.PERMISSION_EVERYONE


def reveal(player_id: str = "p1", *, force: bool = True) -> pb.Command:
    body = pb.RevealVotes(round_id="r1", force=force)
    return pb.Command(game_id=GAME_ID, player_id=player_id, reveal_votes=body)


def voted(*others: str) -> Bench:
    """A game of Ada and `others`, all of whom have voted; the cards lie face down."""
    bench = game(*others, voting=True)
    names = ("Ada", *others)
    bench.do(*(vote(name, f"p{number}", "5") for number, name in enumerate(names, start=1)))
    return bench


def reports(told: Sequence[pb.ServerEnvelope]) -> list[tuple[str, str, str, bool]]:
    """Acknowledged, pending, absent, final, of each report among what was told."""
    found = [envelope.delivery_report for envelope in told if envelope.HasField("delivery_report")]
    return [
        (
            " ".join(r.acknowledged_player_ids),
            " ".join(r.pending_player_ids),
            " ".join(r.absent_player_ids),
            r.final,
        )
        for r in found
    ]


async def seated(played: Played, *names: str) -> list[Client]:
    """A stream for each of these players, who have acknowledged all there is."""
    clients = [await played.client(name) for name in names]
    for client in clients:
        played.ack(client, played.room.head)
    await let_pass(1_000)  # presence is announced
    for client in clients:
        client.told()
    return clients


def apply(played: Played, client: Client) -> list[pb.ServerEnvelope]:
    """The client takes all it is sent, applies it and says so."""
    told = client.told()
    played.ack(client, played.room.head)
    return told


@in_virtual_time
async def test_a_reveal_that_all_have_applied_is_reported_to_the_facilitator_at_once() -> None:
    played = await driven(voted("Bob"))
    ada, bob = await seated(played, "Ada", "Bob")
    told = await played.say(ada, reveal(), cid(1))
    assert reports(told) == []
    version = results(told)[0].accepted.version
    played.ack(ada, version)
    apply(played, bob)
    await quiet()
    (report,) = [e for e in ada.told() if e.HasField("delivery_report")]
    assert report.correlation_id == cid(1)
    assert report.delivery_report.game_id == GAME_ID
    assert report.delivery_report.version == version
    assert reports([report]) == [("p1 p2", "", "", True)]
    assert reports(bob.told()) == []


@in_virtual_time
async def test_one_who_does_not_acknowledge_is_pending_and_then_absent() -> None:
    played = await driven(voted("Bob"))
    ada, bob = await seated(played, "Ada", "Bob")
    await played.say(ada, reveal(), cid(1))
    played.ack(ada, played.room.head)
    await let_pass(2_900)
    assert reports(ada.told()) == []
    await let_pass(200)
    assert reports(ada.told()) == [("p1", "p2", "", False)]
    played.driver.unsubscribe(bob)
    await let_pass(14_900)
    assert reports(ada.told()) == []
    await let_pass(200)
    assert reports(ada.told()) == [("p1", "", "p2", True)]


@in_virtual_time
async def test_an_absent_player_is_named_and_nobody_waits() -> None:
    played = await driven(voted("Bob", "Cid"))
    ada, bob = await seated(played, "Ada", "Bob")
    await played.say(ada, reveal(), cid(1))
    for client in (ada, bob):
        apply(played, client)
    await quiet()
    assert reports(ada.told()) == [("p1 p2", "", "p3", True)]


@in_virtual_time
async def test_who_is_removed_before_applying_it_is_not_waited_for() -> None:
    played = await driven(voted("Bob", "Cid"))
    ada, bob, _ = await seated(played, "Ada", "Bob", "Cid")
    await played.say(ada, reveal(), cid(1))
    for client in (ada, bob):
        apply(played, client)
    removal = pb.RemovePlayer(player_id="p3")
    told = await played.say(
        ada, pb.Command(game_id=GAME_ID, player_id="p1", remove_player=removal), cid(2)
    )
    assert reports(told) == [("p1 p2", "", "p3", True)]


@in_virtual_time
async def test_who_goes_and_then_leaves_is_not_waited_for() -> None:
    played = await driven(voted("Bob", "Cid"))
    ada, bob, cyd = await seated(played, "Ada", "Bob", "Cid")
    await played.say(ada, reveal(), cid(1))
    for client in (ada, bob):
        apply(played, client)
    played.submit(
        cyd, pb.Command(game_id=GAME_ID, player_id="p3", leave_game=pb.LeaveGame()), cid(2)
    )
    played.driver.unsubscribe(cyd)
    await quiet()
    assert reports(ada.told()) == [("p1 p2", "", "p3", True)]


@in_virtual_time
async def test_a_log_that_takes_long_keeps_no_report_waiting() -> None:
    played = await driven(voted("Bob"))
    ada, bob = await seated(played, "Ada", "Bob")
    await played.say(ada, reveal(), cid(1))
    played.log.gate = asyncio.Event()
    story = pb.AddStories(stories=[pb.NewStory(title="Login")])
    command = pb.Command(game_id=GAME_ID, player_id="p1", add_stories=story)
    assert await played.say(ada, command, cid(2)) == []
    for client in (ada, bob):
        apply(played, client)
    await let_pass(1_000)
    assert reports(ada.told()) == [("p1 p2", "", "", True)]
    played.log.gate.set()
    await quiet()
    assert [result.accepted.version for result in results(ada.told())] == [played.room.head]


@in_virtual_time
async def test_who_caused_it_is_told_although_no_facilitator() -> None:
    bench = game("Bob", "Cid", settings=automatic(), voting=True)
    bench.connected.clear()
    played = await driven(bench, settle_ms=0)
    ada, bob, cid_ = await seated(played, "Ada", "Bob", "Cid")
    await played.say(ada, cast("3", "p1"), cid(1))
    await played.say(cid_, cast("5", "p3"), cid(2))
    told = await played.say(bob, cast("8", "p2"), cid(3))
    assert any(event.HasField("votes_revealed") for e in told for event in e.event_batch.events)
    for client in (ada, bob, cid_):
        apply(played, client)
    await quiet()
    for client in (ada, bob):
        assert reports(client.told()) == [("p1 p2 p3", "", "", True)]
    assert reports(cid_.told()) == []


@in_virtual_time
async def test_who_manages_the_game_without_a_seat_is_told() -> None:
    bench = Bench()
    create = pb.CreateGame(display_name="Sprint 12")
    bench.do(ticket(pb.Command(game_id=GAME_ID, create_game=create)), joining("Bob"))
    played = await driven(bench)
    owner, bob = await played.client(), await played.client("Bob")
    played.attach(owner)
    apply(played, owner)
    start = pb.Command(game_id=GAME_ID, start_round=pb.StartRound())
    await played.say(owner, start, cid(1))
    apply(played, bob)
    await quiet()
    assert reports(owner.told()) == [("p1", "", "", True)]


@in_virtual_time
async def test_a_facilitator_that_attaches_later_gets_the_last_report() -> None:
    played = await driven(voted("Bob"))
    ada, bob = await seated(played, "Ada", "Bob")
    await played.say(ada, reveal(), cid(1))
    apply(played, bob)
    late_ada, late_bob = await played.client(), await played.client()
    for client, name in ((late_ada, "Ada"), (late_bob, "Bob")):
        played.attach(client, name)
    (to_ada,) = [e.attached for e in late_ada.told() if e.HasField("attached")]
    (to_bob,) = [e.attached for e in late_bob.told() if e.HasField("attached")]
    assert list(to_ada.last_report.acknowledged_player_ids) == ["p2"]
    assert list(to_ada.last_report.pending_player_ids) == ["p1"]
    assert not to_ada.last_report.final
    assert not to_bob.HasField("last_report")


@in_virtual_time
async def test_who_resumes_behind_the_event_has_acknowledged_it() -> None:
    played = await driven(voted("Bob"))
    ada, bob = await seated(played, "Ada", "Bob")
    await played.say(ada, reveal(), cid(1))
    played.ack(ada, played.room.head)
    played.driver.unsubscribe(bob)
    again = await played.client()
    attach = pb.Attach(game_id=GAME_ID, after_version=played.room.head, after_correlation_id=cid(1))
    played.attach_with(again, attach, "Bob")
    await quiet()
    assert reports(ada.told()) == [("p1 p2", "", "", True)]


@in_virtual_time
async def test_what_happened_just_before_a_restart_is_reported_on_after_it() -> None:
    bench = voted("Bob")
    bench.do(ticket(reveal(), "Ada", cid(1)))
    played = await driven(bench)
    (ada,) = await seated(played, "Ada")
    await let_pass(2_000)
    of_start_and_reveal = [("p1", "p2", "", False)] * 2
    assert reports(ada.told()) == of_start_and_reveal
    await let_pass(12_100)
    assert reports(ada.told()) == [("p1", "", "p2", True)] * 2


@in_virtual_time
async def test_what_happened_long_before_a_restart_is_not_reported_on() -> None:
    bench = Bench()
    bench.now_ms -= 75_001
    bench.do(creation(), joining("Bob"), starting())
    played = await driven(bench)
    (ada,) = await seated(played, "Ada")
    await let_pass(100_000)
    assert reports(ada.told()) == []


@in_virtual_time
async def test_a_room_stays_in_memory_until_its_report_is_given() -> None:
    played = await driven(voted("Bob"), idle_ms=100, report_ms=3_000)
    ada, bob = await seated(played, "Ada", "Bob")
    await played.say(ada, reveal(), cid(1))
    for client in (ada, bob):
        played.driver.unsubscribe(client)
    await let_pass(14_000)
    assert not played.driver.closed
    await let_pass(2_000)
    assert played.driver.closed


@in_virtual_time
async def test_a_facilitator_that_reads_nothing_does_not_have_reports_pile_up() -> None:
    played = await driven(game("Bob", settings=pb.GameSettings(manage_rounds=EVERYONE)))
    ada, bob = await seated(played, "Ada", "Bob")
    for number in range(40):
        start = pb.StartRound(abandon_open=True)
        command = pb.Command(game_id=GAME_ID, player_id="p2", start_round=start)
        await played.say(bob, command, cid(number))
        played.ack(bob, played.room.head)
    await let_pass(3_000)
    versions = [e.delivery_report.version for e in ada.told() if e.HasField("delivery_report")]
    assert len(versions) == 16
    assert versions[-1] == played.room.head
