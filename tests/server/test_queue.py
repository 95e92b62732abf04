"""The queue: order, attaching, late watchers, cancelling, dying workers."""

from __future__ import annotations

import itertools
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from smite_protocol import Client, MatteReady, SegmentSpec, StateChanged, WireFile, files_of_plate
from smite_protocol.errors import JobCancelled, SmiteError, WorkerDied, WrongState
from tests.support import footage
from tests.support.servers import ServerUnderTest, wait_for
from tests.support.specs import segment_by_path


def temporary_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if "tmp" in path.name or "part" in path.suffix]


def test_one_at_a_time_in_order(client: Client, stage: Path) -> None:
    jobs = [client.submit(segment_by_path(stage, f"order_{n}", delay=0.03)) for n in range(3)]
    assert {client.job(job).state for job in jobs[1:]} == {"queued"}
    for job in jobs:
        client.wait(job)
    infos = [client.job(job) for job in jobs]
    for before, after in itertools.pairwise(infos):
        assert before.finished is not None
        assert after.started is not None
        assert before.finished <= after.started


def test_same_work_is_joined_and_other_work_is_not(client: Client, stage: Path) -> None:
    first = client.submit(segment_by_path(stage, "same", delay=0.05))
    assert client.submit(segment_by_path(stage, "same", delay=0.05)) == first
    other = client.submit(replace(segment_by_path(stage, "same", delay=0.051), overwrite=True))
    assert other != first
    client.wait(other)
    assert client.submit(segment_by_path(stage, "same", delay=0.05)) != first, "it has ended"


def test_same_upload_is_joined(client: Client, stage: Path) -> None:
    blocker = client.submit(segment_by_path(stage, "blocker", delay=0.1))
    wanted = SegmentSpec(model="cart", shot="joined")
    first = client.submit(wanted, plate=files_of_plate(stage / "plate"))
    assert client.submit(wanted, plate=files_of_plate(stage / "plate")) == first
    changed = [WireFile(f.name, f.read() + b" ") for f in files_of_plate(stage / "plate")]
    other = client.submit(wanted, plate=changed)
    assert other != first
    for job in (blocker, first, other):
        client.wait(job)


def test_late_and_second_watchers_get_every_matte_once(
    client: Client, server: ServerUnderTest, stage: Path
) -> None:
    job = client.submit(segment_by_path(stage, "late", delay=0.05))
    first = client.watch(job)
    for event in first:
        if isinstance(event, MatteReady) and event.seq == 6:
            break
    with server.client() as second:
        late = [event.seq for event in second.watch(job) if isinstance(event, MatteReady)]
    assert late == list(range(1, 17))
    early = [event.seq for event in first if isinstance(event, MatteReady)]
    assert early == list(range(7, 17))
    again = [event.seq for event in client.watch(job, after=10) if isinstance(event, MatteReady)]
    assert again == list(range(11, 17))


def test_slow_reader_of_bytes_holds_up_nobody(
    client: Client, server: ServerUnderTest, stage: Path
) -> None:
    job = client.submit(
        SegmentSpec(model="cart", shot="slow"), plate=files_of_plate(stage / "plate")
    )
    events = client.watch(job)
    first = next(event for event in events if isinstance(event, MatteReady))
    with server.client() as other:
        other.wait(other.submit(segment_by_path(stage, "not_held_up")))
    rest = [event for event in events if isinstance(event, MatteReady)]
    assert [event.seq for event in (first, *rest)] == list(range(1, 17 + footage.ABOUT_SHOT_FILES))
    assert all(event.data for event in rest)


