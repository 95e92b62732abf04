"""Who is connected: sockets that have said hello, and the clients and users they belong to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from smite_protocol.errors import NotAuthorised, NotGreeted, TooLarge
from smite_protocol.messages import PROTOCOL_MIN

NOBODY_KNOWN = "somebody"
"""The user of clients that neither prove nor say who they are; they share one user's limits."""


@dataclass(frozen=True)
class User:
    """Who asks. ``proven``: the connection's key says so, not only the client."""

    name: str = NOBODY_KNOWN
    proven: bool = False


@dataclass
class _Client:
    """A client: when it was last heard, the version it speaks, its user, and its sockets."""

    seen: float
    version: int
    user: User
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

    def __contains__(self, client: str) -> bool:
        return client in self._clients

    def open(self, identity: bytes, client: str, version: int, user: User) -> None:
        """Note a hello that came to protocol ``version``.

        Raises TooLarge when there are too many clients, NotAuthorised when another user is that
        client, or has that socket.
        """
        entry = self._clients.get(client)
        if entry is None and len(self._clients) >= self._max:
            raise TooLarge(f"This server has {self._max} clients already; close some.")
        before = self._by_identity.get(identity, client)
        for other in (entry, self._clients.get(before)):
            if other is not None and (other.user.proven or user.proven) and other.user != user:
                raise NotAuthorised(
                    "Another user has a session under this client id; choose an id at random."
                )
        if entry is None:
            entry = self._clients[client] = _Client(time.monotonic(), version, user)
        if before != client:
            self._clients[before].identities.discard(identity)
        self._by_identity[identity] = client
        entry.version, entry.user = version, user
        entry.identities.add(identity)
        self.ever = True
        self.touch(identity)

    def touch(self, identity: bytes, proven: str = "") -> str:
        """Note that a socket was heard; return its client.

        ``proven`` is the user whose key the connection has now. Raises NotGreeted, also when that
        is not the user who said hello.
        """
        client = self._by_identity.get(identity)
        entry = None if client is None else self._clients[client]
        if client is None or entry is None or (proven and entry.user != User(proven, True)):
            raise NotGreeted("The server does not know this client (any more); say hello first.")
        self.last_seen = entry.seen = time.monotonic()
        return client

    def user(self, identity: bytes) -> User:
        """Return who said hello on a socket. Raises NotGreeted."""
        return self._clients[self.touch(identity)].user

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
