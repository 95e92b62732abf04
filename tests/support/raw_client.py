"""A socket that sends single messages, with no heartbeats, goodbyes or second tries."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from smite_protocol.errors import error_from_code
from smite_protocol.messages import PROTOCOL_MAX, ErrorReply, Hello, Message
from smite_protocol.wire import decode, encode

ANSWER_MILLISECONDS = 10_000


class RawClient:
    """Says hello under a client id and a user name of the test's choice."""

    def __init__(self, socket: zmq.Socket[bytes], client: str, user: str) -> None:
        self._socket = socket
        self._requests = itertools.count(1)
        self.ask(Hello(protocol_min=1, protocol_max=PROTOCOL_MAX, client=client, user=user))

    def ask(self, message: Message) -> Any:
        """Return the reply; events that come before it are dropped. Raises the error it is."""
        request = next(self._requests)
        self._socket.send_multipart(encode(message, request=request, version=PROTOCOL_MAX))
        while True:
            assert self._socket.poll(ANSWER_MILLISECONDS), f"no answer to {message.type}"
            header, reply = decode(self._socket.recv_multipart(), max_payload=2**30)
            if isinstance(reply, ErrorReply):
                raise error_from_code(reply.code, reply.message)
            if header.request == request:
                return reply


@contextmanager
def raw_client(endpoint: str, client: str, user: str = "") -> Iterator[RawClient]:
    """Connect; at the end the socket is gone without a word."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    try:
        socket.connect(endpoint)
        yield RawClient(socket, client, user)
    finally:
        socket.close()
        context.term()
