"""Jobs in SQLite: states, the queue, mattes, several servers, kill -9."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smite_protocol.errors import BadPath, DiskFull, InternalError, UnknownJob
from smite_protocol.messages import FINAL_STATES, STATES
from smite_server.jobs import TRANSITIONS, Job, Matte, State, check_transition, new_job_id
from smite_server.store import Store
from smite_server.store_schema import VERSION_1


def job(**changes: object) -> Job:
    given: dict[str, object] = {
        "job": new_job_id(), "kind": "segment", "name": "shot", "spec": {"a": 1}, "resolved": {},
    }  # fmt: skip
    return Job(**{**given, **changes})  # type: ignore[arg-type]


def matte(name: str, frame: int) -> Matte:
    return Matte(name, 0, frame, "left eye", "left_eye", f"/o/{frame}.exr", f"{frame}.exr")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "jobs.sqlite", "server-a")
    yield found
    found.close()


def test_states_are_those_of_the_protocol() -> None:
    assert [state.value for state in State] == list(STATES)
    assert {state.value for state in State if state.final} == set(FINAL_STATES)


@pytest.mark.parametrize(
    ("before", "after"), list(itertools.product(State, State)), ids=lambda state: state.value
)
def test_transitions(before: State, after: State) -> None:
    if after in TRANSITIONS[before]:
        check_transition("x", before, after)
    else:
        with pytest.raises(InternalError, match="cannot become"):
            check_transition("x", before, after)


def test_job_comes_back_as_it_was_stored(store: Store) -> None:
    stored = store.add(job(resolved={"plate": "/p", "roots": ["/a"]}, client="c"))
    found = store.find(stored.job)
    assert found == stored
    assert found.server == "server-a"
    assert found.created > 0


def test_refused_move_changes_nothing(store: Store) -> None:
    stored = store.add(job())
    with pytest.raises(InternalError):
        store.move(stored.job, State.DONE, result={"no": 1})
    assert store.find(stored.job) == stored


def test_times_and_result_are_noted(store: Store) -> None:
    name = store.add(job()).job
    running = store.move(name, State.RUNNING)
    assert running.started is not None
    assert running.finished is None
    done = store.move(name, State.DONE, result={"frames": 3})
    assert done.finished is not None
    assert store.find(name).result == {"frames": 3}


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED], ids=lambda state: state.value)
def test_what_is_tried_again_is_as_new(store: Store, state: State) -> None:
    name = store.add(job()).job
    later = store.add(job()).job
    store.change(name, checkpoint="state/4", attempts=3)
    ended = store.move(name, state, error="worker_died", message="gone")
    again = store.revive(ended)
    assert again is not None
    assert (again.state, again.attempts, again.checkpoint) == (State.QUEUED, 0, "state/4")
    assert (again.error, again.message, again.finished) == ("", "", None)
    assert again.rank > store.find(later).rank
    assert store.revive(ended) is None, "somebody was quicker"


def test_done_is_not_tried_again(store: Store) -> None:
    name = store.add(job()).job
    store.move(name, State.RUNNING)
    with pytest.raises(InternalError, match="is done and cannot become queued"):
        store.revive(store.move(name, State.DONE))


def test_only_progress_is_not_waited_for(store: Store) -> None:
    def level() -> int:
        (found,) = store._db.execute("PRAGMA synchronous").fetchone()
        return int(found)

    full, normal = 2, 1
    name = store.add(job()).job
    assert level() == full
    store.change(name, stage="mattes", done=1, total=8, seconds_left=2.5)
    assert level() == normal
    for act in (
        lambda: store.change(name, stage="x", checkpoint="state/1"),
        lambda: store.add_mattes([matte(name, 1001)]),
        lambda: store.move(name, State.RUNNING),
    ):
        store.change(name, done=2)
        act()
        assert level() == full


def test_queue_is_first_come_first_served(store: Store) -> None:
    names = [store.add(job()).job for _ in range(3)]
    waiting = store.add(job(ready=False)).job
    for name in names:
        following = store.next_queued()
        assert following is not None
        assert following.job == name
        store.move(name, State.RUNNING)
    assert store.next_queued() is None
    store.change(waiting, ready=True)
    assert store.next_queued() is not None


def test_same_work_is_found_until_it_ends(store: Store) -> None:
    name = store.add(job(key="k")).job
    found = store.same_work("k")
    assert found is not None
    assert found.job == name
    assert store.same_work("other") is None
    store.move(name, State.CANCELLED)
    assert store.same_work("k") is None


def test_mattes_are_numbered_and_read_from_any_point(store: Store) -> None:
    name = store.add(job()).job
    store.add_mattes([matte(name, 1001), matte(name, 1002)])
    store.add_mattes([matte(name, 1003)])
    assert [m.seq for m in store.mattes_after(name, 0, 10)] == [1, 2, 3]
    assert [m.frame for m in store.mattes_after(name, 1, 1)] == [1002]
    assert store.mattes_after(name, 3, 10) == []


def test_lists_newest_first_and_only_open_ones(store: Store) -> None:
    first, second = store.add(job()).job, store.add(job()).job
    store.move(first, State.FAILED)
    assert [j.job for j in store.list_jobs(ended=True, limit=9)] == [second, first]
    assert [j.job for j in store.list_jobs(ended=False, limit=9)] == [second]
    assert [j.job for j in store.list_jobs(ended=True, limit=1)] == [second]


def test_servers_share_the_file_but_not_the_queue(store: Store, tmp_path: Path) -> None:
    name = store.add(job(key="k")).job
    other = Store(tmp_path / "jobs.sqlite", "server-b")
    assert other.find(name).server == "server-a"
    assert other.next_queued() is None
    assert other.same_work("k") is None
    assert [j.job for j in other.open_jobs(own=False)] == [name]
    other.close()


class TestDeadServers:
    """A job is taken over by one server, whole, and never by two."""

    @pytest.fixture
    def others(self, tmp_path: Path) -> Iterator[list[Store]]:
        found = [Store(tmp_path / "jobs.sqlite", f"server-{name}") for name in "bc"]
        yield found
        for store in found:
            store.close()

    def test_running_goes_back_to_the_queue(self, store: Store, others: list[Store]) -> None:
        name = store.add(job()).job
        store.move(name, State.RUNNING, device="cpu")
        store.change(name, checkpoint="state/8", done=3)
        (taken,) = others[0].adopt(others[0].open_jobs(own=False))
        assert (taken.state, taken.server) == (State.QUEUED, "server-b")
        assert (taken.checkpoint, taken.device, taken.stage) == ("state/8", "", "waiting")
        following = others[0].next_queued()
        assert following is not None
        assert following.job == name

    @pytest.mark.parametrize("state", [State.QUEUED, State.PAUSED], ids=lambda state: state.value)
    def test_others_stay_as_they_were(
        self, store: Store, others: list[Store], state: State
    ) -> None:
        name = store.add(job(ready=False)).job
        if state is State.PAUSED:
            store.move(name, State.PAUSED)
        (taken,) = others[0].adopt(others[0].open_jobs(own=False))
        assert (taken.job, taken.state, taken.ready) == (name, state, False)

    def test_the_second_is_too_late(self, store: Store, others: list[Store]) -> None:
        first = store.add(job()).job
        seen = [other.open_jobs(own=False) for other in others]
        second = store.add(job()).job
        assert [found.job for found in others[0].adopt(seen[0])] == [first]
        assert others[1].adopt(seen[1]) == []
        assert others[1].find(first).server == "server-b"
        assert others[1].find(second).server == "server-a"

    def test_a_job_that_has_ended_meanwhile_is_left_alone(
        self, store: Store, others: list[Store]
    ) -> None:
        name = store.add(job()).job
        seen = others[0].open_jobs(own=False)
        store.move(name, State.CANCELLED)
        assert others[0].adopt(seen) == []
        assert others[0].find(name).server == "server-a"


def test_private_servers_are_told_from_others(store: Store, tmp_path: Path) -> None:
    private = Store(tmp_path / "jobs.sqlite", "server-p", private=True)
    assert private.add(job()).private
    assert not store.add(job()).private
    private.close()


def test_no_more_run_than_a_user_may(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite", "s", max_running_per_user=1)
    first, _, other = (store.add(job(user=user)).job for user in ("ada", "ada", "bo"))
    store.move(first, State.RUNNING)
    following = store.next_queued()
    assert following is not None
    assert following.job == other
    store.move(other, State.RUNNING)
    assert store.next_queued() is None
    store.close()


def test_users_take_turns(store: Store) -> None:
    names = [store.add(job(user=user)).job for user in ("ada", "ada", "ada", "bo")]
    served = []
    while (following := store.next_queued()) is not None:
        store.move(following.job, State.RUNNING)
        store.move(following.job, State.DONE)
        served.append(names.index(following.job))
    assert served == [0, 3, 1, 2]


def test_unknown_job(store: Store) -> None:
    with pytest.raises(UnknownJob, match="There is no job 0123456789ab"):
        store.find("0123456789ab")


def test_only_columns_that_change_can_be_changed(store: Store) -> None:
    name = store.add(job()).job
    for column in ("state", "created", "spec", "nonsense"):
        with pytest.raises(ValueError, match="not columns that change"):
            store.change(name, **{column: "x"})


def test_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "jobs.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(BadPath, match="newer"):
        Store(tmp_path / "jobs.sqlite", "a")


def test_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_text("hello " * 1000)
    with pytest.raises(BadPath, match="cannot be used"):
        Store(tmp_path / "jobs.sqlite", "a")


def test_a_full_disk_changes_nothing_and_passes(store: Store) -> None:
    names = [store.add(job()).job]
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match="job store is full"):
        store.add(job(spec={"large": "x" * 100_000}))
    assert [found.job for found in store.list_jobs(ended=True, limit=9)] == names
    store._db.execute("PRAGMA max_page_count = 100000")
    names.append(store.add(job(spec={"large": "x" * 100_000})).job)
    assert [found.job for found in store.open_jobs()] == names


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from tests.server.test_store import job, matte
from smite_server.store import Store
store = Store(Path(sys.argv[1]), "writer")
name = store.add(job()).job
for frame in range(100_000):
    store.add_mattes([matte(name, frame)])
    print(name, frame, flush=True)
"""


