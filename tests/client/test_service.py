"""What works, from the connection's state, the server's word and what there is to show."""

from datetime import timedelta

import pytest

import planningpoker.v1 as pb
from planning_poker_client.notices import Loss, ServiceTold
from planning_poker_client.service import Available, Degraded, Fallback, ServiceState, Unavailable
from tests.client import said
from tests.client.driven import LOST, Driven

DEGRADED, DOWN = pb.SERVICE_STATE_DEGRADED, pb.SERVICE_STATE_UNAVAILABLE


def service(driven: Driven) -> ServiceState:
    return driven.connection.service


def test_without_a_connection_and_with_nothing_to_show_nothing_works() -> None:
    driven = Driven()
    assert service(driven) == Unavailable("The client is not open.")
    driven.connection.open(driven.now)
    assert service(driven) == Unavailable("The connection is being opened.")
    driven.stream()
    assert service(driven) == Available()
    driven.lose(jitter=1.0)
    assert service(driven) == Unavailable(LOST.message, timedelta(seconds=0.1))


def test_a_lost_connection_leaves_what_is_known() -> None:
    driven = Driven().connect()
    driven.join()
    driven.lose()
    assert service(driven) == Degraded(LOST.message, Fallback.SHOW_CACHED_DATA)
    driven.stream()
    assert service(driven) == Available()


def test_given_up_it_is_unavailable_whatever_there_is_to_show() -> None:
    driven = Driven().connect()
    driven.join()
    driven.lose(Loss("Stop.", retryable=False))
    assert service(driven) == Unavailable("Stop.")
    driven.connection.open(driven.now)
    assert isinstance(service(driven), Degraded)


def test_with_offline_votes_a_lost_connection_is_offline_mode() -> None:
    driven = Driven(offline_votes_for=60.0).connect()
    driven.join()
    driven.lose()
    assert service(driven) == Degraded(LOST.message, Fallback.OFFLINE_MODE)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (said.READ_ONLY, Degraded("The log is away.", Fallback.READ_ONLY_MODE)),
        (
            said.status(DEGRADED, pb.FALLBACK_SHOW_CACHED_DATA),
            Degraded("The log is away.", Fallback.SHOW_CACHED_DATA),
        ),
        (
            said.status(DEGRADED, pb.FALLBACK_OFFLINE_MODE),
            Degraded("The log is away.", Fallback.OFFLINE_MODE),
        ),
        (said.status(DEGRADED), Degraded("The log is away.", Fallback.READ_ONLY_MODE)),
        (
            said.status(DOWN, retry_ms=1_500),
            Unavailable("The log is away.", timedelta(seconds=1.5)),
        ),
        (said.status(DOWN), Unavailable("The log is away.")),
        (said.AVAILABLE, Available()),
        (said.status(pb.SERVICE_STATE_UNSPECIFIED), Available()),
    ],
)
def test_while_connected_the_server_says_what_works(
    status: pb.ServerEnvelope, expected: ServiceState
) -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(status)
    assert driven.told(ServiceTold) == [ServiceTold()]
    assert service(driven) == expected


def test_read_only_with_offline_votes_is_offline_mode() -> None:
    driven = Driven(offline_votes_for=60.0).connect()
    driven.hear(said.READ_ONLY)
    assert service(driven) == Degraded("The log is away.", Fallback.OFFLINE_MODE)


def test_a_new_stream_begins_as_available_until_the_server_says_otherwise() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.READ_ONLY)
    driven.lose()
    assert service(driven) == Degraded(LOST.message, Fallback.SHOW_CACHED_DATA)
    driven.stream()
    assert service(driven) == Available()
    driven.hear(said.READ_ONLY)
    assert isinstance(service(driven), Degraded)
