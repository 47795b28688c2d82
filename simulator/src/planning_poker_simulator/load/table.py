"""One game as the load plays it: its votes, and a facilitator who keeps it going."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import planningpoker.v1 as pb
from planning_poker_simulator.load.line import Line
from planning_poker_simulator.load.plan import Vote
from planning_poker_simulator.load.tally import Tally

STORIES: Final = 20
"""They are estimated in turn, and then again."""
_RETRY_S: Final = 1.0


class Player(NamedTuple):
    """Who sits where."""

    line: Line
    player_id: str


class _Awaited:
    """A vote that was sent and that not everyone has seen."""

    __slots__ = ("answered", "due", "missing")

    def __init__(self, due: float, players: int) -> None:
        self.due = due
        self.missing = players
        self.answered = False


class Table:
    """A game whose first round is open, and its players; the first one facilitates.

    Votes are sent when they are due, whatever was answered. Only a vote whose
    round is not open yet waits for that, and its latency counts from its time.
    When all votes of a round are answered, the facilitator reveals them, accepts
    an estimate and opens the next round.
    """

    def __init__(
        self,
        game_id: str,
        players: Sequence[Player],
        stories: Sequence[str],
        round_id: str,
        tally: Tally,
    ) -> None:
        self._game_id = game_id
        self._players = players
        self._stories = stories
        self._round = 1
        self._round_id = round_id
        self._tally = tally
        self._begun = 0.0
        self._stopped = False
        self._head = 0
        self._held: deque[tuple[Vote, float]] = deque()
        self._awaited: dict[str, _Awaited] = {}
        self._votes = self._refused = 0
        self._card = ""
        self._versions: Sequence[int] = ()

    def begin(self, now: float) -> None:
        """What is told from now on counts; `now` on the clock of time.perf_counter."""
        self._begun = now
        self._versions = [player.line.games[self._game_id].version for player in self._players]
        for player in self._players:
            player.line.games[self._game_id].on_event = self._told

    def stop(self) -> None:
        """No further votes come: open a round only for those that wait for it."""
        self._stopped = True

    # Votes

    def vote(self, vote: Vote, due: float) -> None:
        """Send a vote that is due now, or as soon as its round is open."""
        self._tally.votes += 1
        if vote.round > self._round or self._round_id == "":
            self._tally.held += 1
            self._held.append((vote, due))
        else:
            self._send(vote, due)

    def _send(self, vote: Vote, due: float) -> None:
        player = self._players[vote.player]
        submit = pb.SubmitVote(round_id=self._round_id, card=vote.card)
        command = pb.Command(game_id=self._game_id, player_id=player.player_id, submit_vote=submit)
        awaited = _Awaited(due, len(self._players))
        self._card = vote.card

        def answered(result: pb.CommandResult) -> None:
            awaited.answered = True
            self._answered(result, due)
            self._votes += 1
            if result.HasField("accepted"):
                self._tally.accepted_votes += 1
            else:
                self._refused += 1
                self._awaited.pop(correlation_id, None)
            if self._votes == len(self._players):
                self._reveal()

        correlation_id = player.line.ask(command, answered)
        self._awaited[correlation_id] = awaited

    def _told(self, event: pb.GameEvent, kind: str) -> None:
        if kind != "vote_submitted":
            return
        awaited = self._awaited.get(event.correlation_id)
        if awaited is None:
            return
        awaited.missing -= 1
        if not awaited.missing:
            del self._awaited[event.correlation_id]
            self._tally.seen_due_s.append(awaited.due - self._begun)
            self._tally.seen_ms.append((time.perf_counter() - awaited.due) * 1e3)

    # The facilitator

    def _reveal(self) -> None:
        reveal = pb.RevealVotes(round_id=self._round_id, force=self._refused > 0)
        self._facilitate(pb.Command(reveal_votes=reveal), lambda _: self._accept())

    def _accept(self) -> None:
        accept = pb.AcceptEstimate(
            story_id=self._story(self._round), round_id=self._round_id, value=self._card
        )
        self._facilitate(pb.Command(accept_estimate=accept), lambda _: self._start_next())

    def _start_next(self) -> None:
        # A round whose reveal was refused is still open.
        start = pb.StartRound(story_id=self._story(self._round + 1), abandon_open=True)
        self._facilitate(pb.Command(start_round=start), self._started)

    def _started(self, result: pb.CommandResult) -> None:
        if not result.HasField("accepted"):
            self._round_id = ""  # for good: votes wait, and are told as not sent
            return
        self._round, self._round_id = self._round + 1, result.accepted.round_id
        self._votes = self._refused = 0
        held, self._held = self._held, deque()
        for vote, due in held:
            if vote.round == self._round:
                self._send(vote, due)
            else:
                self._held.append((vote, due))

    def _facilitate(self, command: pb.Command, then: Callable[[pb.CommandResult], None]) -> None:
        """Send a command, again as long as the server asks to try later."""
        if self._stopped and not self._held:
            return
        command.game_id, command.player_id = self._game_id, self._players[0].player_id
        sent = time.perf_counter()

        def answered(result: pb.CommandResult) -> None:
            self._answered(result, sent)
            if result.HasField("refusal") and result.refusal.retryable:
                wait_s = result.refusal.retry_delay.ToTimedelta().total_seconds() or _RETRY_S
                later = asyncio.get_running_loop().call_later
                later(wait_s, self._facilitate, command, then)
            else:
                then(result)

        self._players[0].line.ask(command, answered)

    def _answered(self, result: pb.CommandResult, due: float) -> None:
        self._head = max(self._head, result.accepted.version)
        self._tally.answer(result, (time.perf_counter() - due) * 1e3)

    def _story(self, number: int) -> str:
        return self._stories[(number - 1) % len(self._stories)]

    # What came of it

    @property
    def current(self) -> bool:
        """Every vote was sent, answered and seen, and everyone has every event."""
        if self._held or self._awaited:
            return False
        head = self._last()
        return all(player.line.games[self._game_id].version == head for player in self._players)

    @property
    def expected(self) -> int:
        """Events that should have been delivered: each one to each player."""
        return sum(self._last() - version for version in self._versions)

    def give_up(self) -> None:
        """Count as errors what did not come."""
        lost = (awaited for awaited in self._awaited.values() if awaited.answered)
        for reason, count in (("NOT_SENT", len(self._held)), ("NOT_SEEN", sum(1 for _ in lost))):
            if count:
                self._tally.errors[reason] += count

    def _last(self) -> int:
        told = (player.line.games[self._game_id].version for player in self._players)
        return max(self._head, *told)
