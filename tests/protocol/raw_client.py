"""A client written from PROTOCOL.md alone, section 12, with zmq and msgpack and nothing of SMITE.

It shows that the document is enough; a test looks at its imports. It is plain on purpose: one
socket, one thread, heartbeats whenever it waits.
"""

from __future__ import annotations

import secrets
import time
import zlib
from collections.abc import Iterator
from typing import Any

import msgpack
import zmq

Fields = dict[str, Any]
HELLO_SECONDS = 4.0
LOST_SECONDS = 12.0


class LostError(Exception):
    """The server does not answer any more."""


class RefusedError(Exception):
    """The server answered with an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class RawClient:
    """A session; `reconnect` begins another one for the same client."""

    def __init__(self, endpoint: str, user: str = "") -> None:
        self.endpoint = endpoint
        self.user = user
        self.client = secrets.token_hex(8)
        self.welcome: Fields = {}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self._version = 2
        self._number = 0
        self._events: list[tuple[str, Fields, bytes | None]] = []
        self._beat_at = 0.0
        self._heard_at = 0.0
        self.reconnect()

    def reconnect(self) -> None:
        """Take a fresh socket (step 1) and say hello on it (step 2)."""
        if self._socket is not None:
            self._socket.close(linger=0)
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.connect(self.endpoint)
        self._events.clear()
        self._version = 2
        hello: Fields = {"protocol_min": 1, "protocol_max": 2, "client": self.client}
        try:
            self.welcome = self._hello({**hello, "user": self.user})
        except RefusedError as problem:
            if problem.code != "bad_message":
                raise
            self._version = 1
            self.welcome = self._hello(hello)
        self._version = self.welcome["protocol"]

    def close(self) -> None:
        """Say goodbye (step 9)."""
        if self._socket is not None:
            self._send("goodbye", {}, 0)
            self._socket.close(linger=200)
            self._context.term()

    def ask(self, kind: str, fields: Fields, raw: bytes | None = None) -> Fields:
        """Send a request and return its reply's fields; events in between are kept."""
        self._number += 1
        number = self._number
        self._send(kind, fields, number, raw)
        while True:
            kind, body, found, raw = self._receive()
            if found == number:
                if kind == "error":
                    raise RefusedError(body["code"], body["message"])
                return body

    def submit(self, spec: Fields, **more: Any) -> Fields:
        """Submit a job (step 4)."""
        return self.ask("submit", {"spec": spec, **more})

    def put_pixels(self, job: str, frame: int, shape: tuple[int, int, int], raw: bytes) -> int:
        """Send a frame of uint8 pixels (step 5); again when it was damaged on its way."""
        height, width, _ = shape
        whole = [0, 0, width, height]
        fields = {
            "job": job, "frame": frame, "shape": list(shape), "dtype": "uint8",
            "geometry": {"display": whole, "data": whole}, "colour_space": "sRGB",
            "checksum": zlib.crc32(raw),
        }  # fmt: skip
        for _ in range(3):
            try:
                return int(self.ask("put_pixels", fields, raw)["count"])
            except RefusedError as problem:
                if problem.code != "bad_checksum":
                    raise
        return int(self.ask("put_pixels", fields, raw)["count"])

    def watch(self, job: str, after: int = 0) -> Iterator[tuple[str, Fields, bytes | None]]:
        """Yield events to the last (steps 6 to 8), over losses; mattes in order, each whole."""
        seen = after
        asked = False
        while True:
            try:
                if not asked:
                    self._events.clear()
                    self.ask("watch", {"job": job, "after": seen})
                    asked = True
                kind, body, raw = self._next_event()
            except (LostError, RefusedError) as problem:
                if isinstance(problem, RefusedError) and problem.code != "not_greeted":
                    raise
                self.reconnect()
                asked = False
                continue
            if body["job"] != job:
                continue
            if kind == "matte_ready":
                damaged = raw is not None and body.get("checksum") not in (None, zlib.crc32(raw))
                if damaged or body["seq"] > seen + 1:
                    asked = False
                    continue
                if body["seq"] <= seen:
                    continue
                seen = body["seq"]
            yield kind, body, raw
            if kind == "matte_ready":
                self._send("acknowledge", {"job": job, "seq": seen}, 0)
            if kind == "finished":
                return

    def _hello(self, fields: Fields) -> Fields:
        self._heard_at = time.monotonic()
        self._beat_at = time.monotonic() + HELLO_SECONDS
        return self.ask("hello", fields)

    def _next_event(self) -> tuple[str, Fields, bytes | None]:
        while not self._events:
            kind, body, number, _ = self._receive()
            if number and kind == "error" and body["code"] == "not_greeted":
                raise RefusedError(body["code"], body["message"])
        return self._events.pop(0)

    def _receive(self) -> tuple[str, Fields, int, bytes | None]:
        """Return the next message; sends heartbeats meanwhile (step 3). Raises LostError."""
        assert self._socket is not None
        while True:
            if self.welcome and time.monotonic() > self._beat_at:
                self._beat_at = time.monotonic() + self.welcome["heartbeat_seconds"]
                self._number += 1
                self._send("heartbeat", {}, self._number)
            if self._socket.poll(50):
                break
            if time.monotonic() - self._heard_at > LOST_SECONDS:
                raise LostError(f"{self.endpoint} is silent")
        self._heard_at = time.monotonic()
        frames = self._socket.recv_multipart()
        header = msgpack.unpackb(frames[0])
        raw = frames[1] if len(frames) > 1 else None
        if header["i"] == 0 and header["t"] != "error":
            self._events.append((header["t"], header["b"], raw))
        return header["t"], header["b"], header["i"], raw

    def _send(self, kind: str, fields: Fields, number: int, raw: bytes | None = None) -> None:
        assert self._socket is not None
        header = {"v": self._version, "t": kind, "i": number, "b": fields}
        frames = [msgpack.packb(header)] + ([] if raw is None else [raw])
        self._socket.send_multipart(frames)
