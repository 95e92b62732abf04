"""Watchers: each at its own pace, bounded by its credit, and none in another's way."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smite_protocol.messages import Finished, MatteReady, Message, Progress, StateChanged
from smite_server.jobs import Job, Matte, State, new_job_id
from smite_server.store import Store
from smite_server.watchers import (
    AHEAD_WITH_BYTES,
    AHEAD_WITH_PATHS,
    FIRST_CREDIT,
    Watchers,
)

SIZE = 1000
CREDIT = 4 * SIZE


@dataclass
class Stage:
    """A store, watchers, and what each client was sent; ``full`` are clients whose pipe is full."""

    folder: Path
    store: Store
    sent: dict[bytes, list[Message]] = field(default_factory=dict)
    full: set[bytes] = field(default_factory=set)
    places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.watchers = Watchers(self.store, self.send, self.places.get, CREDIT)

    def send(self, identity: bytes, message: Message) -> bool:
        if identity in self.full:
            return False
        self.sent.setdefault(identity, []).append(message)
        return True

    def job(self, out: str | None = None) -> str:
        resolved = {"out": out}
        job = Job(job=new_job_id(), kind="segment", name="s", spec={}, resolved=resolved)
        return self.store.add(job).job

    def add_mattes(self, job: str, count: int, size: int = SIZE) -> None:
        start = len(self.store.mattes_after(job, 0, 10**6))
        mattes = []
        for number in range(start, start + count):
            path = self.folder / f"{job}.{number}.exr"
            path.write_bytes(bytes([number % 256]) * size)
            mattes.append(Matte(job, 0, number, "eye", "eye", str(path), path.name))
        self.store.add_mattes(mattes)
        self.watchers.changed(job)

    def mattes(self, identity: bytes) -> list[MatteReady]:
        return [m for m in self.sent.get(identity, []) if isinstance(m, MatteReady)]

    def watch(self, identity: bytes, job: str, after: int = 0, credit: int = 0) -> None:
        self.watchers.add(identity, job, after, credit)
        self.watchers.changed(job)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    store = Store(tmp_path / "jobs.sqlite", "s")
    yield Stage(tmp_path, store)
    store.close()


def test_bytes_come_with_their_checksum(stage: Stage) -> None:
    job = stage.job()
    stage.watch(b"a", job)
    stage.add_mattes(job, 1)
    (matte,) = stage.mattes(b"a")
    assert matte.data == bytes(SIZE)
    assert matte.checksum == zlib.crc32(bytes(SIZE))
    assert matte.path == f"{job}.0.exr"


@pytest.mark.parametrize(
    ("asked", "given"),
    [(0, 4), (2 * SIZE, 2), (2 * SIZE + 999, 2), (1, 1), (100 * SIZE, 4)],
    ids=["the server's own", "less", "not a part of one", "always one", "more than is given"],
)
def test_no_more_bytes_than_the_credit(stage: Stage, asked: int, given: int) -> None:
    job = stage.job()
    stage.add_mattes(job, 10)
    stage.watch(b"a", job, credit=asked)
    assert len(stage.mattes(b"a")) == given
    for seq in range(1, 11):
        stage.watchers.acknowledge(b"a", job, seq)
        assert len(stage.mattes(b"a")) == min(10, given + seq)


def test_small_mattes_are_bounded_by_number(stage: Stage) -> None:
    job = stage.job()
    stage.add_mattes(job, AHEAD_WITH_BYTES + 9, size=1)
    stage.watch(b"a", job)
    assert len(stage.mattes(b"a")) == AHEAD_WITH_BYTES


def test_paths_are_bounded_by_number_and_cost_no_credit(stage: Stage) -> None:
    job = stage.job(out="/o")
    stage.add_mattes(job, AHEAD_WITH_PATHS + 9, size=0)
    stage.watch(b"a", job)
    assert len(stage.mattes(b"a")) == AHEAD_WITH_PATHS
    assert all(matte.data is None for matte in stage.mattes(b"a"))
    stage.watchers.acknowledge(b"a", job, 100)
    assert len(stage.mattes(b"a")) == AHEAD_WITH_PATHS + 9


def test_a_stalled_watcher_reads_nothing_and_holds_up_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    real = Path.read_bytes

    def counted(path: Path) -> bytes:
        reads.append(path.name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    job = stage.job()
    stage.watch(b"stalled", job)
    stage.watch(b"quick", job)
    for seq in range(1, 51):
        stage.add_mattes(job, 1)
        stage.watchers.acknowledge(b"quick", job, seq)
    assert [matte.seq for matte in stage.mattes(b"quick")] == list(range(1, 51))
    assert [matte.seq for matte in stage.mattes(b"stalled")] == [1, 2, 3, 4]
    assert len(reads) == 54
    stage.watchers.acknowledge(b"stalled", job, 4)
    assert [matte.seq for matte in stage.mattes(b"stalled")][4:] == [5, 6, 7, 8]


def test_who_comes_again_goes_on_after_the_last(stage: Stage) -> None:
    job = stage.job()
    stage.add_mattes(job, 3)
    stage.watch(b"a", job)
    stage.watch(b"b", job, after=2)
    assert [matte.seq for matte in stage.mattes(b"b")] == [3]


def test_a_full_pipe_loses_nothing(stage: Stage) -> None:
    job = stage.job()
    stage.add_mattes(job, 2)
    stage.full.add(b"a")
    stage.watch(b"a", job)
    stage.full.clear()
    stage.watchers.changed(job)
    assert [matte.seq for matte in stage.mattes(b"a")] == [1, 2]


def test_the_end_comes_after_the_last_matte_whatever_the_pace(stage: Stage) -> None:
    job = stage.job()
    stage.watch(b"a", job)
    stage.add_mattes(job, 6)
    stage.store.move(job, State.RUNNING)
    stage.store.move(job, State.DONE, result={"frames": 6})
    stage.watchers.changed(job)
    assert not any(isinstance(message, Finished) for message in stage.sent[b"a"])
    stage.watchers.acknowledge(b"a", job, 4)
    *_, before, last = stage.sent[b"a"]
    assert isinstance(before, StateChanged)
    assert isinstance(last, Finished)
    assert (last.state, last.result) == ("done", {"frames": 6})
    assert stage.watchers.jobs() == set()


def test_who_waits_is_told_how_many_run_before(stage: Stage) -> None:
    job = stage.job()
    stage.places[job] = 3
    stage.watch(b"a", job)
    stage.places[job] = 2
    stage.watchers.changed(job)
    stage.store.move(job, State.RUNNING)
    stage.watchers.changed(job)
    found = [message.ahead for message in stage.sent[b"a"] if isinstance(message, Progress)]
    assert found == [3, 2, None]


def test_mattes_that_were_cleared_away_are_a_clear_end(stage: Stage) -> None:
    job = stage.job()
    stage.add_mattes(job, 6)
    stage.watch(b"a", job)
    (stage.folder / f"{job}.5.exr").unlink()
    stage.watchers.acknowledge(b"a", job, 4)
    last = stage.sent[b"a"][-1]
    assert isinstance(last, Finished)
    assert (last.state, last.error) == ("failed", "path_missing")
    assert "have been cleared" in last.message
    assert [matte.seq for matte in stage.mattes(b"a")] == [1, 2, 3, 4, 5]
    assert stage.watchers.jobs() == set()


def test_a_job_that_was_cleared_away_is_a_clear_end(stage: Stage) -> None:
    job = stage.job()
    stage.watch(b"a", job)
    stage.store.move(job, State.CANCELLED)
    stage.store.forget(job)
    stage.watchers.changed(job)
    last = stage.sent[b"a"][-1]
    assert isinstance(last, Finished)
    assert last.error == "unknown_job"
    assert stage.watchers.jobs() == set()


def test_credit_grows_with_what_is_used(stage: Stage) -> None:
    size = FIRST_CREDIT // 2
    stage.watchers = Watchers(stage.store, stage.send, lambda _: None, 3 * size)
    job = stage.job()
    stage.add_mattes(job, 9, size=size)
    stage.watch(b"a", job)
    assert len(stage.mattes(b"a")) == 2
    stage.watchers.acknowledge(b"a", job, 1)
    assert len(stage.mattes(b"a")) == 4, "3 in flight: 2 to begin with, and the one that was used"
    stage.watchers.acknowledge(b"a", job, 4)
    assert len(stage.mattes(b"a")) == 7, "never more than the server's credit"
