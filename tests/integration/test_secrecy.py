"""A card is nobody's business before its reveal, and a secret is nobody's at all."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

import planningpoker.v1 as pb
from tests.integration.harness import Host
from tests.integration.raw import Seat, Stream, new_secret
from tests.integration.watching import TOKEN, Watch, listed

CANARY = "🐤Qx7"
"""A card whose label occurs nowhere else. It is in the deck, so the deck is looked past."""
COMMENT = "canary reason 5d1c"
PASSCODE = "canary passcode 77aa"
CARDS = ["1", "89", "☕", CANARY]


def deck() -> pb.Deck:
    return pb.Deck(name="canaries", cards=[pb.Card(label=label) for label in CARDS])


def chosen(card: str = CANARY, round_id: str = "r1") -> dict[str, Any]:
    vote = pb.SubmitVote(round_id=round_id, card=card, comment=COMMENT)
    return {"submit_vote": vote}


def past_the_deck(message: bytes) -> bytes:
    """A message without the cards of any deck, which name every label once."""
    for label in CARDS:
        card = pb.Card(label=label).SerializeToString()
        message = message.replace(bytes([0x1A, len(card)]) + card, b"")
    return message


def finds(stream: Stream, *needles: str | bytes) -> list[str]:
    """Names of the messages to this stream that hold any of these."""
    wanted = [needle.encode() if isinstance(needle, str) else needle for needle in needles]
    pairs = zip(stream.received, stream.received_bytes, strict=True)
    return [
        each.message_type
        for each, raw in pairs
        if any(needle in past_the_deck(raw) for needle in wanted)
    ]


async def table(host: Host) -> tuple[Stream, Seat, Stream, Seat]:
    """Ada, who facilitates, and Bob, with round r1 open on the canaries' deck."""
    await host.start()
    ada_stream, bob_stream = await host.stream(), await host.stream()
    ada = await ada_stream.create("Ada", settings=pb.GameSettings(deck=deck()), passcode=PASSCODE)
    bob = await bob_stream.join(ada.game_id, "Bob", passcode=PASSCODE)
    await ada_stream.do(ada, start_round=pb.StartRound())
    await bob_stream.events("round_started")
    return ada_stream, ada, bob_stream, bob


async def test_the_deck_is_all_that_names_the_canary_before_a_vote(host: Host) -> None:
    # Else the other tests would look past too much, or at nothing.
    ada_stream, *_ = await table(host)
    raw = b"".join(ada_stream.received_bytes)
    assert raw.count(CANARY.encode()) >= 2
    assert CANARY.encode() not in past_the_deck(raw)


async def test_a_hidden_card_is_found_in_no_byte_to_anyone_but_the_seats_holder(
    host: Host,
) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    wall, late, resumed = [await host.stream() for _ in range(3)]
    await wall.attach(ada.game_id, passcode=PASSCODE)
    await bob_stream.do(bob, **chosen("1"))
    await bob_stream.do(bob, **chosen())
    await bob_stream.do(bob, retract_vote=pb.RetractVote(round_id="r1"))
    await bob_stream.do(bob, **chosen())
    # Every other way to be told something of this game.
    await ada_stream.refused(ada, reveal_votes=pb.RevealVotes(round_id="r1"))
    await ada_stream.refused(ada, start_round=pb.StartRound())
    (seen,) = await ada_stream.events("vote_submitted")
    for card in CARDS:
        await ada_stream.ask(ada, seen.correlation_id, **chosen(card))
    await ada_stream.do(ada, retract_vote=pb.RetractVote(round_id="r1"))
    await ada_stream.do(ada, update_game=pb.UpdateGame(display_name="Renamed"))
    await ada_stream.do(
        ada, set_deadline=pb.SetDeadline(round_id="r1", remaining=Duration(seconds=60))
    )
    await late.attach(ada.game_id, passcode=PASSCODE)
    (joined,) = await ada_stream.events("player_joined")
    await resumed.attach(
        ada.game_id,
        passcode=PASSCODE,
        after_version=joined.version,
        after_correlation_id=joined.correlation_id,
    )
    eve = await late.join(ada.game_id, "Eve", passcode=PASSCODE)
    await late.do(eve, **chosen("89"))
    for stream in (ada_stream, wall, late, resumed):
        await stream.ping()
        assert finds(stream, CANARY) == []
    # The holder alone is told, and only in the private message.
    assert set(finds(bob_stream, CANARY, COMMENT)) == {"seat_state"}
    # Ada's own attempts to vote brought her own comment back, in her own seat's state.
    assert set(finds(ada_stream, COMMENT)) <= {"seat_state"}
    assert finds(wall, COMMENT) == []

    await ada_stream.do(ada, reveal_votes=pb.RevealVotes(round_id="r1", force=True))
    for stream in (ada_stream, bob_stream, wall, late):
        await stream.events("votes_revealed")
        assert "event_batch" in finds(stream, CANARY)
        assert "event_batch" in finds(stream, COMMENT)


