"""Metrics that the job store can tell: read from it, so that no stage of a job has to count."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .jobs import State
from .store_reader import JobTimes, StoreReader

WAITS = (0.5, 2, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
RUNS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
FRAMES = (0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)


@dataclass
class _Followed:
    """What has been counted of a job that has not ended."""

    started: float | None
    mattes: int
    frames: int


class StoreFollower:
    """Counts what has happened to a server's jobs between two looks; for any thread.

    Jobs are found by their numbers and states, not by times, so that a clock that jumps loses none.
    What was there before the first look is not counted.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = threading.Lock()
        self._last: int | None = None
        self._open: dict[str, _Followed] = {}
        kind = ["kind"]
        self._jobs = Gauge(
            "smite_jobs",
            "Jobs that have not ended",
            ["state", "kind", "lane"],
            registry=registry,
        )
        self._queue = Gauge(
            "smite_queue_length", "Jobs that wait for a worker", ["lane"], registry=registry
        )
        self._ended = Counter(
            "smite_jobs_ended",
            "Jobs that have ended, by their error if they failed",
            ["state", "kind", "error"],
            registry=registry,
        )
        self._wait = Histogram(
            "smite_job_wait_seconds",
            "From submitting a job to its start",
            kind,
            registry=registry,
            buckets=WAITS,
        )
        self._run = Histogram(
            "smite_job_run_seconds",
            "From a job's start to its end",
            kind,
            registry=registry,
            buckets=RUNS,
        )
        self._per_frame = Histogram(
            "smite_seconds_per_frame",
            "Of the segment jobs that are done",
            registry=registry,
            buckets=FRAMES,
        )
        self._mattes = Counter("smite_mattes", "Mattes made", registry=registry)
        self._frames = Counter("smite_frames", "Frames made", registry=registry)

    def look(self, reader: StoreReader) -> None:
        """Bring the counts up to date."""
        with self._lock:
            if self._last is None:
                self._last = reader.last_number()
                for job in reader.times(self._last):
                    self._open[job.job] = _Followed(job.started, *reader.matte_count(job.job))
            found = reader.times(self._last, self._open)
            for job in found:
                self._follow(job, reader)
                self._last = max(self._last, job.number)
            self._count_open([job for job in found if not job.state.final])

    def _count_open(self, jobs: list[JobTimes]) -> None:
        self._jobs.clear()
        self._queue.clear()
        for job in jobs:
            self._jobs.labels(job.state.value, job.kind, job.lane).inc()
            self._queue.labels(job.lane).inc(job.state is State.QUEUED and job.ready)

    def _follow(self, job: JobTimes, reader: StoreReader) -> None:
        known = self._open.setdefault(job.job, _Followed(None, 0, 0))
        if job.started is not None and job.started != known.started:
            known.started = job.started
            self._wait.labels(job.kind).observe(max(0.0, job.started - job.created))
        if job.kind == "segment":
            mattes, frames = reader.matte_count(job.job)
            self._mattes.inc(max(0, mattes - known.mattes))
            self._frames.inc(max(0, frames - known.frames))
            known.mattes, known.frames = mattes, frames
        if job.state.final:
            del self._open[job.job]
            self._note_end(job, reader)

    def _note_end(self, job: JobTimes, reader: StoreReader) -> None:
        self._ended.labels(job.state.value, job.kind, job.error).inc()
        if job.started is not None and job.finished is not None:
            self._run.labels(job.kind).observe(max(0.0, job.finished - job.started))
        if job.state is State.DONE and job.kind == "segment":
            seconds = reader.find(job.job).result.get("seconds_per_frame")
            if isinstance(seconds, int | float):
                self._per_frame.observe(seconds)
