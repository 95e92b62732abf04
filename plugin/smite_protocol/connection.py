"""One DEALER socket: requests and their replies, and the events that come in between."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Callable, Deque, Dict, List, Optional, Set

import zmq
from zmq.utils.monitor import recv_monitor_message

from .endpoints import is_ipv6
from .errors import (
    BadMessage,
    NotAuthorised,
    NotGreeted,
    ServerLost,
    ServerUnreachable,
    SmiteError,
    VersionMismatch,
)
from .events import Event, Finished, MatteReady, Progress, StateChanged
from .keys import ClientKeys
from .messages import PROTOCOL_MAX, PROTOCOL_MIN
from .records import Message
from .replies import ErrorReply, Welcome
from .requests import Hello
from .wire import ZERO_COPY_BYTES, Buffer, Header, decode_header, decode_message, encode

POLL_SECONDS = 0.2
LINGER_MILLISECONDS = 200
MAX_EVENT_BYTES = 2**31
SEND_AHEAD = 64
"""Messages that may wait in the socket before sending blocks."""
MONITORED = zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH


@dataclass(frozen=True)
class Identity:
    """Who the client is; the same on all its connections."""

    client: str
    name: str = ""
    token: str = ""
    user: str = ""


@dataclass
class Pulse:
    """What the heartbeat knows of the server; written by its thread, read by the caller's."""

    lost_after: float = 15.0
    last: float = field(default_factory=time.monotonic)
    forgotten: bool = False

    def silent_seconds(self) -> float:
        """Return how long the server has been silent."""
        return time.monotonic() - self.last

    def restart(self) -> None:
        """Count from now, as of a server that has just answered."""
        self.last = time.monotonic()
        self.forgotten = False


