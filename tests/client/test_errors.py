"""Errors reach other processes as they are."""

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    CommandRefused,
    ConnectionLost,
    GameDetached,
    OutcomeUnknown,
    PokerError,
)
from planning_poker_client.errors import BadStories, Finding

REFUSAL = pb.Refusal(reason=pb.REASON_ROUND_CLOSED, message="It is over.", retryable=True)


@pytest.mark.parametrize(
    "error",
    [
        CommandRefused(REFUSAL),
        OutcomeUnknown("Nobody knows.", "an id", timedelta(seconds=1)),
        ConnectionLost("It is gone.", retryable=False),
        GameDetached("You were removed.", "REMOVED"),
        BadStories([Finding(3, "the title is empty")]),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("sent", [copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301
def test_an_error_is_the_same_wherever_it_is_sent(
    error: PokerError, sent: Callable[[PokerError], PokerError]
) -> None:
    other = sent(error)
    assert type(other) is type(error)
    assert (str(other), vars(other)) == (str(error), vars(error))
