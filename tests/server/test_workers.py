"""Workers: one per device, watched, and what their faults cost."""

from __future__ import annotations

import errno
import itertools
import random
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from smite_server import devices, worker_process
from smite_server.config import Timing
from smite_server.jobs import State
from tests.support import footage
from tests.support.pool import Pool, exr_bytes, running_pool
from tests.support.shots import contents, write_model

FRAMES = 12
NUMBERS = list(range(1001, 1001 + FRAMES))
OVERLAPPING = {"window": 4, "overlap": 1}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    footage.write_plate(folder / "plate", FRAMES)
    write_model(folder / "cart.safetensors")
    return folder


def pool_of(stage: Path, home: Path, **options: object) -> AbstractContextManager[Pool]:
    plate = str(stage / "plate" / "cart.####.png")
    return running_pool(home, stage / "cart.safetensors", plate, **options)


@pytest.fixture(scope="module")
def pool(stage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pool_of(stage, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def expected(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The mattes of a run that nothing happened to."""
    out = tmp_path_factory.mktemp("whole")
    pool.submit("aaaaaaaaaaaa", out, **OVERLAPPING)
    pool.run("aaaaaaaaaaaa")
    return exr_bytes(out)


def test_kill_9_of_the_worker_at_random_moments(
    pool: Pool, expected: dict[str, bytes], tmp_path: Path
) -> None:
    rng = random.Random(7)
    job = "b00000000000"
    pool.submit(job, tmp_path, **OVERLAPPING, delay=0.02, log=str(tmp_path / "log.txt"))
    for moment in sorted(rng.sample(range(1, FRAMES - 1), 3)):
        pool.until(lambda: len(pool.frames(job)) >= moment)  # noqa: B023
        before = pool.workers()
        pool.signal(signal.SIGKILL)
        pool.until(lambda: pool.workers() and pool.workers() != before)  # noqa: B023
    pool.run(job)
    found = pool.store.find(job)
    assert (found.state, found.error, found.window) == (State.DONE, "", 0)
    assert pool.frames(job) == NUMBERS
    assert exr_bytes(tmp_path) == expected
    windows = (tmp_path / "log.txt").read_text().split()
    assert len(windows) <= 4 + 3, "a kill costs the window that was under way, no more"
    assert sorted(set(windows)) == ["1001-1004", "1004-1007", "1007-1010", "1010-1012"]


def test_kill_9_of_the_server(stage: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    job, out = "b11111111111", tmp_path / "out"
    with pool_of(stage, tmp_path / "home") as spare:
        first = spare.successor()
        first.submit(job, out, **OVERLAPPING, delay=0.02)
        first.until(lambda: first.store.find(job).checkpoint)
        made = set(first.frames(job))
        first.die()
        second = first.successor()
        try:
            assert set(second.frames(job)) >= made
            second.run(job)
            assert second.frames(job) == NUMBERS
            assert exr_bytes(out) == expected
        finally:
            second.close()


def test_a_second_crash_at_one_place_halves_the_windows_and_a_third_fails_that_job_alone(
    pool: Pool, tmp_path: Path
) -> None:
    pool.submit("b33333333333", tmp_path / "2", window=4, crash_at=1002, crash_signal=11, delay=0.1)
    pool.submit("b44444444444", tmp_path / "3")
    windows = []
    while not pool.state("b33333333333").final:
        pool.turn()
        windows.append(pool.store.find("b33333333333").window)
    assert list(dict.fromkeys(windows)) == [0, 2]
    failed = pool.store.find("b33333333333")
    assert (failed.state, failed.error, failed.attempts) == (State.FAILED, "worker_died", 3)
    assert "stopped at mattes" in failed.message
    assert "3 times in a row: it was killed by SIGSEGV" in failed.message
    assert len(list((tmp_path / "2").rglob("*.exr"))) == 2, "the frame before it is there"
    pool.run("b44444444444")
    assert pool.state("b44444444444") is State.DONE


def test_a_worker_that_is_stuck_is_ended(stage: Path, tmp_path: Path) -> None:
    timing = Timing(worker_silence=3.0)
    with pool_of(stage, tmp_path / "home", timing=timing) as pool:
        job = "b55555555555"
        pool.submit(job, tmp_path / "out", window=2, delay=0.05)
        pool.until(lambda: pool.store.find(job).checkpoint)
        (stuck,) = pool.workers()
        pool.signal(signal.SIGSTOP)
        pool.run(job)
        assert pool.state(job) is State.DONE
        assert not psutil.pid_exists(stuck)
        assert pool.frames(job) == NUMBERS


def test_a_server_that_was_stopped_itself_blames_no_worker(
    stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pool_of(stage, tmp_path / "home", timing=Timing(worker_silence=3.0)) as pool:
        pool.submit("b66666666666", tmp_path / "out", window=2, delay=0.05)
        pool.until(lambda: pool.frames("b66666666666"))
        before = pool.workers()
        real = time.monotonic
        monkeypatch.setattr(worker_process.time, "monotonic", lambda: real() + 1000.0)
        pool.run("b66666666666")
        monkeypatch.undo()
        assert pool.state("b66666666666") is State.DONE
        assert pool.workers() == before


def test_two_workers_run_two_jobs_at_a_time(stage: Path, tmp_path: Path) -> None:
    jobs = ["c00000000000", "c11111111111", "c22222222222"]
    with pool_of(stage, tmp_path / "home", device="cpu, cpu") as pool:
        for job in jobs:
            pool.submit(job, tmp_path / job, window=1, delay=0.1)
        pool.until(lambda: all(pool.frames(job) for job in jobs[:2]))
        assert [pool.state(job) for job in jobs] == [State.RUNNING, State.RUNNING, State.QUEUED]
        assert len(pool.workers()) == 2
        assert {pool.store.find(job).device for job in jobs[:2]} == {"cpu"}
        pool.run(*jobs)
        assert all(pool.frames(job) == NUMBERS for job in jobs)


def test_workers_are_started_when_they_are_needed(stage: Path, tmp_path: Path) -> None:
    with pool_of(stage, tmp_path / "home", device="cpu,cpu") as pool:
        pool.turn()
        assert pool.workers() == []
        for job in ("c33333333333", "c44444444444"):
            pool.submit(job, tmp_path / job)
            pool.run(job)
            assert len(pool.workers()) == 1


def test_a_worker_that_does_not_come_up_is_not_started_at_once_again(
    stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process.WorkerProcess, "_arguments", lambda _: ["--nonsense"])
    starts: list[float] = []
    start = worker_process.WorkerProcess.start

    def noted(process: worker_process.WorkerProcess) -> bool:
        starts.append(time.monotonic())
        return start(process)

    monkeypatch.setattr(worker_process.WorkerProcess, "start", noted)
    with pool_of(stage, tmp_path / "home") as pool:
        pool.submit("c55555555555", tmp_path / "out")
        pool.run("c55555555555")
        found = pool.store.find("c55555555555")
        assert (found.error, found.attempts) == ("worker_died", 3)
        assert "ended with status 2" in found.message
    waits = [after - before for before, after in itertools.pairwise(starts)]
    assert len(waits) == 2
    assert waits[0] >= worker_process.FIRST_WAIT
    assert waits[1] >= 2 * worker_process.FIRST_WAIT


def test_a_worker_that_cannot_be_started_leaves_the_job_in_the_queue(
    stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pool_of(stage, tmp_path / "home") as pool:
        pool.submit("c66666666666", tmp_path / "out")
        monkeypatch.setattr(worker_process.subprocess, "Popen", full)
        pool.turn()
        assert pool.state("c66666666666") is State.QUEUED
        monkeypatch.undo()
        pool.run("c66666666666")
        found = pool.store.find("c66666666666")
        assert (found.state, found.attempts) == (State.DONE, 1)


def test_memory_that_the_system_took_back_halves_the_windows_at_once(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = tmp_path / "vmstat"
    counters.write_text("nr_free_pages 5\noom_kill 3\n")
    monkeypatch.setattr(worker_process, "KERNEL_COUNTERS", counters)
    pool.signal(signal.SIGKILL)  # so that the next one is started with these counters
    pool.until(lambda: not pool.workers())
    job = "d00000000000"
    pool.submit(job, tmp_path / "out", window=6, delay=0.05)
    pool.until(lambda: pool.frames(job))
    counters.write_text("nr_free_pages 5\noom_kill 4\n")
    pool.signal(signal.SIGKILL)
    pool.run(job)
    found = pool.store.find(job)
    assert (found.state, found.window) == (State.DONE, 3)
    assert pool.frames(job) == NUMBERS


class TestPause:
    """A paused job stops at its next window, and goes on there."""

    def test_running(self, pool: Pool, expected: dict[str, bytes], tmp_path: Path) -> None:
        job = "e00000000000"
        log = tmp_path / "log.txt"
        pool.submit(job, tmp_path / "out", **OVERLAPPING, delay=0.03, log=str(log))
        pool.until(lambda: pool.frames(job))
        pool.runner.pause(pool.store.find(job))
        pool.until(lambda: pool.state(job) is State.PAUSED)
        assert pool.store.find(job).checkpoint
        assert not pool.runner.busy
        made = len(pool.frames(job))
        assert 0 < made < FRAMES
        pool.store.move(job, State.QUEUED)
        pool.run(job)
        assert exr_bytes(tmp_path / "out") == expected
        assert len(log.read_text().split()) == 4, "no window was made twice"

    def test_one_without_windows_stops_at_once(self, stage: Path, pool: Pool) -> None:
        from smite_protocol.fields import to_map
        from smite_protocol.messages import LearnSpec
        from smite_server.jobs import Job

        job = "e33333333333"
        refs = footage.write_references(stage / "refs")
        model = pool.config.models_folder / "x.safetensors"
        spec = LearnSpec(name="x", refs=str(refs), settings={"steps": 500, "delay": 0.05})
        resolved = {"model": str(model), "refs": str(refs), "roots": ["/"]}
        pool.store.add(Job(job, "learn", "x", to_map(spec), resolved))
        pool.until(lambda: pool.store.find(job).stage == "learning")
        pool.runner.pause(pool.store.find(job))
        pool.until(lambda: pool.state(job) is State.PAUSED)
        assert pool.runner.cancel(pool.store.find(job)).state is State.CANCELLED


def test_states_of_finished_jobs_are_removed_and_only_two_are_kept(
    pool: Pool, tmp_path: Path
) -> None:
    job = "f00000000000"
    pool.submit(job, tmp_path, window=1, delay=0.02)
    states = pool.config.spool_folder / job / "state"
    seen = set()
    while not pool.state(job).final:
        pool.turn()
        names = {path.name for path in states.glob("frames-*")}
        assert len(names) <= 3, "the last two, and one that is told of in a moment"
        if checkpoint := pool.store.find(job).checkpoint:
            seen.add(checkpoint)
    assert len(seen) == FRAMES - 1
    assert not states.exists()


@pytest.mark.parametrize(
    ("visible", "gpus", "found"),
    [
        ("", 2, ("auto",)),
        ("0,1", 0, ("cuda:0", "cuda:1")),
        ("2,-1,3", 4, ("auto",)),
        (None, 0, ("auto",)),
        (None, 1, ("auto",)),
        (None, 3, ("cuda:0", "cuda:1", "cuda:2")),
    ],
)
def test_auto_is_every_cuda_device_where_there_are_several(
    visible: str | None,
    gpus: int,
    found: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(gpus):
        (tmp_path / f"0000:{number:02x}:00.0").mkdir()
    monkeypatch.setattr(devices, "NVIDIA_FOLDER", tmp_path)
    monkeypatch.delenv(devices.VISIBLE_VARIABLE, raising=False)
    if visible is not None:
        monkeypatch.setenv(devices.VISIBLE_VARIABLE, visible)
    assert devices.worker_devices("auto") == found
    assert devices.worker_devices("cuda:1, cpu") == ("cuda:1", "cpu")


def test_whole_files_only(pool: Pool, tmp_path: Path) -> None:
    """What a killed worker leaves is whole, under names that are no mattes' otherwise."""
    job = "f11111111111"
    pool.submit(job, tmp_path, window=2, delay=0.01)
    pool.until(lambda: pool.frames(job))
    pool.signal(signal.SIGKILL)
    pool.run(job)
    names = [Path(name).suffix for name in contents(tmp_path)]
    assert names.count(".exr") == 2 * FRAMES
