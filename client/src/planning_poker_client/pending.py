"""What seats have asked for and is not confirmed, shown on top of what is. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import planningpoker.v1 as pb
from planning_poker_model.text import trim
from planning_poker_model.view import GameView

_VOTING: Final = ("submit_vote", "retract_vote")


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """A command that was given and is neither refused nor known to have had its effect."""

    correlation_id: str
    name: str
    """What it asks for: "submit_vote"."""


class ShownView(GameView):
    """A game as a client shows it: what is confirmed, and the seat's own hopes on top."""

    __slots__ = ("pending", "stale")

    def __init__(self) -> None:
        super().__init__()
        self.stale = True
        """Whether this may be old: there is no connection, or events are known to be missing."""
        self.pending: tuple[PendingCommand, ...] = ()
        """The seat's commands that are not confirmed yet; own votes and names show already."""

    def copy(self) -> Self:
        """A view that goes its own way from here, as `GameView.copy`."""
        other = super().copy()
        other.stale, other.pending = self.stale, self.pending
        return other


@dataclass(slots=True, eq=False)
class _Asked:
    shown: PendingCommand
    command: pb.Command = field(repr=False)
    seen_at: int = 0
    """Version of its event, once that is in the view; 0: it is not."""
    accepted_at: int = 0
    """Version in its receipt; 0: it has no answer."""

    @property
    def kind(self) -> str:
        """What it changes in the view at once; empty: nothing."""
        if self.shown.name in _VOTING:
            return "vote"
        renames = self.shown.name == "update_player" and _renames(self.command)
        return "name" if renames else ""


class _Made(NamedTuple):
    confirmed: ShownView
    stale: bool
    shown: ShownView


class Pending:
    """The commands of all seats of one game that are not confirmed.

    An own vote, retraction or new name shows from the moment it is given until
    it is refused, or both its answer and its event are here, whichever is first.
    """

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}
        self._shown: dict[str, _Made] = {}

    # What happens to a command

    def add(self, correlation_id: str, command: pb.Command) -> None:
        """It was given; the same again changes nothing."""
        if correlation_id not in self._asked:
            name = command.WhichOneof("body") or ""
            self._asked[correlation_id] = _Asked(PendingCommand(correlation_id, name), command)
            self._shown.clear()

    def drop(self, correlation_id: str) -> PendingCommand | None:
        """It was refused or given up; returned if that takes back what was shown."""
        asked = self._asked.pop(correlation_id, None)
        self._shown.clear()
        return asked.shown if asked is not None and asked.kind and not asked.seen_at else None

    def accepted(self, correlation_id: str, version: int, confirmed: int) -> None:
        """It was, as of `version`; the view is at `confirmed`, perhaps still without its event."""
        asked = self._asked.get(correlation_id)
        if asked is None:
            return
        self._shown.clear()
        if not asked.kind or version <= confirmed:
            del self._asked[correlation_id]
            return
        seat = asked.command.player_id
        self._discard(  # of the accepted ones, the last says it all
            other for other in self._of(seat) if other.accepted_at and other.kind == asked.kind
        )
        asked.accepted_at = version

    def applied(self, event: pb.GameEvent) -> None:
        """The view has gone on by this event."""
        if not self._asked:
            return
        self._shown.clear()
        asked = self._asked.get(event.correlation_id)
        if asked is not None and not asked.seen_at:
            asked.seen_at = event.version
        self._discard(a for a in self._asked.values() if 0 < a.accepted_at <= event.version)

    def replaced(self) -> None:
        """A snapshot replaced the view: what was accepted is in it."""
        self._discard(asked for asked in self._asked.values() if asked.accepted_at)

    def clear(self) -> None:
        """Nothing is shown on top any more."""
        self._asked.clear()
        self._shown.clear()

    def _discard(self, confirmed: Iterator[_Asked]) -> None:
        for asked in tuple(confirmed):
            del self._asked[asked.shown.correlation_id]
            self._shown.clear()

    # What is shown

    def _of(self, player_id: str) -> Iterator[_Asked]:
        return (asked for asked in self._asked.values() if asked.command.player_id == player_id)

    def of(self, player_id: str) -> tuple[PendingCommand, ...]:
        """The commands of a seat, in the order they were given."""
        return tuple(asked.shown for asked in self._of(player_id))

    def view(self, player_id: str, confirmed: ShownView) -> ShownView:
        """What this seat sees: `confirmed` itself while nothing of the seat is pending."""
        if not self._asked:
            return confirmed
        made = self._shown.get(player_id)
        if made is None or made.confirmed is not confirmed or made.stale != confirmed.stale:
            shown = self._on_top(player_id, confirmed)
            made = self._shown[player_id] = _Made(confirmed, confirmed.stale, shown)
        return made.shown

    def _on_top(self, player_id: str, confirmed: ShownView) -> ShownView:
        pending = self.of(player_id)
        if not pending:
            return confirmed
        shown = confirmed.copy()
        shown.pending = pending
        for asked in self._of(player_id):
            if not asked.seen_at and player_id in shown.players:
                _show(shown, asked)
        return shown

    def seat(self, player_id: str, confirmed: pb.SeatState, view: GameView) -> pb.SeatState:
        """What this seat knows of itself: its last card, also while that is pending."""
        shown = confirmed
        for asked in self._of(player_id) if self._asked else ():
            known = asked.accepted_at or 0 < asked.seen_at <= confirmed.at_version
            if asked.kind == "vote" and not known and _concerns(asked, view):
                shown = _seat_after(asked.command, confirmed)
        return shown


def _renames(command: pb.Command) -> bool:
    update = command.update_player
    return update.HasField("display_name") and update.player_id in ("", command.player_id)


def _round_of(command: pb.Command) -> str:
    if command.HasField("submit_vote"):
        return command.submit_vote.round_id
    return command.retract_vote.round_id


def _concerns(asked: _Asked, view: GameView) -> bool:
    """Whether its vote is about the round at hand; once revealed, only if it was in time."""
    same = view.round is not None and view.round.round_id == _round_of(asked.command)
    return same and (view.phase == pb.GAME_PHASE_VOTING or asked.seen_at > 0)


def _show(view: ShownView, asked: _Asked) -> None:
    """Change the view as the command will, if it is accepted."""
    seat = asked.command.player_id
    if asked.kind == "name":
        player = pb.Player()
        player.CopyFrom(view.players[seat])
        player.display_name = trim(asked.command.update_player.display_name)
        view.players[seat] = player
    elif asked.kind == "vote" and view.phase == pb.GAME_PHASE_VOTING and _concerns(asked, view):
        if asked.command.HasField("submit_vote"):
            view.voted[seat] = None
        else:
            view.voted.pop(seat, None)


def _seat_after(command: pb.Command, confirmed: pb.SeatState) -> pb.SeatState:
    vote = command.submit_vote  # empty in a retraction
    return pb.SeatState(
        game_id=confirmed.game_id,
        player_id=command.player_id,
        round_id=_round_of(command),
        card=trim(vote.card),
        comment=trim(vote.comment),
        at_version=confirmed.at_version,
    )
