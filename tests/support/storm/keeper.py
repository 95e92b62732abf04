"""Keeps a shared server up on one endpoint and home, however often it is killed."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.support.servers import environment, free_endpoint, quick_config, start_server
from tests.support.storm.server import CLOCK_VARIABLE


class ServerKeeper:
    """The server of a storm. ``options`` are ServerConfig's."""

    def __init__(self, home: Path, clock_seed: int | None = None, **options: Any) -> None:
        self.config = quick_config(home, **{"endpoint": free_endpoint(), **options})
        self.starts = 0
        self._environment = environment(home)
        if clock_seed is not None:
            self._environment[CLOCK_VARIABLE] = str(clock_seed)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.config.home / "server.log").open("ab") as log:
            self._process, _ = start_server(
                self.config, "tests.support.storm.server", log, self._environment
            )
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
