"""Keeps a shared server up on one endpoint and home, however often it is killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from smite_server.config import ServerConfig
from tests.support.servers import FAKE_ENGINE, QUICK, REPOSITORY
from tests.support.storm.server import CLOCK_VARIABLE


def environment(home: Path) -> dict[str, str]:
    """Return the environment of the storm's processes."""
    paths = [str(REPOSITORY), str(REPOSITORY / "plugin"), str(REPOSITORY / "server")]
    return {**os.environ, "SMITE_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}


def free_endpoint() -> str:
    """Return a loopback endpoint that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{found.getsockname()[1]}"


class ServerKeeper:
    """The server of a storm. ``options`` are ServerConfig's."""

    def __init__(self, home: Path, clock_seed: int | None = None, **options: Any) -> None:
        given = {
            "endpoint": free_endpoint(),
            "home": home,
            "engine": FAKE_ENGINE,
            "timing": QUICK,
            "threads": 1,
            **options,
        }
        self.config = ServerConfig(**given)
        self.config.make_folders()
        self.starts = 0
        self._environment = environment(home)
        if clock_seed is not None:
            self._environment[CLOCK_VARIABLE] = str(clock_seed)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.config.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.storm.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdin as orders, self._process.stdout as answers:
            orders.write(json.dumps(self.config.to_dict()).encode())
            orders.close()
            answer = json.loads(answers.readline() or b"{}")
        assert "endpoint" in answer, (answer, (self.config.home / "server.log").read_text()[-2000:])
        self.starts += 1

    @property
    def pid(self) -> int:
        """Process id of the server that is up."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes there are now."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children()
        return []

    def kill(self) -> None:
        """End the server as a power cut would, and its workers, which end with it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Kill it and start another in its place."""
        self.kill()
        self.start()

    def stop(self) -> int:
        """End it as an operator does; return its exit status."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
