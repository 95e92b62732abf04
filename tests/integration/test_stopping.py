"""Clients that are killed, interrupted, or that do not wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import footage
from tests.support.command import FAST, Smite
from tests.support.servers import wait_for

LONG = 400
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def long_plate(stage: Path) -> str:
    """A plate that takes long enough to be interrupted in the middle."""
    folder = stage / "long"
    return footage.write_plate(folder, LONG)


def newest_job(smite: Smite, shot: str) -> dict[str, Any] | None:
    found = [job for job in smite.json("jobs")["jobs"] if job["name"] == shot]
    return found[0] if found else None


def mattes(out: Path) -> list[Path]:
    return sorted(out.rglob("*.exr"))


def has_mattes(out: Path, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, process.communicate()[1]
    return len(mattes(out)) >= 2


def test_ctrl_c_cancels_within_two_seconds(
    private: Smite, learned: Path, long_plate: str, tmp_path: Path
) -> None:
    """The signal goes to the whole process group, as from a terminal."""
    process = private.start("segment", long_plate, "--model", "cart", "--out", tmp_path,
                            *FAST, "--shot", "interrupted")  # fmt: skip
    wait_for(lambda: has_mattes(tmp_path, process), 120, "the first mattes")
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    seconds = time.monotonic() - started
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "cancel" in err.splitlines()[-1]
    assert seconds < 2.5, f"{seconds:.1f} s"
    job = wait_for(lambda: newest_job(private, "interrupted"), 60, "the cancelled job")
    assert job["state"] == "cancelled"
    assert 0 < len(mattes(tmp_path)) < 2 * LONG
    hidden = [path.suffix for path in tmp_path.rglob("*") if path.name.startswith(".")]
    assert hidden == [".claim"], "the version is kept for the same work"


def test_a_killed_client_loses_nothing(
    private: Smite, learned: Path, stage: Path, tmp_path: Path
) -> None:
    """kill -9 of the client: its private server finishes; jobs and watch find the job again."""
    frames = 60
    plate = footage.write_plate(stage / "killed", frames)
    process = private.start("segment", plate, "--model", "cart", "--out", tmp_path,
                            *FAST, "--shot", "killed")  # fmt: skip
    wait_for(lambda: has_mattes(tmp_path, process), 120, "the first mattes")
    process.kill()
    process.communicate()
    assert len(mattes(tmp_path)) < 2 * frames
    job = wait_for(lambda: newest_job(private, "killed"), 60, "the job of the killed client")
    assert job["state"] == "running"
    watched = private.json("watch", job["job"])
    assert watched["state"] == "done"
    assert len(mattes(tmp_path)) == 2 * frames
    wait_for(lambda: not private_servers(private), 30, "the end of the private server")


def private_servers(smite: Smite) -> list[Path]:
    """Return what the live private servers of a home folder have registered."""
    registered = (smite.home / "run").glob("*.json")
    return [path for path in registered if '"private": true' in path.read_text(encoding="utf-8")]


def test_detach_returns_at_once_and_cancel_stops_the_job(
    private: Smite, learned: Path, long_plate: str, tmp_path: Path
) -> None:
    found = private.json(
        "segment",
        long_plate,
        "--model",
        "cart",
        "--out",
        tmp_path,
        *FAST,
        "--shot",
        "detached",
        "--detach",
    )
    job = found["job"]
    state = wait_for(
        lambda: (newest_job(private, "detached") or {}).get("state") == "running",
        60,
        "the start of the job",
    )
    assert state
    assert private.json("cancel", job[:6])["state"] == "cancelled"
    sentence = private.refuses("cancel", job)
    assert job in sentence
    done = private.run("watch", job)
    assert done.returncode == 130
    assert "cancel" in done.stderr.lower()


def test_detach_needs_a_place_for_the_mattes(blind: Smite, stage: Path, tmp_path: Path) -> None:
    plate = stage / "plate" / "cart.####.png"
    sentence = blind.refuses("segment", plate, "--model", "cart", "--out", tmp_path, "--detach")
    assert "--detach" in sentence
    assert "--root" in sentence
