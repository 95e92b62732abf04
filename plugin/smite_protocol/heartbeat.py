"""The client's heartbeats: a thread with a connection of its own.

The server drops clients that are silent; this thread speaks for a client that computes, or waits
for the next event. It also notices when the server stops answering (`Pulse.silent_seconds`), or
has forgotten the client, for instance because the machine slept (`Pulse.forgotten`).
"""

from __future__ import annotations

import threading
import time

from .connection import Connection, Identity, Pulse
from .errors import NotGreeted, SmiteError
from .replies import Welcome
from .requests import Heartbeat

LOST_BEATS = 4
"""The server counts as lost after this many beats without an answer, and `LOST_SECONDS`."""
LOST_SECONDS = 12.0
GREET_TIMEOUT = 4.0


class HeartbeatThread:
    """Sends heartbeats until `stop`; ``pulse`` is shared with the client's connection."""

    def __init__(self, endpoint: str, identity: Identity, server: Welcome) -> None:
        self.pulse = Pulse(lost_after=max(LOST_SECONDS, LOST_BEATS * server.heartbeat_seconds))
        self._endpoint = endpoint
        self._identity = identity
        self._interval = server.heartbeat_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="smite-heartbeat", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=GREET_TIMEOUT)

    def _run(self) -> None:
        connection = Connection(self._endpoint, self._identity)
        greeted = False
        try:
            while not self._stopping.is_set():
                greeted = self._beat(connection, greeted)
                self._stopping.wait(self._interval)
        finally:
            connection.close()

    def _beat(self, connection: Connection, greeted: bool) -> bool:
        """Send one heartbeat, greeting first where needed; return whether we are greeted."""
        wait = min(self._interval, GREET_TIMEOUT)
        try:
            if not greeted:
                connection.greet(wait)
            connection.ask(Heartbeat(), wait)
        except NotGreeted:
            self.pulse.forgotten = True
            return False
        except SmiteError:
            return greeted
        self.pulse.last = time.monotonic()
        return True
