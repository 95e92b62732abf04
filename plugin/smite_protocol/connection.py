"""One DEALER socket: requests and their replies, and the events that come in between."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Deque, Dict, List, Optional

import zmq

from .errors import ServerLost, ServerUnreachable, SmiteError, VersionMismatch
from .events import Event, Finished, MatteReady, Progress, StateChanged
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


@dataclass(frozen=True)
class Identity:
    """Who the client is; the same on all its connections."""

    client: str
    name: str = ""
    token: str = ""


@dataclass
class Pulse:
    """What the heartbeat knows of the server; written by its thread, read by the caller's."""

    lost_after: float = 15.0
    last: float = field(default_factory=time.monotonic)
    forgotten: bool = False

    def silent_seconds(self) -> float:
        """Return how long the server has been silent."""
        return time.monotonic() - self.last


class Connection:
    """A DEALER socket to a server; for one thread."""

    def __init__(self, endpoint: str, identity: Identity) -> None:
        self.endpoint = endpoint
        self.identity = identity
        self.pulse = Pulse()
        self._events: Dict[str, Deque[Event]] = {}
        self._next = 0
        self._version = PROTOCOL_MAX
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, LINGER_MILLISECONDS)
        self._socket.setsockopt(zmq.SNDHWM, SEND_AHEAD)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        self._socket.connect(endpoint)

    def close(self) -> None:
        """Close the socket; what was sent still leaves for a moment."""
        self._socket.close()
        self._context.term()

    def greet(self, timeout: float) -> Welcome:
        """Open a session. Raises ServerUnreachable, VersionMismatch, NotAuthorised."""
        hello = Hello(
            protocol_min=PROTOCOL_MIN,
            protocol_max=PROTOCOL_MAX,
            client=self.identity.client,
            name=self.identity.name,
            token=self.identity.token,
        )
        reply = self.ask(hello, timeout, first=True)
        if not isinstance(reply, Welcome):
            raise ServerUnreachable(f"What answers at {self.endpoint} is not a SMITE server.")
        if not PROTOCOL_MIN <= reply.protocol <= PROTOCOL_MAX:
            raise VersionMismatch(
                f"The server at {self.endpoint} speaks protocol {reply.protocol} and this client"
                f" {PROTOCOL_MIN} to {PROTOCOL_MAX}; install the same smite-comp on both."
            )
        self._version = reply.protocol
        return reply

    def ask(self, message: Message, timeout: float, *, first: bool = False) -> Message:
        """Send a request and return its reply; events that come meanwhile are kept.

        Raises the error that the server answers with, ServerUnreachable when it never answered,
        ServerLost when it stopped answering.
        """
        self._next += 1
        number = self._next
        self._send(encode(message, request=number, version=self._version), timeout)
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._silence(first, timeout)
            frames = self._receive(min(left, POLL_SECONDS))
            if frames is None:
                if not first:
                    self._check_pulse()
                continue
            reply = self._sort(frames, number)
            if isinstance(reply, ErrorReply):
                raise reply.error()
            if reply is not None:
                return reply

    def send(self, message: Message) -> None:
        """Send a notice; when the socket is full it is dropped."""
        frames = encode(message, version=self._version)
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
            self._check_pulse()
        else:
            self._sort(frames, -1)
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

    def _send(self, frames: List[Buffer], timeout: float) -> None:
        large = len(frames) > 1 and memoryview(frames[1]).nbytes >= ZERO_COPY_BYTES
        if not self._socket.poll(int(timeout * 1000), zmq.POLLOUT):
            raise self._silence(False, timeout)
        self._socket.send_multipart(frames, copy=not large)

    def _receive(self, seconds: float) -> Optional[List[Buffer]]:
        if not self._socket.poll(max(1, int(seconds * 1000))):
            return None
        self.pulse.last = time.monotonic()
        frames = self._socket.recv_multipart(copy=False)
        return [frame.buffer for frame in frames]

    def _sort(self, frames: List[Buffer], number: int) -> Optional[Message]:
        """Keep an event; return the message if it answers request ``number``."""
        header: Header = decode_header(frames)
        message = decode_message(header, frames, max_payload=MAX_EVENT_BYTES)
        if isinstance(message, (Progress, MatteReady, StateChanged, Finished)):
            self._events.setdefault(message.job, deque()).append(message)
            return None
        return message if header.request == number else None

    def _check_pulse(self) -> None:
        if self.pulse.silent_seconds() > self.pulse.lost_after:
            raise ServerLost(
                f"The server at {self.endpoint} has not answered for"
                f" {self.pulse.lost_after:.0f} s; see whether it still runs, then `smite jobs`."
            )

    def _silence(self, first: bool, waited: float) -> SmiteError:
        if first:
            return ServerUnreachable(
                f"No SMITE server answers at {self.endpoint} (waited {waited:g} s); start one with"
                " `smite serve`, or give the right endpoint."
            )
        return ServerLost(
            f"The server at {self.endpoint} did not answer within {waited:g} s; see whether it"
            " still runs, then `smite jobs`."
        )
