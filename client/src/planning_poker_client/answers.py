"""What the answer to a command tells its sender. Pure."""

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import CommandRefused, NotSent, OutcomeUnknown, PokerError
from planning_poker_client.inflight import Request


def receipt_of(correlation_id: str, result: pb.CommandResult, command: str = "") -> Receipt:
    """The receipt that an accepting result stands for; `command` is its name."""
    accepted = result.accepted
    return Receipt(
        correlation_id=correlation_id,
        game_id=result.game_id,
        version=accepted.version,
        duplicate=result.duplicate,
        player_id=accepted.player_id,
        story_ids=tuple(accepted.story_ids),
        round_id=accepted.round_id,
        command=command,
    )


def refusal_of(correlation_id: str, refusal: pb.Refusal, *, in_doubt: bool = False) -> PokerError:
    """The error that the refusal of the command of this id stands for.

    `in_doubt`: whether an earlier attempt may have had its effect.
    """
    retry_after = refusal.retry_delay.ToTimedelta()
    if not refusal.definite:
        return OutcomeUnknown(refusal.message, correlation_id, retry_after)
    if in_doubt and (refusal.retryable or refusal.reason == pb.REASON_SEAT_NOT_HELD):
        # Said before the server looked for a duplicate: that this attempt had
        # no effect, and nothing of those before it.
        message = f"{refusal.message} Whether an earlier attempt had an effect is unknown."
        return OutcomeUnknown(message, correlation_id, retry_after)
    return CommandRefused(refusal)


def error_of(request: Request, error: PokerError) -> PokerError:
    """The error of a request that is given up: `error`, unless the server may have it already."""
    if not request.ever_sent or isinstance(error, OutcomeUnknown):
        return error
    what = "whether the command had an effect" if request.is_command else "the outcome"
    message = f"The server did not answer: {what} is unknown."
    unknown = OutcomeUnknown(message, request.correlation_id)
    if not isinstance(error, NotSent):
        unknown.__cause__ = error
    return unknown


def own_vote(request: Request, receipt: Receipt) -> pb.SeatState | None:
    """The state of a seat after its vote or retraction; None for other commands."""
    command = request.payload
    if isinstance(command, pb.Attach):
        return None
    state = pb.SeatState(
        game_id=receipt.game_id, player_id=command.player_id, at_version=receipt.version
    )
    if command.HasField("submit_vote"):
        vote = command.submit_vote
        state.round_id, state.card, state.comment = vote.round_id, vote.card, vote.comment
        return state
    if command.HasField("retract_vote"):
        state.round_id = command.retract_vote.round_id
        return state
    return None
