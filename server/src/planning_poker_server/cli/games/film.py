"""A game's history, to be looked at version by version in both directions. Pure."""

from collections.abc import Sequence
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.words import Words

_KEPT_EACH: Final = 100
"""Versions between two views that are kept: a step back folds no more than these."""


class Film:
    """All versions of a game, from 1 on."""

    def __init__(self, events: Sequence[pb.GameEvent]) -> None:
        """`events` are those of the whole game, in order."""
        self._events = events
        self._kept = [GameView()]
        self.told: list[Told] = []
        """What happened, a line for each version."""
        view = GameView()
        words = Words(view)
        for event in events:
            view.apply(event)
            self.told.append(words.of(view, event))
            if event.version % _KEPT_EACH == 0:
                self._kept.append(view.copy())

    @property
    def last(self) -> int:
        """The newest version."""
        return len(self._events)

    def view(self, version: int) -> GameView:
        """The game as it was at a version, from 1 to `last`."""
        view = self._kept[version // _KEPT_EACH].copy()
        for event in self._events[view.version : version]:
            view.apply(event)
        return view

    def event(self, version: int) -> pb.GameEvent:
        """The event that led to a version."""
        return self._events[version - 1]

    def pause(self, version: int) -> float:
        """Seconds that passed between this version and the one behind it."""
        if version >= self.last:
            return 0.0
        before, after = self._events[version - 1 : version + 1]
        return (after.event_time.ToMilliseconds() - before.event_time.ToMilliseconds()) / 1_000
