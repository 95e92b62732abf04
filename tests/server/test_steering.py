"""Pause, resume, retry and reorder; who may; how many each user may have."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smite_protocol import Client, SegmentSpec, files_of_plate
from smite_protocol.errors import (
    LimitReached,
    NotAuthorised,
    NotGreeted,
    SmiteError,
    WrongState,
    error_from_code,
)
from smite_protocol.messages import (
    PROTOCOL_MAX,
    Cancel,
    DoctorSpec,
    EndUpload,
    GetJob,
    Hello,
    ListJobs,
    Message,
    Pause,
    PutFile,
    Reorder,
    Resume,
    Retry,
    Submit,
)
from smite_server.config import Limits, ServerConfig
from smite_server.handlers import Handlers
from smite_server.jobs import Job, State
from smite_server.orphans import Orphans
from smite_server.parts import Parts
from smite_server.queue import Places
from smite_server.sessions import Sessions
from smite_server.spool import Spool
from smite_server.store import Store
from smite_server.watchers import Watchers
from smite_server.writing import Later
from tests.support import footage
from tests.support.servers import ServerUnderTest, wait_for
from tests.support.specs import segment_by_path

LIMITS = Limits(max_jobs_per_user=4, max_open_jobs=8, max_clients=20)


class Server:
    """A server's handlers without sockets and workers; users are named as their keys would."""

    def __init__(self, home: Path) -> None:
        self.config = ServerConfig(home=home, admins=("root",), limits=LIMITS)
        self.config.make_folders()
        self.store = Store(self.config.store_file, "s")
        spool = Spool(self.config.spool_folder, LIMITS)
        places = Places(self.store.places)
        runner: Any = SimpleNamespace(cancel=self._cancel, pause=self._pause, fail=self._fail)
        self.parts = Parts(
            config=self.config,
            store=self.store,
            spool=spool,
            runner=runner,
            sessions=Sessions(LIMITS.max_clients),
            watchers=Watchers(self.store, lambda *_: True, places.ahead, 1000),
            orphans=Orphans(self.config, self.store, spool, alive=lambda _: False),
            places=places,
        )
        self.handlers = Handlers(self.parts)

    def _cancel(self, job: Job) -> Job:
        return self.store.move(job.job, State.CANCELLED)

    def _pause(self, job: Job) -> Job:
        return self.store.change(job.job, stage="pausing")

    def _fail(self, job: str, problem: SmiteError) -> Job:
        return self.store.move(job, State.FAILED, error=problem.code)

    def ask(self, user: str, message: Message, *, proven: bool = True) -> Any:
        """Do what a user asks, on the user's own socket; return the reply."""
        name = user if proven else ""
        try:
            reply = self.handlers.handle(user.encode(), message, name)
        except NotGreeted:
            hello = Hello(protocol_min=1, protocol_max=PROTOCOL_MAX, client=user, user=user)
            self.handlers.handle(user.encode(), hello, name)
            reply = self.handlers.handle(user.encode(), message, name)
        if isinstance(reply, Later):
            with ThreadPoolExecutor() as thread:
                return reply.reply(thread.submit(reply.write))
        return reply

    def submit(self, user: str, *, proven: bool = True, **options: Any) -> str:
        reply = self.ask(user, Submit(spec=DoctorSpec(), **options), proven=proven)
        return str(reply.job)

    def order(self) -> list[str]:
        return [entry.job for entry in self.store.places()[0]]


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    yield found
    found.store.close()


