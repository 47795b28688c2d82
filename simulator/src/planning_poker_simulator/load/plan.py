"""What will be voted, and when: fixed by a seed before anything is sent. No I/O."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, takewhile
from random import Random
from typing import Final, Literal, NamedTuple, TypeAlias

Arrivals: TypeAlias = Literal["poisson", "steady"]

CARDS: Final = ("1", "2", "3", "5", "8", "13")
"""Of the fibonacci deck."""

_VOTING: Final = 0.1
# People talk between two rounds; without a pause a vote would be due while its
# round is still being opened, and the wait for that be taken for the server's.
_PAUSE_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is played. The same plan gives the same votes, at the same times."""

    games: int
    players: int
    """At each game."""
    votes_per_s: float
    """Of all games together."""
    duration_s: float
    arrivals: Arrivals = "poisson"
    """Independent of each other, or at an even pace."""
    seed: int = 1


class Vote(NamedTuple):
    """One vote to be sent."""

    due_s: float
    """After the beginning."""
    game: int
    """0, 1, 2 …, like `player`."""
    round: int
    """1, 2, 3 …"""
    player: int
    card: str


def votes(plan: Plan) -> Iterator[Vote]:
    """All votes of a plan in the order in which they are due.

    Each player of a game votes once a round, in any order. One game in ten is
    voting while the others talk; the one that has talked longest votes next.
    """
    random = Random(plan.seed)  # noqa: S311, it has to be repeatable
    tables = _Tables(plan.games, plan.players, random)
    for due_s in takewhile(lambda due_s: due_s < plan.duration_s, _times(plan, random)):
        game, number, player = tables.next(due_s)
        yield Vote(due_s, game, number, player, random.choice(CARDS))


def _times(plan: Plan, random: Random) -> Iterator[float]:
    if plan.arrivals == "steady":
        yield from (number / plan.votes_per_s for number in count(1))
    due_s = 0.0
    while True:
        due_s += random.expovariate(plan.votes_per_s)
        yield due_s


class _Tables:
    """Who votes next."""

    def __init__(self, games: int, players: int, random: Random) -> None:
        self._players = players
        self._random = random
        self._at_once = math.ceil(games * _VOTING)
        self._rounds = [0] * games
        self._to_vote: list[list[int]] = [[] for _ in range(games)]
        self._voting: list[int] = []
        self._talking = deque((0.0, game) for game in range(games))

    def next(self, now_s: float) -> tuple[int, int, int]:
        """A game, the number of its round and a player who has not voted in it."""
        voting, talking = self._voting, self._talking
        while len(voting) < self._at_once and (not voting or talking[0][0] <= now_s):
            voting.append(self._begin(talking.popleft()[1]))
        place = self._random.randrange(len(voting))
        game, number = voting[place], self._rounds[voting[place]]
        player = self._to_vote[game].pop()
        if not self._to_vote[game]:
            del voting[place]
            talking.append((now_s + _PAUSE_S, game))
        return game, number, player

    def _begin(self, game: int) -> int:
        self._rounds[game] += 1
        self._to_vote[game] = self._random.sample(range(self._players), self._players)
        return game
