"""What a load came to, for people."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from planning_poker_simulator.load.effort import Effort
from planning_poker_simulator.load.result import Result
from planning_poker_simulator.load.statistics import Latencies

_DISTURBED_CPU: Final = 0.1


def told(result: Result) -> RenderableType:
    """The result; without any figure of the server where the generator was saturated."""
    if result.saturated:
        return _refusal(result.effort)
    parts: list[RenderableType] = [Text(headline(result)), _latencies(result), _facts(result)]
    if result.errors:
        parts.append(_errors(result))
    return Group(*parts)


def _refusal(effort: Effort) -> RenderableType:
    lines = Text("No result: the generator was saturated, so this says nothing of the server.")
    lines.stylize("bold red")
    for why in effort.saturated:
        lines.append(f"\n  {why}", "default not bold")
    advice = "\nAsk for less (--rate, --games), or give it a machine with nothing else to do."
    return lines.append(advice, "default not bold")


def headline(result: Result) -> str:
    """What was done, in a line."""
    plan = result.plan
    where = "a server started for it" if result.server.embedded else result.server.address
    cut = f", interrupted after {result.elapsed_s:.1f} s" if result.interrupted else ""
    return (
        f"{plan.games:,} games of {plan.players:,} on {where}: {plan.votes_per_s:g} votes/s "
        f"({plan.arrivals}, seed {plan.seed}) for {plan.duration_s:g} s{cut}"
    )


def _latencies(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Latency, ms", no_wrap=True)
    for name in ("p50", "p90", "p99", "p99.9", "max", "samples"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("vote due → seen by all", *_cells(result.seen))
    table.add_row("command due → answered", *_cells(result.answered))
    return table


def _cells(found: Latencies | None) -> Sequence[str]:
    if found is None:
        return ["–"] * 5 + ["0"]
    times = (found.p50_ms, found.p90_ms, found.p99_ms, found.p999_ms, found.max_ms)
    return [f"{value:,.1f}" for value in times] + [f"{found.samples:,}"]


def _facts(result: Result) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in _rows(result):
        table.add_row(name, value)
    return table


def _rows(result: Result) -> Iterator[tuple[str, str]]:
    counts, server, effort = result.counts, result.server, result.effort
    yield "Commands accepted", f"{result.accepted_per_s:,.0f}/s, {counts.accepted:,} in all"
    yield (
        "Events delivered",
        f"{result.delivered_per_s:,.0f}/s, {counts.delivered:,} of {counts.expected:,}",
    )
    yield "Connections", f"{result.connections:,}, {counts.reconnects:,} reconnects"
    if counts.held:
        yield "Votes held", f"{counts.held:,}, until their round was open"
    if counts.snapshots:
        yield "Snapshots", f"{counts.snapshots:,}, in place of events"
    if server.cpu is not None:
        memory = f", {server.rss_bytes / 2**20:,.0f} MiB" if server.rss_bytes is not None else ""
        yield "Server", f"{server.cpu:.0%} of a core{memory}"
    yield (
        "Generator",
        f"{effort.cpu:.0%} of a core, {effort.late_p99_ms:.1f} ms late at p99, "
        f"its event loop {effort.loop_p99_ms:.1f} ms",
    )
    if server.others_cpu is not None and server.others_cpu > _DISTURBED_CPU:
        yield "Others", f"{server.others_cpu:.0%} of a core: they made both of these slower"
    if not result.errors:
        yield "Errors", "none"


def _errors(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Error", style="red", no_wrap=True)
    table.add_column("count", justify="right")
    for name, count in sorted(result.errors.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(name, f"{count:,}")
    return table
