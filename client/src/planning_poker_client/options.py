"""How a client behaves: times in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """The defaults suit a service in a data centre and a laptop on a train alike."""

    connect_timeout: float = 10.0
    """Opening a client fails after this long, however often it was tried meanwhile."""
    attempt_timeout: float = 5.0
    """Longest time from opening a stream to the server's Welcome."""
    command_timeout: float = 20.0
    """Longest time from a call to its answer, unless the call says otherwise."""
    report_timeout: float = 90.0
    """Longest time that `receipt.delivered()` waits, unless the call says otherwise; the server
    tries to deliver for 75 s."""
    offline_votes_for: float = 0.0
    """How long a vote without a timeout of its own is kept while there is no connection, or the
    service is read-only, to be sent on return; 0: it fails like any other command."""
    close_timeout: float = 1.0
    """Longest time that closing waits for the last acknowledgements to leave."""
    backoff_first: float = 0.1
    """The first stream after a loss is opened after a random part of this, the next after a
    part of twice as much, and so on …"""
    backoff_longest: float = 4.0
    """… but never more than this."""
    max_attempts: int = 1_000
    """Streams opened in vain after a loss before the connection is given up."""
    steady_after: float = 30.0
    """A connection that lasted this long counts as good: the backoff begins anew."""
    max_waiting: int = 1_000
    """Requests without an answer, sent or not; one more is refused with NotSent."""
    change_buffer: int = 1_024
    """Changes kept for each `changes()`; over it they collapse into one Resynced."""
    max_receive_bytes: int = 8 * 1024 * 1024
    """Largest message taken from the server; the contract keeps them under 2 MiB."""
