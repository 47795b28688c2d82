"""What is read of a status that a server or a proxy ended a call with."""

from datetime import timedelta

import pytest
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

import planningpoker.v1 as pb
from planning_poker_client.calls.statuses import status_of


def encoded(*details: object) -> bytes:
    packed = [any_pb2.Any() for _ in details]
    for any_, detail in zip(packed, details, strict=True):
        any_.Pack(detail)  # type: ignore[arg-type]
    status = status_pb2.Status(code=14, message="x", details=packed)
    return status.SerializeToString()  # type: ignore[no-any-return]


def info(reason: str, domain: str = "planningpoker") -> object:
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata={"field": "x"})


def test_our_reason_and_the_time_to_wait_are_read() -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000))
    status = status_of("UNAVAILABLE", 14, "Soon.", encoded(info("DRAINING"), retry))
    assert status.reason == pb.REASON_DRAINING
    assert status.retry_after == timedelta(seconds=1.5)
    refusal = status.refusal
    assert (refusal.code, refusal.message, refusal.definite) == (14, "Soon.", True)
    assert refusal.retryable
    assert refusal.retry_delay.ToMilliseconds() == 1_500


def test_a_reason_that_is_newer_than_this_sdk_still_is_our_servers() -> None:
    status = status_of("INTERNAL", 13, "", encoded(info("BORED")))
    assert status.reason == pb.REASON_INTERNAL


@pytest.mark.parametrize(
    "details",
    [
        b"",
        b"\xff\xff\xff",
        b"\x1a\x05abcde",
        encoded(),
        encoded(info("DRAINING", domain="proxy.example")),
        encoded(Duration(seconds=3)),
    ],
)
def test_what_our_server_did_not_say_is_nobodys_reason(details: bytes) -> None:
    status = status_of("UNAVAILABLE", 14, "x", details)
    assert status.reason == pb.REASON_UNSPECIFIED
    assert status.retry_after == timedelta()


def test_a_time_to_wait_that_is_none_is_no_time() -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1 << 60))
    assert status_of("UNAVAILABLE", 14, "x", encoded(retry)).retry_after == timedelta()
