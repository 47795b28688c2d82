"""Commands of the open round: cards down, cards back, cards turned."""

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model import decks, limits
from planning_poker_model.text import trim
from planning_poker_server.domain import closing, electorate
from planning_poker_server.domain.case import Case, draft
from planning_poker_server.domain.checks import line_problem, names
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.rounds import round_problem
from planning_poker_server.domain.types import Decision


def submit_vote(case: Case) -> Decision:
    """Always an event, also for the same card again: a changed vote must look like any other."""
    vote = case.command.submit_vote
    refusal = (
        _observer_problem(case)
        or round_problem(case, vote.round_id)
        or line_problem(vote.card, "card", limits.CARD_LABEL)
        or line_problem(vote.comment, "comment", limits.VOTE_COMMENT, required=False)
        or _card_problem(case)
    )
    if refusal:
        return refusal
    event = pb.VoteSubmitted(round_id=vote.round_id, player_id=case.actor.player_id)
    sealed = storage.SealedVote(card=trim(vote.card), comment=trim(vote.comment))
    return [draft(pb.GameEvent(vote_submitted=event), storage.Sealed(vote=sealed))]


def _observer_problem(case: Case) -> pb.Refusal | None:
    sender = case.sender
    if sender is not None and sender.role == pb.PLAYER_ROLE_VOTER:
        return None
    message = "Observers do not vote; become a voter first."
    return refuse(pb.REASON_OBSERVER_CANNOT_VOTE, message)


def _card_problem(case: Case) -> pb.Refusal | None:
    deck, card = closing.open_round(case.state).deck, trim(case.command.submit_vote.card)
    if decks.find_card(deck, card) is not None:
        return None
    message = f"{card} is not in this deck: {decks.describe(deck)}"
    return refuse(pb.REASON_CARD_NOT_IN_DECK, message)


def retract_vote(case: Case) -> Decision:
    round_id, player_id = case.command.retract_vote.round_id, case.actor.player_id
    if refusal := round_problem(case, round_id):
        return refusal
    if player_id not in case.view.voted:
        return []
    event = pb.VoteRetracted(round_id=round_id, player_id=player_id)
    return [draft(pb.GameEvent(vote_retracted=event))]


def reveal_votes(case: Case) -> Decision:
    command = case.command.reveal_votes
    if refusal := round_problem(case, command.round_id):
        return refusal
    if not case.view.voted:
        message = "Nobody has voted yet; wait for a vote, or abandon the round."
        return refuse(pb.REASON_NO_VOTES, message)
    missing = list(electorate.missing(case.view, case.presence))
    if missing and not command.force:
        have = "has" if len(missing) == 1 else "have"
        message = f"{names(missing)} {have} not voted; wait, or reveal with force."
        ids = [player.player_id for player in missing]
        return refuse(pb.REASON_NOT_ALL_PLAYERS_VOTED, message, player_ids=ids)
    return [closing.reveal(case.state, case.presence, case.time_ms, forced=bool(missing))]


def cancel_reveal(case: Case) -> Decision:
    round_id = case.command.cancel_reveal.round_id
    if refusal := round_problem(case, round_id):
        return refusal
    if case.view.round_reveal_time is None:
        return refuse(pb.REASON_NO_COUNTDOWN, "No countdown to a reveal is running.")
    event = pb.RevealCancelled(round_id=round_id)
    return [draft(pb.GameEvent(reveal_cancelled=event))]