class TestQueue:
    """What is told of jobs that wait, and what may be done to them."""

    def test_jobs_know_user_lane_and_place(self, quiet: Server) -> None:
        first, second = quiet.submit("ada"), quiet.submit("ada", priority=-1)
        last = quiet.submit("ada", batch=True, priority=9)
        infos = {info.job: info for info in quiet.ask("ada", ListJobs()).jobs}
        assert [infos[job].ahead for job in (first, second, last)] == [0, 1, 2]
        assert [infos[job].lane for job in (first, last)] == ["interactive", "batch"]
        assert {info.user for info in infos.values()} == {"ada"}
        assert infos[last].priority == 9

    def test_a_paused_job_has_no_turn_until_it_is_resumed(self, quiet: Server) -> None:
        first, second = quiet.submit("ada"), quiet.submit("ada")
        info = quiet.ask("ada", Pause(job=first)).info
        assert (info.state, info.ahead) == ("paused", None)
        assert quiet.order() == [second]
        with pytest.raises(WrongState, match="is paused and cannot be paused"):
            quiet.ask("ada", Pause(job=first))
        info = quiet.ask("ada", Resume(job=first)).info
        assert (info.state, info.ahead) == ("queued", 0)
        with pytest.raises(WrongState, match="only a paused one"):
            quiet.ask("ada", Resume(job=first))

    def test_a_running_job_is_paused_by_its_worker(self, quiet: Server) -> None:
        job = quiet.submit("ada")
        quiet.store.move(job, State.RUNNING)
        info = quiet.ask("ada", Pause(job=job)).info
        assert (info.state, info.stage) == ("running", "pausing")

    def test_retry(self, quiet: Server) -> None:
        job, other = quiet.submit("ada"), quiet.submit("ada")
        with pytest.raises(WrongState, match="only a failed or cancelled one"):
            quiet.ask("ada", Retry(job=job))
        quiet.store.change(job, checkpoint="gone")
        quiet.ask("ada", Cancel(job=job))
        info = quiet.ask("ada", Retry(job=job)).info
        assert (info.job, info.state, info.ahead) == (job, "queued", 1)
        assert quiet.order() == [other, job], "it is the last of its equals"
        assert quiet.store.find(job).checkpoint == "", "the file is not there any more"

    def test_retry_goes_on_from_the_checkpoint(self, quiet: Server) -> None:
        job = quiet.submit("ada")
        state = quiet.parts.spool.folder_of(job, "state")
        state.mkdir(parents=True)
        (state / "4").write_bytes(b"x")
        quiet.store.change(job, checkpoint="4")
        quiet.store.move(job, State.FAILED)
        quiet.ask("ada", Retry(job=job))
        assert quiet.store.find(job).checkpoint == "4"

    def test_retry_of_work_that_was_submitted_anew(self, quiet: Server) -> None:
        job = quiet.submit("ada")
        quiet.ask("ada", Cancel(job=job))
        again = quiet.submit("ada")
        quiet.store.change(again, key=quiet.store.find(job).key)
        with pytest.raises(WrongState, match=f"is job {again} already, which is queued"):
            quiet.ask("ada", Retry(job=job))

    def test_retry_of_a_job_whose_files_never_came(self, quiet: Server) -> None:
        (quiet.config.models_folder / "m.safetensors").write_bytes(b"x")
        job = quiet.ask("ada", Submit(spec=SegmentSpec(model="m"))).job
        quiet.ask("ada", Cancel(job=job))
        with pytest.raises(WrongState, match=r"files of job .* are not on the server"):
            quiet.ask("ada", Retry(job=job))

    def test_retry_of_a_job_made_for_another_server(self, quiet: Server) -> None:
        job = quiet.submit("ada")
        quiet.ask("ada", Cancel(job=job))
        quiet.store.change(job, resolved={"roots": ["/elsewhere"], "made_for": {}})
        with pytest.raises(WrongState, match="another backbone, spool or roots"):
            quiet.ask("ada", Retry(job=job))

    def test_reorder(self, quiet: Server) -> None:
        a, b, c = (quiet.submit("ada") for _ in range(3))
        quiet.ask("ada", Reorder(job=c, before=b))
        assert quiet.order() == [a, c, b]
        quiet.ask("ada", Reorder(job=b, before=""))
        assert quiet.order() == [b, a, c]
        info = quiet.ask("ada", Reorder(job=c, priority=1)).info
        assert quiet.order() == [c, b, a]
        assert (info.priority, info.ahead) == (1, 0)

    def test_reorder_that_cannot_be_changes_nothing(self, quiet: Server) -> None:
        mine, other = quiet.submit("ada"), quiet.submit("bo")
        behind = quiet.submit("ada", batch=True)
        for before in (other, behind, mine, "0123456789ab"):
            with pytest.raises(WrongState, match="cannot be put before"):
                quiet.ask("ada", Reorder(job=mine, priority=3, before=before))
        assert quiet.store.find(mine).priority == 0
        quiet.ask("ada", Cancel(job=mine))
        with pytest.raises(WrongState, match="has no place in the queue"):
            quiet.ask("ada", Reorder(job=mine, priority=3))

    def test_an_upload_has_a_place_only_when_it_is_whole(self, quiet: Server) -> None:
        (quiet.config.models_folder / "m.safetensors").write_bytes(b"x")
        job = quiet.ask("ada", Submit(spec=SegmentSpec(model="m"))).job
        assert quiet.ask("ada", GetJob(job=job)).info.ahead is None
        quiet.ask("ada", PutFile(job=job, part_of="plate", path="a.png", data=b"x"))
        quiet.ask("ada", EndUpload(job=job))
        assert quiet.ask("ada", GetJob(job=job)).info.ahead == 0


