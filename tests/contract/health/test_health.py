"""What a prober relies on, asked through the synchronous stub that probers use.

The fixtures are those of pytest-grpc. Its own server is synchronous and cannot
run ours, so `grpc_addr` and `grpc_server` are replaced by a real server; the
channel and the stub are the plugin's.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from planningpoker.v1 import service_pb2
from tests.workspace.serving import serving

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE = "planningpoker.v1.PlanningPokerService"


@pytest.fixture(scope="module")
def grpc_addr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("health")) as address:
        yield address


@pytest.fixture(scope="module")
def grpc_server(grpc_addr: str) -> None:
    """The plugin's channel asks for a server; `grpc_addr` runs it."""


@pytest.fixture(scope="module")
def grpc_stub_cls() -> Any:
    return health_pb2_grpc.HealthStub


def ask(service: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


def test_the_tested_name_is_that_of_the_contract() -> None:
    (service,) = service_pb2.DESCRIPTOR.services_by_name.values()
    assert service.full_name == SERVICE


@pytest.mark.parametrize("service", ["", SERVICE], ids=["the server", "the service"])
def test_a_running_server_is_serving(grpc_stub: Any, service: str) -> None:
    assert grpc_stub.Check(ask(service), timeout=10).status == SERVING


@pytest.mark.parametrize("service", ["planningpoker.v1.Nothing", SERVICE.lower(), " "])
def test_a_service_that_does_not_exist_is_not_found(grpc_stub: Any, service: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        grpc_stub.Check(ask(service), timeout=10)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_watching_begins_with_the_present_status(grpc_stub: Any) -> None:
    watch = grpc_stub.Watch(ask(SERVICE), timeout=10)
    assert next(watch).status == SERVING
    watch.cancel()


@pytest.mark.parametrize("service", ["", SERVICE], ids=["the server", "the service"])
def test_watchers_are_told_when_the_server_begins_to_stop(tmp_path: Path, service: str) -> None:
    with ExitStack() as stack:
        # Left after the server was: what it said last is still read.
        with serving(tmp_path) as address:
            channel = stack.enter_context(grpc.insecure_channel(address))
            watch = health_pb2_grpc.HealthStub(channel).Watch(ask(service), timeout=30)
            assert next(watch).status == SERVING
        assert [answer.status for answer in watch] == [NOT_SERVING]
