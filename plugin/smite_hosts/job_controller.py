"""A node's job as a host uses it: start, follow, cancel; all news comes in the host's thread."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Callable, List, Optional, Sequence, Tuple

from smite_protocol.client import Client
from smite_protocol.errors import JobCancelled, SmiteError
from smite_protocol.events import Finished
from smite_protocol.path_maps import Rule
from smite_protocol.specs import Spec
from smite_protocol.states import ConnectionState, ConnectionStatus, OnState

from .host_calls import CallInHost
from .job_memory import JobMemory, JobPlace
from .job_run import JobRun, Told
from .job_status import CANCELLED, CANCELLING, DONE, FAILED, PREPARING, JobStatus, NewMatte
from .sentences import HostProblem, problem_of

OnJob = Callable[[JobStatus, Tuple[NewMatte, ...]], None]
"""Hears how a job stands, and of the mattes that came since it last heard."""
MakeClient = Callable[[OnState], Client]
Complete = Callable[[JobStatus], None]
"""Called in the job's thread when the job is done, before that is told; with its status."""
Prepare = Callable[[Callable[[], bool]], None]
"""Called in the job's thread before a spec is handed over; it may ask whether to stop."""


class _LeaveNow(Exception):  # noqa: N818  (no error: the run is to end)
    """Raised out of a client that looks for a lost server, when nobody waits any more."""


