"""What operators count. Each server has a registry of its own: nothing here is global."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, start_http_server

_PREFIX: Final = "planning_poker"


class Metrics:
    """Counters of one server, by the names they have in Prometheus."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._stop: list[Callable[[], None]] = []
        self.redeliveries = self._counter(
            "redeliveries", "How often a subscription was sent again what it had not acknowledged"
        )
        self.detached = self._counter(
            "detached",
            "Subscriptions that the server gave up",
            reason=("SLOW", "UNACKNOWLEDGED"),
        )
        self.stalled = self._counter(
            "stalled_streams", "Streams cut off because their peer took nothing any more"
        )
        self.reports = self._counter(
            "delivery_reports",
            "Final reports on critical events, by whether every connected seat has applied them",
            outcome=("complete", "incomplete"),
        )

    def serve(self, host: str, port: int) -> None:
        """Answer Prometheus over HTTP, in a thread. Raises OSError where that cannot be."""
        server, thread = start_http_server(port, host, self.registry)
        self._stop += [server.shutdown, server.server_close, thread.join]

    def close(self) -> None:
        """Answer nobody any more."""
        while self._stop:
            self._stop.pop(0)()

    def _counter(self, name: str, what: str, **labels: tuple[str, ...]) -> Counter:
        counter = Counter(name, what, labels, namespace=_PREFIX, registry=self.registry)
        for label, values in labels.items():
            # There from the beginning: of a series that begins at 1, Prometheus sees no increase.
            for value in values:
                counter.labels(**{label: value})
        return counter