class TestCancel:
    """Cancelling ends a job within two seconds, whatever it does."""

    @pytest.mark.parametrize("deaf", [False, True], ids=["asks", "never asks: killed"])
    def test_running(self, client: Client, stage: Path, deaf: bool) -> None:
        out = f"cancel_{deaf}"
        delay = 30.0 if deaf else 0.2
        job = client.submit(segment_by_path(stage, out, delay=delay, deaf=deaf))
        wait_for(lambda: client.job(job).stage == "mattes")
        begun = time.monotonic()
        client.cancel(job)
        with pytest.raises(JobCancelled):
            client.wait(job)
        assert time.monotonic() - begun < 2.0
        assert temporary_files(stage / out) == []
        assert client.job(job).state == "cancelled"

    def test_queued(self, client: Client, stage: Path) -> None:
        running = client.submit(segment_by_path(stage, "in_front", delay=0.1))
        queued = client.submit(segment_by_path(stage, "behind"))
        assert client.cancel(queued).state == "cancelled"
        client.wait(running)
        assert not (stage / "behind").exists()

    def test_ended(self, client: Client, stage: Path) -> None:
        job = client.submit(segment_by_path(stage, "ended"))
        client.wait(job)
        with pytest.raises(WrongState, match="is done already"):
            client.cancel(job)

    def test_next_job_runs_after_the_worker_was_killed(self, client: Client, stage: Path) -> None:
        job = client.submit(segment_by_path(stage, "killed", delay=30.0, deaf=True))
        wait_for(lambda: client.job(job).stage == "mattes")
        client.cancel(job)
        result = client.wait(client.submit(segment_by_path(stage, "after_kill"))).result
        assert result["frames"] == 8

    def test_mattes_made_before_stay(self, client: Client, stage: Path) -> None:
        job = client.submit(segment_by_path(stage, "stay", delay=0.1))
        for event in client.watch(job):
            if isinstance(event, MatteReady) and event.seq == 4:
                client.cancel(job)
            if isinstance(event, StateChanged) and event.state == "cancelled":
                break
        files = sorted((stage / "stay").rglob("*.exr"))
        assert len(files) >= 4
        assert temporary_files(stage / "stay") == []


class TestWorkerDies:
    """A worker that dies takes one job with it, and nothing else."""

    def test_in_the_middle_of_a_job(self, client: Client, stage: Path) -> None:
        job = client.submit(segment_by_path(stage, "crash", crash_at=1004))
        with pytest.raises(WorkerDied, match=r"stopped at mattes . of 8.*SIGKILL.*for the next"):
            client.wait(job)
        assert len(list((stage / "crash").rglob("*.exr"))) == 6
        assert (
            client.wait(client.submit(segment_by_path(stage, "crash_after"))).result["frames"] == 8
        )

    def test_between_jobs(self, client: Client, server: ServerUnderTest, stage: Path) -> None:
        client.wait(client.submit(segment_by_path(stage, "between_1")))
        for pid in worker_pids(server):
            os.kill(pid, signal.SIGKILL)
        assert client.wait(client.submit(segment_by_path(stage, "between_2"))).result["frames"] == 8


def worker_pids(server: ServerUnderTest) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(server.process.pid).children()]


def test_memory_that_runs_out_halves_the_window(client: Client, stage: Path) -> None:
    job = client.submit(
        SegmentSpec(
            model="cart",
            plate=str(stage / "plate"),
            out=str(stage / "halved"),
            settings={"window": 8, "memory": 2},
        )
    )
    frames = [event.frame for event in client.watch(job) if isinstance(event, MatteReady)]
    assert frames == sorted(2 * list(range(1001, 1009)))
    assert client.job(job).result["window"] == 2


def test_model_stays_loaded_between_jobs(
    client: Client, server: ServerUnderTest, stage: Path
) -> None:
    client.wait(client.submit(segment_by_path(stage, "kept_1")))
    before = worker_pids(server)
    client.wait(client.submit(segment_by_path(stage, "kept_2")))
    assert worker_pids(server) == before
    assert len(before) == 1


def test_wrong_job_ids(client: Client) -> None:
    for call in (client.job, client.cancel, client.wait):
        with pytest.raises(SmiteError, match="There is no job 000000000000"):
            call("000000000000")
        with pytest.raises(SmiteError, match="must be a job's id"):
            call("../etc")
