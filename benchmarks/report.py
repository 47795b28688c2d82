"""RESULTS.md: what was measured, where, and what it says. Only `make bench` writes it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.measure import DISTURBED_CPU, Figure, Sizes, Window, figure
from benchmarks.workloads.crowd import Result as Crowd
from benchmarks.workloads.games import Result as Games
from benchmarks.workloads.idle import Result as Idle
from benchmarks.workloads.log import LARGE_BATCH
from benchmarks.workloads.log import Result as Log
from benchmarks.workloads.rebuild import Result as Rebuild

# What the project means to reach beside each peer; see the sentence under each table.
GAMES_AIM: Final = 1.3
CROWD_AIM: Final = 0.7
LOG_AIM: Final = 0.3
REBUILD_AIM: Final = 0.5
IDLE_AIM: Final = 1.5


@dataclass(frozen=True, slots=True)
class Results:
    """All that one run found; a part that was left out is None."""

    about: Mapping[str, str]
    """The date, the machine and what runs on it, by what to call it."""
    sizes: Sizes
    games: Games | None = None
    crowd: Crowd | None = None
    log: Log | None = None
    rebuild: Rebuild | None = None
    idle: Idle | None = None


def markdown(results: Results, plot: str | None = None) -> str:
    """The page."""
    parts = [_HEAD, _table(("", ""), results.about.items())]
    if plot is not None:
        parts.append(f"![Each repetition beside its peer]({plot})")
    if results.games is not None:
        parts += _games(results.games, results.sizes)
    if results.crowd is not None:
        parts += _crowd(results.crowd, results.sizes)
    if results.log is not None:
        parts += _log(results.log, results.sizes)
    if results.rebuild is not None:
        parts += _rebuild(results.rebuild)
    if results.idle is not None:
        parts += _idle(results.idle)
    return "\n\n".join(parts) + "\n"


_HEAD: Final = """# Results

Written by `make bench`; nothing here is edited by hand.

