"""A game becomes a document and a document the same game, or neither."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.eventlog.port import Proposal, Record
from planning_poker_server.transfer import restoring
from planning_poker_server.transfer.document import Header, NotRepresentable, written
from planning_poker_server.transfer.restoring import DocumentError, read_document
from tests.server.transfer.played import (
    CODE,
    OPEN_CARD,
    Played,
    ended_game,
    proposal_of,
    rich_game,
)
from tools.fold_table import GAME_ID
from tools.write_vectors import Scene, scenes

LIMITS = GameLimits()
JSON = dict[str, Any]


def document(records: Sequence[Record], *, with_secrets: bool = True, pages: int = 1) -> str:
    view = proposal_of(records)
    header = Header(view.game_id, view.summary.join_code, len(records), with_secrets)
    return text_of(header, records, pages)


def text_of(header: Header, records: Sequence[Record], pages: int = 1) -> str:
    size = -(-len(records) // pages)

    async def paged() -> AsyncIterator[Sequence[Record]]:
        for start in range(0, len(records), size):
            yield records[start : start + size]

    async def whole() -> str:
        return "".join([part async for part in written(header, paged())])

    return asyncio.run(whole())


def imported(text: str, limits: GameLimits = LIMITS) -> Proposal:
    return read_document(io.StringIO(text).read, limits)[1]


def refusal(text: str, limits: GameLimits = LIMITS) -> str:
    with pytest.raises(DocumentError) as raised:
        imported(text, limits)
    return str(raised.value)


def test_the_rich_game_has_every_kind_of_event_but_the_end() -> None:
    events = [pb.GameEvent.FromString(record.event) for record in rich_game()]
    kinds = {event.WhichOneof("event") for event in events}
    every = {field.name for field in pb.GameEvent.DESCRIPTOR.oneofs_by_name["event"].fields}
    assert every - kinds == {"game_ended"}


@pytest.mark.parametrize("scene", [*scenes()], ids=lambda scene: scene.__name__)
def test_every_game_comes_back_with_the_same_bytes(scene: Scene) -> None:
    table = Played()
    scene(table)
    assert imported(document(table.records)) == proposal_of(table.records)


def test_a_rich_game_comes_back_with_its_bytes_timers_and_summary() -> None:
    proposal = proposal_of(rich_game())
    assert proposal.timers
    assert imported(document(proposal.records)) == proposal


def test_without_secrets_the_events_come_back_and_nothing_proves_a_seat() -> None:
    records = ended_game()
    found = imported(document(records, with_secrets=False))
    assert [record.event for record in found.records] == [record.event for record in records]
    for player_id in ("p1", "p2"):
        assert player_id.encode() not in b"".join(record.sealed for record in found.records)
    assert document(found.records, with_secrets=False) == document(records, with_secrets=False)


def test_the_document_is_json_with_one_line_for_each_event() -> None:
    records = ended_game()
    text = document(records)
    parsed = json.loads(text)
    assert list(parsed) == [
        *("format", "formatVersion", "gameId", "joinCode", "version", "withSecrets", "events")
    ]
    assert (parsed["gameId"], parsed["joinCode"]) == (GAME_ID, CODE)
    assert [entry["event"]["version"] for entry in parsed["events"]] == [*range(1, 9)]
    assert len(text.splitlines()) == 8 + len(records) + 2


def test_pages_of_another_size_give_the_same_document() -> None:
    records = rich_game()
    assert document(records) == document(records, pages=7)


def test_without_secrets_no_card_that_was_not_turned_is_in_it() -> None:
    records = rich_game()
    assert OPEN_CARD.encode() in records[-1].sealed
    text = document(records, with_secrets=False)
    assert OPEN_CARD not in text
    assert "sealed" not in text


def with_unknown_field(record: Record) -> Record:
    return record._replace(event=record.event + b"\xfa\x3e\x02hi")


def with_unknown_field_inside(record: Record) -> Record:
    event = pb.GameEvent.FromString(record.event)
    event.game_created.game.MergeFromString(b"\xfa\x3e\x02hi")
    return record._replace(event=event.SerializeToString())


@pytest.mark.parametrize("change", [with_unknown_field, with_unknown_field_inside])
def test_what_a_newer_version_wrote_is_not_exported_with_a_loss(
    change: Callable[[Record], Record],
) -> None:
    records = ended_game()
    header = Header(GAME_ID, CODE, len(records), with_secrets=True)
    with pytest.raises(NotRepresentable, match="Event 1 holds something"):
        text_of(header, [change(records[0]), *records[1:]])


def test_the_order_of_labels_in_an_older_log_is_no_loss() -> None:
    first, *rest = rich_game()
    a, z = (pb.Game(labels={key: f"label {key}"}).SerializeToString() for key in "az")
    assert len(a) == len(z)
    other = first.event.replace(a, b"?" * len(a)).replace(z, a).replace(b"?" * len(a), z)
    assert other != first.event
    assert imported(document([first._replace(event=other), *rest])).records[0] == first


@pytest.mark.parametrize(("cut", "told"), [(slice(1, None), "Event 1"), (slice(0, -1), "Event 8")])
def test_a_history_with_a_hole_is_not_exported(cut: slice, told: str) -> None:
    records = ended_game()
    header = Header(GAME_ID, CODE, len(records), with_secrets=True)
    with pytest.raises(NotRepresentable, match=f"{told} is missing"):
        text_of(header, records[cut])


# What is refused


def edited(change: Callable[[JSON], object], records: Sequence[Record] | None = None) -> str:
    """A document after somebody edited it."""
    plain = json.loads(document(records or ended_game()))
    change(plain)
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.update(format="cat pictures"), "no exported game"),
        (lambda d: d.update(formatVersion=2), "format is not version 1"),
        (lambda d: d.update(formatVersion=True), "formatVersion"),
        (lambda d: d.update(version="7"), "version"),
        (lambda d: d.update(withSecrets=None), "withSecrets"),
        (lambda d: d.update(gameId="../../etc"), "gameId"),
        (lambda d: d.update(gameId="0" * 32), "event 1: it creates a game with another id"),
        (lambda d: d.update(joinCode="AAAA-AA"), "another join code"),
        (lambda d: d.update(joinCode="x\x1b[2J"), "joinCode"),
        (lambda d: d.update(version=0), "no events"),
        (lambda d: d.update(version=9), "event 9: it is missing"),
        (lambda d: d.update(version=6), "event 7: it is one more"),
        (lambda d: d["events"].pop(3), "event 4: it is numbered 5"),
        (lambda d: d["events"].insert(3, d["events"][2]), "event 4: it is numbered 3"),
        (lambda d: d["events"][3].pop("sealed"), "event 4: it must be an object with event"),
        (lambda d: d["events"][3].update(more=1), "event 4: it must be an object with event"),
        (lambda d: d["events"].__setitem__(3, None), "event 4: it must be an object"),
        (lambda d: d["events"].append(None), "event 9: it is one more"),
        (lambda d: d["events"][3].update(event=[]), "event 4: it must be an object"),
        (lambda d: d["events"][3].update(sealed="QQ"), "event 4: its sealed part is not base64"),
        (lambda d: d["events"][3].update(sealed="QR=="), "event 4: its sealed part is not base64"),
        (lambda d: d["events"][3].update(sealed="Q Q="), "event 4: its sealed part is not base64"),
        (lambda d: d["events"][3].update(sealed="/w=="), "event 4: what it holds cannot be"),
        (lambda d: d["events"][3].update(sealed=7), "event 4: its sealed part is not base64"),
        (lambda d: d["events"][1].update(sealed=""), "a seat has no secret"),
        (lambda d: d["events"][3]["event"].update(version=1 << 40), "event 4: it is no event"),
        (lambda d: d["events"][3]["event"].update(version="4x"), "event 4: it is no event"),
        (lambda d: d["events"][3]["event"].update(version={}), "event 4: it is no event"),
        (lambda d: d["events"][3]["event"].update(cards=1), "event 4: it is no event"),
        (lambda d: d["events"][3]["event"].update(roundStarted=7), "event 4: it is no event"),
        (lambda d: d["events"][3]["event"].update(eventTime="soon"), "event 4: it is no event"),
        (lambda d: d["events"][3]["event"].pop("roundStarted"), "event 4: it says nothing"),
        (lambda d: d["events"][5]["event"].update(eventTime="2001-01-01T00:00:00Z"), "event 6: it"),
        (lambda d: d["events"][0]["event"].update(endGame={}), "event 1"),
        (
            lambda d: d["events"][1]["event"]["playerJoined"]["player"].update(playerId="Bob"),
            "event 2: its player_joined does not follow",
        ),
        (
            lambda d: d["events"][1]["event"]["playerJoined"]["player"].update(
                playerId="p" + "9" * 5_000
            ),
            "event 2",
        ),
        (
            lambda d: d["events"][1]["event"]["playerJoined"]["player"].update(
                displayName="\x1b[2J"
            ),
            "the name of player p1 holds a control character",
        ),
        (
            lambda d: d["events"][0]["event"]["gameCreated"]["game"].update(passcodeRequired=True),
            "passcode",
        ),
    ],
)
def test_a_changed_document_is_refused_and_the_place_is_named(
    change: Callable[[JSON], object], told: str
) -> None:
    why = refusal(edited(change))
    assert told in why
    assert why.isprintable()
    assert len(why) < 400


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the end"),
        ("PK\x03\x04", "expected"),
        ("[]", "expected"),
        ("{}", "no exported game"),
        ('{"format": 1}', "expected"),
        ('{"events": []}', "no exported game"),
        ('{"format": ' + "[" * 100_000, "nested"),
        ('{"format": ' + "9" * 10_000 + ",", "number"),
        ('{"format": NaN, ', "NaN"),
        ('{"format": 1, "format": 1, "events": []}', "twice"),
    ],
)
def test_what_is_no_document_is_refused(text: str, told: str) -> None:
    assert told in refusal(text)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"version": 4}', '"version": 4, "version": 4}', "event 4: an object names a member twice"),
        ('"version": 4}', '"version": 1e999}', "event 4: it is no event"),
        ('"version": 4}', '"version": ' + "4" * 9_000 + "}", "event 4: a number is too long"),
        ('"version": 4}', '"version": ' + '{"a":' * 3_000, "event 4"),
        ('"version": 4}', '"version": ' + "[" * 500 + "]" * 500 + "}", "event 4: it is no event"),
        ('"version": 4}', '"version": -Infinity}', "event 4: a number is none"),
        ("\n ]\n}\n", "\n ]\n}\n{}", "behind the last event: something follows behind its end"),
        ("\n ]\n}\n", "\n ]\n", "behind the last event: '}' is expected and the end found"),
        ("\n ]\n}\n", ",\n ]\n}\n", "behind the last event: expecting value"),
    ],
)
def test_hostile_json_is_refused_and_the_event_is_named(old: str, new: str, told: str) -> None:
    text = document(ended_game())
    assert old in text
    assert told in refusal(text.replace(old, new))


def test_a_document_that_was_cut_off_anywhere_is_refused() -> None:
    text = document(ended_game()).rstrip()
    for end in range(0, len(text), 13):
        assert refusal(text[:end])


def test_a_document_that_was_laid_out_anew_is_the_same_game() -> None:
    plain = json.loads(document(ended_game()))
    for layout in ({"indent": 4}, {"separators": (",", ":")}, {"ensure_ascii": True}):
        assert imported(json.dumps(plain, **layout)) == proposal_of(ended_game())


def test_a_value_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given = 0

    def endless(count: int) -> str:
        nonlocal given
        given += count
        return '{"format": "' + "x" * count if given == count else "x" * count

    with pytest.raises(DocumentError, match="does not end"):
        read_document(endless, LIMITS)


def test_a_game_is_bounded_as_on_the_server() -> None:
    text = document(rich_game())
    assert "one more" in refusal(text, GameLimits(max_events=10))
    assert "players" in refusal(text, GameLimits(max_players=1))
    assert "backlog" in refusal(text, GameLimits(max_stories=2))
    assert "backlog" in refusal(text, GameLimits(max_story_bytes=5))


def test_a_game_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    text = document(ended_game())
    monkeypatch.setattr(restoring, "MAX_BYTES", 500)
    assert "larger than 500 bytes" in refusal(text)
    monkeypatch.setattr(restoring, "MAX_EVENT_BYTES", 100)
    assert refusal(text).startswith("event 1: it is larger than 100 bytes")


def test_an_open_round_with_votes_is_not_imported_without_its_cards() -> None:
    why = refusal(document(rich_game(), with_secrets=False))
    assert "reveal or abandon the round first, or export it with --with-secrets" in why


def test_a_game_with_a_passcode_is_not_opened_to_everybody_by_leaving_out_its_secrets() -> None:
    table = Played()
    table.create(passcode="open sesame")
    assert "everybody would get in" in refusal(document(table.records, with_secrets=False))
