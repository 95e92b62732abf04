"""Uploads are written beside the router: what is answered meanwhile, in which order, the end."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from smite_protocol import SegmentSpec
from smite_protocol.messages import (
    PROTOCOL_MAX,
    Alive,
    Cancel,
    EndUpload,
    GetJob,
    Goodbye,
    Heartbeat,
    JobList,
    ListJobs,
    Message,
    PutFile,
    Received,
    Submit,
)
from smite_protocol.wire import decode, encode
from smite_server.config import Limits
from smite_server.durable import write_synced
from smite_server.guard import Peer
from smite_server.manifest import read_manifest
from smite_server.registry import new_server_id
from smite_server.router import Router
from smite_server.writing import OVERHEAD_BYTES, Later, Request, Writing
from tests.support.raw_peer import RawPeer, greeted_peer
from tests.support.servers import quick_config, wait_for

SECONDS = 20


class SlowDisk:
    """Writes nothing until it is let go, and then all."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = threading.Event()

    def __call__(self, path: Path, *pieces: bytes) -> None:
        self.begun.append(path.name)
        assert self.go.wait(SECONDS)
        write_synced(path, *pieces)


class Server:
    """A router in a thread of the test's process."""

    def __init__(self, home: Path, **options: Any) -> None:
        self.config = quick_config(home, **options)
        (home / "models" / "any.safetensors").write_bytes(b"x")
        self.endpoint = ""
        self._signals = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_for(lambda: self.endpoint)

    def _run(self) -> None:
        router = Router(self.config, new_server_id())
        self.endpoint = router.endpoint
        router.run(lambda: self._signals)

    def ask_to_end(self) -> None:
        self._signals = 2

    def wait(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def folder(self, job: str) -> Path:
        return self.config.spool_folder / job


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    found = SlowDisk()
    monkeypatch.setattr("smite_server.spool.write_synced", found)
    yield found
    found.go.set()


@contextmanager
def serving(home: Path, disk: SlowDisk, **options: Any) -> Iterator[Server]:
    found = Server(home, **options)
    try:
        yield found
    finally:
        disk.go.set()
        found.ask_to_end()
        found.wait()


@pytest.fixture
def server(tmp_path: Path, disk: SlowDisk) -> Iterator[Server]:
    with serving(tmp_path / "home", disk) as found:
        yield found


@pytest.fixture
def anna(server: Server) -> Iterator[RawPeer]:
    with greeted_peer(server.endpoint, "anna") as peer:
        yield peer


@pytest.fixture
def bert(server: Server) -> Iterator[RawPeer]:
    with greeted_peer(server.endpoint, "bert") as peer:
        yield peer


def submitted(peer: RawPeer) -> str:
    """A job that waits for its plate."""
    return str(peer.get(Submit(spec=SegmentSpec(model="any"))).job)


def put(job: str, name: str = "a.1.png", data: bytes = b"data") -> PutFile:
    return PutFile(job=job, part_of="plate", path=name, data=data)


def post(peer: RawPeer, *messages: Message, first: int = 101) -> None:
    """Send requests without waiting for their replies; they are numbered from ``first``."""
    for number, message in enumerate(messages, first):
        peer.send(encode(message, request=number, version=PROTOCOL_MAX))


def answers(peer: RawPeer, count: int) -> list[tuple[int, str]]:
    """The next replies: numbers, and types or the codes of errors."""
    found = []
    for _ in range(count):
        assert peer.socket.poll(SECONDS * 1000), found
        header, message = decode(peer.socket.recv_multipart(), max_payload=2**20)
        found.append((header.request, getattr(message, "code", message.type)))
    return found


def silent(peer: RawPeer, other: RawPeer) -> bool:
    """Whether ``peer`` was told nothing by the time that the server answers ``other``."""
    assert isinstance(other.ask(Heartbeat()), Alive)
    return peer.receive(0) is None


class TestMeanwhile:
    """A disk that writes slowly holds only those who wait for it."""

    def test_heartbeats_and_other_clients_are_answered(
        self, server: Server, disk: SlowDisk, anna: RawPeer, bert: RawPeer
    ) -> None:
        job = submitted(anna)
        post(anna, put(job))
        wait_for(lambda: disk.begun)
        assert isinstance(bert.ask(Heartbeat()), Alive)
        assert isinstance(bert.ask(ListJobs()), JobList)
        assert submitted(bert) != job
        assert isinstance(anna.ask(Heartbeat()), Alive)
        assert silent(anna, bert)
        disk.go.set()
        assert answers(anna, 1) == [(101, "received")]
        assert (server.folder(job) / "plate" / "a.1.png").read_bytes() == b"data"

    def test_what_comes_behind_on_the_connection_waits_its_turn(
        self, disk: SlowDisk, anna: RawPeer, bert: RawPeer
    ) -> None:
        job = submitted(anna)
        more = put(job, "a.2.png")
        post(anna, put(job), ListJobs(), more, EndUpload(job=job), GetJob(job=job), Goodbye())
        wait_for(lambda: disk.begun)
        assert silent(anna, bert)
        assert bert.get(GetJob(job=job)).info.state == "queued"
        disk.go.set()
        assert answers(anna, 5) == [
            (101, "received"), (102, "job_list"), (103, "received"), (104, "submitted"),
            (105, "job"),
        ]  # fmt: skip
        assert bert.get(GetJob(job=job)).info.error != "job_failed", "goodbye came last"

    def test_an_upload_ends_when_all_its_files_are_written_whoever_sent_them(
        self, server: Server, disk: SlowDisk, anna: RawPeer, bert: RawPeer
    ) -> None:
        job = submitted(anna)
        post(anna, put(job))
        wait_for(lambda: disk.begun)
        with greeted_peer(server.endpoint, "anna") as again:
            post(again, EndUpload(job=job))
            assert isinstance(again.ask(Heartbeat()), Alive)
            assert silent(again, bert)
            disk.go.set()
            assert answers(again, 1) == [(101, "submitted")]
        assert answers(anna, 1) == [(101, "received")]

    def test_the_same_file_sent_again_before_it_is_written(
        self, server: Server, disk: SlowDisk, anna: RawPeer
    ) -> None:
        job = submitted(anna)
        post(anna, put(job))
        wait_for(lambda: disk.begun)
        with greeted_peer(server.endpoint, "anna") as again:
            post(again, put(job), put(job, data=b"other"), first=201)
            disk.go.set()
            assert answers(again, 2) == [(201, "received"), (202, "bad_input")]
        assert answers(anna, 1) == [(101, "received")]
        assert len(disk.begun) == 1


class TestEnds:
    """Jobs, disks and servers that end while something is written."""

    def test_a_job_that_is_cancelled_leaves_nothing(
        self, server: Server, disk: SlowDisk, anna: RawPeer, bert: RawPeer
    ) -> None:
        job = submitted(anna)
        post(anna, put(job), put(job, "a.2.png"))
        wait_for(lambda: disk.begun)
        assert bert.get(Cancel(job=job)).info.state == "cancelled"
        disk.go.set()
        assert answers(anna, 2) == [(101, "wrong_state"), (102, "wrong_state")]
        assert not server.folder(job).exists()

    def test_a_full_disk_fails_the_job_and_what_is_behind(
        self, server: Server, anna: RawPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("smite_server.spool.write_synced", full)
        job = submitted(anna)
        post(anna, put(job), put(job, "a.2.png"), EndUpload(job=job))
        found = answers(anna, 3)
        assert found == [(101, "disk_full"), (102, "wrong_state"), (103, "wrong_state")]
        info = anna.get(GetJob(job=job)).info
        assert (info.state, info.error) == ("failed", "disk_full")
        assert not server.folder(job).exists()

    def test_a_server_that_ends_writes_and_answers_what_it_has_taken(
        self, server: Server, disk: SlowDisk, anna: RawPeer
    ) -> None:
        job = submitted(anna)
        names = [f"a.{number}.png" for number in range(3)]
        post(anna, *(put(job, name) for name in names))
        assert isinstance(anna.ask(Heartbeat()), Alive)
        server.ask_to_end()
        disk.go.set()
        server.wait()
        assert answers(anna, 3) == [(101, "received"), (102, "received"), (103, "received")]
        assert sorted(read_manifest(server.folder(job))) == [f"plate/{name}" for name in names]


def test_memory_is_bounded_for_all_clients_together(tmp_path: Path, disk: SlowDisk) -> None:
    """Each file is over the bound, so that one is taken at a time, and all come to the disk."""
    limits = Limits(write_ahead_bytes=1)
    with (
        serving(tmp_path / "home", disk, limits=limits) as server,
        greeted_peer(server.endpoint, "anna") as anna,
        greeted_peer(server.endpoint, "bert") as bert,
    ):
        jobs = [submitted(peer) for peer in (anna, bert)]
        post(anna, *(put(jobs[0], f"a.{number}.png") for number in range(5)))
        wait_for(lambda: disk.begun)
        post(bert, *(put(jobs[1], f"a.{number}.png") for number in range(5)))
        assert bert.ask(Heartbeat(), seconds=0.5) is None, "no more is read"
        assert len(disk.begun) == 1
        disk.go.set()
        received = [(number, "received") for number in range(101, 106)]
        assert answers(anna, 5) == received
        found = answers(bert, 6)
        assert [entry for entry in found if entry[1] != "alive"] == received


def test_what_waits_counts_until_it_is_done() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    go = threading.Event()
    done: list[str] = []

    def write() -> int:
        assert go.wait(SECONDS)
        return 7

    def reply(written: Future[int]) -> Message:
        return Received(job="j", count=written.result())

    def handle(request: Request) -> None:
        if isinstance(request.message, PutFile):
            queue.write(request, Later("j", write, reply))
        else:
            done.append(request.name)

    def answer(request: Request, reply: Callable[[], Message]) -> None:
        done.append(f"{request.name} {reply()}")

    queue = Writing(context, 3 * (1000 + OVERHEAD_BYTES), handle, answer)
    try:
        for number, message in enumerate((put("j"), put("j"), ListJobs())):
            assert not queue.full
            queue.take(Request(Peer(b"anna"), 1000, number, message.type, message))
        assert queue.full
        queue.take(Request(Peer(b"bert"), 1000, 1, "list_jobs", ListJobs()))
        queue.look()
        assert done == ["list_jobs"], "only bert's"
        go.set()
        wait_for(lambda: (queue.look(), len(done) == 4)[1])
        received = f"put_file {Received(job='j', count=7)}"
        assert done == ["list_jobs", received, received, "list_jobs"]
        assert queue.bytes == 0
    finally:
        go.set()
        queue.close()
        context.term()
