"""A peer that is not our client: a bare zmq socket, for strangers, fuzzers and other programs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import zmq

from smite_protocol.errors import error_from_code
from smite_protocol.keys import ClientKeys
from smite_protocol.messages import PROTOCOL_MAX, PROTOCOL_MIN, ErrorReply, Hello, Message, Welcome
from smite_protocol.wire import decode, encode

ANSWER_SECONDS = 10.0


class RawPeer:
    """A DEALER socket, with no heartbeats, goodbyes or second tries."""

    def __init__(self, socket: zmq.Socket[bytes], client: str = "") -> None:
        self.socket = socket
        self.client = client or secrets.token_hex(8)
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

    def get(self, message: Message) -> Any:
        """Return the reply to a request. Raises the error that it is."""
        reply = self.ask(message)
        assert reply is not None, f"no answer to {message.type}"
        if isinstance(reply, ErrorReply):
            raise error_from_code(reply.code, reply.message)
        return reply

    def hello(self, seconds: float = ANSWER_SECONDS) -> Message | None:
        """Open a session."""
        hello = Hello(protocol_min=PROTOCOL_MIN, protocol_max=PROTOCOL_MAX, client=self.client)
        return self.ask(hello, seconds)


@contextmanager
def raw_peer(endpoint: str, keys: ClientKeys | None = None, client: str = "") -> Iterator[RawPeer]:
    """Connect to an endpoint, with or without keys; at the end it is gone without a word.

    ``client`` is the id that it says hello under; empty: a new one.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    if keys is not None:
        keys.apply(socket)
    try:
        socket.connect(endpoint)
        yield RawPeer(socket, client)
    finally:
        socket.close()
        context.term()


@contextmanager
def greeted_peer(endpoint: str, client: str) -> Iterator[RawPeer]:
    """Connect and open a session under a client id of the test's choice."""
    with raw_peer(endpoint, client=client) as peer:
        assert isinstance(peer.hello(), Welcome)
        yield peer
