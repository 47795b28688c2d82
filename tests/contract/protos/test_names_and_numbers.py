"""What other programs and stored games rely on is written down here and does not move.

A golden file may grow: to add to the contract, add the lines that a failing test
prints. A line that is already there may neither change nor go.
"""

from pathlib import Path

import planning_poker_model.message_types as message_types
import planningpoker.storage.v1.sealed_pb2 as sealed
import planningpoker.v1 as pb
from tests.contract.protos import descriptors

HERE = Path(__file__).parent


def golden(name: str) -> list[str]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_no_message_type_is_renamed_or_dropped() -> None:
    gone = set(golden("message_types.txt")) - set(message_types.all_names())
    assert not gone, "peers, filters and logs know these names"


def test_each_message_type_is_written_down() -> None:
    new = set(message_types.all_names()) - set(golden("message_types.txt"))
    assert not new, "add to message_types.txt"


def test_no_field_value_or_rpc_is_renumbered_retyped_or_dropped() -> None:
    gone = set(golden("outline.txt")) - set(descriptors.outline())
    assert not gone, "peers and stored games rely on these"


def test_each_field_value_and_rpc_is_written_down() -> None:
    new = sorted(set(descriptors.outline()) - set(golden("outline.txt")))
    assert not new, "add to outline.txt"


def test_both_directions_have_the_same_header() -> None:
    def header(envelope: type[pb.ClientEnvelope | pb.ServerEnvelope]) -> list[tuple[int, str, str]]:
        return [
            (field.number, field.name, descriptors.type_of(field))
            for field in envelope.DESCRIPTOR.fields
            if field.containing_oneof is None
        ]

    assert header(pb.ClientEnvelope) == header(pb.ServerEnvelope)
    assert [number for number, _, _ in header(pb.ClientEnvelope)] == [1, 2, 3, 4, 5]


def test_no_integer_needs_64_bits() -> None:
    wide = [line for line in descriptors.outline() if line.split()[-1] in ("int64", "uint64")]
    assert not wide, "these are strings or bigints in JavaScript"


def test_no_message_shadows_the_global_error_of_javascript() -> None:
    names = {m.name for file in descriptors.all_files() for m in descriptors.messages(file)}
    assert "Error" not in names


def test_the_sealed_parts_are_read_under_the_names_they_were_stored_with() -> None:
    assert sealed.DESCRIPTOR.package == "planningpoker.storage.v1"
    assert sealed.Sealed.DESCRIPTOR.full_name == "planningpoker.storage.v1.Sealed"
