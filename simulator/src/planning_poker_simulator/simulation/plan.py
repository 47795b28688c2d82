"""What a seed means: who plays, with which settings, and what goes wrong how often."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

from planning_poker_client import ClientOptions
from planning_poker_server.redelivery import ladder_ms
from planning_poker_server.settings import Settings
from planning_poker_simulator.server import settings_for
from planning_poker_simulator.simulation.disk import DiskFaults

STORM_S = 40.0
"""How long things go wrong."""
FAULTS = (
    "cut",
    "stale",
    "half_open",
    "call_lost",
    "unreachable",
    "client_crash",
    "client_pause",
    "server_crash",
    "server_restart",
    "server_pause",
    "disk_down",
    "disk_flaky",
    "clock_jump",
)


@dataclass(frozen=True)
class ProgramPlan:
    """One client program."""

    name: str
    kind: str
    """A "player", a "second" client on another's seat, a "watcher" without a seat, or a "bot"."""
    shares: str
    """Whose seat a second client holds."""
    role: str
    options: ClientOptions
    reads_every_s: float
    """How long its user takes over each change; 0: no time."""
    pause_s: float
    """About how long it thinks between two commands."""
    watches: str = ""
    """What a bot watches: "all", "some" kinds of events, or one "game"."""


@dataclass(frozen=True)
class Plan:
    """What one seed comes to."""

    seed: int
    games: int
    programs: tuple[ProgramPlan, ...]
    settings: Settings
    faults: dict[str, float]
    """How often each happens in a second, or to a call; what is not there never does."""
    disk: DiskFaults
    delays: tuple[float, ...]
    """The longest delays that connections have, in seconds; each has one of them."""


@cache
def _shipped() -> Settings:
    feed = {"open_feed": True}
    return settings_for(Path(), {"database": {"url": "memory:"}, "server": feed})


def plan_of(seed: int) -> Plan:
    """What this seed comes to; the same each time."""
    chance = Random(f"plan {seed}")  # noqa: S311
    # Most runs have a few kinds of faults only: what needs two of them and
    # the absence of a third is found sooner so. Some have none at all.
    share = chance.choice((0.0, 0.25, 0.5, 1.0))
    faults = {name: chance.choice((0.03, 0.08, 0.2)) for name in FAULTS if chance.random() < share}
    flaky = "disk_flaky" in faults
    return Plan(
        seed=seed,
        games=chance.choice((1, 1, 2)),
        programs=_programs(chance),
        settings=_settings(chance),
        faults=faults,
        disk=_disk(chance, flaky=flaky),
        delays=chance.choice(((0.005,), (0.005, 0.1), (0.02, 0.3), (0.005, 0.05, 1.0))),
    )


def _disk(chance: Random, *, flaky: bool) -> DiskFaults:
    adrift = chance.choice((0.0, 0.5))
    if not flaky:
        return DiskFaults(adrift=adrift, slow=0.3 * adrift)
    return DiskFaults(before=0.03, after=0.1, doubtful=0.04, slow=0.05, adrift=adrift)


def _programs(chance: Random) -> tuple[ProgramPlan, ...]:
    players = [f"player {number}" for number in range(1, chance.randint(2, 4) + 1)]
    kinds = [(name, "player", "") for name in players]
    if chance.random() < 0.5:
        kinds.append(("second 1", "second", chance.choice(players)))
    if chance.random() < 0.5:
        kinds.append(("watcher 1", "watcher", ""))
    programs = [_program(chance, *kind) for kind in kinds]
    for number in range(1, chance.choice((0, 0, 1, 2)) + 1):
        watches = chance.choice(("all", "all", "some", "game"))
        programs.append(replace(_program(chance, f"bot {number}", "bot", ""), watches=watches))
    return tuple(programs)


def _program(chance: Random, name: str, kind: str, shares: str) -> ProgramPlan:
    options = ClientOptions(
        offline_votes_for=chance.choice((0.0, 15.0)),
        change_buffer=chance.choice((1_024, 8)),
        command_timeout=chance.choice((20.0, 6.0)),
    )
    observer = kind == "player" and name != "player 1" and chance.random() < 0.15
    return ProgramPlan(
        name=name,
        kind=kind,
        shares=shares,
        role="observer" if observer else "voter",
        options=options,
        reads_every_s=chance.choice((0.0, 0.0, 0.5)),
        pause_s=chance.choice((0.6, 1.5, 3.0)),
    )


def _settings(chance: Random) -> Settings:
    shipped = _shipped()
    first_ms, redeliveries = chance.choice((5_000, 5_000, 1_000, 400)), chance.choice((3, 1))
    window_events, outbox_frames = chance.choice(((500, 512), (500, 512), (3, 3)))
    stream = replace(
        shipped.stream,
        window_events=window_events,
        max_outbox_frames=outbox_frames,
        redelivery_ms=first_ms,
        redeliveries=redeliveries,
        stall_ms=chance.choice((60_000, 8_000)),
        max_unanswered_per_game=chance.choice((16, 3)),
    )
    room = replace(
        shipped.room,
        tail_events=chance.choice((1_000, 1_000, 20)),
        max_batch=chance.choice((64, 2)),
        idle_ms=chance.choice((60_000, 16_000)),
        presence_grace_ms=chance.choice((15_000, 4_000)),
        settle_ms=chance.choice((30_000, 6_000)),
        report_end_ms=max(5_000, ladder_ms(first_ms, redeliveries)),
        max_open_reports=chance.choice((16, 2)),
    )
    return replace(shipped, stream=stream, room=room)
