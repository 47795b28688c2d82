"""A batch that is sent again is noticed, whichever client it reaches."""

import pytest

import planningpoker.v1 as pb
from planning_poker_client import ClientOptions
from planning_poker_client.connection import Connection
from tests.integration.harness import Host
from tests.integration.wiretap import Wiretap

AGAIN = pb.ServerEnvelope(
    event_batch=pb.EventBatch(game_id="g", events=[pb.GameEvent(version=7)], attempt=2)
)


@pytest.mark.redelivers
async def test_what_the_sdk_gets_again_is_noticed(wiretap: Wiretap) -> None:
    Connection(pb.Hello(), "server", ClientOptions()).receive(AGAIN, 0.0)
    assert wiretap.redelivered == ["g [7]: attempt 2"]


@pytest.mark.redelivers
async def test_what_a_bare_client_gets_again_is_noticed(host: Host, wiretap: Wiretap) -> None:
    await host.start()
    stream = await host.stream()
    stream.fold(AGAIN)
    assert wiretap.redelivered == ["g [7]: attempt 2"]


async def test_what_comes_for_the_first_time_is_counted_and_no_redelivery(
    host: Host, wiretap: Wiretap
) -> None:
    await host.start()
    stream = await host.stream()
    seat = await stream.create()
    await stream.do(seat, start_round=pb.StartRound())
    assert (wiretap.events, wiretap.redelivered) == (1, [])
    assert wiretap.attached == {"FRESH": 1}
