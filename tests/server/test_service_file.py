"""The systemd unit: it gives the server the time that it takes to end, and systemd can read it."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smite_server.config import Timing
from tests.support.servers import REPOSITORY

UNIT = REPOSITORY / "docs" / "service" / "smite.service"


def unit() -> configparser.ConfigParser:
    # systemd allows a key again (Environment=); the last one is enough here.
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(UNIT.read_text())
    return found


def test_ending_may_take_longer_than_draining() -> None:
    service = unit()["Service"]
    assert float(service["TimeoutStopSec"]) >= Timing().drain_seconds + 30
    assert service["KillMode"] == "mixed"


def test_systemd_reads_it(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / "smite.service"
    copy.write_text(UNIT.read_text().replace("/opt/smite/.venv/bin/smite", sys.executable))
    found = subprocess.run(
        [program, "verify", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
