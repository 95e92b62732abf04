"""The states of a connection and of a job that waits, and the words for them.

These are a client's own; they never cross the wire. The way of a connection::

    connecting -> connected <-> waiting (a request is not answered yet)
                      |            |
                      v            v
                     lost  <-------+        lost -> back -> connected
"""

from __future__ import annotations

import enum
import math
import time
from dataclasses import dataclass
from typing import Callable, Dict, FrozenSet, Optional

WAITING_SECONDS = 2.0
"""A request that is not answered for so long is told as waiting."""


class ConnectionState(enum.Enum):
    """How a client and its server stand."""

    CONNECTING = "connecting"
    """Nothing has answered yet."""
    CONNECTED = "connected"
    """The last request was answered."""
    WAITING = "waiting"
    """The server is there and has not answered the request yet."""
    LOST = "lost"
    """The server has stopped answering, or has forgotten the client; it is looked for."""
    BACK = "back"
    """A lost server has answered again; its first answer to a request makes it connected."""


TRANSITIONS: Dict[ConnectionState, FrozenSet[ConnectionState]] = {
    ConnectionState.CONNECTING: frozenset({ConnectionState.CONNECTED}),
    ConnectionState.CONNECTED: frozenset({ConnectionState.WAITING, ConnectionState.LOST}),
    ConnectionState.WAITING: frozenset({ConnectionState.CONNECTED, ConnectionState.LOST}),
    ConnectionState.LOST: frozenset({ConnectionState.BACK}),
    ConnectionState.BACK: frozenset({ConnectionState.CONNECTED, ConnectionState.LOST}),
}
"""What may follow what, apart from a state that follows itself."""


@dataclass(frozen=True)
class ConnectionStatus:
    """A state, where, and for how many more seconds a lost server is looked for."""

    state: ConnectionState
    endpoint: str
    seconds_left: Optional[int] = None

    @property
    def words(self) -> str:
        """The state as a short line for a person."""
        if self.state is ConnectionState.CONNECTING:
            return f"connecting to {self.endpoint}"
        if self.state is ConnectionState.WAITING:
            return "waiting for the server"
        if self.state is ConnectionState.LOST:
            return f"server lost, trying again for {self.seconds_left or 0} s"
        return str(self.state.value)


OnState = Callable[[ConnectionStatus], None]


class ConnectionStates:
    """The state of one client's connection; tells ``listener`` of every change.

    It is called in the thread that uses the client, in the middle of the call that noticed the
    change, and once a second while the server is lost; it must not use the client.
    """

    def __init__(self, endpoint: str, listener: Optional[OnState] = None) -> None:
        self.listener = listener
        self._endpoint = endpoint
        self._status = ConnectionStatus(ConnectionState.CONNECTING, endpoint)
        self._asked: Optional[float] = None
        self._until = 0.0

    @property
    def status(self) -> ConnectionStatus:
        """The state now."""
        return self._status

    def connecting(self) -> None:
        """Note that a connection is opened for the first time, or anew after it was closed."""
        self._status = ConnectionStatus(ConnectionState.CONNECTING, self._endpoint)
        self._tell()

    def asked(self) -> None:
        """Note that a request was sent."""
        self._asked = time.monotonic()

    def answered(self) -> None:
        """Note that the server answered what it was asked, or told of an event."""
        self._asked = None
        if self._status.state is ConnectionState.LOST:
            self.back()
        self._go(ConnectionState.CONNECTED)

    def lost(self, until: float) -> None:
        """Note that the server is lost, and looked for until ``until`` (monotonic seconds)."""
        self._asked = None
        self._until = until
        self._go(ConnectionState.LOST, self._seconds_left())

    def back(self) -> None:
        """Note that a lost server has answered again."""
        self._go(ConnectionState.BACK)

    def tick(self) -> None:
        """Note that time passes: waiting begins, or another second of a lost server's is gone."""
        if self._status.state is ConnectionState.LOST:
            self._go(ConnectionState.LOST, self._seconds_left())
        elif self._status.state is ConnectionState.CONNECTED and self._asked_long_ago():
            self._go(ConnectionState.WAITING)

    def _asked_long_ago(self) -> bool:
        return self._asked is not None and time.monotonic() - self._asked > WAITING_SECONDS

    def _seconds_left(self) -> int:
        return max(0, math.ceil(self._until - time.monotonic()))

    def _go(self, state: ConnectionState, seconds_left: Optional[int] = None) -> None:
        status = ConnectionStatus(state, self._endpoint, seconds_left)
        if status == self._status:
            return
        before = self._status.state
        if state is not before and state not in TRANSITIONS[before]:
            raise ValueError(f"A connection does not go from {before.value} to {state.value}.")
        self._status = status
        self._tell()

    def _tell(self) -> None:
        if self.listener is not None:
            self.listener(self._status)


def waiting_in_words(ahead: Optional[int]) -> str:
    """Return what a job that waits is told as; ``ahead`` are the jobs that run before it."""
    if ahead is None:
        return "waiting"
    if ahead == 0:
        return "waiting: no job before yours"
    return f"waiting: {ahead} job{'' if ahead == 1 else 's'} before yours"
