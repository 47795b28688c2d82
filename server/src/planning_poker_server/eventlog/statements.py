"""Every statement the SQL log runs, compiled once and run with plain tuples.

Compiling per execution and turning dictionaries into tuples per row is a third
of what an append costs through `Connection.execute`.
"""

from typing import Final

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Integer,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql import ClauseElement

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import PURGED, Record, Summary
from planning_poker_server.eventlog.tables import events, games, log, timers

PAGE: Final = 1_000
_PAGE: Final[ColumnElement[int]] = literal_column(str(PAGE))
# As text: bound, the dialect would add it as a parameter of its own.
_FIRST: Final[ColumnElement[int]] = literal_column("0")
_SUMMARY: Final = Summary._fields
_CHANGING: Final = ("head", "display_name", "phase", "update_ms", "guarded")
_BURIED: Final = (
    "head",
    "join_code",
    "display_name",
    "phase",
    "create_ms",
    "update_ms",
    "guarded",
    "labels",
)
_LOG: Final = ("epoch", "settled", "cursor_key")
_GAME: Final = ("game_id", "head", *_SUMMARY)
_PAYLOAD: Final = Record._fields
_FEED: Final = ("position", "game_id", "version", "event")
_RECORD: Final = ("game_id", *_PAYLOAD)
_TIMER: Final = ("game_id", *Timer._fields)


def _compiled(dialect: Dialect, statement: ClauseElement, *order: str) -> str:
    """The SQL of a statement whose parameters are given in this order."""
    compiled = statement.compile(dialect=dialect)
    if tuple(getattr(compiled, "positiontup", None) or ()) != order:
        # Values in another order would be stored all the same.
        raise AssertionError(f"the parameters of {compiled} are not {order}")
    return str(compiled)


class WriteStatements:
    """What the writer runs."""

    def __init__(self, dialect: Dialect) -> None:
        self.create = _compiled(
            dialect,
            insert(games).values({name: bindparam(name) for name in _GAME}),
            *_GAME,
        )
        self.advance = _compiled(
            dialect,
            update(games)
            .where(games.c.game_id == bindparam("game"), games.c.head == bindparam("expected"))
            .values({name: bindparam(name) for name in _CHANGING}),
            *_CHANGING,
            "game",
            "expected",
        )
        self.record = _compiled(
            dialect, insert(events).values({name: bindparam(name) for name in _RECORD}), *_RECORD
        )
        self.unschedule = _compiled(
            dialect, delete(timers).where(timers.c.game_id == bindparam("game")), "game"
        )
        self.schedule = _compiled(
            dialect,
            insert(timers).values({name: bindparam(name) for name in _TIMER}),
            *_TIMER,
        )
        self.found = _compiled(
            dialect,
            insert(log).values({name: bindparam(name) for name in _LOG}),
            *_LOG,
        )
        self.forget = tuple(
            _compiled(dialect, delete(table).where(table.c.game_id == bindparam("game")), "game")
            for table in (events, timers)
        )
        self.bury = _compiled(
            dialect,
            update(games)
            .where(games.c.game_id == bindparam("game"))
            .values({name: bindparam(name) for name in _BURIED}),
            *_BURIED,
            "game",
        )
        settled = log.c.settled + literal_column("1")
        self.settle = _compiled(dialect, update(log).values(settled=settled))
        self.soil = _compiled(dialect, update(log).values(unswept=literal_column("1")))
        self.swept = _compiled(
            dialect, update(log).values(settled=settled, unswept=literal_column("0"))
        )