The server runs alone on one core and its load on another. Each repetition takes
new processes and a new database on a disk, and measures both sides, one after
the other. Figures are medians of the repetitions, with the lowest and the
highest in brackets. CPU is what `getrusage` says of the whole server process,
kernel and all threads included. Commands are sent when they are due, however
late the answers are, and latencies count from that time. Durable means as in
production: committed by SQLite with `synchronous=FULL` before anyone is
answered or told. A ratio is a result; an absolute time is one of this machine."""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _games(found: Games, sizes: Sizes) -> list[str]:
    title = f"## {sizes.games} games of {sizes.players}, everything durable"
    what = (
        f"Each player votes every {sizes.lap_s:g} s, everyone is told at once, the last vote "
        "reveals and a facilitator starts the next round. Every player has a connection of its "
        f"own and acknowledges as the protocol asks. Windows of {sizes.window_s:g} s."
    )
    void = [f"Void, and measured again: {why}." for why in found.void]
    if not found.ours:
        return [title, what, *void, "No repetition was valid: nothing can be said."]
    ours, bare = figure(_event_us(found.ours)), figure(_event_us(found.bare))
    rows = _rows(found.ours, found.bare)
    return [
        title,
        what,
        _table(("", "server", "bare"), rows),
        *void,
        *_disturbed([*found.ours, *found.bare]),
        f"A delivered and acknowledged event costs {ours.median / bare.median:.2f} × what it "
        "costs where grpc.aio only fans out the same bytes, without a game, a check or a log; "
        f"the aim is at most {GAMES_AIM} ×. The difference is all that makes it a game: reading "
        "and deciding each command, a durable commit, and keeping each player's place.",
    ]


_LOAD_ROWS: Final[Sequence[tuple[str, Callable[[Window], float], int]]] = (
    ("server's CPU for each delivered event, µs", lambda w: w.event_us, 0),
    ("server's core in use, %", lambda w: w.server_cpu * 100, 0),
    ("vote due → seen by a player, p50, ms", lambda w: w.seen["seen_p50_ms"], 1),
    ("vote due → seen by a player, p99, ms", lambda w: w.seen["seen_p99_ms"], 1),
    ("delivered events a second", lambda w: w.seen["events"] / w.seen["wall_s"], 0),
    ("frames for each delivered event", lambda w: w.per_event(sum(w.seen["frames"].values())), 2),
    ("acknowledgements for each delivered event", lambda w: w.per_event(w.seen["acks"]), 2),
    ("bytes for each delivered event", lambda w: w.per_event(w.seen["bytes"]), 0),
    ("load's own core in use, %", lambda w: w.seen["load_cpu"] * 100, 0),
    ("commands sent late, p99, ms", lambda w: w.seen["late_p99_ms"], 1),
)


def _rows(*sides: Sequence[Window]) -> list[Sequence[str]]:
    """Each figure of the load, for each side."""
    return [
        [name, *(figure([value(window) for window in side]).text(digits) for side in sides)]
        for name, value, digits in _LOAD_ROWS
    ]


def _crowd(found: Crowd, sizes: Sizes) -> list[str]:
    slow, fast = f"{sizes.crowd_votes_per_s:g} votes/s", f"{sizes.crowd_fast_per_s:g} votes/s"
    title = f"## One game of {sizes.crowd:,}, everything durable"
    what = (
        "All but one of the players vote and vote again, and everyone is told of every vote. "
        "The server lets what comes within a tick of at most 100 ms share a frame, and the bare "
        f"one writes every event by itself; at {fast} it cannot follow."
    )
    void = [f"Void, and measured again: {why}." for why in found.void]
    if not found.ours:
        return [title, what, *void, "No repetition was valid: nothing can be said."]
    ours, bare = figure(_event_us(found.ours)), figure(_event_us(found.bare))
    head = ("", f"server, {slow}", f"bare, {slow}", f"server, {fast}")
    return [
        title,
        what,
        _table(head, _rows(found.ours, found.bare, found.fast)),
        *void,
        *_disturbed([*found.ours, *found.bare, *found.fast]),
        f"A delivered and acknowledged event costs {ours.median / bare.median:.2f} × what it "
        f"costs a bare fan-out, and {figure(_event_us(found.fast)).median / bare.median:.2f} × "
        f"at {fast}; the aim is at most {CROWD_AIM} ×.",
    ]


def _event_us(windows: Sequence[Window]) -> list[float]:
    return [window.event_us for window in windows]


def _disturbed(windows: Sequence[Window]) -> list[str]:
    count = sum(window.disturbed > DISTURBED_CPU for window in windows)
    if not count:
        return []
    return [
        f"In {count} of {len(windows)} windows other programs used more than "
        f"{DISTURBED_CPU:.0%} of a core: believe the ratio, not the latencies."
    ]


def _log(found: Log, sizes: Sizes) -> list[str]:
    ours, large, single = (
        _figures(side, "per_s") for side in (found.ours, found.raw_large, found.raw_single)
    )
    rows = [
        (f"event log, {sizes.callers} callers", ours.text(), _milliseconds(found.ours)),
        (f"raw sqlite3, batches of {LARGE_BATCH}", large.text(), ""),
        ("raw sqlite3, one by one", single.text(), ""),
    ]
    return [
        "## The event log alone",
        f"{sizes.callers} callers append one command after another, each to a game of its own; "
        "raw sqlite3 inserts the same rows with the same durability and the same unique key of "
        "game and version, from one loop.",
        _table(("", "durable commands a second", "wait p50 / p99, ms"), rows),
        f"The log stores {ours.median / large.median:.2f} × as many commands as raw inserts in "
        f"batches of {LARGE_BATCH} (the aim is at least {LOG_AIM} ×) and "
        f"{ours.median / single.median:.1f} × as many as raw inserts one by one, which is what "
        "commits shared between games bring. Raw inserts compare no head, keep no list of games "
        "and answer nobody.",
    ]


def _milliseconds(side: Sequence[Mapping[str, Any]]) -> str:
    return f"{_figures(side, 'p50_ms').median:.1f} / {_figures(side, 'p99_ms').median:.1f}"


def _figures(side: Sequence[Mapping[str, Any]], name: str) -> Figure:
    return figure([float(each[name]) for each in side])


def _rebuild(found: Rebuild) -> list[str]:
    ours, bare = _figures(found.ours, "per_s"), _figures(found.bare, "per_s")
    rows = [
        (name, _figures(side, "ms").text(), _figures(side, "per_s").text())
        for name, side in (
            ("room loaded and followed", found.ours),
            ("scan that only decodes", found.bare),
        )
    ]
    return [
        f"## A game of {found.events:,} events from its log",
        "From the first request for a game that is not in memory to following it: read from "
        "SQLite (in the page cache), decoded, folded into the state with its receipts; beside "
        "sqlite3 that reads the same rows and decodes them, and no more.",
        _table(("", "ms", "events a second"), rows),
        f"Loading reaches {ours.median / bare.median:.2f} × the speed of the scan (the aim, for a "
        f"scan that also applies, is at least {REBUILD_AIM} ×). Whoever comes back to a game "
        f"this long waits {_figures(found.ours, 'ms').median:.0f} ms, once.",
    ]


def _idle(found: Idle) -> list[str]:
    ours, bare = figure(found.ours), figure(found.bare)
    rows = [("server", ours.text(1)), ("bare", bare.text(1))]
    return [
        f"## {found.streams:,} idle streams",
        "Each on a connection of its own, with a seat in a game; in the bare server, in a group.",
        _table(("", "KiB a stream"), rows),
        f"An idle stream takes {ours.median / bare.median:.2f} × the memory of a bare one; the "
        f"aim is at most {IDLE_AIM} ×. The share of its game is in it.",
    ]
