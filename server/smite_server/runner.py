"""The workers' work: queued jobs go to free workers, and what they say goes into the store."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
import zmq

from smite_protocol.errors import (
    JobCancelled,
    OutOfMemory,
    ServerStopped,
    SmiteError,
    WorkerDied,
    WrongState,
)
from smite_protocol.messages import Message

from .config import ServerConfig
from .devices import worker_devices
from .jobs import Job, Matte, State
from .metrics import WorkerView
from .slots import Running, Slot
from .spool import Spool
from .store import Store
from .worker_messages import (
    CHECKPOINT_SUFFIX,
    WorkerCancel,
    WorkerCheckpoint,
    WorkerDone,
    WorkerFailed,
    WorkerMattes,
    WorkerPause,
    WorkerPaused,
    WorkerProgress,
    WorkerRun,
    WorkerWindow,
)
from .worker_process import WorkerProcess, cores

log = structlog.get_logger(__name__)


class Runner:
    """The workers of a server, one for each device, and the jobs that they have.

    ``changed`` is called with a job's id whenever its row or its mattes have changed.
    """

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        spool: Spool,
        context: zmq.Context[zmq.Socket[bytes]],
        changed: Callable[[str], None],
    ) -> None:
        self._config = config
        self._store = store
        self._spool = spool
        self._changed = changed
        devices = worker_devices(config.device)
        share = max(1, cores() // len(devices))
        self._slots = [
            Slot(WorkerProcess(config, context, device=device, number=number, threads=share))
            for number, device in enumerate(devices)
        ]
        self._drain_until: float | None = None

    @property
    def sockets(self) -> list[zmq.Socket[bytes]]:
        """What to poll: `tick` is due when one of them has something to say."""
        return [slot.process.socket for slot in self._slots]

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return any(slot.running is not None for slot in self._slots)

    def views(self) -> list[WorkerView]:
        """Return how the workers are, for metrics and the status page."""
        return [
            slot.process.view("" if slot.running is None else slot.running.job)
            for slot in self._slots
        ]

    def tick(self) -> None:
        """Look after workers and queue; call it often."""
        for slot in self._slots:
            self._look_after(slot)
        if self._drain_until is None:
            self._hand_out()
        for slot in self._slots:
            self._hand_over(slot)

    def cancel(self, job: Job) -> Job:
        """Stop a job. Raises WrongState when it has ended."""
        if job.state.final:
            raise WrongState(f"Job {job.job} is {job.state.value} already; there is nothing to do.")
        slot, running = self._find(job.job)
        if slot is None or running is None:
            return self._end(job.job, State.CANCELLED, JobCancelled("Cancelled before it started."))
        if not running.sent:
            slot.running = None
            return self._end(job.job, State.CANCELLED, JobCancelled("Cancelled as it started."))
        if running.kill_at is None:
            slot.process.send(WorkerCancel(job=job.job))
            running.kill_at = time.monotonic() + self._config.timing.cancel_grace
        return self._store.change(job.job, stage="cancelling")

    def pause(self, job: Job) -> Job:
        """Stop a running job at its next checkpoint, for a while.

        Raises WrongState when it does not run here, or is being cancelled.
        """
        slot, running = self._find(job.job)
        if slot is None or running is None or running.kill_at is not None:
            raise WrongState(f"Job {job.job} does not run, or not for long; it cannot be paused.")
        self._ask_to_stop(slot, running, State.PAUSED)
        return self._store.find(job.job)

    def fail(self, job: str, problem: SmiteError) -> Job:
        """Fail a job that does not run."""
        return self._end(job, State.FAILED, problem)

    def drained(self, signals: int) -> bool:
        """Return whether the server may end, after it was asked to so many times.

        The first time a shared server's running jobs are asked to stop at their next checkpoint,
        and may take `Timing.drain_seconds`; the second time it ends at once.
        """
        if not signals or self._config.private or signals > 1:
            return bool(signals)
        now = time.monotonic()
        if self._drain_until is None:
            self._drain_until = now + self._config.timing.drain_seconds
            log.info("no new jobs are begun; running ones stop at their next checkpoint")
            for slot in self._slots:
                if slot.running is not None and slot.running.kill_at is None:
                    self._ask_to_stop(slot, slot.running, State.QUEUED)
        return not self.busy or now >= self._drain_until

    def stop(self) -> None:
        """Stop the workers. Jobs of a shared server wait for the next, a private one's fail."""
        for slot in self._slots:
            running, slot.running = slot.running, None
            if running is None or self._config.private:
                slot.process.stop()
            else:
                slot.process.kill()
            if running is not None and running.kill_at is not None:
                self._end(running.job, State.CANCELLED, JobCancelled("Cancelled."))
            elif running is not None and not self._config.private:
                self._stopped(running)
        for job in self._store.open_jobs() if self._config.private else ():
            how = "while the job was running" if job.state is State.RUNNING else "before its turn"
            self.fail(
                job.job, ServerStopped(f"The server was stopped {how}; submit the job again.")
            )

    def close(self) -> None:
        """Stop the workers and close their sockets."""
        self.stop()
        for slot in self._slots:
            slot.process.close()

    def _find(self, job: str) -> tuple[Slot | None, Running | None]:
        """Return the worker that has a job, and what is known of it."""
        for slot in self._slots:
            if slot.running is not None and slot.running.job == job:
                return slot, slot.running
        return None, None

    def _hand_out(self) -> None:
        """Give the free workers, those that run first, the next jobs."""
        for slot in sorted(self._slots, key=lambda slot: not slot.process.running):
            if not slot.free:
                continue
            job = self._store.next_queued()
            if job is None:
                return
            if not slot.process.running and not slot.process.start():
                continue
            slot.running = Running(job.job)
            self._store.move(
                job.job,
                State.RUNNING,
                stage="starting",
                attempts=job.attempts + 1,
                device=slot.process.device,
            )
            self._changed(job.job)

    def _hand_over(self, slot: Slot) -> None:
        """Send a worker that has come up its job."""
        running = slot.running
        if running is None or running.sent or not slot.process.ready:
            return
        job = self._store.find(running.job)
        resolved = {name: value for name, value in job.resolved.items() if name != "inputs"}
        try:
            slot.process.send(
                WorkerRun(
                    job=job.job,
                    kind=job.kind,
                    spec=job.spec,
                    resolved=resolved,
                    checkpoint=job.checkpoint,
                    window=job.window,
                )
            )
        except SmiteError as problem:
            slot.running = None
            self.fail(job.job, problem)
            return
        running.sent = True
        log.info("job started", job=job.job, kind=job.kind, name=job.name, attempt=job.attempts)

    def _look_after(self, slot: Slot) -> None:
        """Take what a worker says, its last words too; then see whether it lives."""
        reason = slot.process.end_reason()
        while (message := slot.process.receive()) is not None:
            self._take(slot, message)
        if reason is not None:
            self._worker_ended(slot, reason)
        running = slot.running
        if running is not None and running.kill_at is not None:
            if time.monotonic() < running.kill_at:
                return
            slot.running = None
            slot.process.kill()  # its files are whole
            problem = JobCancelled("Cancelled; the worker was ended by force.")
            self._end(running.job, State.CANCELLED, problem)

    def _take(self, slot: Slot, message: Message) -> None:
        """Bring a message of a worker into the store."""
        job, running = getattr(message, "job", None), slot.running
        if job is None or running is None or job != running.job:
            log.warning("the worker spoke of a job that it does not have", type=message.type)
            return
        if isinstance(message, WorkerProgress):
            slot.process.memory = (message.memory_used, message.memory_total)
            if running.kill_at is None:
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
        elif isinstance(message, WorkerWindow):
            if message.window < running.window:
                self._store.change(job, window=message.window)
            running.window = message.window
        elif isinstance(message, WorkerCheckpoint):
            self._commit(running, message.file)
        else:
            slot.running = None
            self._take_last(running, message)
        self._changed(job)

    def _take_last(self, running: Running, message: Message) -> None:
        """Bring into the store how a job has ended."""
        job = running.job
        if isinstance(message, WorkerDone):
            self._end(job, State.DONE, None, result=message.result)
        elif isinstance(message, WorkerPaused) and running.kill_at is None:
            self._stopped(running)
        elif isinstance(message, WorkerPaused):
            self._end(job, State.CANCELLED, JobCancelled("Cancelled."))
        elif isinstance(message, WorkerFailed):
            problem = SmiteError(message.message)
            problem.code = message.code
            if message.code == OutOfMemory.code and running.window > 1:
                self._try_again(running, problem, short_of_memory=True)
                return
            cancelled = message.code == JobCancelled.code
            self._end(job, State.CANCELLED if cancelled else State.FAILED, problem)

    def _commit(self, running: Running, file: str) -> None:
        """Note that a job goes on from ``file``, and remove the states from before the last one.

        The last one stays until the next commit: a power cut may take this one back.
        """
        last = self._store.find(running.job).checkpoint
        self._store.change(running.job, checkpoint=file, attempts=1)
        for path in self._spool.folder_of(running.job, "state").glob(f"[!.]*{CHECKPOINT_SUFFIX}"):
            if path.name not in (last, file):
                path.unlink(missing_ok=True)

    def _ask_to_stop(self, slot: Slot, running: Running, state: State) -> None:
        """Ask for a stop at the next checkpoint, to go on later; the first who asks decides."""
        if running.stopping is not None:
            return
        running.stopping = state
        if not running.sent:
            slot.running = None
            self._stopped(running)
            return
        slot.process.send(WorkerPause(job=running.job))
        self._store.change(running.job, stage="pausing")
        self._changed(running.job)

    def _stopped(self, running: Running) -> None:
        """A job has stopped because it was asked to: no fault, so no try is lost."""
        if running.stopping is State.PAUSED:
            self._put_back(running.job, State.PAUSED, "paused", attempts=0)
        else:
            self._put_back(running.job, State.QUEUED, "waiting for the next server", attempts=0)

    def _put_back(self, job: str, state: State, stage: str, **changes: object) -> Job:
        """Bring a job that is to go on later into ``state``; its files and checkpoint stay."""
        found = self._store.move(job, state, stage=stage, seconds_left=None, **changes)
        log.info("job waits", job=job, state=state.value, stage=stage)
        self._changed(job)
        return found

    def _end(self, job: str, state: State, problem: SmiteError | None, **changes: object) -> Job:
        """Bring a job into a final state, drop its uploads, tell everybody."""
        if problem is not None:
            code = problem.code if state is State.FAILED else ""
            changes |= {"error": code, "message": problem.message[:4000]}
        ended = self._store.move(job, state, seconds_left=None, ready=True, **changes)
        self._spool.close(ended)
        log.info("job ended", job=job, state=state.value, message=ended.message)
        self._changed(job)
        return ended

    def _worker_ended(self, slot: Slot, reason: str) -> None:
        """Another worker is started for the next job; this one's is tried again, or fails."""
        log.error("worker ended", device=slot.process.device, reason=reason)
        short_of_memory, killed = slot.process.short_of_memory, slot.process.killed
        slot.process.forget()
        running, slot.running = slot.running, None
        if running is None:
            return
        if running.kill_at is not None:
            self._end(running.job, State.CANCELLED, JobCancelled("Cancelled."))
            return
        if running.stopping is not None:
            self._stopped(running)
            return
        job = self._store.find(running.job)
        where = f" at {job.stage} {job.done} of {job.total}" if job.total else ""
        kind = OutOfMemory if short_of_memory else WorkerDied
        times = f", {job.attempts} times in a row" if job.attempts > 1 else ""
        problem = kind(
            f"The worker process of job {job.job} stopped{where}{times}: {reason}. The server is"
            f" well and starts another for the next job; {slot.process.log_file} has the details."
        )
        if killed and not running.sent:
            again = "waiting for another try"  # it was not begun, so no try is lost
            self._put_back(job.job, State.QUEUED, again, attempts=job.attempts - 1)
            return
        self._try_again(running, problem, short_of_memory=short_of_memory, killed=killed)

    def _try_again(
        self,
        running: Running,
        problem: SmiteError,
        *,
        short_of_memory: bool,
        killed: bool = False,
    ) -> None:
        """Queue a job anew from its checkpoint, unless it was begun too often at one place.

        Its windows are halved where memory ran out, or where its worker crashed twice at one
        place. A single crash is no sign of windows too large, nor is a kill from outside: the
        same windows give the same mattes.
        """
        job = self._store.find(running.job)
        if job.attempts >= self._config.max_attempts:
            self._end(job.job, State.FAILED, problem)
            return
        changes: dict[str, object] = {}
        window = running.window or job.window
        if window > 1 and (short_of_memory or (job.attempts > 1 and not killed)):
            changes["window"] = window // 2
        log.warning("job is tried again", job=job.job, attempt=job.attempts, **changes)
        self._put_back(job.job, State.QUEUED, "waiting for another try", **changes)
