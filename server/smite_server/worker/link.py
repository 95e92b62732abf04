"""The worker's end of the line to its server."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from typing import Any

import zmq

from smite_protocol.messages import Message
from smite_protocol.wire import encode
from smite_server.worker.device_memory import device_memory
from smite_server.worker_messages import (
    MatteFile,
    WorkerAlive,
    WorkerCancel,
    WorkerCheckpoint,
    WorkerDone,
    WorkerFailed,
    WorkerMattes,
    WorkerPause,
    WorkerPaused,
    WorkerProgress,
    WorkerReady,
    WorkerRun,
    WorkerStop,
    WorkerWindow,
    decode_worker_message,
)

PROGRESS_SECONDS = 0.25
BEAT_SECONDS = 1.0


class Link:
    """A DEALER socket to the server; for the main thread."""

    def __init__(self, address: str, token: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 1000)
        self._socket.connect(address)
        self._cancelled: set[str] = set()
        self._paused: set[str] = set()
        self._waiting: list[Message] = []
        self._send(WorkerReady(token=token, pid=os.getpid()))

    def close(self) -> None:
        """Close; what was sent still leaves."""
        self._socket.close()
        self._context.term()

    def next_job(self) -> WorkerRun | None:
        """Wait for the next job; None when the server wants no more."""
        while True:
            message = self._waiting.pop(0) if self._waiting else self._receive()
            if isinstance(message, WorkerStop):
                return None
            if isinstance(message, WorkerRun):
                self._cancelled.discard(message.job)
                self._paused.discard(message.job)
                return message

    def is_cancelled(self, job: str) -> bool:
        """Return whether the server wants ``job`` stopped; cheap, ask often."""
        self._take_orders(job)
        return job in self._cancelled

    def is_paused(self, job: str) -> bool:
        """Return whether the server wants ``job`` to stop for a while; cheap, ask often."""
        self._take_orders(job)
        return job in self._paused

    def _take_orders(self, job: str) -> None:
        while self._socket.poll(0):
            message = self._receive()
            if isinstance(message, WorkerCancel):
                self._cancelled.add(message.job)
            elif isinstance(message, WorkerPause):
                self._paused.add(message.job)
            elif isinstance(message, WorkerStop):
                self._cancelled.add(job)
                self._waiting.append(message)
            else:
                self._waiting.append(message)

    def mattes(self, job: str, frame: int, files: list[MatteFile]) -> None:
        """Tell that a frame's mattes are on disk."""
        self._send(WorkerMattes(job=job, frame=frame, mattes=tuple(files)))

    def window(self, job: str, window: int) -> None:
        """Tell how many frames the windows of a job have from here on."""
        self._send(WorkerWindow(job=job, window=window))

    def checkpoint(self, job: str, file: str) -> None:
        """Tell that a job can go on from ``file``; its mattes were told before."""
        self._send(WorkerCheckpoint(job=job, file=file))

    def paused(self, job: str) -> None:
        """Tell that a job has stopped for a while."""
        self._send(WorkerPaused(job=job))

    def progress(self, message: WorkerProgress) -> None:
        """Tell how far a job is."""
        self._send(message)

    def done(self, job: str, result: dict[str, Any]) -> None:
        """Tell that a job is done; numbers that JSON cannot say become None."""
        self._send(WorkerDone(job=job, result=plain(result)))

    def failed(self, job: str, code: str, message: str) -> None:
        """Tell that a job has failed."""
        self._send(WorkerFailed(job=job, code=code, message=message[:4000]))

    def _send(self, message: Message) -> None:
        self._socket.send_multipart(encode(message))

    def _receive(self) -> Message:
        return decode_worker_message(self._socket.recv_multipart())


class ProgressTeller:
    """Tells a job's progress, not too often, with an estimate of the time left."""

    def __init__(self, link: Link, job: str, device: str) -> None:
        self._link = link
        self._job = job
        self._device = device
        self._stage = ""
        self._begun = 0.0
        self._first = 0
        self._told = 0.0

    def tell(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Note that ``done`` of ``total`` steps of ``stage`` are done; total 0 is unknown."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._begun, self._told, self._first = stage, now, 0.0, done
        last = total > 0 and done >= total
        if now - self._told < PROGRESS_SECONDS and not last:
            return
        self._told = now
        made = done - self._first  # a job that goes on from a checkpoint does not begin at 0
        left = (now - self._begun) / made * (total - done) if made > 0 and total else None
        used, total_memory = device_memory(self._device) or (None, None)
        self._link.progress(
            WorkerProgress(
                job=self._job,
                stage=stage[:128],
                done=done,
                total=total,
                seconds_left=None if left is None else round(max(0.0, left), 2),
                memory_used=used,
                memory_total=total_memory,
            )
        )


def plain(value: Any) -> Any:
    """Return ``value`` as the protocol can carry it: numpy numbers as numbers, NaN as None."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return plain(value.item()) if hasattr(value, "item") else str(value)


def beat(address: str, token: str) -> None:
    """Tell the server every second that this process runs, over a socket of the thread's own."""

    def run() -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        socket = context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(address)
        while True:
            socket.send_multipart(encode(WorkerAlive(token=token)))
            time.sleep(BEAT_SECONDS)

    threading.Thread(target=run, name="beat", daemon=True).start()


def end_with_parent() -> None:
    """End this process when the server that started it has gone.

    The server holds the other end of our standard input; it closes when the server ends, also
    after kill -9.
    """

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        time.sleep(1.5)  # the time for an orderly stop
        os._exit(3)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
