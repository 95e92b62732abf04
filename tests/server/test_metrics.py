"""Metrics: what the loop counts, and what is read from the job store."""

from __future__ import annotations

import os
import sqlite3
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smite_protocol import LearnSpec, SegmentSpec
from smite_protocol.errors import UnknownModel, WorkerDied
from smite_server.jobs import Job, Matte, State
from smite_server.metrics import Metrics, WorkerView
from smite_server.process_memory import resident_bytes, total_memory
from smite_server.store import Store
from smite_server.store_reader import StoreReader
from tests.support.servers import running_server

SERVER = "here.1.1"
Values = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    found = Store(file, SERVER)
    yield found
    found.close()


@pytest.fixture
def reader(file: Path, store: Store) -> Iterator[StoreReader]:
    found = StoreReader(file, SERVER)
    yield found
    found.close()


def values(text: bytes) -> Values:
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def look(metrics: Metrics, reader: StoreReader) -> Values:
    return values(metrics.render(reader, 5, metrics.view.workers))


def job(number: int, **changes: object) -> Job:
    return Job(f"{number:012x}", "segment", "x", {}, {}, **changes)  # type: ignore[arg-type]


def mattes(name: str, frame: int) -> list[Matte]:
    return [Matte(name, 0, frame, slug, slug, f"/{slug}", slug) for slug in ("a", "b")]


class TestStore:
    """What is derived from the job store."""

    def test_a_job_from_queue_to_end(self, store: Store, reader: StoreReader) -> None:
        metrics = Metrics()
        look(metrics, reader)
        name = store.add(job(1)).job
        found = look(metrics, reader)
        assert found["smite_jobs", ("segment", "normal", "queued")] == 1
        assert found["smite_queue_length", ("normal",)] == 1
        store.move(name, State.RUNNING)
        store.add_mattes(mattes(name, 1))
        found = look(metrics, reader)
        assert ("smite_jobs", ("segment", "normal", "queued")) not in found
        assert found["smite_jobs", ("segment", "normal", "running")] == 1
        assert found["smite_queue_length", ("normal",)] == 0
        assert found["smite_job_wait_seconds_count", ("segment",)] == 1
        assert (found["smite_mattes_total", ()], found["smite_frames_total", ()]) == (2, 1)
        store.add_mattes(mattes(name, 2))
        store.move(name, State.DONE, result={"seconds_per_frame": 0.3})
        for _ in range(2):
            found = look(metrics, reader)
            assert found["smite_jobs_ended_total", ("", "segment", "done")] == 1
            assert found["smite_job_run_seconds_count", ("segment",)] == 1
            assert found["smite_seconds_per_frame_sum", ()] == 0.3
            assert (found["smite_mattes_total", ()], found["smite_frames_total", ()]) == (4, 2)

    def test_a_job_that_came_and_went_between_two_looks(
        self, store: Store, reader: StoreReader
    ) -> None:
        metrics = Metrics()
        look(metrics, reader)
        name = store.add(job(1)).job
        store.move(name, State.RUNNING)
        store.move(name, State.FAILED, error="disk_full")
        assert (
            look(metrics, reader)["smite_jobs_ended_total", ("disk_full", "segment", "failed")] == 1
        )

    def test_what_was_there_before_is_not_counted(self, store: Store, reader: StoreReader) -> None:
        ended, running = store.add(job(1)).job, store.add(job(2)).job
        for name in (ended, running):
            store.move(name, State.RUNNING)
            store.add_mattes(mattes(name, 1))
        store.move(ended, State.DONE)
        metrics = Metrics()
        found = look(metrics, reader)
        assert found["smite_mattes_total", ()] == 0
        assert found["smite_jobs", ("segment", "normal", "running")] == 1
        store.add_mattes(mattes(running, 2))
        assert look(metrics, reader)["smite_mattes_total", ()] == 2

    def test_the_reader_cannot_write(self, store: Store, reader: StoreReader) -> None:
        name = store.add(job(1)).job
        with pytest.raises(sqlite3.OperationalError, match="readonly database"):
            reader._db.execute("UPDATE jobs SET name = 'y'")
        assert store.find(name).name == "x"


class TestLoop:
    """What the router's thread notes."""

    def test_counts(self, reader: StoreReader) -> None:
        now = [0.0]
        metrics = Metrics(lambda: now[0])
        metrics.received(10)
        metrics.sent(20)
        metrics.refused("bad_path")
        metrics.begin_turn()
        now[0] = 0.5
        workers = [
            WorkerView("cpu", pid=7, starts=3, crashes=2),
            WorkerView("cuda:0", memory_used=3, memory_total=4),
        ]
        metrics.end_turn(clients=5, watchers=6, workers=workers)
        found = look(metrics, reader)
        expected = {
            ("smite_received_bytes_total", ()): 10,
            ("smite_sent_bytes_total", ()): 20,
            ("smite_refused_requests_total", ("bad_path",)): 1,
            ("smite_device_memory_used_bytes", ("cuda:0",)): 3,
            ("smite_device_memory_total_bytes", ("cuda:0",)): 4,
            ("smite_worker_up", ("cpu",)): 1,
            ("smite_worker_up", ("cuda:0",)): 0,
            ("smite_worker_starts_total", ()): 3,
            ("smite_worker_crashes_total", ()): 2,
            ("smite_clients", ()): 5,
            ("smite_watchers", ()): 6,
            ("smite_loop_lag_seconds", ()): 0.5,
            ("smite_spool_free_bytes", ()): 5,
        }
        assert {key: found[key] for key in expected} == expected
        assert metrics.crashes_within(10) == 2

    def test_two_servers_share_nothing(self, reader: StoreReader) -> None:
        one, other = Metrics(), Metrics()
        one.received(1)
        assert look(other, reader)["smite_received_bytes_total", ()] == 0

    def test_memory_of_a_process(self) -> None:
        used, total = resident_bytes(os.getpid()), total_memory()
        if used is None or total is None:
            pytest.skip("this system does not tell")
        assert 1024**2 < used < total
        assert resident_bytes(2**22 + 1) is None


def test_a_real_server_counts(stage: Path, tmp_path: Path) -> None:
    """Bytes, refusals, a worker that crashes: through the router, as Prometheus reads it."""
    spec = SegmentSpec(
        model="cart",
        plate=str(stage / "plate"),
        out=str(stage / "counted"),
        settings={"crash_at": 1003, "window": 1},
    )
    with (
        running_server(tmp_path, roots=(stage,), http="127.0.0.1:0") as server,
        server.client() as client,
    ):
        client.wait(client.submit(LearnSpec(name="cart", refs=str(stage / "refs"))))
        with pytest.raises(WorkerDied):
            client.wait(client.submit(spec))
        with pytest.raises(UnknownModel):
            client.submit(SegmentSpec(model="none", plate=spec.plate, out=spec.out))
        with urllib.request.urlopen(f"http://{server.live.http}/metrics", timeout=10) as answer:
            found = values(answer.read())
    assert found["smite_refused_requests_total", ("unknown_model",)] == 1
    assert found["smite_worker_crashes_total", ()] >= 1
    assert found["smite_jobs_ended_total", ("", "learn", "done")] == 1
    assert found["smite_mattes_total", ()] >= 2
    assert found["smite_received_bytes_total", ()] > 100
    assert found["smite_sent_bytes_total", ()] > 100
    assert found["smite_clients", ()] == 1