class JobController:
    """The job of one node; its methods are called in the host's thread and return at once.

    ``make_client`` makes a client for the job's thread; ``listener`` is called in the host's
    thread through ``call_in_host``, never more than one call ahead: it gets the latest status and
    all mattes since. ``memory`` and ``key`` keep the job's place. ``place`` is that place.
    """

    def __init__(
        self,
        make_client: MakeClient,
        rules: Sequence[Rule],
        call_in_host: CallInHost,
        listener: OnJob,
        *,
        memory: JobMemory,
        key: str,
        log: logging.Logger,
        key_file: str = "",
    ) -> None:
        self._make_client = make_client
        self._rules = tuple(rules)
        self._call_in_host = call_in_host
        self._listener = listener
        self._memory = memory
        self._key = key
        self._log = log
        self._key_file = key_file
        self._lock = threading.Lock()
        self._status = JobStatus()
        self._mattes: List[NewMatte] = []
        self._told = True
        self._cancel = threading.Event()
        self._leave = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self.place = memory.find(key)

    @property
    def key(self) -> str:
        """What the job is remembered by; a script that is saved gives its nodes another one."""
        return self._key

    @key.setter
    def key(self, key: str) -> None:
        if key != self._key:
            self._key = key
            self.place = self.place or self._memory.find(key)

    @property
    def status(self) -> JobStatus:
        """How the job stands now."""
        with self._lock:
            return self._status

    @property
    def busy(self) -> bool:
        """Whether a job is at work."""
        return not self.status.ended

    def start(
        self,
        spec: Spec,
        node: str,
        *,
        prepare: Optional[Prepare] = None,
        complete: Optional[Complete] = None,
    ) -> None:
        """Have a spec done, whose paths are this machine's.

        ``prepare`` is called in the job's thread before the spec is handed over, ``complete`` when
        the job is done; what they raise fails it. The same request as the last, where that was
        cancelled or broken off, goes on where it was. Raises HostProblem while a job is at work.
        """
        before = self.place

        def work(run: JobRun) -> Finished:
            if prepare is not None:
                prepare(self._wants_to_stop)
            finished = run.generate(spec, before)
            if complete is not None:
                complete(run.status)
            return finished

        self._begin(node, spec.kind, work)

    def follow(self, place: JobPlace, node: str) -> None:
        """Follow a job that was begun before, by this program or another."""
        self._begin(node, place.kind, lambda run: run.follow(place))

    def cancel(self, node: str) -> None:
        """Cancel the job; finished mattes are kept. Raises HostProblem when there is none."""
        if not self.busy:
            raise HostProblem("nothing_to_cancel", node=node)
        self._cancel.set()
        self._change(replace(self.status, phase=CANCELLING))

    def leave(self, seconds: float = 5.0) -> None:
        """Stop following; the job goes on. Waits at most so many seconds for the thread."""
        self._leave.set()
        if self._thread is not None:
            self._thread.join(timeout=seconds)

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Wait for the job's thread, where the host has nothing else to do; False: not ended."""
        if self._thread is not None:
            self._thread.join(timeout=seconds)
        return not self.busy

    def _begin(self, node: str, kind: str, work: Callable[[JobRun], Finished]) -> None:
        if self.busy:
            raise HostProblem("still_running", node=node)
        self._cancel.clear()
        self._leave.clear()
        with self._lock:
            self._mattes.clear()
        self._change(JobStatus(phase=PREPARING, kind=kind))
        # The thread before may still be saying goodbye to its server.
        self._thread = threading.Thread(
            target=self._work,
            args=(work, self._thread),
            name=f"smite {kind} {node}",
            daemon=True,
        )
        self._thread.start()

    def _work(self, work: Callable[[JobRun], Finished], before: Optional[threading.Thread]) -> None:
        """The job's thread: ends in a final status, whatever happens."""
        if before is not None:
            before.join()
        told = Told(self._change, self._matte, self._remember, self._log)
        client: Optional[Client] = None
        try:
            client = self._make_client(self._connection)
            run = JobRun(client, self._rules, told, self._wants_to_stop)
            finished = work(run)
            self._change(replace(self.status, phase=DONE, result=finished.result, connection=""))
        except _LeaveNow:
            self._ended_early()
        except JobCancelled as problem:
            self._ended_early(problem.message)
        except SmiteError as problem:
            self._fail(problem, client)
        except Exception as problem:  # noqa: BLE001  (a thread must tell how it ended)
            self._log.exception("a fault in a job's thread")
            self._fail(HostProblem("fault", detail=f"{type(problem).__name__}: {problem}"), client)
        finally:
            if client is not None:
                with suppress(SmiteError, _LeaveNow):
                    client.on_state = None
                    client.close()

    def _wants_to_stop(self) -> bool:
        if self._leave.is_set():
            raise _LeaveNow
        return self._cancel.is_set()

    def _ended_early(self, message: str = "") -> None:
        self._log.info("job %s: %s", self.status.job or "without id", message or "left")
        self._change(replace(self.status, phase=CANCELLED, message=message, connection=""))

    def _fail(self, error: SmiteError, client: Optional[Client]) -> None:
        problem = problem_of(
            error,
            server="" if client is None else client.endpoint,
            key_file=self._key_file,
            job=self.status.job,
        )
        self._log.error("job %s failed: %s (%s)", self.status.job, problem.message, error.message)
        self._change(
            replace(
                self.status, phase=FAILED, key=problem.key, message=problem.message, connection=""
            )
        )

    def _connection(self, status: ConnectionStatus) -> None:
        """Hear of the connection, in the job's thread; a lost server is not looked for in vain."""
        lost = status.state is ConnectionState.LOST
        well = status.state in (ConnectionState.CONNECTED, ConnectionState.BACK)
        self._change(replace(self.status, connection="" if well else status.words))
        if lost and (self._leave.is_set() or self._cancel.is_set()):
            raise _LeaveNow

    def _remember(self, place: JobPlace) -> None:
        self.place = place
        self._memory.keep(self._key, place)

    def _matte(self, matte: NewMatte) -> None:
        with self._lock:
            self._mattes.append(matte)
        self._change(self.status)

    def _change(self, status: JobStatus) -> None:
        """Take a status, and have the listener called if no call waits already."""
        with self._lock:
            self._status = status
            if not self._told:
                return
            self._told = False
        self._call_in_host(self._deliver)

    def _deliver(self) -> None:
        """Call the listener; in the host's thread."""
        with self._lock:
            self._told = True
            status, mattes = self._status, tuple(self._mattes)
            self._mattes.clear()
        self._listener(status, mattes)
