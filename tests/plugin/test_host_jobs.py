"""Jobs as hosts run them: in threads, over a real server, told of in the host's own thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smite_hosts import HostProblem, HostQueue, JobController, JobMemory, JobStatus, NewMatte
from smite_hosts.job_status import CANCELLED, DONE, FAILED
from smite_protocol import LearnSpec, SegmentSpec
from tests.plugin.conftest import MakeSession
from tests.support import footage
from tests.support.servers import ServerUnderTest, running_server


@dataclass
class Listener:
    """Hears of a job, and in which thread."""

    statuses: list[JobStatus] = field(default_factory=list)
    mattes: list[NewMatte] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def __call__(self, status: JobStatus, mattes: tuple[NewMatte, ...]) -> None:
        self.statuses.append(status)
        self.mattes.extend(mattes)
        self.threads.add(threading.current_thread().name)

    @property
    def last(self) -> JobStatus:
        return self.statuses[-1]

    @property
    def ended(self) -> bool:
        return bool(self.statuses) and self.last.ended


def spec(stage: Path, out: Path, **changes: object) -> SegmentSpec:
    given: dict[str, object] = {
        "model": "cart",
        "plate": str(stage / "plate" / "cart.####.png"),
        "out": str(out),
        "shot": "SEQ_010",
    }
    return SegmentSpec(**{**given, **changes})  # type: ignore[arg-type]


def run(queue: HostQueue, controller: JobController, listener: Listener) -> JobStatus:
    assert queue.run_until(lambda: listener.ended, 30.0), listener.statuses[-1:]
    controller.wait(10.0)
    return listener.last


def test_mattes_by_path_are_told_in_the_hosts_thread(
    server: ServerUnderTest, stage: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    listener = Listener()
    controller = make_session(server.live.endpoint).controller("script::node", listener)
    controller.start(spec(stage, stage / "by_path"), "SMITE_Mattes1")
    status = run(queue, controller, listener)
    assert status.phase == DONE
    assert status.mattes == 16
    assert status.frames == tuple(range(1001, 1009))
    assert {matte.member for matte in listener.mattes} == {"body", "left_wheel"}
    assert all(Path(matte.path).is_file() for matte in listener.mattes)
    body = stage / "by_path" / "SEQ_010" / "body" / "SEQ_010_body_v001.%04d.exr"
    assert status.files["parts"]["body"] == str(body)
    assert listener.threads == {threading.main_thread().name}
    assert status.words == "done: 16 mattes"


def test_what_the_server_does_not_see_is_sent_and_comes_back(
    server: ServerUnderTest,
    tmp_path: Path,
    queue: HostQueue,
    make_session: MakeSession,
) -> None:
    footage.write_plate(tmp_path / "plate", 4)
    listener = Listener()
    controller = make_session(server.live.endpoint).controller("script::node", listener)
    wanted = spec(tmp_path, tmp_path / "mattes", frames="1002-1003", version=4)
    controller.start(wanted, "SMITE_Mattes1")
    status = run(queue, controller, listener)
    assert (status.phase, status.frames) == (DONE, (1002, 1003))
    files = sorted(file.name for file in (tmp_path / "mattes").rglob("*.exr"))
    assert files == [
        f"SEQ_010_{part}_v004.{n}.exr" for part in ("body", "left_wheel") for n in (1002, 1003)
    ]
    assert {matte.path for matte in listener.mattes} == {
        file.as_posix() for file in (tmp_path / "mattes").rglob("*.exr")
    }


def test_references_are_learned_by_path_and_when_sent(
    server: ServerUnderTest,
    stage: Path,
    tmp_path: Path,
    queue: HostQueue,
    make_session: MakeSession,
) -> None:
    for folder, name in ((stage / "refs", "seen"), (tmp_path / "refs", "sent")):
        if not folder.exists():
            footage.write_references(folder)
        listener = Listener()
        controller = make_session(server.live.endpoint).controller(f"script::{name}", listener)
        controller.start(LearnSpec(name=name, refs=str(folder)), "SMITE_Learn1")
        status = run(queue, controller, listener)
        assert status.phase == DONE, status.message
        assert status.result["held_out_iou"] == {"body": 1.0, "left_wheel": 1.0}


def test_a_cancelled_job_goes_on_where_it_was(
    server: ServerUnderTest,
    stage: Path,
    queue: HostQueue,
    make_session: MakeSession,
    memory: JobMemory,
) -> None:
    log, out = stage / "windows.log", stage / "cancelled"
    settings = {"delay": 0.4, "log": str(log), "window": 2}
    wanted = spec(stage, out, settings=settings)
    listener = Listener()
    session = make_session(server.live.endpoint)
    controller = session.controller("script::cancel", listener)
    controller.start(wanted, "SMITE_Mattes1")
    assert queue.run_until(lambda: len(listener.mattes) >= 8, 30.0)
    controller.cancel("SMITE_Mattes1")
    status = run(queue, controller, listener)
    assert status.phase == CANCELLED
    assert 8 <= status.mattes < 16
    assert status.words == f"cancelled; {status.mattes} finished mattes are kept"
    before = log.read_text().splitlines()
    again = Listener()
    second = session.controller("script::cancel", again)
    assert second.place == memory.find("script::cancel")
    second.start(wanted, "SMITE_Mattes1")
    assert run(queue, second, again).phase == DONE
    assert again.last.job == listener.last.job
    assert again.last.frames == tuple(range(1001, 1009))
    redone = log.read_text().splitlines()[len(before) :]
    assert 0 < len(redone) < 4, redone  # of four windows the first two were finished


def test_another_request_is_another_job(
    server: ServerUnderTest, stage: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    jobs = []
    for quality in ("draft", "standard"):
        listener = Listener()
        controller = make_session(server.live.endpoint).controller("script::other", listener)
        controller.start(spec(stage, stage / quality, quality=quality), "SMITE_Mattes1")
        assert run(queue, controller, listener).phase == DONE
        jobs.append(listener.last.job)
    assert len(set(jobs)) == 2


def test_cancel_while_files_are_sent(
    server: ServerUnderTest, tmp_path: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    footage.write_plate(tmp_path / "plate", 40)
    listener = Listener()
    controller = make_session(server.live.endpoint).controller("script::sending", listener)
    controller.start(
        spec(tmp_path, tmp_path / "mattes"), "node", prepare=lambda _: controller.cancel("node")
    )
    assert run(queue, controller, listener).phase == CANCELLED
    with server.client() as client:
        assert not [job for job in client.jobs(all=False) if job.name == "SEQ_010"]


def test_a_job_is_found_again_and_followed(
    server: ServerUnderTest, stage: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    listener = Listener()
    session = make_session(server.live.endpoint)
    first = session.controller("script::reopened", listener)
    first.start(spec(stage, stage / "again", settings={"delay": 0.2}), "node")
    assert queue.run_until(lambda: bool(listener.mattes), 30.0)
    first.leave()
    later = Listener()
    second = session.controller("script::reopened", later)
    assert second.place is not None
    second.follow(second.place, "node")
    assert run(queue, second, later).phase == DONE
    assert later.last.mattes == 16


def test_one_node_has_one_job(
    server: ServerUnderTest, stage: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    listener = Listener()
    controller = make_session(server.live.endpoint).controller("script::twice", listener)
    with pytest.raises(HostProblem, match="node has no job to cancel"):
        controller.cancel("node")
    controller.start(spec(stage, stage / "twice", settings={"delay": 0.2}), "node")
    with pytest.raises(HostProblem, match="at work already"):
        controller.start(spec(stage, stage / "twice"), "node")
    controller.cancel("node")
    assert run(queue, controller, listener).phase == CANCELLED


def test_a_server_that_dies_and_comes_back_costs_a_pause(
    stage: Path, tmp_path: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    listener = Listener()
    with running_server(home, roots=(stage,), private=False) as first:
        with first.client() as client:
            client.wait(client.submit(LearnSpec(name="cart", refs=str(stage / "refs"))))
        session = make_session(first.live.endpoint, patience=30.0)
        controller = session.controller("script::lost", listener)
        wanted = spec(stage, stage / "lost", settings={"delay": 0.3, "window": 2})
        controller.start(wanted, "node")
        assert queue.run_until(lambda: bool(listener.mattes), 30.0)
        first.kill()
        assert queue.run_until(lambda: "server lost" in listener.last.words, 30.0)
    with running_server(home, roots=(stage,), private=False, endpoint=first.live.endpoint):
        assert run(queue, controller, listener).phase == DONE
    assert listener.last.frames == tuple(range(1001, 1009))
    assert listener.last.connection == ""


def test_a_server_that_stays_dead_is_a_sentence(
    stage: Path, tmp_path: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    listener = Listener()
    with running_server(home, roots=(stage,), private=False) as first:
        with first.client() as client:
            client.wait(client.submit(LearnSpec(name="cart", refs=str(stage / "refs"))))
        session = make_session(first.live.endpoint, patience=0.5)
        controller = session.controller("script::dead", listener)
        controller.start(spec(stage, stage / "dead", settings={"delay": 0.3}), "node")
        assert queue.run_until(lambda: bool(listener.mattes), 30.0)
        first.kill()
        status = run(queue, controller, listener)
    assert (status.phase, status.key) == (FAILED, "server_lost")
    assert status.message.startswith(f"The SMITE server at {first.live.endpoint} has stopped")
