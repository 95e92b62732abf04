"""Clearing away by age and size; nothing of unfinished jobs, nothing because of a wrong clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from smite_protocol.errors import UnknownJob
from smite_server.jobs import Job, Matte, State, new_job_id
from smite_server.retention import DAY, GONE, Keep, Retention, over_size
from smite_server.store import Store
from tests.support.servers import QUICK, running_server, wait_for

NOW = 1_800_000_000.0


@dataclass
class Clocks:
    """A wall clock and a monotonic one, both set by the test."""

    wall: float = NOW
    monotonic: float = 50.0

    def pass_days(self, days: float) -> None:
        self.wall += days * DAY
        self.monotonic += days * DAY


@dataclass
class Stage:
    """A store and a spool on a clock of the test's own."""

    store: Store
    spool: Path
    clocks: Clocks
    monkeypatch: pytest.MonkeyPatch

    def job(self, state: State, size: int = 10) -> str:
        """A job in a state, with mattes in the spool."""
        self.monkeypatch.setattr("smite_server.store.time.time", lambda: self.clocks.wall)
        job = new_job_id()
        self.store.add(Job(job=job, kind="segment", name="s", spec={}, resolved={}))
        if state is not State.QUEUED:
            self.store.move(job, State.RUNNING)
        if state not in (State.QUEUED, State.RUNNING):
            self.store.move(job, state)
        path = self.spool / job / "out" / "a.exr"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))
        self.store.add_mattes([Matte(job, 0, 1, "eye", "eye", str(path), "a.exr")])
        return job

    def retention(self, days: float = 7, job_days: float = 90, size: float = 1e9) -> Retention:
        return Retention(self.store, self.spool, Keep(days * DAY, job_days * DAY, size))

    @property
    def folders(self) -> set[str]:
        return {entry.name for entry in self.spool.iterdir()}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    (tmp_path / "spool").mkdir()
    clocks = Clocks()
    store = Store(tmp_path / "jobs.sqlite", "s", steady=lambda: clocks.monotonic)
    yield Stage(store, tmp_path / "spool", clocks, monkeypatch)
    store.close()


ENDED = (State.DONE, State.FAILED, State.CANCELLED)
OPEN = (State.QUEUED, State.RUNNING, State.PAUSED)


def test_ended_jobs_leave_the_spool_by_age(stage: Stage) -> None:
    old = [stage.job(state) for state in ENDED]
    unfinished = [stage.job(state) for state in OPEN]
    retention = stage.retention()
    stage.clocks.pass_days(6)
    recent = stage.job(State.DONE)
    assert retention.run_once() == []
    stage.clocks.pass_days(2)
    assert sorted(retention.run_once()) == sorted(old)
    assert stage.folders == {recent, *unfinished}
    assert stage.store.find(old[0]).state is State.DONE, "the job itself is remembered"
    assert stage.store.mattes_after(old[0], 0, 9) != []


def test_jobs_are_forgotten_later(stage: Stage) -> None:
    old, unfinished = stage.job(State.DONE), stage.job(State.PAUSED)
    retention = stage.retention()
    stage.clocks.pass_days(91)
    retention.run_once()
    with pytest.raises(UnknownJob):
        stage.store.find(old)
    assert stage.store.mattes_after(old, 0, 9) == []
    assert stage.store.find(unfinished).state is State.PAUSED
    assert stage.folders == {unfinished}


def test_the_oldest_go_when_the_spool_is_too_large(stage: Stage) -> None:
    jobs = []
    for state in (State.DONE, State.RUNNING, State.FAILED, State.DONE):
        jobs.append(stage.job(state, size=100))
        stage.clocks.pass_days(0.1)
    assert stage.retention(size=250).run_once() == [jobs[0], jobs[2]]
    assert stage.folders == {jobs[1], jobs[3]}
    assert stage.retention(size=1).run_once() == [jobs[3]]
    assert stage.folders == {jobs[1]}, "what runs stays, however large"


def test_over_size_counts_what_must_stay() -> None:
    sizes = {"a": 5, "b": 0, "c": 5, "running": 10}
    assert over_size(["a", "b", "c"], sizes, 20) == []
    assert over_size(["a", "b", "c"], sizes, 19) == ["a"]
    assert over_size(["a", "b", "c"], sizes, 1) == ["a", "c"]


def test_folders_of_nobody_go_by_age(stage: Stage) -> None:
    for name in ("0123456789ab", "ba9876543210"):
        (stage.spool / name).mkdir()
    (stage.spool / f"{GONE}cafecafecafe").mkdir()
    retention = stage.retention()
    assert retention.run_once() == []
    stage.clocks.pass_days(6)
    os.utime(stage.spool / "ba9876543210", (1.0, 1.0))
    assert retention.run_once() == []
    stage.clocks.pass_days(2)
    assert retention.run_once() == ["0123456789ab"]
    assert stage.folders == {"ba9876543210"}, "it changed meanwhile, whatever its date says"


class TestClockThatJumps:
    """A jump of the machine's clock deletes nothing, and keeps nothing for ever."""

    @pytest.mark.parametrize("days", [3650, -3650])
    def test_while_a_job_ends(self, stage: Stage, days: float) -> None:
        stage.clocks.wall += days * DAY
        job = stage.job(State.DONE)
        stage.clocks.wall -= days * DAY
        retention = stage.retention()
        stage.clocks.pass_days(6)
        assert retention.run_once() == []
        stage.clocks.pass_days(2)
        assert retention.run_once() == [job]

    @pytest.mark.parametrize("days", [3650, -3650])
    def test_afterwards(self, stage: Stage, days: float) -> None:
        job = stage.job(State.DONE)
        stage.clocks.wall += days * DAY
        assert stage.retention().run_once() == []
        stage.clocks.pass_days(8)
        assert stage.retention().run_once() == [job]


def test_uptime_goes_on_with_the_next_server(tmp_path: Path) -> None:
    clocks = Clocks()
    stores = [
        Store(tmp_path / "jobs.sqlite", name, steady=lambda: clocks.monotonic) for name in "ab"
    ]
    clocks.monotonic += 100
    assert [store.uptime() for store in stores] == [100, 100], "two at once do not count twice"
    clocks.monotonic = 7.0
    later = Store(tmp_path / "jobs.sqlite", "c", steady=lambda: clocks.monotonic)
    clocks.monotonic += 5
    assert later.uptime() == 105
    for store in (*stores, later):
        store.close()


def test_a_job_that_is_tried_again_meanwhile_keeps_its_folder(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stage.job(State.FAILED)
    retention = stage.retention()
    stage.clocks.pass_days(8)
    ended = stage.store.ended()
    stage.store.revive(stage.store.find(job))
    monkeypatch.setattr(stage.store, "ended", lambda: ended)
    assert retention.run_once() == []
    assert stage.folders == {job}


def test_a_server_clears_while_it_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = Store(home / "jobs.sqlite", "before")
    job = store.add(Job(job=new_job_id(), kind="segment", name="s", spec={}, resolved={})).job
    store.move(job, State.CANCELLED)
    (home / "spool" / job / "out").mkdir(parents=True)
    timing = {**QUICK.__dict__, "keep_spool_days": 0.5 / DAY, "retention_every": 0.1}
    with running_server(home, timing=type(QUICK)(**timing)):
        wait_for(lambda: not (home / "spool" / job).exists())
    assert store.find(job).state is State.CANCELLED
    store.close()
