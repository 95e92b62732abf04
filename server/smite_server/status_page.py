"""What the status page shows, as data: the same jobs as `smite jobs --json`, and the server.

Everything comes from a read-only connection to the job store and from the loop's last `LoopView`,
so that a page never keeps the router waiting.
"""

from __future__ import annotations

import html
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadPath, UnknownJob
from smite_protocol.fields import to_map

from . import __version__
from .config import ServerConfig
from .health import Health, health_of
from .job_log import log_of_job
from .jobs import State
from .metrics import Metrics, WorkerView
from .process_memory import resident_bytes, total_memory
from .registry import LiveServer
from .store_reader import StoreReader
from .thumbnails import made_at, read_thumbnail

JOBS_SHOWN = 200
FRESH_SECONDS = 0.5
"""How long one answer serves all who ask."""


@dataclass(frozen=True)
class Answer:
    """What a page's address leads to."""

    status: int
    kind: str
    body: bytes


class StatusPage:
    """Gathers what is shown of one server; for any thread.

    ``live`` is its entry in the registry, ``served`` tells what its store remembers of turns.
    """

    def __init__(
        self,
        config: ServerConfig,
        live: LiveServer,
        metrics: Metrics,
        served: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._config = config
        self._live = live
        self._served = served
        self._metrics = metrics
        self._lock = threading.Lock()
        self._kept: tuple[float, dict[str, Any]] | None = None
        self.metrics()  # what has happened until now is not counted

    @contextmanager
    def _reader(self) -> Iterator[StoreReader]:
        """Give a connection of this thread. Raises BadPath, sqlite3.Error."""
        reader = StoreReader(self._config.store_file, self._live.server, served=self._served())
        try:
            yield reader
        finally:
            reader.close()

    def status(self) -> dict[str, Any]:
        """Return what `/status.json` says; made anew at most every `FRESH_SECONDS`."""
        with self._lock:
            now = time.monotonic()
            if self._kept is None or now - self._kept[0] > FRESH_SECONDS:
                self._kept = (now, self._gather())
            return self._kept[1]

    def _gather(self) -> dict[str, Any]:
        config, view = self._config, self._metrics.view
        with self._reader() as reader:
            found = reader.list_jobs(ended=True, limit=JOBS_SHOWN)
            ahead = reader.ahead()
        jobs = [to_map(job.info(with_result=False, ahead=ahead.get(job.job))) for job in found]
        running = [job.job for job in found if job.state is State.RUNNING]
        spool = config.spool_folder
        disk = shutil.disk_usage(spool)
        health = self._health(disk.free)
        return {
            "server": {
                "id": self._live.server,
                "version": __version__,
                "endpoint": self._live.endpoint,
                "roots": [str(root) for root in config.roots],
                "backbone": config.backbone,
                "device": config.device,
                "started": self._live.started,
                "uptime": round(self._metrics.uptime, 1),
                "now": time.time(),
            },
            "health": asdict(health) | {"status": health.status},
            "clients": view.clients,
            "watchers": view.watchers,
            "loop_lag_seconds": round(view.lag, 4),
            "workers": [asdict(worker) for worker in self._workers()],
            "spool": {"free": disk.free, "total": disk.total},
            "queue": sorted(ahead, key=lambda job: ahead[job]),
            "jobs": jobs,
            "thumbnails": {job: made for job in running if (made := made_at(spool, job))},
        }

    def _workers(self) -> list[WorkerView]:
        """Return the workers, those on a CPU with the memory of their process."""
        return [self._measured(worker) for worker in self._metrics.view.workers]

    def _measured(self, worker: WorkerView) -> WorkerView:
        if worker.memory_used is not None or not worker.pid:
            return worker
        return replace(worker, memory_used=resident_bytes(worker.pid), memory_total=total_memory())

    def free_bytes(self) -> int:
        """Return the bytes that are free below the spool."""
        return shutil.disk_usage(self._config.spool_folder).free

    def health(self) -> Health:
        """Return how the server is."""
        problem = None
        try:
            with self._reader() as reader:
                reader.last_number()
        except Exception as error:  # noqa: BLE001  (whatever it is, the store cannot be read)
            problem = f"The job store cannot be read ({error})."
        return self._health(self.free_bytes(), problem)

    def _health(self, free_bytes: int, problem: str | None = None) -> Health:
        return health_of(self._metrics, free_bytes, self._config.limits.low_disk_bytes, problem)

    def metrics(self) -> bytes:
        """Return what Prometheus reads."""
        with self._reader() as reader:
            return self._metrics.render(reader, self.free_bytes(), self._workers())

    def thumbnail(self, job: str) -> bytes | None:
        """Return a job's newest thumbnail (PNG); None without one."""
        return read_thumbnail(self._config.spool_folder, job)

    def log_page(self, job: str) -> str | None:
        """Return the page with a job's log, all that is not ours escaped; None without the job."""
        try:
            with self._reader() as reader:
                info = reader.find(job).info(with_result=False)
        except (UnknownJob, BadPath):
            return None
        lines = log_of_job(self._config.log_folder, job)
        if lines is None:
            lines = ["No worker's log knows of this job."]
        return page_of(
            "log.html",
            {
                "job": job,
                "name": info.name,
                "state": info.state,
                "error": info.error,
                "message": info.message,
                "log": "\n".join(lines) or "The worker wrote nothing while it ran this job.",
            },
        )


WEB = Path(__file__).parent / "web"


def page_of(name: str, values: dict[str, str]) -> str:
    """Return a template of `WEB` with each ``{{name}}`` replaced by its value, escaped."""
    text = (WEB / name).read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: html.escape(values[found[1]], quote=True), text)
