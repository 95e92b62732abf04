"""A stand-in for a server, scripted by tests, with zmq and msgpack alone.

It keeps no jobs: submit gives a made-up id, watch sends the mattes it was given, and a test may
answer any type of message itself (``answers``). As a server of protocol 1 it is strict: what came
with version 2 is refused, as the real one of that time did.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgpack
import zmq

JOB = "0123456789ab"
TURN_MILLISECONDS = 10
FIELDS_OF_1 = {
    "hello": {"protocol_min", "protocol_max", "client", "name", "token"},
    "submit": {"spec"},
    "put_file": {"job", "part_of", "path"},
    "put_pixels": {"job", "frame", "shape", "dtype", "geometry", "colour_space"},
    "end_upload": {"job"},
    "watch": {"job", "after"},
    "cancel": {"job"},
    "get_job": {"job"},
    "list_jobs": {"all", "limit"},
    "list_models": set(),
    "heartbeat": set(),
    "unwatch": {"job"},
    "acknowledge": {"job", "seq"},
    "goodbye": set(),
}
NOTICES = ("unwatch", "acknowledge", "goodbye")


@dataclass(frozen=True)
class Request:
    """A message that came: who sent it, its number, type and fields, and its raw frame."""

    identity: bytes
    number: int
    type: str
    body: dict[str, Any]
    payload: bytes | None


@dataclass(frozen=True)
class Out:
    """A message to send; a reply takes its request's number, an event the number 0."""

    type: str
    body: dict[str, Any] = field(default_factory=dict)
    payload: bytes | None = None
    event: bool = False


Answer = Callable[[Request], Iterable[Out]]


def error(code: str, message: str = "As the test wants it.") -> Out:
    """An error reply."""
    return Out("error", {"code": code, "message": message})


def job_reply(state: str = "running", **more: Any) -> Out:
    """A reply with the job."""
    return Out("job", {"info": {"job": JOB, "kind": "segment", "state": state, **more}})


def matte(seq: int, data: bytes | None = None, checksum: int | None = None) -> Out:
    """A matte event; bytes get their checksum unless another is given."""
    body: dict[str, Any] = {
        "job": JOB, "seq": seq, "frame": 1000 + seq, "part": "body", "slug": "body",
        "path": f"s/body/{seq}.exr",
    }  # fmt: skip
    if data is not None:
        body["checksum"] = zlib.crc32(data) if checksum is None else checksum
    return Out("matte_ready", body, data, event=True)


def finished(state: str = "done", **more: Any) -> Out:
    """The last event of the job."""
    return Out("finished", {"job": JOB, "state": state, **more}, event=True)


class RawServer:
    """A server in a thread of its own; use it in a ``with``.

    ``requests`` are all messages that came, in order. ``kill`` ends it as a crash would, ``start``
    starts it again at the same endpoint, without memory of anybody. ``silent`` types get no
    answer.
    """

    def __init__(self, *, version: int = 2, heartbeat: float = 0.2, private: bool = False) -> None:
        self.version = version
        self.requests: list[Request] = []
        self.answers: dict[str, Answer] = {}
        self.silent: set[str] = set()
        self.lives = 0
        self.endpoint = "tcp://127.0.0.1:*"
        self._heartbeat = heartbeat
        self._private = private
        self._greeted: set[bytes] = set()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        self._context.term()

    def start(self) -> None:
        """Bind and serve; the endpoint stays the same over lives."""
        assert self._thread is None
        self.lives += 1
        self._greeted.clear()
        self._stopping.clear()
        socket = self._bound()
        self.endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._thread = threading.Thread(target=self._run, args=(socket,), daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """Break all connections at once."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join(timeout=10)
            self._thread = None

    def forget_everybody(self) -> None:
        """Treat all as strangers until they say hello again."""
        self._greeted.clear()

    def types(self) -> list[str]:
        """The types of the messages that came, heartbeats left out."""
        return [request.type for request in self.requests if request.type != "heartbeat"]

    def of_type(self, kind: str) -> list[Request]:
        """The messages of one type that came."""
        return [request for request in self.requests if request.type == kind]

    def _bound(self) -> zmq.Socket[bytes]:
        end = time.monotonic() + 5.0
        while True:
            socket = self._context.socket(zmq.ROUTER)
            socket.setsockopt(zmq.LINGER, 0)
            try:
                socket.bind(self.endpoint)
            except zmq.ZMQError:  # the port of its last life is still being let go
                socket.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
            else:
                return socket

    def _run(self, socket: zmq.Socket[bytes]) -> None:
        while not self._stopping.is_set():
            if socket.poll(TURN_MILLISECONDS):
                identity, *frames = socket.recv_multipart()
                header = msgpack.unpackb(frames[0], raw=False)
                payload = frames[1] if len(frames) > 1 else None
                request = Request(identity, header["i"], header["t"], header["b"], payload)
                self.requests.append(request)
                for out in self._answer(request):
                    self._send(socket, request, out)
        socket.close(linger=0)

    def _send(self, socket: zmq.Socket[bytes], request: Request, out: Out) -> None:
        number = 0 if out.event else request.number
        header = {"v": self.version, "t": out.type, "i": number, "b": out.body}
        frames = [msgpack.packb(header)] + ([] if out.payload is None else [out.payload])
        socket.send_multipart([request.identity, *frames])

    def _answer(self, request: Request) -> Iterable[Out]:
        if request.type in self.silent:
            return []
        if self.version == 1:
            known = FIELDS_OF_1.get(request.type)
            if known is None or not set(request.body) <= known:
                return [error("bad_message", "An unknown type or field.")]
        if request.type != "hello" and request.identity not in self._greeted:
            return [] if request.type in NOTICES else [error("not_greeted")]
        if request.type in self.answers:
            return self.answers[request.type](request)
        return self._usual(request)

    def _usual(self, request: Request) -> Iterable[Out]:
        if request.type == "hello":
            self._greeted.add(request.identity)
            return [self.welcome()]
        replies = {
            "heartbeat": Out("alive"),
            "submit": Out("submitted", {"job": JOB, "state": "queued"}),
            "put_file": Out("received", {"job": JOB, "count": 1}),
            "put_pixels": Out("received", {"job": JOB, "count": 1}),
            "end_upload": Out("submitted", {"job": JOB, "state": "queued"}),
            "list_jobs": Out("job_list", {"jobs": []}),
            "list_models": Out("model_list", {"models": []}),
        }
        if request.type in NOTICES:
            return []
        return [replies.get(request.type, job_reply())]

    def welcome(self) -> Out:
        """The reply to hello."""
        return Out(
            "welcome",
            {
                "protocol": self.version, "server_version": "0", "server": f"life {self.lives}",
                "backbone": "b", "device": "cpu", "max_file_bytes": 2**30, "max_frames": 1000,
                "max_upload_bytes": 2**40, "heartbeat_seconds": self._heartbeat,
                "client_timeout_seconds": 2.0, "private": self._private,
            },
        )  # fmt: skip
