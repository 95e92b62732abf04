"""Copies of a server's home at random moments, as a crash leaves it: each goes on to a good end.

While a copy is made all processes of the server stand still, so it holds what one moment held,
in the middle of whatever was being written; nothing was closed or locked for it.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from smite_protocol import DoctorSpec, SegmentSpec, files_of_plate
from smite_protocol.errors import SmiteError
from smite_protocol.events import ABOUT_SHOT
from smite_protocol.messages import PutFile, Submit
from smite_server.config import Timing
from smite_server.jobs import State
from smite_server.store import Store
from tests.support import footage
from tests.support.raw_peer import greeted_peer
from tests.support.servers import QUICK, ServerUnderTest, running_server, wait_for

FRAMES, PARTS = 8, 2
MOMENTS = (0, 3, 14, 30)
"""Mattes that the store has at least when a copy is made."""
TIMING = Timing(**{**QUICK.__dict__, "upload_patience": 1.0})


@contextmanager
def standing_still(server: ServerUnderTest) -> Iterator[None]:
    """Stop every process of a server for a moment."""
    family = [server.process.pid, *(c.pid for c in psutil.Process(server.process.pid).children())]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)


def start_jobs(server: ServerUnderTest, stage: Path) -> list[str]:
    """Submit two jobs by path and one that is sent, and leave another half sent."""
    model = str(stage / "cart.safetensors")
    slow = {"window": 2, "delay": 0.04}
    with server.client() as client:
        jobs = [
            client.submit(
                SegmentSpec(
                    model=model,
                    plate=str(stage / "plate"),
                    out=str(server.home / "out" / name),
                    settings=slow,
                )
            )
            for name in ("a", "b")
        ]
        sent = SegmentSpec(model=model, shot="sent", settings=slow)
        jobs.insert(1, client.submit(sent, plate=files_of_plate(stage / "plate")))
    with greeted_peer(server.live.endpoint, "lost") as lost:
        half = lost.get(Submit(spec=SegmentSpec(model=model, shot="half"))).job
        lost.get(PutFile(job=half, part_of="plate", path="a.1.png", data=b"x"))
    return [*jobs, half]


def take_copies(server: ServerUnderTest, jobs: list[str], to: Path) -> list[Path]:
    """Copy the home at random moments of the jobs' way."""
    chance = random.Random(20)
    reader = Store(server.config.store_file, "reader")
    copies = []

    def made() -> int:
        return sum(len(reader.mattes_after(job, 0, 999)) for job in jobs)

    for number in MOMENTS:
        wait_for(lambda: made() >= number, seconds=60)  # noqa: B023
        time.sleep(chance.uniform(0.0, 0.1))  # the moment itself is left to chance
        with standing_still(server):
            shutil.copytree(server.home, to / f"{number}", ignore=shutil.ignore_patterns("run"))
        copies.append(to / f"{number}")
    reader.close()
    return copies


def check_mattes(store: Store, job: str) -> int:
    """Read every matte that a store lists of a job, whole; return how many there are."""
    mattes = store.mattes_after(job, 0, 999)
    about = [matte for matte in mattes if matte.frame == ABOUT_SHOT]
    assert all(Path(file.path).is_file() for file in about)
    for matte in mattes[: len(mattes) - len(about)]:
        assert footage.read_alpha(Path(matte.path))[1].shape == (footage.HEIGHT, footage.WIDTH)
    assert [matte.seq for matte in mattes] == list(range(1, len(mattes) + 1))
    return len(mattes) - len(about)


@pytest.mark.slow
def test_every_copy_goes_on_to_a_good_end(
    stage: Path, server: ServerUnderTest, tmp_path: Path
) -> None:
    shutil.copy(server.home / "models" / "cart.safetensors", stage)
    home = tmp_path / "home"
    (home / "out").mkdir(parents=True)
    with running_server(home, roots=(stage, home / "out"), timing=TIMING) as first:
        jobs = start_jobs(first, stage)
        copies = take_copies(first, jobs, tmp_path)
        workers = psutil.Process(first.process.pid).children()
        first.kill()
    psutil.wait_procs(workers, timeout=30)
    unfinished = 0
    for copy in copies:
        shutil.rmtree(home)
        shutil.copytree(copy, home)
        with (home / "jobs.sqlite-wal").open("ab") as log:
            log.write(os.urandom(1000))  # a write that was on its way
        store = Store(home / "jobs.sqlite", "reader")
        for job in jobs:
            check_mattes(store, job)
        unfinished += len(store.open_jobs(own=False))
        with running_server(home, roots=(stage, home / "out"), timing=TIMING):
            wait_for(lambda: not store.open_jobs(own=False), seconds=90)  # noqa: B023
        *whole, half = (store.find(job) for job in jobs)
        assert [(job.state, job.message) for job in whole] == [(State.DONE, "")] * 3
        assert [check_mattes(store, job.job) for job in whole] == [FRAMES * PARTS] * 3
        assert (half.state, half.error) == (State.FAILED, "job_failed")
        store.close()
    assert unfinished >= len(copies), "the copies were made too late to show anything"


@pytest.mark.slow
def test_a_store_that_cannot_be_written_ends_the_server_and_loses_nothing(tmp_path: Path) -> None:
    home, accepted = tmp_path / "home", []
    with running_server(home) as first:
        process = psutil.Process(first.process.pid)
        # What a full disk is to the others: no file grows over this, the log of SQLite first.
        process.rlimit(psutil.RLIMIT_FSIZE, (150_000, psutil.RLIM_INFINITY))
        with (
            greeted_peer(first.live.endpoint, "c") as client,
            suppress(SmiteError, AssertionError),  # refused, or no answer any more
        ):
            while True:
                accepted.append(client.get(Submit(spec=DoctorSpec())).job)
        assert first.process.wait(timeout=30) != 0
        assert "job store cannot be written" in (home / "server.log").read_text("utf-8")
    with running_server(home) as second, second.client() as following:
        for job in accepted:
            following.wait(job)
    assert len(accepted) > 1
