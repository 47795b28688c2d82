"""What must be so at the end of every scenario, whatever it is about. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from planning_poker_client import Change
from planning_poker_simulator.scenarios.judging import Seen, same_everywhere
from planning_poker_simulator.scenarios.model import ACCEPTED
from planning_poker_simulator.scenarios.observing import Observed
from planning_poker_simulator.scenarios.programs import Told
from planning_poker_simulator.scenarios.table import Asked
from planning_poker_simulator.scenarios.wire import Ear, leaks

PROMISES: Final[Mapping[str, str]] = {
    "same everywhere": "All programs with a working connection, the server and its history show "
    "the same game.",
    "in order": "No program was told an event twice, too early, or with one left out.",
    "once": "What was accepted is in the history once, and what was refused is not.",
    "no card early": "Nobody was sent another player's card before it was turned.",
}


def promises(
    observed: Observed,
    told: Iterable[tuple[str, Told]],
    asked: Sequence[Asked],
    ears: Iterable[Ear],
    marks: Mapping[str, tuple[str, str]],
) -> dict[str, Seen]:
    """Each promise by name, as it should be and as it is."""
    return {
        "same everywhere": same_everywhere(observed),
        "in order": _in_order(told),
        "once": _once(asked, observed.history),
        "no card early": _no_card_early(observed.history, ears, marks),
    }


def _in_order(told: Iterable[tuple[str, Told]]) -> Seen:
    order = "every event once, in order"
    for name, each in told:
        version = each.since
        for item in each.items:
            if isinstance(item, Change):
                if item.version != version + 1:
                    what = f"{name} was told event {item.version} behind {version}"
                    return Seen(order, what)
                version = item.version
            else:
                version = item.to_version
    return Seen(order, order)


def _once(asked: Sequence[Asked], history: Sequence[Change]) -> Seen:
    once = "each accepted act once, each refused one not at all"
    versions = [change.version for change in history]
    if versions != list(range(1, len(history) + 1)):
        return Seen(once, "the history has a hole")
    caused = Counter(change.correlation_id for change in history if change.actor_id)
    heads = {change.version: change.correlation_id for change in history}
    for each in asked:
        if each.answer != ACCEPTED:
            if each.definite and caused[each.correlation_id]:
                return Seen(once, f"{_who(each)} was refused and had an effect")
        elif each.version > len(history):
            return Seen(once, f"{_who(each)} was accepted and is not in the history")
        elif each.answer == ACCEPTED and caused[each.correlation_id] > 1:
            own = [c.name for c in history if c.correlation_id == each.correlation_id]
            if len(set(own)) < len(own):
                return Seen(once, f"{_who(each)} had its effect {len(own)} times")
    if len(heads) != len(history):
        return Seen(once, "a version is in the history twice")
    return Seen(once, once)


def _who(asked: Asked) -> str:
    return f"“{asked.step.verb}” of {asked.player} in line {asked.step.line}"


def _no_card_early(
    history: Sequence[Change], ears: Iterable[Ear], marks: Mapping[str, tuple[str, str]]
) -> Seen:
    hidden = "no card before it was turned"
    revealed_ms = {
        vote.comment.removeprefix("mark-"): change.event.event_time.ToMilliseconds()
        for change in history
        if change.name == "votes_revealed"
        for vote in change.event.votes_revealed.round.votes
    }
    for leak in leaks(ears, marks, revealed_ms):
        return Seen(hidden, f"{leak.line} was sent the card of {leak.owner} too early")
    return Seen(hidden, hidden)
