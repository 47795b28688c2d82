"""Envelopes that are put together from bytes parse to the message they stand for."""

from hypothesis import given
from hypothesis import strategies as st

import planningpoker.v1 as pb
from planning_poker_server import wire

NOW_MS = 1_750_000_000_123
GAME_ID = "0123456789abcdef0123456789abcdef"


def parsed(frame: bytes) -> pb.ServerEnvelope:
    return pb.ServerEnvelope.FromString(frame)


def expected(name: str, correlation_id: str = "") -> pb.ServerEnvelope:
    envelope = pb.ServerEnvelope(message_type=name, correlation_id=correlation_id, version=1)
    envelope.timestamp.FromMilliseconds(NOW_MS)
    return envelope


def some_events(first: int, titles: list[str]) -> list[pb.GameEvent]:
    return [
        pb.GameEvent(
            version=first + number,
            correlation_id=f"id-{number}",
            stories_added=pb.StoriesAdded(stories=[pb.Story(story_id="s1", title=title)]),
        )
        for number, title in enumerate(titles)
    ]


@given(
    first=st.integers(min_value=1, max_value=2**31 - 200),
    titles=st.lists(st.text(max_size=300), min_size=1, max_size=20),
    replay=st.booleans(),
)
def test_a_run_of_stored_events_parses_to_the_same_batch(
    first: int, titles: list[str], replay: bool
) -> None:
    events = some_events(first, titles)
    envelope = expected("event_batch")
    envelope.event_batch.CopyFrom(
        pb.EventBatch(game_id=GAME_ID, first_version=first, attempt=1, replay=replay, events=events)
    )
    encoded = (event.SerializeToString() for event in events)
    batch = pb.EventBatch(game_id=GAME_ID, first_version=first, attempt=1, replay=replay)
    assert parsed(wire.events(batch, encoded, NOW_MS)) == envelope


def test_a_snapshot_parses_to_a_batch_without_events() -> None:
    game = pb.Game(game_id=GAME_ID, version=300, display_name="Sprint 12")
    envelope = expected("event_batch")
    batch = pb.EventBatch(game_id=GAME_ID, first_version=300, attempt=2)
    envelope.event_batch.CopyFrom(batch)
    envelope.event_batch.snapshot.CopyFrom(game)
    assert parsed(wire.snapshot(batch, game.SerializeToString(), NOW_MS)) == envelope


def test_an_attachment_parses_with_and_without_its_snapshot() -> None:
    game = pb.Game(game_id=GAME_ID, version=7)
    answer = pb.Attached(
        game_id=GAME_ID, outcome=pb.ATTACH_OUTCOME_RESUMED, head_version=7, player_ids=["p1"]
    )
    for encoded in (game.SerializeToString(), None):
        envelope = expected("attached", "id-1")
        envelope.attached.CopyFrom(answer)
        if encoded is not None:
            envelope.attached.snapshot.CopyFrom(game)
        assert parsed(wire.attached(answer, encoded, "id-1", NOW_MS)) == envelope


def test_an_empty_game_is_still_a_snapshot() -> None:
    frame = wire.attached(pb.Attached(game_id=GAME_ID), b"", "", NOW_MS)
    assert parsed(frame).attached.HasField("snapshot")


def test_every_payload_says_in_its_header_what_it_is() -> None:
    payloads = pb.ServerEnvelope.DESCRIPTOR.oneofs_by_name["payload"].fields
    for field in payloads:
        payload = getattr(pb.ServerEnvelope(), field.name)
        envelope = expected(field.name, "id-1")
        getattr(envelope, field.name).SetInParent()
        assert parsed(wire.envelope(payload, NOW_MS, "id-1")) == envelope
