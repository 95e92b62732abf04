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
    WorkerReady,
    WorkerStop,
    decode_worker_message,
)

log = structlog.get_logger(__name__)

STOP_SECONDS = 2.0
THREADS_VARIABLE = "OMP_NUM_THREADS"
WAIT_VARIABLE = "OMP_WAIT_POLICY"
LOG_TAIL_BYTES = 4096


class WorkerProcess:
    """One worker: a subprocess and the ROUTER socket that it connects to.

    The worker proves with a secret token, given in its environment, that it is ours; messages of
    anybody else are dropped. It ends when its standard input is closed, so it never outlives us.
    """

    def __init__(self, config: ServerConfig, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._config = config
        self._backbone = config.backbone_source
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.MAXMSGSIZE, 16 * 1024 * 1024)
        self._port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: bytes | None = None
        self._token = ""
        self._started = 0.0
        self._starts = self._crashes = 0
        self.log_file = config.log_folder / f"worker-{os.getpid()}.log"

    @property
    def running(self) -> bool:
        """Whether there is a process (it may have ended; see `exit_reason`)."""
        return self._process is not None

    @property
    def ready(self) -> bool:
        """Whether the process has connected."""
        return self._identity is not None

    @property
    def late(self) -> bool:
        """Whether the process should have connected by now, and has not."""
        waited = time.monotonic() - self._started
        return self.running and not self.ready and waited > self._config.timing.worker_start

    @property
    def pid(self) -> int:
        """Process id, 0 without a process."""
        return 0 if self._process is None else self._process.pid

    def view(self, job: str) -> WorkerView:
        """Return how it is, with the job that it has, for metrics and the status page."""
        device = self._config.device
        return WorkerView(device, self.pid, self.ready, job, self._starts, self._crashes)

    def start(self) -> None:
        """Start the process; it connects when it is up."""
        self._token = secrets.token_hex(24)
        self._identity = None
        self._started = time.monotonic()
        environment = {
            **os.environ,
            ADDRESS_VARIABLE: f"tcp://127.0.0.1:{self._port}",
            TOKEN_VARIABLE: self._token,
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            **self._threads(),
        }
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "smite_server.worker", *self._arguments()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        self._starts += 1
        log.info("worker started", pid=self.pid)

    def _threads(self) -> dict[str, str]:
        """The number of CPU threads, where libraries look for it: as configured, else all.

        Threads that wait sleep: spinning makes two busy programs many times slower on few cores.
        """
        found = {WAIT_VARIABLE: os.environ.get(WAIT_VARIABLE, "PASSIVE")}
        if self._config.threads or THREADS_VARIABLE not in os.environ:
            found[THREADS_VARIABLE] = str(self._config.threads or _cores())
        return found

    def _arguments(self) -> list[str]:
        config = self._config
        return [
            *("--backbone", self._backbone),
            *("--device", config.device),
            *("--engine", config.engine),
            *("--spool", str(config.spool_folder)),
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
            elif identity == self._identity:
                return message
        return None

    def _accept(self, identity: bytes, message: WorkerReady) -> None:
        if secrets.compare_digest(message.token, self._token) and message.pid == self.pid:
            self._identity = identity
        else:
            log.warning("a stranger called itself our worker")

    def exit_reason(self) -> str | None:
        """Return why the process has ended, None while it runs; then it is gone."""
        if self._process is None:
            return None
        status = self._process.poll()
        if status is None:
            return None
        self._forget()
        self._crashes += 1
        if status >= 0:
            return f"it ended with status {status}{last_words(self.log_file)}"
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        hint = "; the system may have run out of memory" if -status == signal.SIGKILL else ""
        return f"it was killed by {name}{hint}"

    def kill(self) -> None:
        """End the process at once, by force."""
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
        self._process = None
        self._identity = None


def _cores() -> int:
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
