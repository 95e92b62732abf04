"""Jobs of servers that died: taken over, failed, or gone on with when they are submitted again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from smite_protocol import Client, LearnSpec, MatteReady, SegmentSpec, files_of_plate
from smite_protocol.errors import WrongState
from smite_protocol.messages import EndUpload, PutFile, Submit
from smite_server.config import ServerConfig, Timing
from smite_server.jobs import Job, State, new_job_id
from smite_server.orphans import LEFT_ALONE, Orphans, can_run, surroundings
from smite_server.spool import Spool
from smite_server.store import Store
from tests.support.raw_peer import greeted_peer
from tests.support.servers import QUICK, ServerUnderTest, running_server, wait_for
from tests.support.specs import segment_by_path


@dataclass
class Home:
    """Two stores of one home, of a server that has gone and of one that lives."""

    config: ServerConfig
    dead: Store
    live: Store
    spool: Spool
    now: float = 0.0

    def job(self, state: State = State.QUEUED, **changes: object) -> Job:
        resolved = {"roots": [], "made_for": surroundings(self.config)}
        given = Job(job=new_job_id(), kind="segment", name="s", spec={}, resolved=resolved, key="k")
        job = self.dead.add(replace(given, **changes))  # type: ignore[arg-type]
        return job if state is State.QUEUED else self.dead.move(job.job, state)

    def orphans(self, config: ServerConfig | None = None) -> Orphans:
        return Orphans(
            config or self.config,
            self.live,
            self.spool,
            alive=lambda server: server != "dead",
            clock=lambda: self.now,
        )


@pytest.fixture(params=[False], ids=["shared"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Home]:
    config = ServerConfig(home=tmp_path, private=request.param)
    config.make_folders()
    dead = Store(config.store_file, "dead")
    live = Store(config.store_file, "live", private=config.private)
    yield Home(config, dead, live, Spool(config.spool_folder, config.limits))
    dead.close()
    live.close()


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.PAUSED])
def test_taken_over(home: Home, state: State) -> None:
    job = home.job(state)
    assert home.orphans().look() == [job.job]
    found = home.live.find(job.job)
    assert found.server == "live"
    assert found.state is (State.PAUSED if state is State.PAUSED else State.QUEUED)
    assert home.orphans().look() == []


def test_jobs_of_live_servers_are_left_alone(home: Home) -> None:
    other = Store(home.config.store_file, "other")
    job = other.add(Job(job=new_job_id(), kind="doctor", name="", spec={}, resolved={}))
    assert home.orphans().look() == []
    assert home.orphans().claim(job).server == "other"
    other.close()


def test_jobs_that_wait_for_files_still_do(home: Home) -> None:
    name = new_job_id()
    folder = home.spool.folder_of(name, "plate")
    resolved = {"plate": str(folder), "roots": [], "made_for": surroundings(home.config)}
    home.job(job=name, resolved=resolved, ready=False, key="")
    home.orphans().look()
    assert home.spool.is_open(name)
    assert home.live.next_queued() is None


def test_what_nobody_can_run_fails_after_a_while(home: Home) -> None:
    made_for = {**surroundings(home.config), "backbone": "another"}
    job = home.job(State.RUNNING, resolved={"roots": [], "made_for": made_for})
    orphans = home.orphans()
    assert orphans.look() == []
    assert orphans.described(home.live.find(job.job)).stage == LEFT_ALONE
    home.now = home.config.timing.orphan_patience - 1
    assert orphans.look() == []
    home.now += 1
    assert orphans.look() == [job.job]
    found = home.live.find(job.job)
    assert (found.state, found.error) == (State.FAILED, "server_stopped")


@pytest.mark.parametrize("home", [True], ids=["private"], indirect=True)
def test_a_private_server_takes_over_nothing_however_long(home: Home) -> None:
    job = home.job(State.RUNNING)
    orphans = home.orphans()
    orphans.look()
    home.now = 1e6
    assert orphans.look() == []
    found = home.live.find(job.job)
    assert (found.server, found.state) == ("dead", State.RUNNING)
    seen = orphans.described(found)
    assert (seen.state, seen.stage) == (State.QUEUED, LEFT_ALONE)


@pytest.mark.parametrize("home", [False, True], ids=["shared", "private"], indirect=True)
def test_nothing_is_taken_from_a_private_server(home: Home) -> None:
    home.dead.private = True
    job = home.job(State.RUNNING)
    assert home.orphans().look() == [job.job]
    found = home.live.find(job.job)
    assert (found.state, found.error) == (State.FAILED, "server_stopped")


@pytest.mark.parametrize(
    ("own", "theirs", "runs"),
    [
        pytest.param(["a"], ["a"], True, id="the same root"),
        pytest.param(["a", "b"], ["b"], True, id="one of its roots"),
        pytest.param(["a"], ["a/deep"], True, id="below its root"),
        pytest.param(["a/deep"], ["a"], False, id="above its root"),
        pytest.param([], ["a"], False, id="no roots"),
        pytest.param(["a"], [], True, id="a job without paths"),
    ],
)
def test_roots_decide_who_may(
    tmp_path: Path, own: list[str], theirs: list[str], runs: bool
) -> None:
    for name in ("a/deep", "b"):
        (tmp_path / name).mkdir(parents=True)
    config = ServerConfig(home=tmp_path, roots=tuple(tmp_path / name for name in own))
    resolved = {
        "roots": [str(tmp_path / name) for name in theirs],
        "made_for": surroundings(config),
    }
    job = Job(job=new_job_id(), kind="segment", name="s", spec={}, resolved=resolved)
    assert can_run(job, config) is runs
    assert not can_run(job, replace(config, spool=tmp_path / "elsewhere"))


def segment(stage: Path, out: str, **settings: object) -> SegmentSpec:
    return segment_by_path(stage, out, model=str(stage / "cart.safetensors"), **settings)


@pytest.fixture(scope="module")
def learned(stage: Path, server: ServerUnderTest) -> Path:
    """The stage, with a part model in it, so that servers of other homes can use it."""
    model = server.home / "models" / "cart.safetensors"
    (stage / "cart.safetensors").write_bytes(model.read_bytes())
    return stage


def seqs(client: Client, job: str) -> list[int]:
    return [event.seq for event in client.watch(job) if isinstance(event, MatteReady)]


class TestKill9:
    """A server that is killed, and the next one of its home."""

    @pytest.mark.parametrize("private", [False, True], ids=["taken over", "submitted again"])
    def test_every_job_ends_well(self, learned: Path, tmp_path: Path, private: bool) -> None:
        home, out = tmp_path / "home", f"killed_{private}"
        with running_server(home, roots=(learned,), private=private) as first:
            with first.client() as client:
                jobs = [client.submit(segment(learned, f"{out}_{n}", delay=0.1)) for n in range(3)]
                wait_for(lambda: client.job(jobs[0]).done >= 2)
            first.kill()
        with (
            running_server(home, roots=(learned,), private=private) as second,
            second.client() as client,
        ):
            for n, job in enumerate(jobs):
                info = client.job(job)
                if private:
                    assert (info.state, info.error) == ("failed", "server_stopped")
                again = client.submit(segment(learned, f"{out}_{n}", delay=0.1))
                assert again == job
            for job in jobs:
                client.wait(job)
                assert seqs(client, job) == list(range(1, 17))
                assert client.job(job).server == second.live.server

    def test_a_server_that_lives_on_takes_over(self, learned: Path, tmp_path: Path) -> None:
        home = tmp_path / "home"
        with running_server(home, roots=(learned,)) as heir:
            with running_server(home, roots=(learned,)) as first, first.client() as client:
                job = client.submit(segment(learned, "inherited", delay=0.3))
                wait_for(lambda: client.job(job).state == "running")
                first.kill()
            with heir.client() as client:
                client.wait(job)
                assert client.job(job).server == heir.live.server

    def test_an_upload_goes_on(self, learned: Path, tmp_path: Path) -> None:
        home = tmp_path / "home"
        files = [(file.name, file.read()) for file in files_of_plate(learned / "plate")]
        spec = SegmentSpec(model=str(learned / "cart.safetensors"), shot="up")

        def puts(job: str, chosen: list[tuple[str, bytes]]) -> list[PutFile]:
            return [PutFile(job=job, part_of="plate", path=n, data=data) for n, data in chosen]

        with running_server(home, roots=(learned,)) as first:
            with greeted_peer(first.live.endpoint, "the same") as client:
                job = client.get(Submit(spec=spec)).job
                counts = [client.get(put).count for put in puts(job, files[:5])]
            assert counts == [1, 2, 3, 4, 5]
            first.kill()
        with running_server(home, roots=(learned,)) as second:
            with (
                greeted_peer(second.live.endpoint, "another") as other,
                pytest.raises(WrongState, match="no files of yours"),
            ):
                other.get(puts(job, files)[5])
            with greeted_peer(second.live.endpoint, "the same") as client:
                counts = [client.get(put).count for put in puts(job, files[4:])]
                assert counts == [5, 6, 7, 8]
                assert client.get(EndUpload(job=job)).job == job
            with second.client() as client:
                assert client.wait(job).result["frames"] == len(files)


class TestSubmittedAgain:
    """What the same work becomes when its last job has ended."""

    @pytest.fixture
    def once(self, learned: Path, tmp_path: Path) -> Iterator[ServerUnderTest]:
        """A server that tries a job once."""
        with running_server(tmp_path / "home", roots=(learned,), max_attempts=1) as found:
            yield found

    @pytest.fixture
    def client_of_once(self, once: ServerUnderTest) -> Iterator[Client]:
        with once.client() as found:
            yield found

    def test_broken_off_by_its_worker(self, client_of_once: Client, stage: Path) -> None:
        client = client_of_once
        spec = segment(stage, "worker_died", crash_at=1004)
        job = client.submit(spec)
        wait_for(lambda: client.job(job).final, seconds=90)
        assert client.job(job).error == "worker_died"
        assert client.submit(spec) == job
        wait_for(lambda: client.job(job).final, seconds=90)
        assert seqs_quietly(client, job) == list(range(1, 7))

    def test_cancelled_is_made_anew(self, client: Client, learned: Path, stage: Path) -> None:
        spec = segment(stage, "cancelled_anew", delay=0.05)
        first = client.submit(spec)
        client.cancel(first)
        wait_for(lambda: client.job(first).final, seconds=90)
        second = client.submit(spec)
        assert second != first
        client.wait(second)

    def test_done_is_made_anew(self, client: Client, learned: Path, stage: Path) -> None:
        spec = segment(stage, "done_anew")
        first = client.submit(spec)
        client.wait(first)
        assert client.submit(spec) != first

    def test_sent_files_are_kept_for_it(
        self, client_of_once: Client, once: ServerUnderTest, stage: Path
    ) -> None:
        client = client_of_once
        model = str(stage / "cart.safetensors")
        spec = SegmentSpec(model=model, shot="kept", settings={"crash_at": 1004, "window": 1})
        first = client.submit(spec, plate=files_of_plate(stage / "plate"))
        wait_for(lambda: client.job(first).final, seconds=90)
        assert (once.config.spool_folder / first / "plate").is_dir()
        second = client.submit(spec, plate=files_of_plate(stage / "plate"))
        assert second == first
        wait_for(lambda: client.job(first).final, seconds=90)
        states = [found.state for found in client.jobs(limit=2)]
        assert states == ["cancelled", "failed"], "the second upload was not needed"


def seqs_quietly(client: Client, job: str) -> list[int]:
    events = itertools.takewhile(lambda event: event.type != "finished", client.watch(job))
    return [event.seq for event in events if isinstance(event, MatteReady)]


class TestLostWhileSending:
    """A client that is lost before all its files are there."""

    def upload(self, server: ServerUnderTest) -> str:
        (server.home / "models" / "any.safetensors").write_bytes(b"x")
        with greeted_peer(server.live.endpoint, "lost") as client:
            job: str = client.get(Submit(spec=SegmentSpec(model="any"))).job
            client.get(PutFile(job=job, part_of="plate", path="a.1.png", data=b"x"))
        return job

    def test_is_waited_for_and_then_given_up(self, tmp_path: Path) -> None:
        timing = Timing(**{**QUICK.__dict__, "client_timeout": 0.5, "upload_patience": 1.5})
        with running_server(tmp_path / "home", timing=timing) as server:
            job = self.upload(server)
            with server.client() as other:
                given_up = wait_for(lambda: (found := other.job(job)).final and found)
            assert (given_up.state, given_up.error) == ("failed", "job_failed")
            assert given_up.finished - given_up.created >= 2.0

    def test_may_come_back(self, tmp_path: Path) -> None:
        timing = Timing(**{**QUICK.__dict__, "client_timeout": 0.5})
        with running_server(tmp_path / "home", timing=timing) as server:
            job = self.upload(server)
            log = server.home / "server.log"
            wait_for(lambda: "client is silent" in log.read_text("utf-8"))
            with greeted_peer(server.live.endpoint, "lost") as client:
                put = PutFile(job=job, part_of="plate", path="a.2.png", data=b"x")
                assert client.get(put).count == 2

    def test_is_not_waited_for_by_a_private_server(self, tmp_path: Path) -> None:
        timing = Timing(**{**QUICK.__dict__, "client_timeout": 0.5})
        with running_server(tmp_path / "home", timing=timing, private=True) as server:
            with server.client() as other:
                job = self.upload(server)
                given_up = wait_for(lambda: (found := other.job(job)).final and found)
            assert given_up.state == "failed"


def test_learn_of_a_dead_private_server_is_made_again(stage: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    spec = LearnSpec(name="x", refs=str(stage / "refs"), settings={"delay": 0.2})
    with running_server(home, roots=(stage,), private=True) as first:
        with first.client() as client:
            job = client.submit(spec)
            wait_for(lambda: client.job(job).state == "running")
        first.kill()
    with running_server(home, roots=(stage,), private=True) as second, second.client() as client:
        assert client.submit(spec) == job
        assert client.wait(job).result["model"] == "x"
