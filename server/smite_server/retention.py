"""Clearing away: what ended jobs leave in the spool, and the jobs themselves, by age and size.

Never anything of a job that has not ended. Ages count the time that servers of this home have been
up (`Store.uptime`), never dates: a clock that jumps deletes nothing.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from smite_protocol.errors import SmiteError

from .config import ServerConfig
from .store import Store

log = structlog.get_logger(__name__)

DAY = 86400.0
GIGABYTE = 10**9
GONE = ".gone-"
"""Start of the names of folders on their way out."""


@dataclass(frozen=True)
class Keep:
    """How long and how much is kept; ages count from the end of a job, while a server is up."""

    spool_seconds: float
    job_seconds: float
    spool_bytes: float

    @classmethod
    def of(cls, config: ServerConfig) -> Keep:
        """Return what a configuration says."""
        return cls(
            spool_seconds=config.timing.keep_spool_days * DAY,
            job_seconds=config.timing.keep_jobs_days * DAY,
            spool_bytes=config.limits.spool_gigabytes * GIGABYTE,
        )


def over_age(ended: list[tuple[str, float]], now: float, seconds: float) -> list[str]:
    """Return the jobs that ended more than ``seconds`` of uptime before ``now``."""
    return [job for job, moment in ended if now - moment > seconds]


def over_size(ended: list[str], sizes: dict[str, int], most: float) -> list[str]:
    """Return the ended jobs, oldest first, whose folders must go for the spool to fit ``most``.

    ``sizes`` are the bytes of all folders, also of jobs that have not ended.
    """
    total = sum(sizes.values())
    found = []
    for job in ended:
        if total <= most:
            break
        if sizes.get(job):
            found.append(job)
            total -= sizes[job]
    return found


class Retention:
    """Clears a spool and a store; for one thread."""

    def __init__(self, store: Store, spool: Path, keep: Keep) -> None:
        self._store = store
        self._spool = spool
        self._keep = keep
        self._strange: dict[str, tuple[float, float]] = {}

    def run_once(self, stopping: Callable[[], bool] = lambda: False) -> list[str]:
        """Clear what is over age or size; return the jobs whose folders have gone."""
        now = self._store.uptime()
        ended = self._store.ended()
        there = {entry.name for entry in self._folders()}
        names = [job for job, _ in ended if job in there]
        old = set(over_age(ended, now, min(self._keep.spool_seconds, self._keep.job_seconds)))
        clear = [job for job in names if job in old] + self._strangers(there, now)
        sizes = {entry.name: size_of(entry) for entry in self._folders() if entry.name not in old}
        clear += over_size([job for job in names if job not in old], sizes, self._keep.spool_bytes)
        cleared = [job for job in clear if not stopping() and self._clear(job)]
        for job in over_age(ended, now, self._keep.job_seconds):
            if stopping():
                break
            self._store.forget(job)
        self._sweep()
        if cleared:
            log.info("spool cleared", jobs=len(cleared))
        return cleared

    def _folders(self) -> list[Path]:
        if not self._spool.is_dir():
            return []
        return [
            entry
            for entry in self._spool.iterdir()
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")
        ]

    def _strangers(self, there: set[str], now: float) -> list[str]:
        """Return the folders of no job of this store that have lain unchanged for so long."""
        seen = {name: _newest(self._spool / name) for name in there - self._store.names()}
        self._strange = {
            name: self._strange[name]
            if self._strange.get(name, (None,))[0] == newest
            else (newest, now)
            for name, newest in seen.items()
        }
        longest = self._keep.spool_seconds
        return [name for name, (_, since) in self._strange.items() if now - since > longest]

    def _clear(self, job: str) -> bool:
        """Take a job's folder away in one step, unless somebody tries the job again."""
        with self._store.while_ended(job) as ended:
            if not ended:
                return False
            try:
                (self._spool / job).rename(self._spool / f"{GONE}{job}")
            except OSError:  # another server was quicker, or somebody holds a file of it
                return False
        return True

    def _sweep(self) -> None:
        for entry in self._spool.glob(f"{GONE}*"):
            shutil.rmtree(entry, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    total = 0
    for top, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(top, name)).st_size  # noqa: PTH118 (thousands)
            except OSError:  # it has just gone
                continue
    return total


def _newest(folder: Path) -> float:
    try:
        return max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))
    except OSError:  # it has just gone
        return time.time()


class RetentionThread:
    """Runs `Retention` beside the server's loop: at once, and then every so often.

    A private server, which lives for one command, clears only once.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the folder that is at hand."""
        self._stop.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        config = self._config
        try:
            store = Store(config.store_file, "retention")
        except SmiteError as problem:
            log.error("nothing can be cleared away", problem=problem.message)
            return
        retention = Retention(store, config.spool_folder, Keep.of(config))
        try:
            while not self._stop.is_set():
                self._once(retention)
                if config.private:
                    return
                self._stop.wait(config.timing.retention_every)
        finally:
            store.close()

    def _once(self, retention: Retention) -> None:
        try:
            retention.run_once(self._stop.is_set)
        except Exception as problem:
            # A full disk, a lock that is held too long: the next round tries again.
            log.exception("clearing away failed", type=type(problem).__name__)
