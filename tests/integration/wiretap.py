"""What the clients of a test were sent, whether bare or of the SDK."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import planningpoker.v1 as pb
from planning_poker_client.connection import Connection
from tests.integration.raw import Stream


class Wiretap:
    """Listens to every client of this process, until the test is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events = 0
        """Delivered, to all clients together."""
        self.redelivered: list[str] = []
        """Batches that were sent more than once: game, versions and attempt."""
        self.attached: Counter[str] = Counter()
        """Games that were followed, by outcome: "RESUMED"."""
        sdk, bare = Connection.receive, Stream.fold

        def receive(connection: Connection, envelope: pb.ServerEnvelope, now: float) -> Any:
            self._hear(envelope)
            return sdk(connection, envelope, now)

        def fold(stream: Stream, received: pb.ServerEnvelope) -> None:
            self._hear(received)
            bare(stream, received)

        monkeypatch.setattr(Connection, "receive", receive)
        monkeypatch.setattr(Stream, "fold", fold)

    def _hear(self, envelope: pb.ServerEnvelope) -> None:
        match envelope.WhichOneof("payload"):
            case "event_batch":
                batch = envelope.event_batch
                self.events += len(batch.events)
                if batch.attempt > 1:
                    versions = [event.version for event in batch.events]
                    self.redelivered.append(f"{batch.game_id} {versions}: attempt {batch.attempt}")
            case "attached":
                name = pb.AttachOutcome.Name(envelope.attached.outcome)
                self.attached[name.removeprefix("ATTACH_OUTCOME_")] += 1


@pytest.fixture(autouse=True)
def wiretap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiretap]:
    """What clients were sent. Nothing is sent twice where no client was frozen or cut.

    Sending again heals what was lost by a bug just as well, and so would hide it.
    """
    wiretap = Wiretap(monkeypatch)
    yield wiretap
    if request.node.get_closest_marker("redelivers") is None:
        assert wiretap.redelivered == []
