"""A hidden card and a secret have no place in anything that a server sends: held by types."""

from google.protobuf.descriptor import FieldDescriptor

import planningpoker.v1 as pb
from tests.contract.protos import descriptors

SENT = descriptors.reachable(pb.ServerEnvelope.DESCRIPTOR) | descriptors.reachable(
    pb.ExecuteResponse.DESCRIPTOR
)
CARD_MESSAGES = {
    "planningpoker.v1.Vote": "of a revealed round",
    "planningpoker.v1.SeatState": "to the holder of the seat",
    "planningpoker.v1.CardCount": "statistics at the reveal",
}


def test_no_public_file_imports_what_is_sealed() -> None:
    packages = {file.package for file in descriptors.public_files()}
    assert packages == {"planningpoker.v1"}


def test_the_event_of_a_vote_has_no_field_for_a_card() -> None:
    assert [field.name for field in pb.VoteSubmitted.DESCRIPTOR.fields] == ["round_id", "player_id"]


def test_only_these_messages_that_a_server_sends_have_a_field_for_a_card() -> None:
    with_card = {
        message.full_name
        for message in SENT
        for field in message.fields
        if field.name == "card" and field.type == FieldDescriptor.TYPE_STRING
    }
    assert with_card == set(CARD_MESSAGES)


def test_no_message_that_a_server_sends_has_room_for_a_secret() -> None:
    raw = {
        f"{message.full_name}.{field.name}"
        for message in SENT
        for field in message.fields
        if field.type == FieldDescriptor.TYPE_BYTES
        or field.name in ("passcode", "seat_secret", "token", "principal", "instance_id")
    }
    # Whoever opened a stream is told its own name, and nobody else's.
    raw.remove("planningpoker.v1.Welcome.principal")
    assert not raw, "secrets come from the client and never go back"


def test_no_message_that_a_server_sends_holds_a_command() -> None:
    assert pb.Command.DESCRIPTOR not in SENT, "commands carry cards and secrets"
