"""A client program that follows one game, and checks what it is told as it is told it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from tests.server.core.parts import secret_of
from tests.server.core.scripted import Client


@dataclass
class Follower:
    """One person with at most one stream; `way` holds what is written and not read yet."""

    name: str
    player_id: str = ""
    """Empty: without a seat, for now or as long as `plays` is not set."""
    plays: bool = True
    secrets: list[bytes] = field(default_factory=list)
    """Those that may prove the seat; after a reset nobody has said which one does."""
    tried: int = 0
    view: GameView = field(default_factory=GameView)
    cause: str = ""
    """Correlation id of the last event."""
    client: Client | None = None
    reads_at_once: bool = True
    follows: bool = False
    attaches_again: bool = False
    """What was on its way before may come twice."""
    way: deque[pb.ServerEnvelope] = field(default_factory=deque)
    woken: int = 0
    more: bool = False
    card: str = ""
    present: set[str] = field(default_factory=set)
    asked: dict[str, tuple[pb.Command, int]] = field(default_factory=dict)
    """By correlation id: the command, and how many answers are to come."""
    ended: set[int] = field(default_factory=set)
    """Versions whose report was final."""

    def __post_init__(self) -> None:
        self.secrets = [secret_of(self.name)] if self.player_id else []

    @property
    def secret(self) -> bytes:
        """The next one to try."""
        return self.secrets[self.tried % len(self.secrets)]

    @property
    def joins(self) -> bool:
        """Whether a join is on its way."""
        return any(awaited and c.HasField("join_game") for c, awaited in self.asked.values())

    def hang_up(self) -> None:
        self.client, self.follows, self.attaches_again = None, False, False
        self.woken, self.more = 0, False
        self.way.clear()
        self.asked.clear()
        self.ended.clear()

    def lose_seat(self) -> None:
        self.player_id, self.card, self.secrets, self.tried = "", "", [], 0

    # The writer of the stream, which works only when it was woken

    def write(self, now_ms: int, limit: int = 10_000) -> None:
        """Put up to `limit` frames on their way."""
        client = self.client
        if client is None or (client.woken == self.woken and not self.more):
            return
        self.woken, self.more, client.now_ms = client.woken, True, now_ms
        for _ in range(limit):
            frame = client.session.next_frame(now_ms)
            self.more = frame is not None
            if frame is None:
                return
            self.way.append(pb.ServerEnvelope.FromString(frame))

    # The reader of the client

    def read(self, acknowledged: Mapping[str, int], limit: int = 10_000) -> None:
        """Take up to `limit` messages. `acknowledged`: what each seat has, as it said itself."""
        for _ in range(min(limit, len(self.way))):
            envelope = self.way.popleft()
            self._look_for_cards(envelope)
            match envelope.WhichOneof("payload"):
                case "attached":
                    self._attached(envelope.attached)
                case "event_batch":
                    self._batch(envelope.event_batch)
                case "command_result":
                    self._result(envelope)
                case "seat_state":
                    self._seat_state(envelope.seat_state)
                case "detached":
                    self._detached(envelope.detached)
                case "presence_delta":
                    self._presence(envelope.presence_delta)
                case "delivery_report":
                    self._report(envelope.delivery_report, acknowledged)
                case "goodbye":
                    raise AssertionError(envelope)

    def _look_for_cards(self, envelope: pb.ServerEnvelope) -> None:
        if "canary" not in str(envelope):
            return
        shown = envelope.event_batch.snapshot, envelope.attached.snapshot
        revealed = any(event.HasField("votes_revealed") for event in envelope.event_batch.events)
        revealed |= any(len(snapshot.current_round.votes) for snapshot in shown)
        assert revealed or envelope.HasField("seat_state"), envelope

    def _attached(self, attached: pb.Attached) -> None:
        self.follows, self.card = True, ""
        self.present = set(attached.connected_player_ids)
        if attached.HasField("snapshot"):
            self._replace(attached.snapshot, attached.head_correlation_id)
        else:
            assert attached.outcome == pb.ATTACH_OUTCOME_RESUMED

    def _batch(self, batch: pb.EventBatch) -> None:
        assert self.follows
        if batch.HasField("snapshot"):
            self._replace(batch.snapshot, batch.snapshot_correlation_id)
        for event in batch.events:
            again = batch.attempt > 1 or self.attaches_again
            if again and event.version <= self.view.version:
                continue
            self.view.apply(event)  # raises where there is a gap
            self.cause = event.correlation_id
            if event.WhichOneof("event") in ("round_started", "round_abandoned"):
                self.card = ""

    def _replace(self, snapshot: pb.Game, cause: str) -> None:
        assert snapshot.version >= self.view.version or self.attaches_again, "back in time"
        self.view, self.cause, self.card = GameView.from_game(snapshot), cause, ""

    def _result(self, envelope: pb.ServerEnvelope) -> None:
        result = envelope.command_result
        command, awaited = self.asked[envelope.correlation_id]
        assert awaited > 0, "answered twice"
        self.asked[envelope.correlation_id] = command, awaited - 1
        if not result.HasField("accepted"):
            return
        if command.HasField("leave_game"):
            self.lose_seat()
        elif self.follows:
            assert self.view.version >= result.accepted.version, "an answer before its events"
        if command.HasField("join_game"):
            self.player_id = result.accepted.player_id

    def _seat_state(self, state: pb.SeatState) -> None:
        assert state.player_id == self.player_id or not self.player_id
        assert state.at_version == self.view.version, "not behind its version"
        self.card = state.card

    def _detached(self, detached: pb.Detached) -> None:
        self.follows = False
        if detached.refusal.reason == pb.REASON_SEAT_SECRET_WRONG:
            self.tried += 1
            if self.tried > len(self.secrets):
                self.lose_seat()
        elif detached.reason == pb.DETACH_REASON_REMOVED:
            if "secret" in detached.message:
                self.tried = len(self.secrets) - 1
            else:
                self.lose_seat()

    def _presence(self, delta: pb.PresenceDelta) -> None:
        assert self.follows
        for player_id, presence in delta.players.items():
            if presence == pb.PRESENCE_CONNECTED:
                self.present.add(player_id)
            else:
                self.present.discard(player_id)

    def _report(self, report: pb.DeliveryReport, acknowledged: Mapping[str, int]) -> None:
        assert self.follows
        assert self.view.version >= report.version, "a report before its event"
        assert report.version not in self.ended, "a report after the final one"
        if report.final:
            self.ended.add(report.version)
        has = list(report.acknowledged_player_ids)
        named = [*has, *report.pending_player_ids, *report.absent_player_ids]
        assert len(named) == len(set(named))
        for player_id in has:
            assert acknowledged.get(player_id, 0) >= report.version, "it never said so"
