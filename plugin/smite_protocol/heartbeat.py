"""The client's heartbeats: a thread with a connection of its own.

The server drops clients that are silent; this thread speaks for a client that computes, or waits
for the next event. It also notices when the server stops answering (`Pulse.silent_seconds`), or
has forgotten the client, because the machine slept or the server is another (`Pulse.forgotten`).
"""

from __future__ import annotations

import threading
import time
from typing import Optional

from .connection import Connection, Identity, Pulse
from .errors import ServerLost, SmiteError
from .keys import ClientKeys
from .replies import Welcome
from .requests import Heartbeat

LOST_BEATS = 4
"""The server counts as lost after this many beats without an answer, and `LOST_SECONDS`."""
LOST_SECONDS = 12.0
ANSWER_SHARE = 0.4
"""A beat waits for its answer this share of the time after which the server drops us."""
LEAST_ANSWER_SECONDS = 1.0
MOST_ANSWER_SECONDS = 4.0
JOIN_SECONDS = 4.0


class HeartbeatThread:
    """Sends heartbeats until `stop`; ``pulse`` is shared with the client's connection."""

    def __init__(
        self,
        endpoint: str,
        identity: Identity,
        server: Welcome,
        keys: Optional[ClientKeys] = None,
    ) -> None:
        self.pulse = Pulse(lost_after=max(LOST_SECONDS, LOST_BEATS * server.heartbeat_seconds))
        self._endpoint = endpoint
        self._identity = identity
        self._keys = keys
        self._interval = server.heartbeat_seconds
        wait = max(LEAST_ANSWER_SECONDS, ANSWER_SHARE * server.client_timeout_seconds)
        self._wait = min(MOST_ANSWER_SECONDS, wait)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="smite-heartbeat", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it, for a moment."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=JOIN_SECONDS)

    def _run(self) -> None:
        connection = Connection(self._endpoint, self._identity, self._keys)
        connection.while_waiting = self._leave_when_stopping
        greeted = False
        try:
            greeted = self._beat(connection, greeted)
            while not self._stopping.wait(self._interval):
                before = greeted
                greeted = self._beat(connection, greeted)
                if greeted and not before:
                    # While we were away it may have dropped us, watches and all; or it is another.
                    self.pulse.forgotten = True
        finally:
            connection.close()

    def _beat(self, connection: Connection, greeted: bool) -> bool:
        """Send one heartbeat, greeting first where needed; return whether we are greeted."""
        try:
            if not greeted:
                connection.greet(self._wait)
            connection.ask(Heartbeat(), self._wait)
        except SmiteError:
            # Old beats must not arrive, all at once, at a server that comes back.
            connection.reopen()
            return False
        self.pulse.last = time.monotonic()
        return True

    def _leave_when_stopping(self) -> None:
        if self._stopping.is_set():
            raise ServerLost("The client is closing.")
