"""Checkers of how everything stands at the end, when nothing went wrong for a while."""

from collections import defaultdict
from collections.abc import Iterator

from planning_poker_simulator.checking.evidence import Evidence


def convergence(evidence: Evidence) -> Iterator[str]:
    """All clients, the server and a cold replay of the log show the same."""
    for shown in evidence.history.shown:
        truth = evidence.truths.get(shown.game_id)
        if truth is None:
            yield f"{shown.client} shows a game that the log has not"
            continue
        last = truth.views[truth.head]
        if shown.view.to_game() != last:
            yield f"{shown.client} shows version {shown.view.version}, the log has {truth.head}"
        if shown.served is not None and shown.served.to_game() != last:
            yield f"the server is at {shown.served.version}, the log at {truth.head}"
        own = shown.seat.card, shown.seat.comment
        if shown.player_id and own != truth.votes[truth.head].get(shown.player_id, ("", "")):
            yield f"{shown.client} shows another own card than the log has for {shown.player_id}"


def nothing_undone(evidence: Evidence) -> Iterator[str]:
    """Everybody is where they belong, is current, and waits for nothing."""
    history = evidence.history
    for shown in history.shown:
        if shown.stale:
            yield f"{shown.client} is not current"
        if shown.pending:
            yield f"{shown.client} still waits for {shown.pending} answers"
    present = {(shown.client, shown.table) for shown in history.shown}
    for client, table in history.expected:
        if (client, table) not in present:
            yield f"{client} does not follow the game at table {table + 1}"


def presence(evidence: Evidence) -> Iterator[str]:
    """Who is there is shown as there, and nobody else."""
    holders: dict[str, set[str]] = defaultdict(set)
    for shown in evidence.history.shown:
        if shown.player_id and not shown.stale and shown.player_id in shown.view.players:
            holders[shown.game_id].add(shown.player_id)
    elsewhere = evidence.history.elsewhere
    for shown in evidence.history.shown:
        there = holders[shown.game_id]
        seen = {each for each in shown.presence if (shown.game_id, each) not in elsewhere}
        if not shown.stale and seen != there:
            yield f"{shown.client} sees {sorted(seen)}, and {sorted(there)} are there"


def reports_final(evidence: Evidence) -> Iterator[str]:
    """Of each event that is reported on, the last report that a stream got is final."""
    for messages in evidence.messages:
        last: dict[tuple[str, int], bool] = {}
        for message in messages:
            if message.kind == "delivery_report":
                report = message.envelope.delivery_report
                last[report.game_id, report.version] = report.final
            elif message.kind in ("attached", "detached"):
                # What was reported on an earlier subscription ends with it.
                game_id = getattr(message.envelope, message.kind).game_id
                last = {key: final for key, final in last.items() if key[0] != game_id}
        if messages and messages[0].stream.closed_ms is None:
            for (_, version), final in last.items():
                if not final:
                    yield f"{messages[0].stream.client} has no final report on version {version}"


def bounded(evidence: Evidence) -> Iterator[str]:
    """No queue was ever longer than it may be."""
    for gauge in evidence.history.gauges.values():
        if gauge.most > gauge.limit:
            yield f"{gauge.most} {gauge.name}, and {gauge.limit} is the limit"


def no_incident(evidence: Evidence) -> Iterator[str]:
    """No bug was caught and logged."""
    yield from evidence.history.incidents
