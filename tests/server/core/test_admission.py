"""Who is let in: a share for each address, and nothing kept of those who left."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import grpc
import pytest

from planning_poker_server.admission import Admission
from planning_poker_server.calls import Context
from planning_poker_server.ratelimit import Buckets
from planning_poker_simulator.virtual_time import CLOCK


class Aborted(Exception):
    """What gRPC raises in a handler that ends its call."""


class Call:
    """What of gRPC's context an admission looks at."""

    def __init__(self, address: str, port: int) -> None:
        self._peer = f"ipv4:{address}:{port}"

    def peer(self) -> str:
        return self._peer

    async def abort(self, code: grpc.StatusCode, *_details: Any) -> None:
        raise Aborted(code)


@pytest.fixture
async def held() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as held:
        yield held


def call(address: str, port: int) -> Context:
    return cast("Context", Call(address, port))


async def test_an_address_with_its_share_is_refused_and_another_one_is_not(
    held: AsyncExitStack,
) -> None:
    admission = Admission(4, Buckets(6_000), CLOCK, most_each=2)
    for port in (1, 2):
        await held.enter_async_context(admission.admit(call("10.0.0.1", port)))
    with pytest.raises(Aborted, match="RESOURCE_EXHAUSTED"):
        await held.enter_async_context(admission.admit(call("10.0.0.1", 3)))
    await held.enter_async_context(admission.admit(call("10.0.0.2", 1)))


async def test_the_trusted_have_no_share_and_take_none(held: AsyncExitStack) -> None:
    admission = Admission(4, Buckets(6_000), CLOCK, most_each=1)
    for port in (1, 2):
        await held.enter_async_context(admission.admit(call("10.0.0.1", port), trusted=True))
    await held.enter_async_context(admission.admit(call("10.0.0.1", 3)))
    await held.enter_async_context(admission.admit(call("10.0.0.1", 4), trusted=True))
    with pytest.raises(Aborted):  # the bound of all is one for everybody
        await held.enter_async_context(admission.admit(call("10.0.0.1", 5), trusted=True))


async def test_nothing_is_kept_of_addresses_that_left() -> None:
    admission = Admission(4, Buckets(6_000), CLOCK, most_each=2)
    for number in range(100):
        for trusted in (False, True):
            async with admission.admit(call(f"10.0.0.{number}", 1), trusted=trusted):
                pass
    assert not admission._open_of
