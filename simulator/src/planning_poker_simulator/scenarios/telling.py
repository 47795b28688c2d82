"""One event of a history as one line for a person. Pure."""

from collections.abc import Mapping

from planning_poker_client import Change


def tell(change: Change, names: Mapping[str, str]) -> str:
    """As in “12 vote submitted by Bob”."""
    what = change.name.replace("_", " ") or "an event that is not known here"
    who = names.get(change.actor_id, change.actor_id)
    about = _about(change, names)
    by = f" by {who}" if who else " by the server"
    return f"{change.version} {what}{about}{by}"


def _about(change: Change, names: Mapping[str, str]) -> str:
    event = change.event
    match change.name:
        case "votes_revealed":
            votes = event.votes_revealed.round.votes[:6]
            cards = ", ".join(f"{names.get(v.player_id, v.player_id)} {v.card}" for v in votes)
            return f" ({cards})"
        case "player_joined":
            return f" ({event.player_joined.player.display_name})"
        case "round_started":
            title = event.round_started.story.title
            return f" ({title})" if title else ""
        case "estimate_accepted":
            story = event.estimate_accepted.story
            return f" ({story.title}: {story.estimate.value})"
        case _:
            return ""