class ReadStatements:
    """What the readers run."""

    def __init__(self, dialect: Dialect) -> None:
        self.page = _compiled(
            dialect,
            select(*(events.c[name] for name in _PAYLOAD))
            .where(events.c.game_id == bindparam("game"), events.c.version > bindparam("after"))
            .order_by(events.c.version)
            .limit(_PAGE)
            .offset(_FIRST),
            "game",
            "after",
        )
        self.events = _compiled(
            dialect,
            select(events.c.event)
            .where(
                events.c.game_id == bindparam("game"),
                events.c.version > bindparam("after"),
                events.c.version <= bindparam("through"),
            )
            .order_by(events.c.version),
            "game",
            "after",
            "through",
        )
        self.game = _compiled(
            dialect,
            select(*(games.c[name] for name in _GAME)).where(
                games.c.game_id == bindparam("game"), games.c.head > _FIRST
            ),
            "game",
        )
        self.head = _compiled(
            dialect, select(games.c.head).where(games.c.game_id == bindparam("game")), "game"
        )
        self.resolve = _compiled(
            dialect, select(games.c.game_id).where(games.c.join_code == bindparam("code")), "code"
        )
        self.feed = _compiled(
            dialect,
            select(*(events.c[name] for name in _FEED), games.c.guarded, games.c.labels)
            .join(games, games.c.game_id == events.c.game_id)
            .where(events.c.position > bindparam("after"), events.c.position <= bindparam("end"))
            .order_by(events.c.position)
            .limit(_PAGE)
            .offset(_FIRST),
            "after",
            "end",
        )
        self.event_at = _compiled(
            dialect,
            select(events.c.event).where(events.c.position == bindparam("position")),
            "position",
        )
        self.games = _compiled(
            dialect,
            select(*(games.c[name] for name in _GAME))
            .where(games.c.game_id > bindparam("after"), games.c.head > _FIRST)
            .order_by(games.c.game_id)
            .limit(bindparam("most"))
            .offset(_FIRST),
            "after",
            "most",
        )
        self.find = _compiled(
            dialect,
            select(*(games.c[name] for name in _GAME))
            .where(
                games.c.head > _FIRST,
                tuple_(games.c.create_ms, games.c.game_id)
                < tuple_(bindparam("before_ms"), bindparam("before_id")),
                games.c.create_ms >= bindparam("created_since"),
                games.c.create_ms < bindparam("created_before"),
                games.c.update_ms >= bindparam("updated_since"),
                games.c.update_ms < bindparam("updated_before"),
                # One bit for each phase.
                bindparam("phases", type_=Integer).op("&")(
                    literal_column("1").op("<<")(games.c.phase)
                )
                > _FIRST,
            )
            .order_by(games.c.create_ms.desc(), games.c.game_id.desc())
            .limit(bindparam("most"))
            .offset(_FIRST),
            "before_ms",
            "before_id",
            "created_since",
            "created_before",
            "updated_since",
            "updated_before",
            "phases",
            "most",
        )
        self.due = _compiled(
            dialect,
            select(*(timers.c[name] for name in _TIMER))
            .where(timers.c.due_ms <= bindparam("until"))
            .order_by(timers.c.due_ms, timers.c.game_id, timers.c.kind, timers.c.round_id)
            .limit(bindparam("most"))
            .offset(_FIRST),
            "until",
            "most",
        )
        self.identity = _compiled(
            dialect, select(func.min(log.c.epoch), func.min(log.c.cursor_key))
        )
        self.unswept = _compiled(dialect, select(func.max(log.c.unswept)))


class InspectionStatements:
    """What looks at rows as they are stored, whether they fit together or not."""

    def __init__(self, dialect: Dialect) -> None:
        # A purged game has no records, and is nothing to be looked at.
        there = games.c.head != literal_column(str(PURGED))
        self.totals = _compiled(dialect, select(func.count(), func.sum(games.c.head)).where(there))
        self.game = _compiled(
            dialect,
            select(*(games.c[name] for name in _GAME)).where(
                games.c.game_id == bindparam("game"), there
            ),
            "game",
        )
        self.ids = _compiled(
            dialect,
            select(games.c.game_id)
            .where(games.c.game_id > bindparam("after"), there)
            .order_by(games.c.game_id)
            .limit(_PAGE)
            .offset(_FIRST),
            "after",
        )
        self.last = _compiled(
            dialect,
            select(func.max(events.c.version)).where(events.c.game_id == bindparam("game")),
            "game",
        )
        self.timers = _compiled(
            dialect,
            select(*(timers.c[name] for name in Timer._fields)).where(
                timers.c.game_id == bindparam("game")
            ),
            "game",
        )
        self.rows = _compiled(
            dialect,
            select(events.c.position, *(events.c[name] for name in _PAYLOAD))
            .where(events.c.game_id == bindparam("game"), events.c.version > bindparam("after"))
            .order_by(events.c.version)
            .limit(_PAGE)
            .offset(_FIRST),
            "game",
            "after",
        )
        self.strays = _compiled(
            dialect,
            select(events.c.game_id, func.count())
            .where(events.c.game_id.not_in(select(games.c.game_id)))
            .group_by(events.c.game_id)
            .order_by(events.c.game_id)
            .limit(_PAGE)
            .offset(_FIRST),
        )
        self.stray_timers = _compiled(
            dialect,
            select(timers.c.game_id, func.count())
            .where(timers.c.game_id.not_in(select(games.c.game_id)))
            .group_by(timers.c.game_id)
            .order_by(timers.c.game_id)
            .limit(_PAGE)
            .offset(_FIRST),
        )
