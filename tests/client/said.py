"""What a server says, in short: envelopes and a small game for tests of the SDK."""

from typing import Any

import planningpoker.v1 as pb

GAME = "ab" * 16
CODE = "K7QF-3M"


def envelope(correlation_id: str = "", **payload: Any) -> pb.ServerEnvelope:
    """An envelope around `payload`, such as welcome=pb.Welcome(…)."""
    return pb.ServerEnvelope(correlation_id=correlation_id, version=1, **payload)


def welcome(
    *,
    every_events: int = 50,
    within_ms: int = 200,
    ping_ms: int = 25_000,
    epoch: str = "epoch-1",
    version: int = 1,
    **limits: Any,
) -> pb.ServerEnvelope:
    """Welcome, without limits on commands unless they are given."""
    in_force = pb.Limits(ack_every_events=every_events, **limits)
    in_force.ack_within.FromMilliseconds(within_ms)
    in_force.ping_interval.FromMilliseconds(ping_ms)
    return envelope(welcome=pb.Welcome(version=version, log_epoch=epoch, limits=in_force))


def game(version: int = 3, *, phase: pb.GamePhase.ValueType = pb.GAME_PHASE_LOBBY) -> pb.Game:
    """A snapshot with Ada (p1) and Bob (p2) at the table."""
    return pb.Game(
        game_id=GAME,
        display_name="Sprint 12",
        version=version,
        phase=phase,
        join_code=CODE,
        players=[
            pb.Player(player_id="p1", display_name="Ada", role=pb.PLAYER_ROLE_VOTER),
            pb.Player(player_id="p2", display_name="Bob", role=pb.PLAYER_ROLE_VOTER),
        ],
    )


def attached(
    correlation_id: str,
    snapshot: pb.Game | None = None,
    *players: str,
    head: int = 0,
    cause: str = "",
) -> pb.ServerEnvelope:
    """Attached with a snapshot, or resumed without one; `cause` is that of the head's event."""
    return envelope(
        correlation_id,
        attached=pb.Attached(
            game_id=GAME,
            outcome=pb.ATTACH_OUTCOME_FRESH if snapshot else pb.ATTACH_OUTCOME_RESUMED,
            head_version=snapshot.version if snapshot else head,
            snapshot=snapshot,
            player_ids=players,
            connected_player_ids=players,
            head_correlation_id=cause,
        ),
    )


def accepted(correlation_id: str, version: int = 4, **fields: Any) -> pb.ServerEnvelope:
    """A result that accepts."""
    result = pb.CommandResult(game_id=GAME, accepted=pb.Accepted(version=version, **fields))
    return envelope(correlation_id, command_result=result)


def refused(correlation_id: str, refusal: pb.Refusal) -> pb.ServerEnvelope:
    """A result that refuses."""
    return envelope(correlation_id, command_result=pb.CommandResult(game_id=GAME, refusal=refusal))


ROUND_CLOSED = pb.Refusal(
    reason=pb.REASON_ROUND_CLOSED, code=9, message="This round is closed.", definite=True
)


LOG_DOWN = pb.Refusal(
    reason=pb.REASON_LOG_UNAVAILABLE, code=14, message="Later.", definite=True, retryable=True
)


def status(
    state: pb.ServiceState.ValueType,
    fallback: pb.Fallback.ValueType = pb.FALLBACK_UNSPECIFIED,
    retry_ms: int = 0,
) -> pb.ServerEnvelope:
    """The server tells how well it works."""
    told = pb.ServiceStatus(state=state, message="The log is away.", fallback=fallback)
    told.retry_delay.FromMilliseconds(retry_ms)
    return envelope(service_status=told)


READ_ONLY = status(pb.SERVICE_STATE_DEGRADED, pb.FALLBACK_READ_ONLY_MODE, 1_000)
AVAILABLE = status(pb.SERVICE_STATE_AVAILABLE)


