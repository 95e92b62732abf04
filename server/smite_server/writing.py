"""What clients send is written by a thread of its own, so that the router waits for no disk.

A connection's requests are done in the order in which they come. Its files and frames wait in one
queue for the thread; what comes behind them on the same connection is held until they are on the
disk, except what has no order (`AT_ONCE`). So heartbeats, and all other connections, are answered
while a slow disk writes. Only the router calls this; the thread runs `Later.write` and no more.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import zmq

from smite_protocol.messages import Acknowledge, EndUpload, Heartbeat, Message, PutFile, PutPixels

from .guard import Peer

AT_ONCE = (Heartbeat, Acknowledge)
OVERHEAD_BYTES = 1024
"""What a request counts for besides its frames."""


@dataclass(frozen=True)
class Later:
    """A reply that waits for the disk.

    Attributes:
        job: Whose files are written.
        write: Called by the writing thread.
        reply: Called by the router with how it went, in the order in which the writes came.
    """

    job: str
    write: Callable[[], int]
    reply: Callable[[Future[int]], Message]


@dataclass
class Request:
    """A message on its way through the router; ``size`` are its frames' bytes."""

    peer: Peer
    size: int
    number: int = 0
    name: str = ""
    message: Message | None = None

    @property
    def job(self) -> str:
        """The job that it is about; empty for none."""
        return str(getattr(self.message, "job", ""))


@dataclass(frozen=True)
class _Write:
    """A write that is waited for."""

    request: Request
    later: Later
    future: Future[int]


class Writing:
    """The queue of the writing thread, and the requests that wait behind what is in it.

    ``handle`` does what a request asks and ``answer`` replies to one that was written. At most
    ``most_bytes``, and one request more, are held (`full`).
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        most_bytes: int,
        handle: Callable[[Request], None],
        answer: Callable[[Request, Callable[[], Message]], None],
    ) -> None:
        self._most = most_bytes
        self._handle = handle
        self._answer = answer
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writing")
        self.socket, self._done = _pipe(context, f"inproc://writing-{id(self)}")
        self._writes: deque[_Write] = deque()
        self._connections: Counter[bytes] = Counter()
        self._jobs: Counter[str] = Counter()
        self._held: dict[bytes, deque[Request]] = {}
        self.bytes = 0

    @property
    def full(self) -> bool:
        """Whether no more requests should be taken in for now."""
        return self.bytes >= self._most

    def take(self, request: Request) -> None:
        """Have a request done when its turn comes, which mostly is now."""
        identity = request.peer.identity
        at_once = isinstance(request.message, AT_ONCE)
        if at_once or (identity not in self._held and self._may_go(request)):
            self._handle(request)
        else:
            self.bytes += request.size + OVERHEAD_BYTES
            self._held.setdefault(identity, deque()).append(request)

    def write(self, request: Request, later: Later) -> None:
        """Have something written, and the request answered then."""
        self._connections[request.peer.identity] += 1
        self._jobs[later.job] += 1
        self.bytes += request.size + OVERHEAD_BYTES
        self._writes.append(_Write(request, later, self._thread.submit(self._run, later)))

    def look(self) -> None:
        """Answer what has been written, and do what waited for it; call it often."""
        while self.socket.poll(0):
            self.socket.recv()
            self._settle()

    def close(self) -> None:
        """Wait until all that was taken in is written and answered, and end the thread."""
        try:
            while self._writes:
                self._settle()
        finally:
            self._thread.shutdown()
            self.socket.close(linger=0)
            self._done.close(linger=0)

    def _may_go(self, request: Request) -> bool:
        """Whether nothing that is still written has to be answered before this is done."""
        if isinstance(request.message, (PutFile, PutPixels)):
            return True
        ends = isinstance(request.message, EndUpload) and self._jobs[request.job] > 0
        return not ends and self._connections[request.peer.identity] == 0

    def _run(self, later: Later) -> int:
        try:
            return later.write()
        finally:
            self._done.send(b"")

    def _settle(self) -> None:
        """Answer the oldest write; waits for it."""
        done = self._writes.popleft()
        wait([done.future])
        identity = done.request.peer.identity
        _count_down(self._connections, identity)
        _count_down(self._jobs, done.later.job)
        self.bytes -= done.request.size + OVERHEAD_BYTES
        self._answer(done.request, lambda: done.later.reply(done.future))
        for waiting in list(self._held):
            self._go_on(waiting)

    def _go_on(self, identity: bytes) -> None:
        """Do what a connection's requests ask that were held, as far as they may go now."""
        held = self._held[identity]
        while held and self._may_go(held[0]):
            request = held.popleft()
            self.bytes -= request.size + OVERHEAD_BYTES
            self._handle(request)
        if not held:
            del self._held[identity]


def _pipe(
    context: zmq.Context[zmq.Socket[bytes]], name: str
) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
    """Return both ends of a pipe within the process, one for each thread, that never fills up."""
    ends = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    for end in ends:
        end.setsockopt(zmq.RCVHWM, 0)
        end.setsockopt(zmq.SNDHWM, 0)
        end.setsockopt(zmq.LINGER, 0)
    ends[0].bind(name)
    ends[1].connect(name)
    return ends


def _count_down(counts: Counter[Any], key: bytes | str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
