"""The `smite` command as people run it: processes of its own, a home folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

REPO = Path(__file__).resolve().parents[2]
COMMAND_SECONDS = 240.0
SMALL = ("--set", "area=12288")
"""The engine works on few pixels: these tests are about the way, not the quality."""

FAST = ("--quality", "draft", *SMALL)
FEW_KEYS = ("--set", "key_steps=50", "--set", "key_views=4")
FAST_LEARNING = ("--set", "embedding_steps=12", "--set", "weight_steps=3", *FEW_KEYS, *SMALL)


@dataclass(frozen=True)
class Smite:
    """Runs the command line in a home folder of its own.

    ``server`` is the endpoint that commands are sent to; empty: they start private servers.
    """

    home: Path
    server: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the processes."""
        paths = os.pathsep.join(str(REPO / folder) for folder in ("plugin", "server", "."))
        given = {**os.environ, "PYTHONPATH": paths, "SMITE_HOME": str(self.home), "NO_COLOR": "1"}
        given.pop("SMITE_SERVER", None)
        given["OMP_NUM_THREADS"] = "1"  # small arrays; threads only wait for each other
        if self.server:
            given["SMITE_SERVER"] = self.server
        return given

    def start(self, *arguments: str | Path, log: IO[str] | None = None) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, like a terminal does.

        ``log`` takes its standard error; else that is a pipe.
        """
        return subprocess.Popen(
            [sys.executable, "-m", "smite_server.cli", *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if log is None else log,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *arguments: str | Path) -> dict[str, Any]:
        """Run a command that must work, with ``--json``; return what it printed."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def refuses(self, *arguments: str | Path) -> str:
        """Run a command that must be refused; return its sentence."""
        done = self.run(*arguments)
        assert done.returncode == 2, f"{done.returncode}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        sentence = done.stderr.strip().splitlines()[-1]
        assert sentence.startswith("smite: ")
        assert len([line for line in done.stderr.splitlines() if line.startswith("smite: ")]) == 1
        return sentence