def test_what_was_told_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), *sys.path], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer.stdout:
        for _ in range(50):
            name, frame = writer.stdout.readline().split()
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    reader = Store(path, "reader")
    found = [m.frame for m in reader.mattes_after(name, 0, 100_000)]
    assert found == list(range(len(found)))
    assert len(found) > int(frame)
    reader.close()


def test_many_servers_may_make_the_file_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[2:];"
        "from pathlib import Path; from smite_server.store import Store;"
        "Store(Path(sys.argv[1]), 'x').close()"
    )
    path = tmp_path / "jobs.sqlite"
    makers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), *sys.path]) for _ in range(6)
    ]
    assert [maker.wait() for maker in makers] == [0] * 6


def test_a_store_of_version_1_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    old = sqlite3.connect(path)
    old.executescript(VERSION_1)
    old.execute("PRAGMA user_version = 1")
    old.execute(
        "INSERT INTO jobs VALUES ('0123456789ab', 7, 'doctor', 'n', '{}', '{}', 'k', 1, 'queued',"
        " '', 0, 0, NULL, '', '', 1.5, NULL, NULL, 's', 'c', '{}')"
    )
    old.commit()
    old.close()
    store = Store(path, "s")
    job = store.find("0123456789ab")
    assert (job.user, job.lane, job.rank, job.created) == ("", "normal", 7.0, 1.5)
    assert job.private, "nobody knows: it is not taken over"
    assert store.next_queued() == job
    store.close()


def test_a_matte_that_is_made_again_keeps_its_number(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite", "s")
    job = store.add(Job(job="0123456789ab", kind="segment", name="n", spec={}, resolved={}))
    first = Matte(job.job, 0, 1001, "left eye", "left_eye", "/o/a.exr", "a.exr")
    second = replace(first, frame=1002, path="/o/b.exr", relative="b.exr")
    assert [found.seq for found in store.add_mattes([first])] == [1]
    assert [found.seq for found in store.add_mattes([first, second])] == [2]
    assert [found.frame for found in store.mattes_after(job.job, 0, 9)] == [1001, 1002]
    store.close()
