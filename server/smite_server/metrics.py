"""What the server counts about itself, for Prometheus and the status page.

The router's thread notes little: bytes, refusals, and once a turn a `LoopView`. What the
job store knows is read from it when somebody asks (`store_metrics`). Nothing is global.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from .store_metrics import StoreFollower
from .store_reader import StoreReader

__all__ = ["CONTENT_TYPE_LATEST", "LoopView", "Metrics", "WorkerView"]

CRASHES_KEPT = 100
LAG_KEEPS = 0.9
"""How much of the lag shown before stays in that of the next turn, unless that is higher."""


@dataclass(frozen=True)
class WorkerView:
    """A worker as it is now; ``pid`` 0: it does not run. Memory in bytes, None where unknown.

    ``starts`` and ``crashes`` (ends that nobody asked for) count since the server was started.
    """

    device: str
    pid: int = 0
    ready: bool = False
    job: str = ""
    starts: int = 0
    crashes: int = 0
    memory_used: int | None = None
    memory_total: int | None = None


@dataclass(frozen=True)
class LoopView:
    """The router's loop as it was at the end of its last turn, at ``turned`` (monotonic clock).

    ``lag`` is how long, in seconds, a turn keeps requests waiting: the last ones, fading.
    """

    turned: float
    lag: float = 0.0
    clients: int = 0
    watchers: int = 0
    workers: tuple[WorkerView, ...] = ()


class Metrics:
    """The counts of one server. Each method is called by the router's thread or by any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._begun = clock()
        self._view = LoopView(self._begun)
        self._turn_begun = self._begun
        self._crashes: deque[float] = deque(maxlen=CRASHES_KEPT)
        self._follower = StoreFollower(self.registry)
        self._in = self._counter("received_bytes", "Bytes that clients sent")
        self._out = self._counter("sent_bytes", "Bytes sent to clients")
        self._refused = Counter(
            "smite_refused_requests",
            "Requests answered with an error, by its code",
            ["code"],
            registry=self.registry,
        )
        self._crashed = self._counter("worker_crashes", "Worker processes that ended unasked")
        self._started = self._counter("worker_starts", "Worker processes that were started")
        self._clients = self._gauge("clients", "Clients that are connected")
        self._watchers = self._gauge("watchers", "Watches of a job by a client")
        self._lag = self._gauge("loop_lag_seconds", "How long a turn of the loop keeps requests")
        self._free = self._gauge("spool_free_bytes", "Bytes free on the disk of the spool")
        self._uptime = self._gauge("uptime_seconds", "Seconds since the server was started")
        self._used = self._gauge("device_memory_used_bytes", "Memory in use", "device")
        self._total = self._gauge("device_memory_total_bytes", "Memory there is", "device")
        self._alive = self._gauge("worker_up", "Whether the device's worker runs", "device")

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"smite_{name}", text, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"smite_{name}", text, labels, registry=self.registry)

    @property
    def view(self) -> LoopView:
        """The loop as it was last; one object, replaced as a whole, for any thread."""
        return self._view

    @property
    def uptime(self) -> float:
        """Seconds since the server was started."""
        return self._clock() - self._begun

    @property
    def silence(self) -> float:
        """Seconds since the loop has finished a turn."""
        return self._clock() - self._view.turned

    def received(self, size: int) -> None:
        """Count bytes of a client's message."""
        self._in.inc(size)

    def sent(self, size: int) -> None:
        """Count bytes sent to a client."""
        self._out.inc(size)

    def refused(self, code: str) -> None:
        """Count a request that was answered with an error."""
        self._refused.labels(code).inc()

    def crashes_within(self, seconds: float) -> int:
        """Return how many workers have ended unasked in the last ``seconds``."""
        since = self._clock() - seconds
        return sum(moment >= since for moment in tuple(self._crashes))

    def begin_turn(self) -> None:
        """Note that the loop has stopped waiting."""
        self._turn_begun = self._clock()

    def end_turn(self, *, clients: int, watchers: int, workers: Sequence[WorkerView]) -> None:
        """Note how the loop is before it waits again."""
        now = self._clock()
        lag = max(now - self._turn_begun, LAG_KEEPS * self._view.lag)
        shown = tuple(workers)
        self._count_workers(shown)
        self._view = LoopView(now, lag, clients, watchers, shown)

    def _count_workers(self, workers: tuple[WorkerView, ...]) -> None:
        """Count what has happened to the workers since the last turn."""
        before = {worker.device: worker for worker in self._view.workers}
        for worker in workers:
            known = before.get(worker.device, WorkerView(worker.device))
            self._started.inc(max(0, worker.starts - known.starts))
            for _ in range(worker.crashes - known.crashes):
                self._crashed.inc()
                self._crashes.append(self._clock())

    def render(self, reader: StoreReader, free_bytes: int, workers: Sequence[WorkerView]) -> bytes:
        """Return all metrics as Prometheus reads them; ``workers`` with their memory."""
        self._follower.look(reader)
        view = self._view
        self._clients.set(view.clients)
        self._watchers.set(view.watchers)
        self._lag.set(max(view.lag, self.silence))
        self._free.set(free_bytes)
        self._uptime.set(self.uptime)
        for worker in workers:
            self._alive.labels(worker.device).set(1 if worker.pid else 0)
            if worker.memory_used is not None:
                self._used.labels(worker.device).set(worker.memory_used)
            if worker.memory_total is not None:
                self._total.labels(worker.device).set(worker.memory_total)
        return generate_latest(self.registry)
