"""Private servers, the registry of live ones, and what is left of those that died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from smite_protocol import Client, LearnSpec, MatteReady, SegmentSpec
from smite_protocol.errors import PathRefused, ServerUnreachable, SmiteError
from smite_server.private import connect_or_start, find_job_server
from smite_server.registry import LiveServer, is_alive, live_servers, new_server_id, registered
from tests.support.servers import FAKE_ENGINE, QUICK, REPOSITORY, running_server, wait_for


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder; whatever was started there is ended afterwards."""
    monkeypatch.setenv("SMITE_HOME", str(tmp_path / "home"))
    monkeypatch.syspath_prepend(str(REPOSITORY))
    yield tmp_path / "home"
    for live in live_servers():
        os.kill(live.pid, signal.SIGTERM)
    wait_for(lambda: not live_servers())


def segment(stage: Path, **settings: object) -> SegmentSpec:
    return SegmentSpec(
        model="cart",
        plate=str(stage / "plate"),
        out=str(stage / "private"),
        settings={"window": 1, **settings},
    )


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class TestPrivateServer:
    """What `connect_or_start` starts."""

    def test_ends_with_its_client(self, home: Path) -> None:
        with connect_or_start(engine=FAKE_ENGINE) as client:
            assert client.server.private
            (live,) = live_servers()
            assert live.server == client.server.server
        wait_for(lambda: not is_running(live.pid))
        assert live_servers() == []
        assert list((home / "run").iterdir()) == []

    def test_touches_only_the_folders_of_its_command(self, home: Path, stage: Path) -> None:
        with (
            connect_or_start(roots=[stage / "plate"], engine=FAKE_ENGINE) as client,
            pytest.raises(PathRefused, match="outside the folders"),
        ):
            client.submit(LearnSpec(name="x", refs=str(stage / "refs")))

    def test_others_may_not_use_it(self, home: Path) -> None:
        with connect_or_start(engine=FAKE_ENGINE) as client:
            with pytest.raises(SmiteError, match="private to the command"):
                Client(client.endpoint).connect()
            (live,) = live_servers()
            (file,) = (home / "run").iterdir()
            assert file.stat().st_mode & 0o077 == 0
            with connect_or_start(live) as second, connect_or_start(live.endpoint) as third:
                assert second.server == third.server

    def test_named_server_that_is_not_there(self, home: Path) -> None:
        begun = time.monotonic()
        with (
            pytest.raises(ServerUnreachable, match="No SMITE server answers"),
            connect_or_start("tcp://127.0.0.1:1"),
        ):
            pass
        assert time.monotonic() - begun < 6.0

    def test_start_that_fails_says_why(self, home: Path) -> None:
        home.parent.mkdir(exist_ok=True)
        home.write_text("a file where the folder should be")
        with pytest.raises(SmiteError, match="cannot be made"), connect_or_start():
            pass
        home.unlink()


CLIENT = """
import sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from smite_protocol import MatteReady, SegmentSpec
from smite_server.private import connect_or_start
from tests.support.servers import FAKE_ENGINE
stage = Path(sys.argv[1])
with connect_or_start(roots=[stage, Path(sys.argv[2])], engine=FAKE_ENGINE) as client:
    job = client.submit(SegmentSpec(
        model=str(stage / "cart.safetensors"), plate=str(stage / "plate"), out=sys.argv[2],
        settings={"window": 1, "delay": 0.4},
    ))
    for event in client.watch(job):
        if isinstance(event, MatteReady):
            print(job, flush=True)
"""


@pytest.mark.slow
def test_killed_client_leaves_a_job_that_is_finished_and_found(
    home: Path, stage: Path, server: object, tmp_path: Path
) -> None:
    model = server.home / "models" / "cart.safetensors"  # type: ignore[attr-defined]
    (stage / "cart.safetensors").write_bytes(model.read_bytes())
    command = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(stage), str(tmp_path / "out"), *sys.path],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    with command.stdout:
        job = command.stdout.readline().strip()
        command.kill()
        command.wait()
    owner = find_job_server(job)
    assert owner is not None
    with connect_or_start(owner) as client:
        assert client.job(job).state == "running"
        mattes = [event for event in client.watch(job) if isinstance(event, MatteReady)]
    assert len(mattes) == 16
    assert all(Path(matte.path).is_file() for matte in mattes)
    wait_for(lambda: not is_running(owner.pid), seconds=30)
    assert find_job_server(job) is None
    with connect_or_start(engine=FAKE_ENGINE) as client:
        assert client.job(job).state == "done"
        again = [event for event in client.watch(job) if isinstance(event, MatteReady)]
    assert [event.seq for event in again] == list(range(1, 17))


class TestServerThatDies:
    """Jobs of a private server that has gone have failed; those of others wait for another."""

    @pytest.mark.parametrize("private", [True, False], ids=["private", "shared"])
    def test_kill_9(self, stage: Path, home: Path, private: bool) -> None:
        with running_server(home, roots=(stage,), private=private) as first:
            with first.client() as client:
                job = client.submit(LearnSpec(name="x", refs=str(stage / "refs")))
                wait_for(lambda: client.job(job).state == "running")
            (worker,) = psutil.Process(first.process.pid).children()
            first.kill()
            wait_for(lambda: not is_running(worker.pid), seconds=30)
        with connect_or_start(engine=FAKE_ENGINE) as client:
            info = client.job(job)
            if private:
                assert (info.state, info.error) == ("failed", "server_stopped")
                assert "ended before the job did" in info.message
            else:
                assert (info.state, info.stage) == ("queued", "waiting for its server")

    def test_sigterm_ends_cleanly(self, stage: Path, home: Path) -> None:
        with running_server(home, roots=(stage,), private=True, token="t") as first:
            with first.client() as client:
                running = client.submit(LearnSpec(name="x", refs=str(stage / "refs")))
                queued = client.submit(LearnSpec(name="y", refs=str(stage / "refs")))
                wait_for(lambda: client.job(running).state == "running")
                (worker,) = psutil.Process(first.process.pid).children()
                begun = time.monotonic()
                assert first.terminate() == 0
                assert time.monotonic() - begun < 5.0
            assert not is_running(worker.pid)
            assert not is_alive(first.live.server)
        with connect_or_start(engine=FAKE_ENGINE) as client:
            assert "while the job was running" in client.job(running).message
            assert "before its turn" in client.job(queued).message


def test_two_servers_on_one_endpoint(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "a") as first,
        pytest.raises(AssertionError, match="cannot be used"),
        running_server(tmp_path / "b", endpoint=first.live.endpoint),
    ):
        pass


def test_registry_forgets_servers_that_are_gone(home: Path) -> None:
    live = LiveServer(new_server_id(), "tcp://127.0.0.1:1", "t", os.getpid(), False, time.time())
    with registered(live) as path:
        assert live_servers() == [live]
        assert is_alive(live.server)
        left = path.read_bytes()
    path.write_bytes(left)
    assert live_servers() == []
    assert not path.exists()
    assert not is_alive(live.server)


def test_servers_of_other_machines_are_taken_for_alive(home: Path) -> None:
    assert is_alive("elsewhere.123.abcdef")


def test_timing_is_checked() -> None:
    assert QUICK.heartbeat < QUICK.client_timeout
