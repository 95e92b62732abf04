"""The worker process as the server sees it: started when needed, watched, ended by force."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import structlog
import zmq

from smite_protocol.errors import BadMessage
from smite_protocol.messages import Message
from smite_protocol.wire import encode

from .config import ServerConfig
from .metrics import WorkerView
from .worker_messages import (
    ADDRESS_VARIABLE,
    TOKEN_VARIABLE,
    WorkerAlive,
    WorkerReady,
    WorkerStop,
    decode_worker_message,
)

log = structlog.get_logger(__name__)

STOP_SECONDS = 2.0
LONGEST_LOOK = 1.0
"""Most seconds of silence that count between two looks: we may have been stopped ourselves."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds until a process that did not come up is tried again; doubled each time up to this."""
THREADS_VARIABLE = "OMP_NUM_THREADS"
WAIT_VARIABLE = "OMP_WAIT_POLICY"
LOG_TAIL_BYTES = 4096
KERNEL_COUNTERS = Path("/proc/vmstat")


class WorkerProcess:
    """One worker: a subprocess, its device, and the ROUTER socket that it connects to.

    The worker proves with a secret token, given in its environment, that it is ours; messages of
    anybody else are dropped. It ends when its standard input is closed, so it never outlives us.

    Attributes:
        device: What the engine loads its backbone on.
        log_file: Where it writes what it has to say.
        memory: Bytes in use on its device and those it has, where it tells.
        short_of_memory: Whether the system ended the last process for want of memory.
        killed: Whether somebody ended it by force, which says nothing about the job.
    """

    def __init__(
        self,
        config: ServerConfig,
        context: zmq.Context[zmq.Socket[bytes]],
        *,
        device: str,
        number: int = 0,
        threads: int = 0,
    ) -> None:
        self._config = config
        self._backbone = config.backbone_source
        self.device = device
        self._cores = threads
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.MAXMSGSIZE, 16 * 1024 * 1024)
        self._port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: bytes | None = None
        self._token = ""
        self._started = self._looked = 0.0
        self._silent = 0.0
        self._failures = 0
        self._not_before = 0.0
        self._kills: int | None = None
        self._starts = self._crashes = 0
        self.memory: tuple[int | None, int | None] = (None, None)
        self.short_of_memory = self.killed = False
        which = f"-{number}" if number else ""
        self.log_file = config.log_folder / f"worker-{os.getpid()}{which}.log"

    @property
    def running(self) -> bool:
        """Whether there is a process (it may have ended; see `end_reason`)."""
        return self._process is not None

    @property
    def ready(self) -> bool:
        """Whether the process has connected."""
        return self._identity is not None

    @property
    def may_start(self) -> bool:
        """Whether a process may be started: after one that did not come up, not at once."""
        return time.monotonic() >= self._not_before

    @property
    def pid(self) -> int:
        """Process id, 0 without a process."""
        return 0 if self._process is None else self._process.pid

    def view(self, job: str) -> WorkerView:
        """Return how it is, with the job that it has, for metrics and the status page."""
        counts = self._starts, self._crashes
        return WorkerView(self.device, self.pid, self.ready, job, *counts, *self.memory)

    def start(self) -> bool:
        """Start the process; it connects when it is up. Return False where none can be started."""
        self._token = secrets.token_hex(24)
        self._identity = None
        self._started = self._looked = time.monotonic()
        self._silent = 0.0
        self._kills = _out_of_memory_kills()
        environment = {
            **os.environ,
            ADDRESS_VARIABLE: f"tcp://127.0.0.1:{self._port}",
            TOKEN_VARIABLE: self._token,
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            **self._threads(),
        }
        try:
            with self.log_file.open("ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "smite_server.worker", *self._arguments()],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as problem:  # a full disk, no processes left: it may pass
            log.error("worker cannot be started", device=self.device, problem=str(problem))
            self._wait_longer()
            return False
        self._starts += 1
        log.info("worker started", pid=self.pid, device=self.device)
        return True

    def _threads(self) -> dict[str, str]:
        """The number of CPU threads, where libraries look for it: as configured, else its share.

        Threads that wait sleep: spinning makes two busy programs many times slower on few cores.
        """
        found = {WAIT_VARIABLE: os.environ.get(WAIT_VARIABLE, "PASSIVE")}
        if self._config.threads or THREADS_VARIABLE not in os.environ:
            found[THREADS_VARIABLE] = str(self._config.threads or self._cores or cores())
        return found

    def _arguments(self) -> list[str]:
        config = self._config
        return [
            *("--backbone", self._backbone),
            *("--device", self.device),
            *("--engine", config.engine),
            *("--spool", str(config.spool_folder)),
            *("--cache-megabytes", str(config.cache_megabytes)),
        ]

    def send(self, message: Message) -> None:
        """Send to the process, which must be ready."""
        assert self._identity is not None
        self.socket.send_multipart([self._identity, *encode(message)])

    def receive(self) -> Message | None:
        """Return the next message of our process, None when there is none now."""
        while self.socket.poll(0):
            identity, *frames = self.socket.recv_multipart()
            try:
                message = decode_worker_message(frames)
            except BadMessage as problem:
                log.warning("message from the worker dropped", problem=problem.message)
                continue
            if isinstance(message, WorkerReady):
                self._accept(identity, message)
            elif isinstance(message, WorkerAlive):
                if secrets.compare_digest(message.token, self._token):
                    self._silent = 0.0
            elif identity == self._identity:
                return message
        return None

    def _accept(self, identity: bytes, message: WorkerReady) -> None:
        if secrets.compare_digest(message.token, self._token) and message.pid == self.pid:
            self._identity = identity
            self._failures = 0
        else:
            log.warning("a stranger called itself our worker")

    def end_reason(self) -> str | None:
        """Return why the process has ended, or is ended now for being late or stuck; else None.

        What it has said is still to be received, then it is to be forgotten.
        """
        if self._process is None:
            return None
        status = self._process.poll()
        self.short_of_memory = self.killed = False
        if status is None:
            return self._end_if_stuck()
        if status >= 0:
            return f"it ended with status {status}{last_words(self.log_file)}"
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        if -status != signal.SIGKILL:
            return f"it was killed by {name}"
        kills = _out_of_memory_kills()
        if kills is None or self._kills is None:
            return f"it was killed by {name}; the system may have run out of memory"
        self.short_of_memory, self.killed = kills > self._kills, kills == self._kills
        if self.killed:
            return f"it was killed by {name} from outside"
        return f"it was killed by {name}: the system had run out of memory"

    def _end_if_stuck(self) -> str | None:
        timing, now = self._config.timing, time.monotonic()
        self._silent += min(now - self._looked, LONGEST_LOOK)
        self._looked = now
        if not self.ready and now - self._started > timing.worker_start:
            reason = f"it was not up after {timing.worker_start:g} s"
        elif self.ready and self._silent > timing.worker_silence:
            reason = f"it gave no sign of life for {timing.worker_silence:g} s"
        else:
            return None
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        return reason

    def forget(self) -> None:
        """Let go of a process that has ended; one that was never up is not tried again at once."""
        self._crashes += self._process is not None
        if self._process is not None and not self.ready:
            self._wait_longer()
        self._forget()

    def _wait_longer(self) -> None:
        wait = min(FIRST_WAIT * 2.0 ** min(self._failures, 10), LONGEST_WAIT)
        self._not_before = time.monotonic() + wait
        self._failures += 1

    def kill(self) -> None:
        """End the process at once, by force, and forget it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def stop(self) -> None:
        """Ask the process to end; by force after a moment."""
        if self._process is None:
            return
        if self.ready:
            self.send(WorkerStop())
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()

    def close(self) -> None:
        """Stop the process and close the socket."""
        self.stop()
        self.socket.close()

    def _forget(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self.memory = (None, None)
        self._process = None
        self._identity = None


def _out_of_memory_kills() -> int | None:
    """Return how many processes Linux has killed for want of memory; None where nobody counts."""
    try:
        lines = KERNEL_COUNTERS.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def cores() -> int:
    """Return how many cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def last_words(log_file: Path) -> str:
    """Return the last line of a log as ``: line``, empty when there is none."""
    try:
        with log_file.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return f": {lines[-1].strip()[:500]}" if lines else ""
