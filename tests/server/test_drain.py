"""The end of a shared server: jobs stop at their next checkpoint, and wait for the next server."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from smite_protocol import Client, LearnSpec, SegmentSpec
from smite_server.jobs import Job, State
from smite_server.store import Store
from tests.support import footage
from tests.support.servers import QUICK, ServerUnderTest, running_server, wait_for
from tests.support.shots import write_model
from tests.support.specs import segment_by_path

FRAMES = 40


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    footage.write_plate(folder / "plate", FRAMES)
    footage.write_references(folder / "refs")
    return folder


def spec(stage: Path, shot: str, **settings: object) -> SegmentSpec:
    return segment_by_path(stage, shot, shot=shot, **{"window": 2, **settings})


@contextmanager
def shared(
    stage: Path, home: Path, *, drain: float = 60.0
) -> Iterator[tuple[ServerUnderTest, Client]]:
    write_model(home / "models" / "cart.safetensors")
    timing = replace(QUICK, drain_seconds=drain)
    with running_server(home, roots=(stage,), timing=timing) as server, server.client() as client:
        yield server, client


def rows(home: Path, *jobs: str) -> list[Job]:
    store = Store(home / "jobs.sqlite", "reader")
    try:
        return [store.find(job) for job in jobs]
    finally:
        store.close()


def mattes(home: Path, job: str) -> int:
    store = Store(home / "jobs.sqlite", "reader")
    try:
        return len(store.mattes_after(job, 0, 10_000))
    finally:
        store.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_jobs_wait_at_their_next_checkpoint(
    stage: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with shared(stage, tmp_path) as (server, client):
        running = client.submit(spec(stage, f"running_{number}", delay=0.1))
        queued = client.submit(spec(stage, f"queued_{number}"))
        wait_for(lambda: client.job(running).done > 2)
        server.process.send_signal(number)
        assert server.process.wait(timeout=20) == 0
    first, second = rows(tmp_path, running, queued)
    assert (first.state, second.state) == (State.QUEUED, State.QUEUED)
    assert first.attempts == 0
    assert (tmp_path / "spool" / running / "state" / first.checkpoint).is_file()
    # Every matte up to the checkpoint is told, and none after it was made.
    made = int(first.checkpoint.removeprefix("frames-").split(".")[0])
    assert 2 < made < FRAMES
    assert mattes(tmp_path, running) == 2 * made
    assert len(list((stage / f"running_{number}").rglob("*.exr"))) == 2 * made
    assert not (stage / f"queued_{number}").exists()


def test_a_second_signal_ends_it_at_once(stage: Path, tmp_path: Path) -> None:
    with shared(stage, tmp_path) as (server, client):
        running = client.submit(spec(stage, "twice", delay=30.0))
        wait_for(lambda: client.job(running).stage == "mattes")
        (worker,) = psutil.Process(server.process.pid).children()
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: client.job(running).stage == "pausing")
        server.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert server.process.wait(timeout=10) == 0
        assert time.monotonic() - begun < 5.0
        assert not worker.is_running()
    assert rows(tmp_path, running)[0].state is State.QUEUED


def test_a_window_that_takes_too_long_is_cut_off(stage: Path, tmp_path: Path) -> None:
    with shared(stage, tmp_path, drain=0.5) as (server, client):
        running = client.submit(spec(stage, "long", delay=30.0))
        wait_for(lambda: client.job(running).stage == "mattes")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
    assert rows(tmp_path, running)[0].state is State.QUEUED


def test_learning_stops_at_once_and_begins_anew_later(stage: Path, tmp_path: Path) -> None:
    with shared(stage, tmp_path) as (server, client):
        settings = {"steps": 1000, "delay": 0.05}
        job = client.submit(LearnSpec(name="x", refs=str(stage / "refs"), settings=settings))
        wait_for(lambda: client.job(job).stage == "learning")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
    assert rows(tmp_path, job)[0].state is State.QUEUED


def test_clients_are_answered_while_it_drains_and_nothing_new_is_begun(
    stage: Path, tmp_path: Path
) -> None:
    with shared(stage, tmp_path) as (server, client):
        running = client.submit(spec(stage, "answered", delay=0.7))
        wait_for(lambda: client.job(running).stage == "mattes")
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: client.job(running).stage == "pausing")
        late = client.submit(spec(stage, "late"))
        assert client.job(late).state == "queued"
        assert server.process.wait(timeout=20) == 0
    assert rows(tmp_path, late)[0].state is State.QUEUED


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_next_server_goes_on(stage: Path, tmp_path: Path, how: signal.Signals) -> None:
    """With the same bytes as a job that nothing happened to, and no finished window again."""
    log, settings = tmp_path / "windows.txt", {"window": 4, "overlap": 1, "delay": 0.05}
    with shared(stage, tmp_path) as (server, client):
        whole = client.submit(spec(stage, f"whole_{how}", **settings))
        client.wait(whole)
        job = client.submit(spec(stage, f"ended_{how}", **settings, log=str(log)))
        queued = client.submit(spec(stage, f"behind_{how}"))
        wait_for(lambda: rows(tmp_path, job)[0].checkpoint)
        (worker,) = psutil.Process(server.process.pid).children()
        server.process.send_signal(how)
        server.process.wait(timeout=30)
        # A worker that nobody listens to any more ends a moment later.
        wait_for(lambda: not worker.is_running())
    made = int(rows(tmp_path, job)[0].checkpoint.removeprefix("frames-").split(".")[0])
    log.unlink()
    with shared(stage, tmp_path) as (server, client):
        for name in (job, queued):
            assert client.wait(name).state == "done"
    one, other = (matte_pixels(stage / f"{name}_{how}") for name in ("whole", "ended"))
    assert one == other
    windows = log.read_text().split()
    assert windows[0] == f"{1001 + made}-{1004 + made}"
    assert len(windows) == len(set(windows))
    assert mattes(tmp_path, job) == 2 * FRAMES


def matte_pixels(out: Path) -> list[bytes]:
    """The mattes, without their headers, which name shot and job."""
    found = [footage.read_alpha(path)[1].tobytes() for path in sorted(out.rglob("*.exr"))]
    assert len(found) == 2 * FRAMES
    return found