class Connection:
    """A DEALER socket to a server; for one thread.

    ``pulse`` and ``while_waiting`` (called a few times a second while a reply is waited for) may
    be set from outside. Every call ends within the timeout it is given, or, once the pulse is
    lost, within a moment.
    """

    def __init__(
        self, endpoint: str, identity: Identity, keys: Optional[ClientKeys] = None
    ) -> None:
        self.endpoint = endpoint
        self.identity = identity
        self.pulse = Pulse()
        self.while_waiting: Callable[[], None] = _do_nothing
        self.version = PROTOCOL_MAX
        self._keys = keys
        self._events: Dict[str, Deque[Event]] = {}
        self._replies: Dict[int, Message] = {}
        self._awaited: Set[int] = set()
        self._next = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._open()

    def close(self) -> None:
        """Close the socket; what was sent still leaves for a moment."""
        self._close_socket(LINGER_MILLISECONDS)
        self._context.term()

    def reopen(self) -> None:
        """Begin anew with a fresh socket; what was on its way to or from the old one is dropped.

        Needed after every loss: a socket that zmq connects again by itself would send its old
        requests to a server that has not been greeted.
        """
        self._close_socket(0)
        self._events.clear()
        self._replies.clear()
        self._awaited.clear()
        self._open()

    def greet(self, timeout: float) -> Welcome:
        """Open a session. Raises ServerUnreachable, VersionMismatch, NotAuthorised.

        A server that only speaks version 1 refuses what hello has learned since, so a hello that
        is refused is said again as version 1 said it.
        """
        hello = Hello(
            protocol_min=PROTOCOL_MIN,
            protocol_max=PROTOCOL_MAX,
            client=self.identity.client,
            name=self.identity.name,
            token=self.identity.token,
            user=self.identity.user,
        )
        self._greeted = False
        self.version = PROTOCOL_MAX
        try:
            reply = self.ask(hello, timeout, first=True)
        except BadMessage:
            self.version = PROTOCOL_MIN
            reply = self.ask(hello, timeout, first=True)
        if not isinstance(reply, Welcome):
            raise ServerUnreachable(f"What answers at {self.endpoint} is not a SMITE server.")
        if not PROTOCOL_MIN <= reply.protocol <= PROTOCOL_MAX:
            raise VersionMismatch(
                f"The server at {self.endpoint} speaks protocol {reply.protocol} and this client"
                f" {PROTOCOL_MIN} to {PROTOCOL_MAX}; install the same smite-comp on both."
            )
        self.version = reply.protocol
        self._greeted = True
        self._dropped = False
        return reply

    def ask(self, message: Message, timeout: float, *, first: bool = False) -> Message:
        """Send a request and return its reply; events that come meanwhile are kept.

        Raises the error that the server answers with, ServerUnreachable when it never answered
        (``first``), ServerLost when it stopped answering, NotGreeted when it has forgotten us.
        """
        return self.reply_to(self.post(message, timeout), timeout, first=first)

    def post(self, message: Message, timeout: float) -> int:
        """Send a request and return its number, for `reply_to`.

        Raises ServerLost when it cannot leave in time, VersionMismatch when the session's version
        does not know it.
        """
        self._check_known(message)
        self._next += 1
        frames = encode(message, request=self._next, version=self.version)
        large = len(frames) > 1 and memoryview(frames[1]).nbytes >= ZERO_COPY_BYTES
        self._wait_for_room(timeout)
        self._socket.send_multipart(frames, copy=not large)
        self._awaited.add(self._next)
        return self._next

    def reply_to(self, number: int, timeout: float, *, first: bool = False) -> Message:
        """Wait for the reply to a request that was posted; raises what `ask` raises."""
        deadline = time.monotonic() + timeout
        while number not in self._replies:
            left = deadline - time.monotonic()
            if left <= 0:
                self._awaited.discard(number)
                raise self._silence(first, timeout)
            frames = self._receive(min(left, POLL_SECONDS))
            if frames is not None:
                self._sort(frames)
                continue
            self.while_waiting()
            if not first:
                self._check_pulse()
                if self.pulse.forgotten:
                    raise NotGreeted(f"The server at {self.endpoint} has forgotten this client.")
        reply = self._replies.pop(number)
        if isinstance(reply, ErrorReply):
            raise reply.error()
        return reply

    def forget(self, number: int) -> None:
        """Take no reply to a posted request any more."""
        self._awaited.discard(number)
        self._replies.pop(number, None)

    def send(self, message: Message) -> None:
        """Send a notice; when the socket is full it is dropped."""
        frames = encode(message, version=self.version)
        try:
            self._socket.send_multipart(frames, flags=zmq.NOBLOCK)
        except zmq.Again:
            return

    def next_event(self, job: str) -> Optional[Event]:
        """Return the next event of ``job``; None after a moment without one.

        Raises ServerLost when the server has gone.
        """
        kept = self._events.get(job)
        if kept:
            return kept.popleft()
        frames = self._receive(POLL_SECONDS)
        if frames is None:
            self.while_waiting()
            self._check_pulse()
        else:
            self._sort(frames)
        kept = self._events.get(job)
        return kept.popleft() if kept else None

    def drop_events(self, job: str) -> None:
        """Forget the kept events of ``job``."""
        self._events.pop(job, None)

    def forgotten(self) -> bool:
        """Return, once, whether the server has forgotten this client since the last call."""
        found = self.pulse.forgotten
        self.pulse.forgotten = False
        return found

    def _open(self) -> None:
        self._greeted = False
        self._dropped = False
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.SNDHWM, SEND_AHEAD)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        self._socket.setsockopt(zmq.IPV6, int(is_ipv6(self.endpoint)))
        if self._keys is not None:
            self._keys.apply(self._socket)
        self._monitor = self._socket.get_monitor_socket(MONITORED)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        self._socket.connect(self.endpoint)

    def _close_socket(self, linger: int) -> None:
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=linger)

    def _wait_for_room(self, timeout: float) -> None:
        """Wait until the socket takes another message. Raises ServerLost."""
        deadline = time.monotonic() + timeout
        while not self._socket.poll(int(POLL_SECONDS * 1000), zmq.POLLOUT):
            self.while_waiting()
            if self._greeted:
                self._check_pulse()
            if time.monotonic() > deadline:
                raise self._silence(not self._greeted, timeout)

    def _receive(self, seconds: float) -> Optional[List[Buffer]]:
        """Return the frames of a message; None after so long without one.

        Raises ServerLost as soon as the connection of a session has broken, NotAuthorised when
        the server refuses our keys.
        """
        ready = dict(self._poller.poll(max(1, int(seconds * 1000))))
        if self._socket in ready:
            self.pulse.last = time.monotonic()
            return [frame.buffer for frame in self._socket.recv_multipart(copy=False)]
        if self._monitor in ready:
            self._look_at_monitor()
        if self._dropped and self._greeted:
            raise ServerLost(
                f"The connection to the server at {self.endpoint} broke; see whether it still runs,"
                " then `smite jobs`."
            )
        return None

    def _look_at_monitor(self) -> None:
        happened = recv_monitor_message(self._monitor)["event"]
        if happened == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise NotAuthorised(
                f"The server at {self.endpoint} does not take this client's key; ask for one that"
                " it knows (`smite keys user NAME`)."
            )
        self._dropped = True

    def _sort(self, frames: List[Buffer]) -> None:
        """Keep an event, and a reply that is awaited; raises ServerLost for what is neither."""
        try:
            header: Header = decode_header(frames)
            message = decode_message(header, frames, max_payload=MAX_EVENT_BYTES)
        except SmiteError as problem:
            raise ServerLost(
                f"The server at {self.endpoint} sent what cannot be read ({problem.message})"
            ) from problem
        if isinstance(message, (Progress, MatteReady, StateChanged, Finished)):
            self._events.setdefault(message.job, deque()).append(message)
        elif header.request in self._awaited:
            self._awaited.discard(header.request)
            self._replies[header.request] = message

    def _check_known(self, message: Message) -> None:
        if message.since > self.version:
            raise VersionMismatch(
                f"The server at {self.endpoint} speaks protocol {self.version}, which cannot"
                f" {message.type}; install a newer smite-comp there."
            )

    def _check_pulse(self) -> None:
        if self.pulse.silent_seconds() > self.pulse.lost_after:
            raise ServerLost(
                f"The server at {self.endpoint} has not answered for"
                f" {self.pulse.lost_after:.0f} s; see whether it still runs, then `smite jobs`."
            )

    def _silence(self, first: bool, waited: float) -> SmiteError:
        if first:
            right = "the right endpoint, and a key (--key) where the server wants one"
            if self._keys is not None:
                right = "the endpoint of the server that the key file is for"
            return ServerUnreachable(
                f"No SMITE server answers at {self.endpoint} (waited {waited:g} s); start one with"
                f" `smite serve`, or give {right}."
            )
        return ServerLost(
            f"The server at {self.endpoint} did not answer within {waited:g} s; see whether it"
            " still runs, then `smite jobs`."
        )


def _do_nothing() -> None:
    pass
