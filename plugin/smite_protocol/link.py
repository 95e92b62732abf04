"""A session that lasts: a connection, its heartbeats, and the way back when it breaks."""

from __future__ import annotations

import time
from typing import Optional

from .connection import Connection, Identity
from .errors import NotGreeted, ServerLost, ServerUnreachable, SmiteError, VersionMismatch
from .heartbeat import HeartbeatThread
from .keys import ClientKeys
from .records import Message
from .replies import Welcome
from .requests import Goodbye
from .states import ConnectionStates


class Link:
    """An open session with one server, which outlives the server's restarts.

    ``timeout`` bounds the wait for an answer to hello, ``request_timeout`` that for any other,
    ``patience`` how long a lost server is looked for; all in seconds. ``generation`` counts the
    sessions: whoever watches has to ask again when it has changed. Raises what
    `Connection.greet` raises.
    """

    def __init__(
        self,
        endpoint: str,
        identity: Identity,
        keys: Optional[ClientKeys],
        states: ConnectionStates,
        *,
        timeout: float,
        request_timeout: float,
        patience: float,
    ) -> None:
        self.endpoint = endpoint
        self.states = states
        self.request_timeout = request_timeout
        self.generation = 0
        self._timeout = timeout
        states.connecting()
        self.connection = Connection(endpoint, identity, keys)
        self.connection.while_waiting = states.tick
        try:
            self.server: Welcome = self.connection.greet(timeout)
            self._heartbeat = HeartbeatThread(endpoint, identity, self.server, keys)
            self.connection.pulse = self._heartbeat.pulse
            self._heartbeat.start()
        except BaseException:
            self.connection.close()
            raise
        # Nobody starts a private server again, so waiting for one would be in vain.
        self.patience = 0.0 if self.server.private else patience
        states.answered()

    def close(self) -> None:
        """Say goodbye and disconnect."""
        self._heartbeat.stop()
        self.connection.send(Goodbye())
        self.connection.close()

    def ask(self, message: Message) -> Message:
        """Send a request and return its reply; after a loss it is sent again.

        Returns or raises within ``request_timeout`` + 2 x ``patience`` + ``timeout`` seconds: the
        error of the server's reply, or ServerLost.
        """
        deadline = time.monotonic() + self.request_timeout + self.patience
        while True:
            try:
                self.states.asked()
                reply = self.connection.ask(message, self.request_timeout)
            except (NotGreeted, ServerLost) as problem:
                if time.monotonic() > deadline:
                    raise
                self.recover(problem)
            except VersionMismatch:
                raise  # by this side: nothing was asked
            except SmiteError:
                self.states.answered()
                raise
            else:
                self.states.answered()
                return reply

    def recover(self, problem: SmiteError) -> None:
        """Open a new session in place of one that ``problem`` has ended.

        Tries for ``patience`` seconds; raises ServerLost after that. Without patience only a
        server that has forgotten us (it is there) is greeted again, once.
        """
        forgotten = isinstance(problem, NotGreeted)
        if self.patience <= 0 and not forgotten:
            raise problem
        patience = max(self.patience, self._timeout if forgotten else 0.0)
        until = time.monotonic() + patience
        self.states.lost(until)
        while not self._greeted_again(until):
            if time.monotonic() >= until:
                raise ServerLost(
                    f"The server at {self.endpoint} was lost and did not come back within"
                    f" {patience:g} s; see whether it still runs, then `smite jobs`."
                ) from problem
        self.connection.pulse.restart()
        self.generation += 1
        self.states.back()

    def _greeted_again(self, until: float) -> bool:
        left = max(0.1, until - time.monotonic())
        self.connection.reopen()
        try:
            self.server = self.connection.greet(min(left, self._timeout))
        except (ServerUnreachable, ServerLost):
            return False
        return True
