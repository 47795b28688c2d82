"""Who plays in the demo, and how they make up their minds: pure, and random only by its seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

VOTERS: Final = ("Ada", "Bob", "Chiara", "Dmitri", "Emeka")
OBSERVER: Final = "Grace"
LATECOMER: Final = "Fatima"

FAR_APART: Final = 3
"""Steps on the deck between lowest and highest from which on a team talks and votes again."""
_UNSURE: Final = "?"


@dataclass(frozen=True, slots=True)
class Opinions:
    """What everybody will say about each story; the same seed gives the same game."""

    seed: int
    scale: Sequence[str]
    """The deck's cards without the special ones, lowest first."""

    def size(self, story: int) -> int:
        """How big story number `story` (from 0) really is: a place on the scale."""
        most = max(1, min(5, len(self.scale) - 3))  # nobody plans a story of 89 points
        return self._random("size", story).randint(1, most)

    def is_contested(self, story: int) -> bool:
        """Whether the team is of very different minds at first: the second story, then some."""
        return story % 4 == 1

    def first(self, name: str, story: int) -> str:
        """The card somebody lays before anything was said."""
        random = self._random(name, story, 1)
        size = self.size(story)
        if self.is_contested(story):
            strong = {VOTERS[0]: -2, VOTERS[3]: 2}
            return self._card(size + strong.get(name, random.choice((-1, 0, 0, 1))))
        if random.random() < 0.03:
            return _UNSURE
        return self._card(size + random.choice((-1, 0, 0, 0, 0, 1)))

    def again(self, name: str, story: int, middle: str) -> str:
        """The card somebody lays after the talk: `middle` was the one nearest to the median."""
        random = self._random(name, story, 2)
        place = self.scale.index(middle) if middle in self.scale else self.size(story)
        return self._card(place + random.choice((0, 0, 0, 0, 0, 1)))

    def patience(self, name: str, story: int, number: int) -> float:
        """How long somebody thinks before laying a card: 0 (at once) to 1."""
        return self._random("patience", name, story, number).random()

    def _card(self, place: int) -> str:
        return self.scale[max(0, min(place, len(self.scale) - 1))]

    def _random(self, *about: object) -> Random:
        # A generator for each question: nobody's answer depends on who asked first.
        return Random(f"{self.seed} {about}")  # noqa: S311 - a play, not a secret
