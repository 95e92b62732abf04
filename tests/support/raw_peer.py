"""A peer that is not our client: a bare zmq socket, for strangers, fuzzers and other programs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import zmq

from smite_protocol.keys import ClientKeys
from smite_protocol.messages import PROTOCOL_MAX, PROTOCOL_MIN, Hello, Message
from smite_protocol.wire import decode, encode

ANSWER_SECONDS = 10.0


class RawPeer:
    """A DEALER socket."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket
        self.client = secrets.token_hex(8)
        self._number = 0

    def send(self, frames: Sequence[bytes]) -> None:
        """Send frames as they are."""
        self.socket.send_multipart(list(frames))

    def receive(self, seconds: float = ANSWER_SECONDS) -> Message | None:
        """Return the next message; None when none comes in time."""
        if not self.socket.poll(int(seconds * 1000)):
            return None
        return decode(self.socket.recv_multipart(), max_payload=2**30)[1]

    def ask(self, message: Message, seconds: float = ANSWER_SECONDS) -> Message | None:
        """Send a request and return what answers it; events in between are dropped."""
        self._number += 1
        self.socket.send_multipart(encode(message, request=self._number, version=PROTOCOL_MAX))
        end = time.monotonic() + seconds
        while self.socket.poll(max(0, int(1000 * (end - time.monotonic())))):
            header, found = decode(self.socket.recv_multipart(), max_payload=2**30)
            if header.request == self._number:
                return found
        return None

    def hello(self, seconds: float = ANSWER_SECONDS) -> Message | None:
        """Open a session."""
        hello = Hello(protocol_min=PROTOCOL_MIN, protocol_max=PROTOCOL_MAX, client=self.client)
        return self.ask(hello, seconds)


@contextmanager
def raw_peer(endpoint: str, keys: ClientKeys | None = None) -> Iterator[RawPeer]:
    """Connect to an endpoint, with or without keys."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    if keys is not None:
        keys.apply(socket)
    try:
        socket.connect(endpoint)
        yield RawPeer(socket)
    finally:
        socket.close()
        context.term()
