"""A man in the middle of clients and a server: it corrupts, drops, delays, stalls and cuts.

    with Proxy(server.live.endpoint, seed=3) as proxy:
        proxy.faults = Faults(corrupt=0.1, types=("put_file", "matte_ready"))
        client = Client(proxy.endpoint)

Every client socket gets a socket of its own to the server, so the server sees as many as there
are. Chances are drawn from (seed, client, direction, message type), the clients in the order of
their first message: what one client sends of one type meets the same faults in every run, however
its heartbeats fall in between.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import msgpack
import zmq

UP, DOWN = "up", "down"
TURN_SECONDS = 0.02
Frames = list[bytes]


@dataclass(frozen=True)
class Faults:
    """What may happen to a message; the chances are from 0 to 1 and apply one after the other.

    ``drop`` loses it, ``corrupt`` flips bits of a byte of its raw frame, ``corrupt_header`` of its
    header, ``delay`` are the least and most seconds it is held (order is kept). ``types`` and
    ``directions`` say which messages.
    """

    drop: float = 0.0
    corrupt: float = 0.0
    corrupt_header: float = 0.0
    delay: tuple[float, float] = (0.0, 0.0)
    types: tuple[str, ...] = ()
    directions: tuple[str, ...] = (UP, DOWN)

    def concern(self, direction: str, kind: str) -> bool:
        return direction in self.directions and (not self.types or kind in self.types)


class Proxy:
    """A proxy on a port of its own, in a thread of its own.

    ``faults`` may be replaced at any time. ``counts`` says how often what happened: ``passed``,
    ``dropped``, ``corrupted``, ``delayed``, each also as ``corrupted put_file``.
    """

    def __init__(self, target: str, *, seed: int = 0, faults: Faults | None = None) -> None:
        self.target = target
        self.faults = faults or Faults()
        self.counts: Counter[str] = Counter()
        self._seed = seed
        self._exactly: Counter[tuple[str, str]] = Counter()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._backs: dict[bytes, zmq.Socket[bytes]] = {}
        self._order: dict[bytes, int] = {}
        self._random: dict[tuple[int, str, str], random.Random] = {}
        self._held: list[tuple[float, int, str, bytes, Frames]] = []
        self._due: dict[tuple[bytes, str], float] = {}
        self._number = itertools.count()
        self._stalled = threading.Event()
        self._stopping = threading.Event()
        self._orders: list[tuple[Callable[[], None], threading.Event]] = []
        self._front = self._bind("tcp://127.0.0.1:*")
        self.endpoint = self._front.getsockopt_string(zmq.LAST_ENDPOINT)
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=10)
        self._close_all()
        self._context.term()

    def corrupt_next(self, kind: str, times: int = 1) -> None:
        """Corrupt the raw frames of the next messages of a type, exactly so many."""
        self._exactly["corrupt", kind] += times

    def drop_next(self, kind: str, times: int = 1) -> None:
        """Lose the next messages of a type, exactly so many."""
        self._exactly["drop", kind] += times

    def stall(self) -> None:
        """Let nothing pass; connections stay open and messages pile up, as on a dead cable."""
        self._stalled.set()

    def resume(self) -> None:
        """Let everything pass again, what has piled up first."""
        self._stalled.clear()

    def cut(self, target: str | None = None) -> None:
        """Break all connections; clients may connect again at once, to ``target`` if given."""

        def do() -> None:
            self._close_all()
            self._held.clear()
            self.target = target or self.target
            self._front = self._bind(self.endpoint)

        done = threading.Event()
        self._orders.append((do, done))
        assert done.wait(10), "the proxy's thread has ended"

    def _run(self) -> None:
        while not self._stopping.is_set():
            while self._orders:
                do, done = self._orders.pop(0)
                do()
                done.set()
            if self._stalled.is_set():
                time.sleep(TURN_SECONDS)
                continue
            self._turn()

    def _turn(self) -> None:
        poller = zmq.Poller()
        for socket in (self._front, *self._backs.values()):
            poller.register(socket, zmq.POLLIN)
        ready = dict(poller.poll(int(TURN_SECONDS * 1000)))
        if self._front in ready:
            identity, *frames = self._front.recv_multipart()
            self._take(UP, identity, frames)
        for identity, back in list(self._backs.items()):
            if back in ready:
                self._take(DOWN, identity, back.recv_multipart())
        while self._held and self._held[0][0] <= time.monotonic():
            _, _, direction, identity, frames = heapq.heappop(self._held)
            self._pass(direction, identity, frames)

    def _take(self, direction: str, identity: bytes, frames: Frames) -> None:
        kind = _type_of(frames)
        client = self._order.setdefault(identity, len(self._order))
        chance = self._random.setdefault(
            (client, direction, kind), random.Random(f"{self._seed}/{client}/{direction}/{kind}")
        )
        faults = self.faults if self.faults.concern(direction, kind) else Faults()
        if self._happens("drop", kind, faults.drop, chance):
            self._count("dropped", kind)
            return
        if len(frames) > 1 and self._happens("corrupt", kind, faults.corrupt, chance):
            frames[1] = _with_a_changed_byte(frames[1], chance)
            self._count("corrupted", kind)
        if self._happens("corrupt_header", kind, faults.corrupt_header, chance):
            frames[0] = _with_a_changed_byte(frames[0], chance)
            self._count("corrupted header", kind)
        low, high = faults.delay
        last = self._due.get((identity, direction), 0.0)
        if high > 0 or last > time.monotonic():
            due = max(last, time.monotonic() + chance.uniform(low, high))
            self._due[identity, direction] = due
            self._count("delayed", kind)
            heapq.heappush(self._held, (due, next(self._number), direction, identity, frames))
            return
        self._pass(direction, identity, frames)

    def _happens(self, fault: str, kind: str, share: float, chance: random.Random) -> bool:
        if self._exactly[fault, kind] > 0:
            self._exactly[fault, kind] -= 1
            return True
        return share > 0 and chance.random() < share

    def _pass(self, direction: str, identity: bytes, frames: Frames) -> None:
        if direction == DOWN:
            self._front.send_multipart([identity, *frames], copy=False)
        else:
            self._back_of(identity).send_multipart(frames, copy=False)
        self._count("passed", _type_of(frames))

    def _back_of(self, identity: bytes) -> zmq.Socket[bytes]:
        if identity not in self._backs:
            back = self._context.socket(zmq.DEALER)
            back.setsockopt(zmq.LINGER, 0)
            back.connect(self.target)
            self._backs[identity] = back
        return self._backs[identity]

    def _count(self, what: str, kind: str) -> None:
        self.counts[what] += 1
        self.counts[f"{what} {kind}"] += 1

    def _bind(self, endpoint: str) -> zmq.Socket[bytes]:
        end = time.monotonic() + 5.0
        while True:
            front = self._context.socket(zmq.ROUTER)
            front.setsockopt(zmq.LINGER, 0)
            try:
                front.bind(endpoint)
            except zmq.ZMQError:  # zmq closes the socket that had this port in a thread of its own
                front.close()
                if time.monotonic() > end:
                    raise
                time.sleep(TURN_SECONDS)
            else:
                return front

    def _close_all(self) -> None:
        self._front.close(linger=0)
        for back in self._backs.values():
            back.close(linger=0)
        self._backs.clear()


def _type_of(frames: Frames) -> str:
    """The type in a message's header; empty when it has none that can be read."""
    try:
        header: Any = msgpack.unpackb(frames[0], raw=False)
        return str(header["t"])
    except (ValueError, TypeError, KeyError, msgpack.UnpackException):
        return ""


def _with_a_changed_byte(frame: bytes, chance: random.Random) -> bytes:
    if not frame:
        return frame
    changed = bytearray(frame)
    changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
    return bytes(changed)