async def test_a_hidden_card_stays_hidden_through_collapse_restart_and_resume(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await bob_stream.do(bob, **chosen())
    (voted,) = await ada_stream.events("vote_submitted")
    await host.server.stop(0)
    await host.start(stream={"window_events": 2, "max_outbox_frames": 2})
    fresh, resumed = await host.stream(), await host.stream()
    await fresh.attach(ada)
    await resumed.attach(
        ada,
        after_version=voted.version - 1,
        after_correlation_id=(await ada_stream.events("round_started"))[0].correlation_id,
    )
    await resumed.events("vote_submitted")
    await fresh.ack(ada.game_id, voted.version)
    bob_stream = await host.stream()
    await bob_stream.attach(bob)
    assert (await bob_stream.expect("seat_state")).card == CANARY
    for _ in range(8):
        accepted = await bob_stream.do(bob, **chosen())
        await bob_stream.ack(ada.game_id, accepted.version)
    await fresh.until(lambda s: any(e.event_batch.HasField("snapshot") for e in s.received))
    for stream in (fresh, resumed):
        assert finds(stream, CANARY, COMMENT) == []


@pytest.mark.parametrize(
    "end",
    [
        {"abandon_round": pb.AbandonRound(round_id="r1")},
        {"end_game": pb.EndGame()},
        {"start_round": pb.StartRound(abandon_open=True)},
        {"remove_player": pb.RemovePlayer(player_id="p2")},
        {"update_player": pb.UpdatePlayer(player_id="p2", role=pb.PLAYER_ROLE_OBSERVER)},
    ],
    ids=["abandoned", "ended", "started over", "its player removed", "its player an observer"],
)
async def test_a_card_that_is_never_revealed_is_never_seen(host: Host, end: dict[str, Any]) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await bob_stream.do(bob, **chosen())
    result = await ada_stream.ask(ada, **end)
    assert result.HasField("accepted")
    if "remove_player" in end or "update_player" in end:
        await ada_stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="1"))
        await ada_stream.do(ada, reveal_votes=pb.RevealVotes(round_id="r1", force=True))
    wall = await host.stream()
    await wall.attach(ada.game_id, passcode=PASSCODE)
    for stream in (ada_stream, wall):
        assert finds(stream, CANARY, COMMENT) == []


