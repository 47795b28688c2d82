"""How a round ends: the cards are turned, or it is abandoned. For people and the server alike."""

import planningpoker.v1 as pb
from planning_poker_model.statistics import statistics
from planning_poker_server.domain import electorate
from planning_poker_server.domain.case import draft
from planning_poker_server.domain.moments import timestamp
from planning_poker_server.domain.state import GameState
from planning_poker_server.domain.types import Draft, Presence


def reveal(
    state: GameState, presence: Presence, time_ms: int, *, forced: bool, by_server: bool = False
) -> Draft:
    """Turn the cards of the open round, which has at least one vote."""
    view = state.view
    revealed = pb.Round()
    revealed.CopyFrom(open_round(state))
    votes = [_vote(state, player_id) for player_id in view.voted]
    missing = [p.player_id for p in electorate.voters(view) if p.player_id not in view.voted]
    revealed.status = pb.ROUND_STATUS_REVEALED
    revealed.ClearField("expire_time")
    revealed.reveal_time.CopyFrom(timestamp(time_ms))
    revealed.voted_player_ids[:] = view.voted
    revealed.missing_player_ids[:] = missing
    revealed.votes.extend(votes)
    revealed.statistics.CopyFrom(statistics(revealed.deck, votes))
    event = pb.VotesRevealed(
        round=revealed,
        story=view.stories.get(revealed.story_id),
        forced=forced,
        absent_player_ids=electorate.absent(view, presence),
    )
    return draft(pb.GameEvent(votes_revealed=event), by_server=by_server)


def _vote(state: GameState, player_id: str) -> pb.Vote:
    card, comment = state.sealed_vote(player_id)
    name = state.view.players[player_id].display_name
    return pb.Vote(player_id=player_id, display_name=name, card=card, comment=comment)


def abandon(state: GameState, *, by_server: bool = False) -> Draft:
    """Close the open round without a result."""
    event = pb.RoundAbandoned(round_id=open_round(state).round_id)
    return draft(pb.GameEvent(round_abandoned=event), by_server=by_server)


def end_game(state: GameState, *, by_server: bool = False) -> list[Draft]:
    """End the game; an open round is abandoned before."""
    estimates = [
        pb.StoryEstimate(
            story_id=story.story_id, key=story.key, title=story.title, estimate=story.estimate
        )
        for story in state.view.stories.values()
        if story.status == pb.STORY_STATUS_ESTIMATED
    ]
    ended = pb.GameEvent(game_ended=pb.GameEnded(estimates=estimates))
    is_open = state.view.phase == pb.GAME_PHASE_VOTING
    abandoned = [abandon(state, by_server=by_server)] if is_open else []
    return [*abandoned, draft(ended, by_server=by_server)]


def open_round(state: GameState) -> pb.Round:
    """The open round of a game in the phase of voting."""
    round_ = state.view.round
    if round_ is None or state.view.phase != pb.GAME_PHASE_VOTING:
        raise ValueError("there is no open round")
    return round_
