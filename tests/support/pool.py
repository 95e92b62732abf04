"""A server's store, spool and workers without its sockets: jobs run in real worker processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq

from smite_protocol.fields import to_map
from smite_protocol.messages import SegmentSpec
from smite_server.config import ServerConfig, Timing
from smite_server.jobs import Job, State
from smite_server.runner import Runner
from smite_server.spool import Spool
from smite_server.store import Store
from tests.support.servers import FAKE_ENGINE


@dataclass
class Pool:
    """A runner over a store; `until` turns its loop."""

    config: ServerConfig
    model: Path
    plate: str
    store: Store = field(init=False)
    runner: Runner = field(init=False)
    changed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.config.make_folders()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.store = Store(self.config.store_file, "this")
        spool = Spool(self.config.spool_folder, self.config.limits)
        self.runner = Runner(self.config, self.store, spool, self._context, self.changed.append)

    def submit(self, job: str, out: Path, **settings: Any) -> None:
        """Queue a segment job."""
        spec = SegmentSpec(
            model="cart", plate=self.plate, out=str(out), shot="s", settings=settings
        )
        resolved = {"model": str(self.model), "plate": self.plate, "out": str(out), "roots": ["/"]}
        self.store.add(Job(job, "segment", "s", to_map(spec), resolved))

    def state(self, job: str) -> State:
        return self.store.find(job).state

    def frames(self, job: str) -> list[int]:
        """The frames whose mattes are in the store, in order."""
        return [matte.frame for matte in self.store.mattes_after(job, 0, 1000)][::2]

    def workers(self) -> list[int]:
        """Process ids of the workers of this pool."""
        marks = str(self.config.spool_folder)
        found = psutil.Process().children()
        return [child.pid for child in found if marks in _command_line(child)]

    def signal(self, number: signal.Signals) -> None:
        """Send every worker a signal."""
        for pid in self.workers():
            os.kill(pid, number)

    def turn(self) -> None:
        self.runner.tick()

    def until(self, condition: Callable[[], Any], seconds: float = 120.0) -> Any:
        """Turn the loop until ``condition`` is true; return what it returned."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()
            if found := condition():
                return found
            time.sleep(0.005)
        jobs = [(job.job, job.state, job.stage) for job in self.store.open_jobs()]
        pytest.fail(f"what was waited for did not happen: {jobs}")

    def run(self, *jobs: str) -> None:
        """Turn the loop until the jobs have ended."""
        self.until(lambda: all(self.state(job).final for job in jobs))

    def die(self) -> None:
        """End like kill -9: nothing is told, nothing stored; the workers see their input close."""
        for slot in self.runner._slots:
            process = slot.process._process
            slot.process._forget()
            if process is not None:
                process.wait(10)
            slot.process.socket.close()
        self.store.close()
        self._context.term()

    def close(self) -> None:
        self.runner.close()
        self.store.close()
        self._context.term()

    def successor(self) -> Pool:
        """Another server on the same home that has taken over the unfinished jobs."""
        found = Pool(replace(self.config), self.model, self.plate)
        for job in found.store.open_jobs():
            if job.state is State.RUNNING:
                found.store.move(job.job, State.QUEUED)
        return found


def exr_bytes(out: Path) -> dict[str, bytes]:
    """Mattes by name, without the ids in their header of job and settings, which tests change."""
    found = {}
    for path in sorted(out.rglob("*.exr")):
        data = path.read_bytes()
        for name in (b"smite/job", b"smite/settingsHash"):
            before, after = data.split(name + b"\0string\0", 1)
            size = int.from_bytes(after[:4], "little")
            assert size in (12, 16)
            data = before + after[4 + size :]
        found[path.name] = data
    assert found
    return found


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


@contextmanager
def running_pool(home: Path, model: Path, plate: str, **options: Any) -> Iterator[Pool]:
    """A pool of workers with the fake engine; ended afterwards."""
    timing = options.pop("timing", Timing())
    given = {"home": home, "engine": FAKE_ENGINE, "threads": 1, "device": "cpu", **options}
    pool = Pool(ServerConfig(timing=timing, **given), model, plate)
    try:
        yield pool
    finally:
        pool.close()
