"""When a connection opens a stream, how long it waits, and when it gives up. Pure."""

from planning_poker_client.errors import ConnectionFailed, ConnectionLost, ConnectionProblem
from planning_poker_client.notices import Loss, StateChanged
from planning_poker_client.options import ClientOptions
from planning_poker_client.states import (
    Connected,
    Connecting,
    ConnectionState,
    Disconnected,
    Failed,
    Reconnecting,
    Signal,
    check,
)


class Link:
    """The state of one connection, whatever is said on it."""

    def __init__(self, server: str, options: ClientOptions) -> None:
        self.state: ConnectionState = Disconnected()
        self.retry_at: float | None = None
        """When the driver is to open a stream; None: not."""
        self.welcome_by: float | None = None
        """When a stream that was opened counts as lost unless it is welcomed; None: it was."""
        self._server = server
        self._options = options
        self._attempt = 0
        self._connect_by = 0.0
        self._opened_at = 0.0
        self._welcomed_at = 0.0
        self._last_loss: Loss | None = None

    @property
    def connected(self) -> bool:
        return isinstance(self.state, Connected)

    def open(self, now: float) -> StateChanged:
        """Its user wants it: within `connect_timeout` it is Connected or Failed."""
        change = self._become(Signal.OPEN, Connecting())
        self._connect_by = now + self._options.connect_timeout
        self._attempt = 0
        self._last_loss = None
        self.retry_at = now
        return change

    def opened(self, now: float) -> None:
        """There is a new stream."""
        self.retry_at = None
        self._opened_at = now
        self.welcome_by = now + self._options.attempt_timeout
        if isinstance(self.state, Connecting):
            self.welcome_by = min(self.welcome_by, self._connect_by)

    def welcomed(self, now: float) -> StateChanged:
        """The server took it."""
        self.welcome_by = None
        self._welcomed_at = now
        return self._become(Signal.WELCOME, Connected())

    def overdue(self, now: float) -> Loss | None:
        """Why the stream counts as lost, once it was not welcomed in time; said once."""
        if self.welcome_by is None or now < self.welcome_by:
            return None
        self.welcome_by = None
        if self._last_loss is not None and now < self._opened_at + self._options.attempt_timeout:
            return self._last_loss  # this attempt was cut short; the one before says more
        return Loss(f"{self._server} took too long to answer.", retryable=True)

    def lost(self, loss: Loss, now: float, jitter: float) -> StateChanged | None:
        """The stream is gone, or could not be opened. `jitter` is random, from 0 to 1.

        None where that is no news, since nobody wants the connection any more.
        """
        self.welcome_by = None
        self._last_loss = loss
        if isinstance(self.state, Disconnected | Failed):
            return None
        if self.connected and now - self._welcomed_at >= self._options.steady_after:
            self._attempt = 0
        backoff = max(loss.retry_after, jitter * self._longest_backoff())
        self._attempt += 1
        if isinstance(self.state, Connecting):
            if not loss.retryable or now + backoff >= self._connect_by:
                return self._give_up(ConnectionFailed(loss.message, retryable=loss.retryable))
            following: ConnectionState = Connecting()
        else:
            if not loss.retryable or self._attempt > self._options.max_attempts:
                return self._give_up(ConnectionLost(loss.message, retryable=loss.retryable))
            following = Reconnecting(self._attempt, backoff, loss.message)
        self.retry_at = now + backoff
        return self._become(Signal.LOSS, following)

    def hurry(self, now: float) -> None:
        """Its user knows better than the backoff: the next attempt is due now."""
        if self.retry_at is not None:
            self.retry_at = min(self.retry_at, now)

    def close(self) -> StateChanged:
        """Its user wants it no more."""
        self.welcome_by = self.retry_at = None
        return self._become(Signal.CLOSE, Disconnected())

    def _longest_backoff(self) -> float:
        doublings = min(self._attempt, 32)  # more would only overflow
        return min(self._options.backoff_first * 2.0**doublings, self._options.backoff_longest)

    def _give_up(self, error: ConnectionProblem) -> StateChanged:
        return self._become(Signal.GIVE_UP, Failed(str(error), error.retryable), error)

    def _become(
        self, signal: Signal, following: ConnectionState, error: ConnectionProblem | None = None
    ) -> StateChanged:
        self.state = check(self.state, signal, following)
        return StateChanged(self.state, error)
