"""Each reason for a refusal has its place in the table of codes."""

import pytest
from google.rpc import code_pb2

import planningpoker.v1 as pb
from planning_poker_server.domain import refusals

REASONS = [number for number in pb.Reason.values() if number != pb.REASON_UNSPECIFIED]


@pytest.mark.parametrize("reason", REASONS, ids=pb.Reason.Name)
def test_a_refusal_carries_a_canonical_code_other_than_ok(reason: pb.Reason.ValueType) -> None:
    refusal = refusals.refuse(reason, "Why, and the way out.")
    assert refusal.code in code_pb2.Code.values()
    assert refusal.code != code_pb2.OK


def test_the_table_names_no_reason_that_the_contract_does_not_have() -> None:
    assert set(refusals.CODES) == set(REASONS)


def test_only_what_passes_by_itself_is_retryable() -> None:
    passing = {
        code_pb2.UNAVAILABLE,
        code_pb2.RESOURCE_EXHAUSTED,
        code_pb2.DEADLINE_EXCEEDED,
        code_pb2.ABORTED,
    }
    assert {refusals.CODES[reason] for reason in refusals.RETRYABLE} <= passing