async def test_who_has_a_seat_reset_does_not_see_its_card(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await bob_stream.do(bob, **chosen())
    secret = new_secret()
    await ada_stream.do(ada, reset_seat=pb.ResetSeat(player_id="p2", seat_secret=secret))
    thief = await host.stream()
    await thief.attach(Seat(ada.game_id, "p2", secret))
    await thief.expect("seat_state")
    for stream in (ada_stream, thief):
        assert finds(stream, CANARY, COMMENT) == []


async def test_an_operator_who_lists_and_watches_sees_no_hidden_card_and_no_secret(
    host: Host,
) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await host.server.stop(0)
    await host.start(server={"operator_token": TOKEN})
    ada_stream, bob_stream = await host.stream(), await host.stream()
    for stream, seat in ((ada_stream, ada), (bob_stream, bob)):
        await stream.attach(seat)
    on = (await host.client()).channel
    live = [
        await Watch(on, TOKEN, game_id=game_id).until_caught_up() for game_id in ("", ada.game_id)
    ]
    await bob_stream.do(bob, **chosen())
    version = bob_stream.views[ada.game_id].version
    for watching in live:
        await watching.until(version)
        again = await Watch(on, TOKEN, game_id=watching.events[0].game_id).until_caught_up()
        assert again.told() == watching.told()
        raw = b"".join(each.SerializeToString() for each in watching.events + again.events)
        raw += (await listed(on, TOKEN)).SerializeToString()
        for needle in (CANARY.encode(), COMMENT.encode(), PASSCODE.encode(), ada.secret):
            assert needle not in past_the_deck(raw)
    await ada_stream.do(ada, reveal_votes=pb.RevealVotes(round_id="r1", force=True))
    for watching in live:
        await watching.until(version + 1)
        assert CANARY in str(watching.events[-1].event.votes_revealed)
    await host.server.stop(0)
    assert TOKEN not in host.lines.getvalue()


async def test_messages_about_a_vote_have_the_same_size_for_every_card(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    sizes = set()
    for card in CARDS:
        before = len(ada_stream.received)
        vote = pb.SubmitVote(round_id="r1", card=card, comment=COMMENT[: len(card)])
        result = await bob_stream.ask(bob, submit_vote=vote)
        await ada_stream.reaches(ada.game_id, result.accepted.version)
        (told,) = [e.event_batch for e in ada_stream.received[before:] if e.HasField("event_batch")]
        for event in told.events:
            event.event_time.nanos = 0  # its size depends on the time only
        sizes.add(len(told.SerializeToString()))
    assert len(sizes) == 1


async def test_no_secret_of_a_seat_nor_a_passcode_is_ever_sent(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    new = new_secret()
    await ada_stream.do(ada, reset_seat=pb.ResetSeat(player_id="p2", seat_secret=new))
    await ada_stream.do(ada, update_game=pb.UpdateGame(passcode=PASSCODE + "!"))
    again = await host.stream()
    await again.attach(ada)
    await again.attach_refused(ada.game_id, passcode=PASSCODE)
    join = pb.JoinGame(display_name="Eve", seat_secret=new_secret(), passcode=PASSCODE)
    await again.refused(ada.game_id, join_game=join)
    for stream in (ada_stream, bob_stream, again):
        found = finds(stream, ada.secret, bob.secret, new, join.seat_secret, PASSCODE)
        assert found == []


async def test_no_card_comment_secret_or_passcode_is_ever_logged(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await bob_stream.do(bob, **chosen())
    await ada_stream.refused(ada, **chosen("unseen9"))
    await ada_stream.attach_refused(ada.game_id, passcode=PASSCODE + "?")
    await ada_stream.do(ada, reveal_votes=pb.RevealVotes(round_id="r1", force=True))
    await ada_stream.do(ada, end_game=pb.EndGame())
    await host.server.stop(0)
    logged = host.lines.getvalue()
    assert "submit_vote" in logged  # it is the finest level
    for secret in (ada.secret, bob.secret):
        assert secret.hex() not in logged
        assert repr(secret)[2:-1] not in logged
    for needle in (CANARY, CANARY.encode("unicode_escape").decode(), COMMENT, PASSCODE, "unseen9"):
        assert needle not in logged
        assert needle.replace("\\U", "\\u") not in logged


async def test_bugs_and_a_failing_log_put_no_card_into_the_log(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.lines.expected |= {"a decision failed", "the log is unavailable", "an append is in doubt"}
    host.lines.expected.add("timers cannot be read")
    ada_stream, _, bob_stream, bob = await table(host)
    host.log.refuses = True
    await bob_stream.refused(bob, **chosen())
    host.log.refuses = False
    host.log.fail_after_append()
    await bob_stream.refused(bob, **chosen())
    host.log.recover()

    def broken(*_: object) -> None:
        raise ValueError

    with monkeypatch.context() as patch:
        patch.setattr("planning_poker_server.domain.votes.draft", broken)
        await bob_stream.refused(bob, **chosen())
    assert "ValueError" in host.lines.getvalue()
    assert CANARY not in host.lines.getvalue()
    assert COMMENT not in host.lines.getvalue()
    assert bob.secret.hex() not in host.lines.getvalue()
    assert finds(ada_stream, CANARY, COMMENT) == []


async def test_the_database_holds_cards_and_hashes_apart_from_what_everyone_may_see(
    host: Host,
) -> None:
    _, ada, bob_stream, bob = await table(host)
    await bob_stream.do(bob, **chosen())
    with closing(sqlite3.connect(host.database)) as connection:
        query = "SELECT event, sealed FROM events WHERE game_id = ? ORDER BY version"
        rows = connection.execute(query, (ada.game_id,)).fetchall()
    public = past_the_deck(b"".join(event for event, _ in rows))
    assert CANARY.encode() not in public
    assert COMMENT.encode() not in public
    assert CANARY.encode() in rows[-1][1]
    whole = host.database.read_bytes()
    whole += host.database.with_name("games.db-wal").read_bytes()
    for secret in (ada.secret, bob.secret, PASSCODE.encode()):
        assert secret not in whole
