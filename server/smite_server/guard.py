"""Who is at the door: keys, rate limits and the audit log, for every message that comes in.

The router asks `Guard` who sent a message (`peer`), whether it is looked at (`ignores`, `admit`),
and tells it how it went (`note`). Users are names of the allow-list; without keys there are none,
and a connection stands for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
import zmq

from smite_protocol.errors import BadMessage, LimitReached, NotAuthorised, NotGreeted, PathRefused
from smite_protocol.keys import ServerKeys
from smite_protocol.messages import (
    ErrorReply,
    Hello,
    Message,
    Submit,
    Submitted,
)

from .allow_list import AllowList
from .audit import AuditLog
from .authentication import Authenticator
from .config import Limits, ServerConfig
from .jobs import Job
from .rate_limits import Manners, Rate, RateLimits

log = structlog.get_logger(__name__)

HANDSHAKE_MILLISECONDS = 5000
IGNORE_SECONDS = 60.0
REFUSED_IN_A_WHILE = 300
"""Lines of the audit log about one peer's refused requests; its good ones are all written."""
UNCOUNTED = frozenset({"heartbeat", "acknowledge", "unwatch", "goodbye"})
"""Costs less to do than to refuse, or would stall a watcher when refused."""
AUDITED = frozenset({"hello", "submit", "cancel", "pause", "resume", "retry", "reorder"})
"""Messages that are noted when they are done; one that is refused is noted whatever it is."""
PATH_FIELDS = ("refs", "plate", "clip", "model", "out", "template", "path")


@dataclass(frozen=True)
class Peer:
    """Who sent a message.

    ``key`` is the public key of the connection, "" without keys; ``user`` its name in the
    allow-list, None when it is listed no more.
    """

    identity: bytes
    user: str | None = ""
    key: str = ""
    address: str = ""

    @property
    def counted_as(self) -> str:
        """What the limits count by: the key, else the connection."""
        return self.key or self.identity.hex()


class Guard:
    """The guard of one server."""

    def __init__(self, config: ServerConfig, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._context = context
        self._audit = AuditLog(config.log_folder)
        self._limits = rate_limits(config.limits)
        self._manners = Manners(config.limits.bad_messages_per_minute, IGNORE_SECONDS)
        self._keys: ServerKeys | None = None
        self._allowed: AllowList | None = None
        self._authenticator: Authenticator | None = None
        if config.keys is not None:
            self._keys = ServerKeys.load(config.keys)
            self._allowed = AllowList(config.allow_list_file)

    def secure(self, socket: zmq.Socket[bytes]) -> None:
        """Set up the server's socket before it is bound: keys, and who judges handshakes."""
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MILLISECONDS)
        if self._keys is None or self._allowed is None:
            return
        self._keys.apply(socket)
        self._authenticator = Authenticator(self._context, socket, self._allowed, self._stranger)

    def close(self) -> None:
        """End the judging of handshakes; before the context is ended."""
        if self._authenticator is not None:
            self._authenticator.close()
            self._authenticator = None

    def peer(self, identity: bytes, frame: zmq.Frame) -> Peer:
        """Return who sent a message, from one of its frames."""
        address = _property(frame, "Peer-Address")
        if self._allowed is None:
            return Peer(identity, address=address)
        key = _property(frame, "User-Id")
        return Peer(identity, self._allowed.user_of(key), key, address)

    def ignores(self, peer: Peer) -> bool:
        """Return whether a message is dropped unread: the peer sent too many bad ones."""
        return self._manners.ignores(peer.counted_as)

    def admit(self, peer: Peer, message: str) -> None:
        """Let a message of this type in. Raises NotAuthorised, LimitReached."""
        if peer.user is None:
            raise NotAuthorised(
                "Your key is not in this server's list any more; ask who runs the server."
            )
        if message not in UNCOUNTED:
            self._limits.check(peer.counted_as, message)

    def note(self, peer: Peer, name: str, message: Message | None, reply: Message | None) -> None:
        """Note how a message of type ``name`` went; ``message`` is None when it was not read."""
        if isinstance(reply, ErrorReply):
            self._note_refused(peer, name, message, reply)
        elif message is not None and name in AUDITED:
            self._audit.write(name, **{**_who(peer), **_about(message), **_outcome(reply)})

    def note_ended(self, job: Job) -> None:
        """Note a job that failed because the worker found a path that leads out of the roots."""
        if job.error == PathRefused.code:
            self._audit.write(
                "refused",
                user=job.user,
                job=job.job,
                asked=job.kind,
                code=job.error,
                why=job.message,
            )

    def _note_refused(
        self, peer: Peer, name: str, message: Message | None, reply: ErrorReply
    ) -> None:
        facts = {**_who(peer), "code": reply.code, "why": reply.message}
        by = peer.counted_as
        if reply.code == BadMessage.code:
            self._audit.write("bad message", by=by, **facts)
            if self._manners.note_bad(by):
                log.warning("a peer is ignored for a while", peer=by, user=peer.user)
                self._audit.write("ignored", by=by, **_who(peer), seconds=IGNORE_SECONDS)
        elif reply.code == LimitReached.code:
            self._audit.write("limit", by=by, **facts, asked=name)
        elif reply.code != NotGreeted.code:
            asked = {} if message is None else _about(message)
            self._audit.write(
                "refused", by=by, most=REFUSED_IN_A_WHILE, **{**facts, "asked": name, **asked}
            )

    def _stranger(self, key: str, address: str, why: str) -> None:
        """Note a handshake that is refused."""
        self._audit.write(
            "refused handshake", by=key or "no key", key=key, address=address, why=why
        )


def rate_limits(limits: Limits) -> RateLimits:
    """Return the rates of a configuration; the bursts that are free last 5, 60 and 10 seconds."""
    return RateLimits(
        requests=Rate(5.0 * limits.requests_per_second, limits.requests_per_second),
        submits=Rate(limits.submits_per_minute, limits.submits_per_minute / 60.0),
        uploads=Rate(10.0 * limits.uploads_per_second, limits.uploads_per_second),
    )


def _who(peer: Peer) -> dict[str, Any]:
    return {"user": peer.user, "key": peer.key, "address": peer.address}


def _about(message: Message) -> dict[str, Any]:
    """Return what a message is about: its job, and the paths that it names."""
    if isinstance(message, Hello):
        return {"program": message.name, "client": message.client[:8], "says": message.user}
    source = message.spec if isinstance(message, Submit) else message
    paths = {name: getattr(source, name, None) for name in PATH_FIELDS}
    found: dict[str, Any] = {"paths": {name: path for name, path in paths.items() if path}}
    if isinstance(message, Submit):
        found["kind"] = message.spec.kind
    return {"job": getattr(message, "job", ""), **found}


def _outcome(reply: Message | None) -> dict[str, Any]:
    if isinstance(reply, Submitted):
        return {"job": reply.job, "attached": reply.attached or None}
    return {}


def _property(frame: zmq.Frame, name: str) -> str:
    try:
        return str(frame.get(name))
    except zmq.ZMQError:
        return ""
