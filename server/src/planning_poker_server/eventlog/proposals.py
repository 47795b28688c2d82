"""What every adapter holds against a proposal before it looks at the log."""

from planning_poker_server.eventlog.port import Proposal


def check(proposal: Proposal) -> None:
    """Raise ValueError for a proposal that contradicts itself."""
    for version, record in enumerate(proposal.records, proposal.expected_head + 1):
        if record.version != version:
            raise ValueError(f"the records do not follow version {proposal.expected_head}")
    timers = proposal.timers
    if len(timers) > 1 and len({(t.kind, t.round_id) for t in timers}) != len(timers):
        raise ValueError("two timers of one kind for one round")
