"""Who is connected: sockets that have said hello, and the clients they belong to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from smite_protocol.errors import NotGreeted, TooLarge
from smite_protocol.messages import PROTOCOL_MIN


@dataclass
class _Client:
    """A client: when it was last heard, the protocol version it speaks, and its sockets."""

    seen: float
    version: int
    identities: set[bytes] = field(default_factory=set)


class Sessions:
    """The sessions of a server. A client may have several sockets, e.g. one for heartbeats."""

    def __init__(self, max_clients: int) -> None:
        self._max = max_clients
        self._by_identity: dict[bytes, str] = {}
        self._clients: dict[str, _Client] = {}
        self.last_seen = time.monotonic()
        self.ever = False

    def __len__(self) -> int:
        return len(self._clients)

    def open(self, identity: bytes, client: str, version: int) -> None:
        """Note a hello that came to protocol ``version``.

        Raises TooLarge when there are too many clients.
        """
        if client not in self._clients and len(self._clients) >= self._max:
            raise TooLarge(f"This server has {self._max} clients already; close some.")
        self._by_identity[identity] = client
        entry = self._clients.setdefault(client, _Client(time.monotonic(), version))
        entry.version = version
        entry.identities.add(identity)
        self.ever = True
        self.touch(identity)

    def touch(self, identity: bytes) -> str:
        """Note that a socket was heard; return its client. Raises NotGreeted."""
        client = self._by_identity.get(identity)
        if client is None:
            raise NotGreeted("The server does not know this client (any more); say hello first.")
        self.last_seen = self._clients[client].seen = time.monotonic()
        return client

    def version(self, identity: bytes) -> int:
        """Return the protocol version of a socket's session; the lowest one without a session."""
        client = self._by_identity.get(identity)
        return PROTOCOL_MIN if client is None else self._clients[client].version

    def close(self, client: str) -> set[bytes]:
        """Forget a client; return its sockets."""
        found = self._clients.pop(client, None)
        if found is None:
            return set()
        for identity in found.identities:
            self._by_identity.pop(identity, None)
        self.last_seen = time.monotonic()
        return found.identities

    def silent(self, seconds: float) -> list[str]:
        """Return the clients that were not heard for so long."""
        limit = time.monotonic() - seconds
        return [client for client, entry in self._clients.items() if entry.seen < limit]
