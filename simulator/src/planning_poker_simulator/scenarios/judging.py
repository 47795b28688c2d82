"""Holds what was observed against an expected outcome. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import planningpoker.v1 as pb
from planning_poker_simulator.scenarios.model import Step
from planning_poker_simulator.scenarios.observing import Observed
from planning_poker_simulator.scenarios.vocabulary import OUTCOMES

_NONE: Final = "none"
_FEW: Final = 12


class Seen(NamedTuple):
    """An outcome, as it should be and as it is; both as text for a person."""

    expected: str
    actual: str

    @property
    def holds(self) -> bool:
        return self.expected == self.actual


def judge(outcome: Step, observed: Observed) -> Seen:
    """The outcome as expected, and as it is."""
    return _JUDGES[outcome.verb](outcome, observed)


# How things are said


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found) if found else _NONE


def _set(names: Iterable[str]) -> str:
    return _listed(sorted(names))


def _by_name(pairs: Iterable[tuple[str, str]]) -> str:
    found = sorted(pairs)
    if len(found) > _FEW:  # a crowd: by what they have, not by who they are
        counted = Counter(text for _, text in found)
        return ", ".join(f"{count} × {text}" for text, count in sorted(counted.items()))
    return ", ".join(f"{name}: {text}" for name, text in found) or _NONE


def _player(player_id: str, observed: Observed) -> str:
    return observed.names.get(player_id, player_id)


def _players(ids: Iterable[str], observed: Observed) -> str:
    return _set(_player(each, observed) for each in ids)


def _enum(name: str) -> str:
    return name.rpartition("_")[2].lower()


def _phase(phase: pb.GamePhase.ValueType | None) -> str:
    return _enum(pb.GamePhase.Name(phase)) if phase is not None else "nothing"


def _number(value: float) -> str:
    return f"{value:.6g}"


# The round


def _round(outcome: Step, observed: Observed) -> pb.Round | None:
    """The revealed round that is meant: the last one, of all or of a story."""
    title, number = outcome.text_of("story"), outcome.number_of("number")
    revealed = [
        change.event.votes_revealed
        for change in observed.history
        if change.name == "votes_revealed"
    ]
    for each in reversed(revealed):
        of_story = not title or _title(each.round.story_id, observed) == title
        if of_story and number in (None, each.round.number):
            return each.round
    return None


def _title(story_id: str, observed: Observed) -> str:
    """What the story is called now, or was when it was there last."""
    story = observed.view.stories.get(story_id)
    if story is not None:
        return story.title
    for change in reversed(observed.history):
        if change.name == "round_started" and change.event.round_started.story.story_id == story_id:
            return change.event.round_started.story.title
    return ""


def _of_round(
    say: Callable[[Step, Observed, pb.Round], Seen],
) -> Callable[[Step, Observed], Seen]:
    """An outcome about a revealed round, where there is one."""

    def judged(outcome: Step, observed: Observed) -> Seen:
        round_ = _round(outcome, observed)
        if round_ is None:
            expected = say(outcome, observed, pb.Round()).expected
            return Seen(expected, "no such round was revealed")
        return say(outcome, observed, round_)

    return judged


def _votes(outcome: Step, observed: Observed, round_: pb.Round) -> Seen:
    actual = [(_player(vote.player_id, observed), vote.card) for vote in round_.votes]
    return Seen(_by_name(outcome.pairs), _by_name(actual))


def _consensus(outcome: Step, _: Observed, round_: pb.Round) -> Seen:
    return Seen(outcome.text, round_.statistics.consensus_card or _NONE)


def _statistics(outcome: Step, _: Observed, round_: pb.Round) -> Seen:
    actual = [(name, _figure(round_.statistics, name)) for name, _ in outcome.pairs]
    expected = [(name, _as_number(text)) for name, text in outcome.pairs]
    return Seen(_by_name(expected), _by_name(actual))


def _as_number(text: str) -> str:
    try:
        return _number(float(text))
    except ValueError:
        return text


def _figure(statistics: pb.Statistics, name: str) -> str:
    field = pb.Statistics.DESCRIPTOR.fields_by_name[name]
    if field.has_presence and not statistics.HasField(name):  # type: ignore[arg-type]
        return _NONE
    value = getattr(statistics, name)
    return _as_number(value) or _NONE if isinstance(value, str) else _number(value)


def _voted(outcome: Step, observed: Observed) -> Seen:
    round_ = observed.view.current_round
    ids = round_.voted_player_ids if round_ is not None else ()
    return Seen(_set(outcome.players), _players(ids, observed))


def _missing(outcome: Step, observed: Observed, round_: pb.Round) -> Seen:
    return Seen(_set(outcome.players), _players(round_.missing_player_ids, observed))


def _countdown(outcome: Step, observed: Observed) -> Seen:
    runs = observed.view.round_reveal_time is not None
    return Seen(outcome.text, "running" if runs else _NONE)


def _deadline(outcome: Step, observed: Observed) -> Seen:
    is_set = observed.view.round_expire_time is not None
    return Seen(outcome.text, "set" if is_set else _NONE)


# The backlog


def _stories(outcome: Step, observed: Observed) -> Seen:
    actual = [story.title for story in observed.view.stories.values()]
    return Seen(_listed(outcome.texts), _listed(actual))


def _about_stories(say: Callable[[pb.Story], str]) -> Callable[[Step, Observed], Seen]:
    """What is so of each story that the outcome names."""

    def judged(outcome: Step, observed: Observed) -> Seen:
        found = {story.title: say(story) for story in observed.view.stories.values()}
        actual = [(title, found.get(title, "no such story")) for title, _ in outcome.pairs]
        return Seen(_by_name(outcome.pairs), _by_name(actual))

    return judged


# People


def _roles(outcome: Step, observed: Observed) -> Seen:
    at_table = {
        _player(key, observed): _enum(pb.PlayerRole.Name(player.role))
        for key, player in observed.view.players.items()
    }
    actual = [(name, at_table.get(name, "not at the table")) for name, _ in outcome.pairs]
    return Seen(_by_name(outcome.pairs), _by_name(actual))


def _facilitators(outcome: Step, observed: Observed) -> Seen:
    actual = (key for key, player in observed.view.players.items() if player.facilitator)
    return Seen(_set(outcome.players), _players(actual, observed))


def _present(outcome: Step, observed: Observed) -> Seen:
    if observed.present is None:
        return Seen(_set(outcome.players), "no program works that would show it")
    return Seen(_set(outcome.players), _players(observed.present, observed))


def _absent(outcome: Step, observed: Observed) -> Seen:
    if observed.present is None:
        return Seen(_set(outcome.players), "no program works that would show it")
    here = {_player(each, observed) for each in observed.present}
    return Seen(_set(outcome.players), _set(name for name in outcome.players if name not in here))


# What happened


def _counts(outcome: Step, counted: Mapping[str, int]) -> Seen:
    actual = [(name, str(counted.get(name, 0))) for name, _ in outcome.pairs]
    return Seen(_by_name(outcome.pairs), _by_name(actual))


def _events(outcome: Step, observed: Observed) -> Seen:
    return _counts(outcome, Counter(change.name for change in observed.history))


# What each has seen


def _saw(outcome: Step, observed: Observed) -> Seen:
    seen = [(n, event) for n, event in outcome.pairs if event in _told(n, observed)]
    return Seen(_by_name(outcome.pairs), _by_name(seen))


def _did_not_see(outcome: Step, observed: Observed) -> Seen:
    seen = [(n, event) for n, event in outcome.pairs if event in _told(n, observed)]
    return Seen(_NONE, _by_name(seen))


def _told(name: str, observed: Observed) -> frozenset[str]:
    return observed.shown[name].saw if name in observed.shown else frozenset()


def _shows(outcome: Step, observed: Observed) -> Seen:
    actual = [
        (name, _phase(observed.shown[name].phase if name in observed.shown else None))
        for name, _ in outcome.pairs
    ]
    return Seen(_by_name(outcome.pairs), _by_name(actual))


def _own_card(outcome: Step, observed: Observed) -> Seen:
    actual = [
        (name, (observed.shown[name].own_card if name in observed.shown else "") or _NONE)
        for name, _ in outcome.pairs
    ]
    return Seen(_by_name(outcome.pairs), _by_name(actual))


def _resynced(outcome: Step, observed: Observed) -> Seen:
    resynced = {name for name, shown in observed.shown.items() if shown.resyncs}
    return Seen(_set(outcome.players), _set(resynced & set(outcome.players)))


def _not_resynced(outcome: Step, observed: Observed) -> Seen:
    resynced = {name for name, shown in observed.shown.items() if shown.resyncs}
    return Seen(_NONE, _set(resynced & set(outcome.players)))


def _let_go(outcome: Step, observed: Observed) -> Seen:
    actual = [
        (name, (observed.shown[name].let_go if name in observed.shown else "") or "no")
        for name, _ in outcome.pairs
    ]
    return Seen(_by_name(outcome.pairs), _by_name(actual))


def _delivery(outcome: Step, observed: Observed) -> Seen:
    """The report, of which only the parts that the outcome names are looked at."""
    report = observed.report
    happened = [change.version for change in observed.history if change.name == outcome.text]
    expected: list[str] = []
    actual: list[str] = []
    is_of_it = report is not None and bool(happened) and report.version == happened[-1]
    for part in ("acknowledged", "pending", "absent"):
        names = outcome.names_of(part)
        if names is not None:
            expected.append(f"{part}: {_set(names)}")
            if report is not None:
                actual.append(f"{part}: {_players(getattr(report, part), observed)}")
    final = outcome.flag_of("final")
    if final is not None:
        expected.append("final" if final else "not final")
        if report is not None:
            actual.append("final" if report.final else "not final")
    if not is_of_it:
        return Seen("; ".join(expected), f"there is no report on {outcome.text}")
    return Seen("; ".join(expected), "; ".join(actual))


def same_everywhere(observed: Observed) -> Seen:
    """Whether programs, server and history agree."""
    same = "the same everywhere"
    if observed.replayed != observed.view:
        return Seen(same, "the history gives another game than the server shows")
    if observed.behind:
        return Seen(same, f"another game is shown by {_listed(observed.behind[:_FEW])}")
    return Seen(same, same)


_JUDGES: Final[Mapping[str, Callable[[Step, Observed], Seen]]] = {
    "phase": lambda outcome, observed: Seen(outcome.text, _phase(observed.view.phase)),
    "votes": _of_round(_votes),
    "consensus": _of_round(_consensus),
    "statistics": _of_round(_statistics),
    "voted": _voted,
    "missing": _of_round(_missing),
    "countdown": _countdown,
    "deadline": _deadline,
    "stories": _stories,
    "backlog_size": lambda outcome, observed: Seen(
        str(outcome.number), str(len(observed.view.stories))
    ),
    "estimates": _about_stories(lambda story: story.estimate.value or _NONE),
    "story_status": _about_stories(lambda story: _enum(pb.StoryStatus.Name(story.status))),
    "rounds": _about_stories(lambda story: str(story.round_count)),
    "players": lambda outcome, observed: Seen(
        _set(outcome.players), _players(observed.view.players, observed)
    ),
    "player_count": lambda outcome, observed: Seen(
        str(outcome.number), str(len(observed.view.players))
    ),
    "roles": _roles,
    "facilitators": _facilitators,
    "present": _present,
    "absent": _absent,
    "events": _events,
    "answers": lambda outcome, observed: _counts(outcome, observed.answers),
    "saw": _saw,
    "did_not_see": _did_not_see,
    "shows": _shows,
    "own_card": _own_card,
    "resynced": _resynced,
    "not_resynced": _not_resynced,
    "let_go": _let_go,
    "delivery": _delivery,
    "same_everywhere": lambda _, observed: same_everywhere(observed),
}
if _JUDGES.keys() != OUTCOMES.keys():
    raise AssertionError("each outcome needs its judge")
