"""Commands that open, time and close rounds, and what comes of them."""

import planningpoker.v1 as pb
from planning_poker_model import decks, limits
from planning_poker_model.text import trim
from planning_poker_server.domain import closing
from planning_poker_server.domain.backlog import story_problem
from planning_poker_server.domain.case import Case, draft
from planning_poker_server.domain.checks import duration_problem, id_problem, line_problem
from planning_poker_server.domain.moments import timestamp, to_ms
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.types import Decision


def round_problem(case: Case, round_id: str) -> pb.Refusal | None:
    """Whether `round_id` is the open round: a late command must never land on another one."""
    if refusal := id_problem(round_id, "round_id", "r"):
        return refusal
    view, last = case.view, case.view.round
    if view.phase == pb.GAME_PHASE_VOTING and last is not None:
        if last.round_id == round_id:
            return None
        message = f"Round {round_id} is not open; round {last.round_id} is."
        return refuse(pb.REASON_ROUND_CLOSED, message, open_round_id=last.round_id)
    if round_id != f"r{case.state.last_round}":
        message = f"Round {round_id} is not open; wait for the next round, or start one."
        return refuse(pb.REASON_ROUND_CLOSED, message)
    version = case.state.close_version
    message = f"Round {round_id} is closed since version {version}; wait for the next one."
    return refuse(pb.REASON_ROUND_CLOSED, message, closed_version=str(version))


def start_round(case: Case) -> Decision:
    start = case.command.start_round
    refusal = (
        (story_problem(case, start.story_id) if start.story_id else None)
        or duration_problem(start.duration, "duration", limits.ROUND_DURATION_MS)
        or (None if start.abandon_open else _still_open_problem(case))
    )
    if refusal:
        return refusal
    is_open = case.view.phase == pb.GAME_PHASE_VOTING
    abandoned = [closing.abandon(case.state)] if is_open else []
    story = _story_in_new_round(case.view.stories.get(start.story_id))
    opened = pb.Round(
        round_id=f"r{case.state.last_round + 1}",
        story_id=start.story_id,
        number=story.round_count if story else 1,
        status=pb.ROUND_STATUS_OPEN,
        deck=case.view.settings.deck,
        start_time=timestamp(case.time_ms),
    )
    asked = start.duration if start.HasField("duration") else case.view.settings.round_duration
    if duration_ms := to_ms(asked):
        opened.expire_time.CopyFrom(timestamp(case.time_ms + duration_ms))
    event = pb.GameEvent(round_started=pb.RoundStarted(round=opened, story=story))
    return [*abandoned, draft(event)]


def _still_open_problem(case: Case) -> pb.Refusal | None:
    if case.view.phase != pb.GAME_PHASE_VOTING:
        return None
    message = "A round is open; reveal it first, or start the next one with abandon_open."
    return refuse(pb.REASON_ROUND_OPEN, message)


def _story_in_new_round(story: pb.Story | None) -> pb.Story | None:
    """The story with one more round; what is voted on is not skipped any more."""
    if story is None:
        return None
    started = pb.Story()
    started.CopyFrom(story)
    started.round_count += 1
    if started.status == pb.STORY_STATUS_SKIPPED:
        started.status = pb.STORY_STATUS_PENDING
    return started


def set_deadline(case: Case) -> Decision:
    change = case.command.set_deadline
    refusal = round_problem(case, change.round_id) or duration_problem(
        change.remaining, "remaining", limits.ROUND_DURATION_MS, "remaining time"
    )
    if refusal:
        return refusal
    remaining_ms = to_ms(change.remaining)
    if not remaining_ms and case.view.round_expire_time is None:
        return []
    due = timestamp(case.time_ms + remaining_ms) if remaining_ms else None
    event = pb.DeadlineSet(round_id=change.round_id, expire_time=due)
    return [draft(pb.GameEvent(deadline_set=event))]


def abandon_round(case: Case) -> Decision:
    if refusal := round_problem(case, case.command.abandon_round.round_id):
        return refusal
    return [closing.abandon(case.state)]


def accept_estimate(case: Case) -> Decision:
    accept = case.command.accept_estimate
    refusal = (
        story_problem(case, accept.story_id)
        or line_problem(accept.value, "value", limits.ESTIMATE_VALUE)
        or _source_problem(case)
    )
    if refusal:
        return refusal
    story = case.view.stories[accept.story_id]
    estimate = _estimate(case)
    if _same_value(story.estimate, estimate) and story.status == pb.STORY_STATUS_ESTIMATED:
        return []
    estimated = pb.Story()
    estimated.CopyFrom(story)
    estimated.status = pb.STORY_STATUS_ESTIMATED
    estimated.estimate.CopyFrom(estimate)
    return [draft(pb.GameEvent(estimate_accepted=pb.EstimateAccepted(story=estimated)))]


def _source_problem(case: Case) -> pb.Refusal | None:
    accept, view = case.command.accept_estimate, case.view
    if accept.round_id and (refusal := id_problem(accept.round_id, "round_id", "r")):
        return refusal
    if view.phase == pb.GAME_PHASE_VOTING and view.round is not None:
        if accept.round_id == view.round.round_id:
            message = f"The cards of round {accept.round_id} lie face down; reveal them first."
            return refuse(pb.REASON_ROUND_NOT_REVEALED, message)
        if accept.story_id == view.round.story_id:
            message = f"Story {accept.story_id} is being voted on; reveal its round first."
            return refuse(pb.REASON_ROUND_OPEN, message)
    if accept.round_id in ("", case.state.last_revealed_round(accept.story_id)):
        return None
    message = (
        f"Round {accept.round_id} is not the last revealed round of story {accept.story_id};"
        " leave the round out to accept a value without one."
    )
    return refuse(pb.REASON_ROUND_CLOSED, message)


def _estimate(case: Case) -> pb.Estimate:
    accept, last = case.command.accept_estimate, case.view.round
    deck = case.view.settings.deck
    if last is not None and last.round_id == accept.round_id:
        deck = last.deck
    value = trim(accept.value)
    card = decks.find_card(deck, value)
    return pb.Estimate(
        value=value,
        number=card.value if card is not None and card.HasField("value") else None,
        player_id=case.actor.player_id,
        accept_time=timestamp(case.time_ms),
        round_id=accept.round_id,
    )


def _same_value(one: pb.Estimate, other: pb.Estimate) -> bool:
    return (one.value, one.round_id) == (other.value, other.round_id)
