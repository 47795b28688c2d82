"""A look at everything at once: the server, its history, and what each program shows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import planningpoker.v1 as pb
from planning_poker_client import Change, DeliveryReport, Resynced
from planning_poker_model.view import GameView
from planning_poker_simulator.scenarios.programs import Program
from planning_poker_simulator.scenarios.seats import Seat
from planning_poker_simulator.scenarios.table import Table


@dataclass(frozen=True, slots=True)
class Shown:
    """What the programs of one player show, and were told."""

    phase: pb.GamePhase.ValueType | None
    """None: no program is open."""
    own_card: str
    saw: frozenset[str]
    """Names of the events that any of them was told of."""
    resyncs: int
    let_go: str
    """Why the last one follows no longer; empty while it does."""


@dataclass(frozen=True, slots=True)
class Observed:
    """How everything is at one moment."""

    view: GameView
    """The server's own."""
    history: Sequence[Change]
    names: dict[str, str]
    """What the scenario calls the players, by id."""
    shown: dict[str, Shown]
    """By player, for those who ever sat down."""
    behind: Sequence[str]
    """Programs that do not show what the server shows, though they could."""
    present: frozenset[str] | None
    """Ids, as a program that works was told; None: there is none."""
    report: DeliveryReport | None
    answers: Counter[str]

    def is_like(self, other: "Observed") -> bool:
        """Whether nothing has changed since."""
        return (
            self.view.version == other.view.version
            and self.shown == other.shown
            and (self.behind, self.present, self.report)
            == (other.behind, other.present, other.report)
        )

    @property
    def replayed(self) -> GameView:
        """What the history gives, folded from its beginning."""
        view = GameView()
        for change in self.history:
            view.apply(change.event)
        return view


async def observe(table: Table) -> Observed:
    """Look. Raises PokerError while the server does not answer."""
    reader = table.reader
    history = [each async for each in reader.history(table.game_id, passcode=table.passcode)]
    view = await reader.read_game(table.game_id, passcode=table.passcode)
    seats = [seat for seat in table.seats.values() if seat.player_id]
    programs = {id(p): p for seat in seats for p in seat.programs}
    for program in programs.values():
        await program.drain()
    working = [p for p in programs.values() if p.follows]
    presence = next((p.game.presence for p in working if p.game is not None), None)
    host = table.host.programs if table.host is not None else []
    game = host[0].game if host else None
    table.newest = max(table.newest, view.version)
    return Observed(
        view=view,
        history=history,
        names={seat.player_id: seat.name for seat in seats},
        shown={seat.name: _shown(seat) for seat in seats},
        behind=[_said(p, view) for p in working if not _is_at(p, view)],
        present=presence,
        report=game.last_report if game is not None else None,
        answers=table.answers,
    )


def _is_at(program: Program, view: GameView) -> bool:
    """Whether it shows this, with nothing of its own on top."""
    game = program.game
    return game is None or (not game.stale and game.view == view)


def _said(program: Program, view: GameView) -> str:
    """Who is behind, and how: for whoever has to find out why."""
    game, state = program.game, type(program.client.state).__name__
    at = game.view.version if game is not None else 0
    stale = ", stale" if game is not None and game.stale else ""
    return f"{program.line.name} (at {at} of {view.version}, {state}{stale})"


def _shown(seat: Seat) -> Shown:
    view, told = seat.view(), seat.told
    game = seat.programs[0].games.get(seat.name) if seat.programs else None
    items = [item for each in told for item in each.items]
    return Shown(
        phase=view.phase if view is not None else None,
        own_card=game.seat.card if game is not None else "",
        saw=frozenset(item.name for item in items if isinstance(item, Change)),
        resyncs=sum(isinstance(item, Resynced) for item in items),
        let_go=told[-1].over if told else "",
    )
