"""grpc.health.v1 with a status per service."""

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health(health_pb2_grpc.HealthServicer):
    """Check and Watch.

    Not grpcio-health-checking's own servicer, because its Watch keeps a lock
    while it writes, so that one watcher that does not read blocks all changes
    of status, and never ends, so that a graceful stop waits for its whole grace.
    """

    def __init__(self, services: list[str]) -> None:
        self._status = dict.fromkeys(services, SERVING)
        self._changed = asyncio.Event()

    def stop_serving(self) -> None:
        """All services are NOT_SERVING from now on; watchers are told, then end."""
        self._status = dict.fromkeys(self._status, NOT_SERVING)
        self._changed.set()

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> health_pb2.HealthCheckResponse:
        status = self._status.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service here.")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        # A status changes once, from serving to not serving, so one event
        # that stays set is all there is to wait for.
        status = self._status.get(request.service, _UNKNOWN)
        await context.write(health_pb2.HealthCheckResponse(status=status))
        await self._changed.wait()
        latest = self._status.get(request.service, _UNKNOWN)
        if latest != status:
            await context.write(health_pb2.HealthCheckResponse(status=latest))
