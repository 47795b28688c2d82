"""Fixtures for pytest, found through the distribution's entry point: a server for each test."""

import inspect
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from planning_poker_simulator.proxy import FaultProxy
from planning_poker_simulator.server import BlockingPokerServer, PokerServer

_MARKER: Final = "poker_settings"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f'{_MARKER}(**sections): settings of poker_server: {_MARKER}(room={{"settle_ms": 0}})',
    )


@pytest.fixture
def poker_settings(request: pytest.FixtureRequest) -> Mapping[str, Mapping[str, Any]]:
    """Settings above those that are shipped, by section; those of the nearest marker win.

    Override it in a module or a conftest.py to set them for many tests.
    """
    merged: dict[str, dict[str, Any]] = {}
    for marker in reversed(list(request.node.iter_markers(_MARKER))):
        for section, values in marker.kwargs.items():
            merged[section] = merged.get(section, {}) | values
    return merged


def _loop_scopes(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which event loop pytest-asyncio gives to fixtures, and to this test."""
    marker = request.node.get_closest_marker("asyncio")
    own = marker.kwargs.get("loop_scope") if marker is not None else None
    fixtures = request.config.getini("asyncio_default_fixture_loop_scope")
    test = own or request.config.getini("asyncio_default_test_loop_scope")
    return fixtures or "function", test or "function"


@pytest_asyncio.fixture
async def poker_server(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    poker_settings: Mapping[str, Mapping[str, Any]],
) -> AsyncIterator[PokerServer]:
    """A server on the test's own event loop, with its database in `tmp_path`."""
    if not inspect.iscoroutinefunction(inspect.unwrap(request.function)):
        # Its loop stands still while the test runs: nothing would ever be answered.
        pytest.fail("poker_server is for async tests: take blocking_poker_server", pytrace=False)
    fixtures, test = _loop_scopes(request)
    if fixtures != test:
        # Not the test's loop either, and nobody would say so before a client's time-out.
        pytest.fail(
            f"poker_server is on the loop of the {fixtures} and the test on one of the {test}: set "
            "asyncio_default_fixture_loop_scope and asyncio_default_test_loop_scope alike",
            pytrace=False,
        )
    async with PokerServer(tmp_path, poker_settings) as server:
        yield server


@pytest.fixture
def blocking_poker_server(
    tmp_path: Path, poker_settings: Mapping[str, Mapping[str, Any]]
) -> Iterator[BlockingPokerServer]:
    """A server on a thread of its own, for tests that block."""
    with BlockingPokerServer(tmp_path, poker_settings) as server:
        yield server


@pytest.fixture
def fault_proxy(poker_server: PokerServer) -> FaultProxy:
    """The network between `poker_server` and its clients."""
    return poker_server.network
