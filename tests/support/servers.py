"""Real servers for tests: on a free port, in a folder of their own, with the fake engine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pytest

from smite_protocol import Client, LearnSpec
from smite_server.config import ServerConfig, Timing
from smite_server.registry import LiveServer

FAKE_ENGINE = "tests.support.fake_engine"
REPOSITORY = Path(__file__).parents[2]
QUICK = Timing(heartbeat=0.2, client_timeout=2.0, private_linger=0.3, first_client=10.0)


@dataclass
class ServerUnderTest:
    """A server process, and what a test needs to talk to it."""

    process: subprocess.Popen[bytes]
    live: LiveServer
    config: ServerConfig

    @property
    def home(self) -> Path:
        return self.config.home

    def client(self, **options: Any) -> Client:
        return Client(self.live.endpoint, token=self.live.token, **options)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)


@contextmanager
def running_server(home: Path, **options: Any) -> Iterator[ServerUnderTest]:
    """Start `smite_server.private`'s process with any configuration; end it afterwards."""
    config = quick_config(home, **options)
    with (home / "server.log").open("wb") as log:
        process, live = start_server(config, "smite_server.private", log, environment(home))
    try:
        yield ServerUnderTest(process, live, replace(config, endpoint=live.endpoint))
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def learned_server(home: Path, stage: Path) -> Iterator[ServerUnderTest]:
    """Run a server that may touch ``stage``, with the part model ``cart`` learned from its refs."""
    with running_server(home, roots=(stage,)) as found:
        with found.client() as client:
            client.wait(client.submit(LearnSpec(name="cart", refs=str(stage / "refs"))))
        yield found


def quick_config(home: Path, **options: Any) -> ServerConfig:
    """Return a configuration with the fake engine and short waits; its folders are made."""
    given: dict[str, Any] = {
        "endpoint": "tcp://127.0.0.1:0",
        "home": home,
        "engine": FAKE_ENGINE,
        "timing": QUICK,
        "threads": 1,
    }
    config = ServerConfig(**{**given, **options})
    config.make_folders()
    return config


def environment(home: Path) -> dict[str, str]:
    """Return the environment of processes that import this checkout and use ``home``."""
    paths = [str(REPOSITORY), str(REPOSITORY / "plugin"), str(REPOSITORY / "server")]
    return {**os.environ, "SMITE_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}


def free_endpoint() -> str:
    """Return a loopback endpoint that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{found.getsockname()[1]}"


def start_server(
    config: ServerConfig, module: str, log: IO[bytes], variables: dict[str, str]
) -> tuple[subprocess.Popen[bytes], LiveServer]:
    """Start a module that takes its configuration on standard input; wait until it answers.

    ``log`` gets its standard error: the file ``server.log`` of the configuration's home.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=variables,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin, process.stdout:
            process.stdin.write(json.dumps(config.to_dict()).encode())
            process.stdin.close()
            answer = json.loads(process.stdout.readline() or b"{}")
        said = (config.home / "server.log").read_text("utf-8")[-2000:]
        assert "endpoint" in answer, (answer, said)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process, LiveServer(**{**answer, "roots": tuple(answer["roots"])})


def wait_for(
    condition: Callable[[], Any], seconds: float = 15.0, what: str = "what was waited for"
) -> Any:
    """Return the first true value of ``condition``; fail the test when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail(f"{what} did not happen in {seconds:g} s")