def report(version: int, *, final: bool, acknowledged: str = "") -> pb.DeliveryReport:
    """Who has a critical event: these seats have it, p2 is away."""
    return pb.DeliveryReport(
        game_id=GAME,
        version=version,
        acknowledged_player_ids=acknowledged.split(),
        absent_player_ids=["p2"],
        final=final,
    )


def batch(*events: pb.GameEvent) -> pb.ServerEnvelope:
    """A run of events."""
    first = events[0].version if events else 0
    return envelope(
        event_batch=pb.EventBatch(game_id=GAME, first_version=first, events=events, attempt=1)
    )


def snapshot_instead(snapshot: pb.Game, cause: str = "") -> pb.ServerEnvelope:
    """A snapshot in place of events."""
    return envelope(
        event_batch=pb.EventBatch(
            game_id=GAME,
            first_version=snapshot.version,
            snapshot=snapshot,
            attempt=1,
            snapshot_correlation_id=cause,
        )
    )


def detached(
    reason: pb.DetachReason.ValueType,
    next_step: pb.NextStep.ValueType,
    *,
    correlation_id: str = "",
    refusal: pb.Refusal | None = None,
) -> pb.ServerEnvelope:
    """A game is followed no longer."""
    return envelope(
        correlation_id,
        detached=pb.Detached(
            game_id=GAME,
            reason=reason,
            next_step=next_step,
            message="For a reason.",
            refusal=refusal,
        ),
    )


def goodbye(next_step: pb.NextStep.ValueType, retry_ms: int = 0) -> pb.ServerEnvelope:
    """The last message of a stream."""
    said = pb.Goodbye(next_step=next_step, message="The server is going away.")
    said.retry_delay.FromMilliseconds(retry_ms)
    return envelope(goodbye=said)


def event(version: int, correlation_id: str = "", **body: Any) -> pb.GameEvent:
    """An event; without a body, one of a kind that nobody knows."""
    return pb.GameEvent(
        version=version, correlation_id=correlation_id or f"cause-{version}", **body
    )


def joined(version: int, player_id: str = "p3", name: str = "Cy") -> pb.GameEvent:
    player = pb.Player(player_id=player_id, display_name=name, role=pb.PLAYER_ROLE_VOTER)
    return event(version, player_joined=pb.PlayerJoined(player=player))


def round_started(version: int, round_id: str = "r1", story_id: str = "") -> pb.GameEvent:
    opened = pb.Round(round_id=round_id, story_id=story_id, status=pb.ROUND_STATUS_OPEN, number=1)
    return event(version, round_started=pb.RoundStarted(round=opened))


def voted(version: int, player_id: str = "p1", round_id: str = "r1") -> pb.GameEvent:
    vote = pb.VoteSubmitted(round_id=round_id, player_id=player_id)
    return event(version, vote_submitted=vote)


def retracted(version: int, player_id: str = "p1", round_id: str = "r1") -> pb.GameEvent:
    vote = pb.VoteRetracted(round_id=round_id, player_id=player_id)
    return event(version, vote_retracted=vote)


def renamed(version: int, name: str, player_id: str = "p1") -> pb.GameEvent:
    player = pb.Player(player_id=player_id, display_name=name, role=pb.PLAYER_ROLE_VOTER)
    return event(version, player_updated=pb.PlayerUpdated(player=player))


def revealed(version: int, round_id: str = "r1") -> pb.GameEvent:
    closed = pb.Round(
        round_id=round_id, status=pb.ROUND_STATUS_REVEALED, number=1, voted_player_ids=["p2"]
    )
    return event(version, votes_revealed=pb.VotesRevealed(round=closed))


def caused(correlation_id: str, event_: pb.GameEvent) -> pb.GameEvent:
    """The same event, by this command."""
    event_.correlation_id = correlation_id
    return event_


def ended(version: int) -> pb.GameEvent:
    return event(version, game_ended=pb.GameEnded())
