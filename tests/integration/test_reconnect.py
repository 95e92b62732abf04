"""Clients and a real server that is killed and started again, or behind a network that damages."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from smite_protocol import (
    Client,
    Finished,
    LearnSpec,
    MatteReady,
    Progress,
    SegmentSpec,
    files_of_plate,
)
from smite_protocol.states import waiting_in_words
from tests.protocol.raw_client import RawClient
from tests.support import footage
from tests.support.proxy import Faults, Proxy
from tests.support.servers import ServerUnderTest, running_server, wait_for
from tests.support.specs import segment_by_path

FRAMES = 12
MATTES = [*range(1, 2 * FRAMES + 1)]
WITH_REPORT = [*range(1, len(MATTES) + footage.ABOUT_SHOT_FILES + 1)]
"""What a job tells of whose results come back: the files about the shot too."""


class Lives:
    """A server at one endpoint, with one home, that can be killed and started again."""

    def __init__(self, home: Path, stage: Path) -> None:
        self._home = home
        self._stage = stage
        self._stack = ExitStack()
        self.server: ServerUnderTest = self._stack.enter_context(
            running_server(home, roots=(stage,))
        )

    @property
    def endpoint(self) -> str:
        return self.server.live.endpoint

    def kill_and_start(self) -> None:
        """Kill -9, and start anew."""
        self.server.kill()
        again = running_server(self._home, roots=(self._stage,), endpoint=self.endpoint)
        self.server = self._stack.enter_context(again)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    footage.write_references(folder / "refs")
    footage.write_plate(folder / "plate", FRAMES)
    return folder


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory, stage: Path) -> Iterator[Lives]:
    """A server with the part model ``cart`` learned."""
    found = Lives(tmp_path_factory.mktemp("home"), stage)
    with found.server.client() as client:
        client.wait(client.submit(LearnSpec(name="cart", refs=str(stage / "refs"))))
    yield found
    found.close()


def by_path(stage: Path, out: str, **settings: object) -> SegmentSpec:
    return segment_by_path(stage, out, **{"window": 2, **settings})


def mattes_of(client: Client, job: str) -> dict[str, bytes]:
    """Follow a job to its good end; return its mattes' bytes by name."""
    found = {}
    seqs = []
    for event in client.watch(job):
        if isinstance(event, MatteReady):
            seqs.append(event.seq)
            found[event.path] = bytes(event.data or b"")
        if isinstance(event, Finished):
            event.raise_for_state()
    assert seqs == WITH_REPORT
    return found


def test_watch_goes_on_over_kill_9(lives: Lives, stage: Path) -> None:
    with Client(lives.endpoint) as client:
        job = client.submit(by_path(stage, "killed", delay=0.1))
        seqs = []
        for event in client.watch(job):
            if isinstance(event, MatteReady):
                seqs.append(event.seq)
                if event.seq == 7:
                    lives.kill_and_start()
            if isinstance(event, Finished):
                event.raise_for_state()
    assert seqs == MATTES


def test_submitting_again_after_kill_9_joins_the_job(lives: Lives, stage: Path) -> None:
    spec = by_path(stage, "again", delay=0.2)
    with Client(lives.endpoint) as client:
        job = client.submit(spec)
        wait_for(lambda: client.job(job).state == "running")
        lives.kill_and_start()
        assert client.submit(spec) == job
        assert client.wait(job).result["frames"] == FRAMES


def test_upload_goes_on_over_kill_9(lives: Lives, stage: Path) -> None:
    def plate() -> Iterator[object]:
        for number, file in enumerate(files_of_plate(stage / "plate")):
            if number == 6:
                lives.kill_and_start()
            yield file

    with Client(lives.endpoint) as client:
        spec = SegmentSpec(model="cart", shot="s")
        job = client.submit(spec, plate=plate())  # type: ignore[arg-type]
        assert len(mattes_of(client, job)) == len(WITH_REPORT)


def test_damaged_bytes_both_ways_change_nothing(lives: Lives, stage: Path) -> None:
    faults = Faults(corrupt=0.2, types=("put_file", "matte_ready"))
    with Proxy(lives.endpoint, seed=1, faults=faults) as proxy, Client(proxy.endpoint) as client:
        spec = SegmentSpec(model="cart", shot="damaged")
        job = client.submit(spec, plate=files_of_plate(stage / "plate"))
        through = mattes_of(client, job)
    made = lives.server.config.spool_folder / job / "out"
    assert through == {name: (made / name).read_bytes() for name in through}
    assert len(through) == len(WITH_REPORT)
    assert proxy.counts["corrupted put_file"] > 0
    assert proxy.counts["corrupted matte_ready"] > 0


def test_job_that_waits_says_how_many_run_before_it(lives: Lives, stage: Path) -> None:
    with Client(lives.endpoint) as client:
        jobs = [client.submit(by_path(stage, f"queue_{n}", delay=0.05)) for n in range(3)]
        words = [
            waiting_in_words(event.ahead)
            for event in client.watch(jobs[-1])
            if isinstance(event, Progress) and event.ahead is not None
        ]
    assert words[0] == "waiting: 2 jobs before yours"
    assert "waiting: 1 job before yours" in words


def test_client_written_from_the_document_pauses_and_resumes(lives: Lives, stage: Path) -> None:
    client = RawClient(lives.endpoint, user="anna")
    spec = {
        "kind": "segment", "model": "cart", "plate": str(stage / "plate"), "shot": "s",
        "settings": {"window": 2, "delay": 0.1},
    }  # fmt: skip
    job = client.submit(spec)["job"]
    states, seqs = [], []
    for kind, body, raw in client.watch(job):
        if kind == "matte_ready":
            assert raw is not None
            assert body["checksum"] == zlib.crc32(raw)
            seqs.append(body["seq"])
            if body["seq"] == 5:
                client.ask("pause", {"job": job})
        if kind == "state_changed":
            states.append(body["state"])
            if body["state"] == "paused":
                assert len(seqs) < len(MATTES)
                client.ask("resume", {"job": job})
    client.close()
    assert seqs == WITH_REPORT
    assert "paused" in states
    assert states[-1] == "done"
