"""The queue: one job at a time on one worker, first come, first served."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from smite_protocol.errors import (
    InternalError,
    JobCancelled,
    ServerStopped,
    SmiteError,
    WorkerDied,
    WrongState,
)
from smite_protocol.messages import Message

from .config import ServerConfig
from .jobs import Job, Matte, State
from .spool import Spool
from .store import Store
from .worker_messages import (
    WorkerCancel,
    WorkerDone,
    WorkerFailed,
    WorkerMattes,
    WorkerProgress,
    WorkerRun,
)
from .worker_process import WorkerProcess

log = structlog.get_logger(__name__)


class Runner:
    """Brings queued jobs to the worker, and what it says into the store.

    ``changed`` is called with a job's id whenever its row or its mattes have changed.
    """

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        spool: Spool,
        worker: WorkerProcess,
        changed: Callable[[str], None],
    ) -> None:
        self._config = config
        self._store = store
        self._spool = spool
        self._worker = worker
        self._changed = changed
        self._current: str | None = None
        self._sent = False
        self._heard = False
        self._retried = False
        self._kill_at: float | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._current is not None

    @property
    def current(self) -> str:
        """The job that runs; empty without one."""
        return self._current or ""

    def tick(self) -> None:
        """Look after worker and queue; call it often."""
        while (message := self._worker.receive()) is not None:
            self._take(message)
        self._watch_worker()
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._finish_cancel()
        if self._current is None:
            self._next_job()
        self._hand_over()

    def cancel(self, job: Job) -> Job:
        """Stop a job. Raises WrongState when it has ended."""
        if job.state.final:
            raise WrongState(f"Job {job.job} is {job.state.value} already; there is nothing to do.")
        if job.job != self._current:
            return self._end(job.job, State.CANCELLED, JobCancelled("Cancelled before it started."))
        if not self._sent:
            self._current = None
            return self._end(job.job, State.CANCELLED, JobCancelled("Cancelled as it started."))
        if self._kill_at is None:
            self._worker.send(WorkerCancel(job=job.job))
            self._kill_at = time.monotonic() + self._config.timing.cancel_grace
        return self._store.change(job.job, stage="cancelling")

    def pause(self, job: Job) -> Job:
        """Stop a running job for a while. Raises WrongState when it cannot be."""
        raise WrongState(f"Job {job.job} runs; this server can only pause jobs that wait.")

    def fail(self, job: str, problem: SmiteError) -> Job:
        """Fail a job that does not run."""
        return self._end(job, State.FAILED, problem)

    def stop(self) -> None:
        """Stop the worker; what is not finished fails with that reason."""
        self._worker.stop()
        self._current = None
        for job in self._store.open_jobs():
            how = "while the job was running" if job.state is State.RUNNING else "before its turn"
            self.fail(
                job.job, ServerStopped(f"The server was stopped {how}; submit the job again.")
            )

    def _next_job(self) -> None:
        job = self._store.next_queued()
        if job is None:
            return
        if not self._worker.running:
            self._worker.start()
        self._current, self._sent, self._kill_at = job.job, False, None
        self._heard = self._retried = False
        self._store.move(job.job, State.RUNNING, stage="starting")
        self._changed(job.job)

    def _hand_over(self) -> None:
        if self._current is None or self._sent or not self._worker.ready:
            return
        job = self._store.find(self._current)
        resolved = {name: value for name, value in job.resolved.items() if name != "inputs"}
        try:
            self._worker.send(
                WorkerRun(job=job.job, kind=job.kind, spec=job.spec, resolved=resolved)
            )
        except SmiteError as problem:
            self._current = None
            self.fail(job.job, problem)
            return
        self._sent = True
        log.info("job started", job=job.job, kind=job.kind, name=job.name)

    def _take(self, message: Message) -> None:
        """Bring a message of the worker into the store."""
        job = getattr(message, "job", None)
        if job is None or job != self._current:
            log.warning("the worker spoke of a job that it does not have", type=message.type)
            return
        self._heard = True
        if isinstance(message, WorkerProgress):
            if self._kill_at is None:
                self._store.change(
                    job,
                    stage=message.stage,
                    done=message.done,
                    total=message.total,
                    seconds_left=message.seconds_left,
                )
        elif isinstance(message, WorkerMattes):
            self._store.add_mattes(
                [
                    Matte(job, 0, message.frame, file.part, file.slug, file.path, file.relative)
                    for file in message.mattes
                ]
            )
        elif isinstance(message, WorkerDone):
            self._current = None
            self._end(job, State.DONE, None, result=message.result)
        elif isinstance(message, WorkerFailed):
            self._current = None
            cancelled = message.code == JobCancelled.code
            state = State.CANCELLED if cancelled else State.FAILED
            problem = SmiteError(message.message)
            problem.code = message.code
            self._end(job, state, problem)
        self._changed(job)

    def _end(self, job: str, state: State, problem: SmiteError | None, **changes: object) -> Job:
        """Bring a job into a final state, drop its uploads, tell everybody."""
        if problem is not None:
            code = problem.code if state is State.FAILED else ""
            changes |= {"error": code, "message": problem.message[:4000]}
        ended = self._store.move(job, state, seconds_left=None, ready=True, **changes)
        self._spool.close(ended)
        log.info("job ended", job=job, state=state.value, message=ended.message)
        if job == self._current:
            self._current = None
        if self._current is None:
            self._kill_at = None
        self._changed(job)
        return ended

    def _watch_worker(self) -> None:
        reason = self._worker.exit_reason()
        if reason is None and self._worker.late:
            self._worker.kill()
            reason = f"it was not up after {self._config.timing.worker_start:g} s"
        if reason is None:
            return
        log.error("worker ended", reason=reason)
        if self._current is None:
            return
        if self._kill_at is None and not self._heard and not self._retried:
            # It was gone before it began, for instance killed between two jobs: try another.
            self._retried, self._sent = True, False
            self._worker.start()
            return
        job = self._store.find(self._current)
        self._current = None
        if self._kill_at is not None:
            self._end(job.job, State.CANCELLED, JobCancelled("Cancelled."))
            return
        where = f" at {job.stage} {job.done} of {job.total}" if job.total else ""
        problem = WorkerDied(
            f"The worker process of job {job.job} stopped{where}: {reason}. The server is well and"
            f" starts another for the next job; {self._worker.log_file} has the details."
        )
        self._end(job.job, State.FAILED, problem)

    def _finish_cancel(self) -> None:
        """End a job by force that did not stop when asked; its files are whole."""
        if self._current is None:
            raise InternalError("A cancelled job is gone.")
        job, self._current = self._current, None
        self._worker.kill()
        self._end(job, State.CANCELLED, JobCancelled("Cancelled; the worker was ended by force."))