class TestUsers:
    """Where keys prove who asks, jobs are their users' own."""

    CHANGES = (Cancel, Pause, Resume, Retry, Reorder)

    @pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.type)
    def test_nobody_changes_anothers_job(self, quiet: Server, change: Any) -> None:
        job = quiet.submit("ada")
        with pytest.raises(NotAuthorised, match=f"is ada's; only they .* may {change.type} it"):
            quiet.ask("bo", change(job=job))
        assert quiet.store.find(job).state is State.QUEUED

    def test_admins_may(self, quiet: Server) -> None:
        job = quiet.submit("ada")
        assert quiet.ask("root", Cancel(job=job)).info.state == "cancelled"

    def test_without_keys_anybody_may(self, quiet: Server) -> None:
        job = quiet.submit("ada", proven=False)
        assert quiet.store.find(job).user == "ada"
        assert quiet.ask("bo", Cancel(job=job), proven=False).info.state == "cancelled"

    def test_a_name_that_is_only_said_counts_for_nothing_beside_a_key(self, quiet: Server) -> None:
        hello = Hello(protocol_min=1, protocol_max=2, client="c", user="ada")
        assert quiet.handlers.handle(b"c", hello, "bo").user == "bo"  # type: ignore[union-attr]
        job = quiet.submit("ada")
        with pytest.raises(NotAuthorised):
            quiet.handlers.handle(b"c", Cancel(job=job), "bo")

    def test_who_says_nothing_is_somebody(self, quiet: Server) -> None:
        hello = Hello(protocol_min=1, protocol_max=1, client="c")
        assert quiet.handlers.handle(b"c", hello).user == "somebody"  # type: ignore[union-attr]

    def test_a_socket_that_has_another_key_now_is_a_stranger(self, quiet: Server) -> None:
        job = quiet.submit("ada")
        with pytest.raises(NotGreeted):
            quiet.handlers.handle(b"ada", Cancel(job=job), "bo")

    @pytest.mark.parametrize("identity", [b"ada", b"other"], ids=["socket", "client id"])
    def test_a_session_cannot_be_taken(self, quiet: Server, identity: bytes) -> None:
        quiet.submit("ada")
        hello = Hello(protocol_min=1, protocol_max=2, client="ada")
        with pytest.raises(NotAuthorised, match="Another user"):
            quiet.handlers.handle(identity, hello, "bo")
        with pytest.raises(NotAuthorised, match="Another user"):
            quiet.handlers.handle(identity, hello)
        assert quiet.parts.sessions.user(b"ada").name == "ada"

    def test_nobody_sends_files_for_anothers_job(self, quiet: Server) -> None:
        (quiet.config.models_folder / "m.safetensors").write_bytes(b"x")
        job = quiet.ask("ada", Submit(spec=SegmentSpec(model="m"))).job
        quiet.parts.sessions.close("ada")
        hello = Hello(protocol_min=1, protocol_max=2, client="ada")
        quiet.handlers.handle(b"ada", hello, "bo")
        with pytest.raises(WrongState, match="no files of yours"):
            quiet.handlers.handle(b"ada", EndUpload(job=job), "bo")


class TestLimits:
    """How many jobs there may be."""

    def test_of_one_user(self, quiet: Server) -> None:
        jobs = [quiet.submit("ada") for _ in range(LIMITS.max_jobs_per_user)]
        with pytest.raises(LimitReached, match="ada has 4 jobs in the queue already"):
            quiet.submit("ada")
        other = quiet.submit("bo")
        quiet.ask("ada", Cancel(job=jobs[0]))
        quiet.submit("ada")
        with pytest.raises(LimitReached):
            quiet.ask("ada", Retry(job=jobs[0]))
        assert quiet.store.find(other).state is State.QUEUED

    def test_of_all(self, quiet: Server) -> None:
        for user in ("ada", "bo"):
            for _ in range(LIMITS.max_jobs_per_user):
                quiet.submit(user)
        with pytest.raises(SmiteError, match="The queue has 8 jobs") as raised:
            quiet.submit("cy")
        assert type(raised.value) is type(error_from_code("too_large", ""))


def test_over_the_wire(client: Client, stage: Path) -> None:
    running = client.submit(segment_by_path(stage, "steer_0", delay=0.1))
    paused, second, third = (
        client.submit(segment_by_path(stage, f"steer_{n}", delay=0.02)) for n in (1, 2, 3)
    )
    client.pause(paused)
    assert client.reorder(third, before=second).ahead == 1
    for job in (running, second, third):
        client.wait(job)
    infos = [client.job(job) for job in (third, second)]
    assert infos[0].finished <= infos[1].started  # type: ignore[operator]
    assert client.job(paused).state == "paused"
    client.resume(paused)
    assert client.wait(paused).result["frames"] == 8


def test_mattes_that_were_cleared_are_refused_at_once(
    client: Client, server: ServerUnderTest, stage: Path
) -> None:
    job = client.submit(SegmentSpec(model="cart"), plate=files_of_plate(stage / "plate"))
    client.wait(job)
    folder = server.config.spool_folder / job
    folder.rename(folder.with_name(".gone"))
    with pytest.raises(SmiteError, match="have been cleared from the server's disk"):
        list(client.watch(job))
    last = 16 + footage.ABOUT_SHOT_FILES
    assert wait_for(lambda: [event.type for event in client.watch(job, after=last)]) == [
        "state_changed", "finished",
    ]  # fmt: skip
