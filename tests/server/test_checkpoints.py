"""Shots that go on from their last window: wherever they were stopped, the same files."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from smite_protocol.errors import JobCancelled
from smite_protocol.specs import NEXT_VERSION
from smite_server import durable
from smite_server.pixel_errors import MatteError
from smite_server.worker import segment
from tests.support import footage
from tests.support.shots import JOB, Killed, Line, ShotUnderTest, write_model

FRAMES = 11
OVERLAPPING = {"window": 4, "overlap": 1}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    footage.write_plate(folder / "plate", FRAMES)
    write_model(folder / "cart.safetensors")
    return folder


def shot(stage: Path, folder: Path, **settings: Any) -> ShotUnderTest:
    plate = str(stage / "plate" / "cart.####.png")
    return ShotUnderTest(folder, stage / "cart.safetensors", plate, settings)


@pytest.fixture
def overlapping(stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShotUnderTest:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    return shot(stage, tmp_path, **OVERLAPPING, log=str(tmp_path / "windows.txt"))


def windows(found: ShotUnderTest) -> list[str]:
    """The windows that the engine has made since this was asked last."""
    path = Path(found.settings["log"])
    lines = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


class Countdown:
    """Kills at the n-th moment; counts the moments of a run that it does not kill."""

    def __init__(self, moment: int | None = None) -> None:
        self.moment, self.passed = moment, 0

    def __call__(self) -> None:
        if self.passed == self.moment:
            raise Killed
        self.passed += 1


def arm(monkeypatch: pytest.MonkeyPatch, countdown: Countdown) -> None:
    """Make every sync and rename of a file a moment, as everything that is told is."""
    rename = Path.replace

    def counted_sync(_descriptor: int) -> None:
        countdown()  # the disk itself is not waited for: these tests are about the order

    def counted_rename(path: Path, target: Path) -> Path:
        countdown()
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", counted_sync)
    monkeypatch.setattr(Path, "replace", counted_rename)
    # Thumbnails come by the clock, so that each run would have other moments.
    monkeypatch.setattr(segment, "update_thumbnail", lambda *_: None)


ALL_STYLES = {"styles": ("parts", "layers", "cryptomatte"), "version": NEXT_VERSION}


@pytest.mark.parametrize(
    ("settings", "asked", "files"),
    [({"window": 3}, {}, 2), (OVERLAPPING, {}, 2), (OVERLAPPING, ALL_STYLES, 4)],
    ids=["apart", "overlapping", "all styles of the next version"],
)
def test_a_shot_killed_at_any_moment_ends_with_the_same_files(
    stage: Path,
    tmp_path: Path,
    settings: dict[str, int],
    asked: dict[str, Any],
    files: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = shot(stage, tmp_path, **settings, log=str(tmp_path / "windows.txt"))
    found.asked = asked
    moments = Countdown()
    with monkeypatch.context() as patched:
        arm(patched, moments)
        found.run(Line(moments))
    expected, all_windows = found.result(), windows(found)
    assert len(expected) == files * FRAMES + len(("report", "page", "sheet", "latest"))
    assert not list(tmp_path.rglob("*.claim"))
    # Every seventh moment comes by each kind: of a frame (sync, rename, told), of a checkpoint...
    for moment in range(0, moments.passed, 7 if files == 2 else 11):
        found.clear()
        countdown = Countdown(moment)
        first = Line(countdown)
        with monkeypatch.context() as patched:
            arm(patched, countdown)
            with pytest.raises(Killed):
                found.run(first)
        begun = windows(found)
        second = Line()
        found.run(second, checkpoint=first.checkpoints[-1] if first.checkpoints else "")
        assert found.result() == expected, moment
        assert set(first.mattes_told) | set(second.mattes_told) == set(range(1001, 1001 + FRAMES))
        # Finished windows are not made again; the one that was under way at most is.
        assert windows(found) == all_windows[len(first.checkpoints) :]
        assert len(begun) <= len(first.checkpoints) + 1


def stopped_after(found: ShotUnderTest, windows: int) -> Line:
    """Run until so many windows are committed."""
    line = Line()

    def enough() -> None:
        if len(line.checkpoints) == windows:
            raise Killed

    line.at = enough
    with pytest.raises(Killed):
        found.run(line)
    return line


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def scramble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[40:80] = os.urandom(40)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [Path.unlink, cut, scramble, lambda path: path.write_bytes(b"")])
def test_a_damaged_checkpoint_starts_the_shot_over(overlapping: ShotUnderTest, damage: Any) -> None:
    overlapping.run(Line())
    expected, all_windows = overlapping.result(), windows(overlapping)
    overlapping.clear()
    line = stopped_after(overlapping, 2)
    windows(overlapping)
    damage(overlapping.state / line.checkpoints[-1])
    with capture_logs() as logs:
        overlapping.run(Line(), checkpoint=line.checkpoints[-1])
    assert overlapping.result() == expected
    assert windows(overlapping) == all_windows
    (note,) = [entry for entry in logs if "starts over" in entry["event"]]
    assert note["job"] == JOB


@pytest.mark.parametrize("what", ["job", "settings", "plate"])
def test_a_foreign_checkpoint_starts_the_shot_over(
    overlapping: ShotUnderTest, what: str, tmp_path: Path
) -> None:
    line = stopped_after(overlapping, 2)
    job = JOB
    if what == "job":
        job = "fedcba654321"
        overlapping.state.parent.rename(overlapping.state.parents[1] / job)
    elif what == "settings":
        overlapping.settings["seed"] = 5
        overlapping.settings["overlap"] = 2
    else:
        overlapping.plate = footage.write_plate(tmp_path / "another", FRAMES - 1)
    with capture_logs() as logs:
        result = overlapping.run(Line(), checkpoint=line.checkpoints[-1], job=job)
    assert result["frames"] == FRAMES - (what == "plate")
    assert [entry["event"] for entry in logs if "over" in entry["event"]]


def test_a_shot_goes_on_with_smaller_windows(overlapping: ShotUnderTest) -> None:
    overlapping.settings |= {"window": 6, "overlap": 4}
    line = stopped_after(overlapping, 1)
    assert windows(overlapping) == ["1001-1006", "1003-1008"]
    again = Line()
    result = overlapping.run(again, checkpoint=line.checkpoints[-1], window=3)
    # Two of the four held frames fit beside a new one.
    assert windows(overlapping)[:2] == ["1003-1005", "1004-1006"]
    assert again.mattes_told == list(range(1003, 1001 + FRAMES))
    assert (result["frames"], result["window"]) == (FRAMES, 3)
    assert again.windows == [3]


def test_a_window_that_was_halved_stays_so_after_a_kill(stage: Path, tmp_path: Path) -> None:
    found = shot(stage, tmp_path, window=8, memory=4)
    found.run(Line())
    expected = found.result()
    found.clear()
    line = stopped_after(found, 1)
    assert line.windows == [8, 8, 4], "what was kept for later jobs goes first"
    again = Line()
    found.run(again, checkpoint=line.checkpoints[-1])
    assert again.windows == [4]
    assert found.result() == expected


def test_a_shot_pauses_at_a_checkpoint_only(overlapping: ShotUnderTest) -> None:
    overlapping.run(Line())
    expected, all_windows = overlapping.result(), windows(overlapping)
    overlapping.clear()
    line = Line(paused=True)
    with pytest.raises(JobCancelled, match=r"Paused\."):
        overlapping.run(line)
    assert len(line.checkpoints) == 1
    assert line.mattes_told == [1001, 1002, 1003]
    overlapping.run(Line(), checkpoint=line.checkpoints[-1])
    assert overlapping.result() == expected
    assert windows(overlapping) == all_windows


def test_own_files_of_an_earlier_attempt_are_not_counted_as_overwritten(
    overlapping: ShotUnderTest,
) -> None:
    line = stopped_after(overlapping, 2)
    assert overlapping.run(Line(), checkpoint=line.checkpoints[-1])["overwrote"] == 0
    with pytest.raises(MatteError, match="Version 1 of the shot s was delivered"):
        overlapping.run(Line(), job="fedcba654321")
    overlapping.asked = {"overwrite": True}
    assert overlapping.run(Line(), job="fedcba654321")["overwrote"] == 2 * FRAMES


def test_work_that_was_broken_off_goes_on_in_its_own_version(overlapping: ShotUnderTest) -> None:
    """Also as a new job; other work is refused the version, or gets the next one."""
    overlapping.asked = {"version": NEXT_VERSION}
    first = stopped_after(overlapping, 1)
    again = overlapping.run(Line(), job="fedcba654321")
    assert (again["version"], again["overwrote"]) == (1, 2 * len(first.mattes_told) + 2)
    assert overlapping.run(Line(), job="0123456789ab")["version"] == 2
    overlapping.asked = {"version": 3}
    shutil.rmtree(overlapping.state)
    stopped_after(overlapping, 1)
    overlapping.asked = {"version": 3, "edges": "hard"}
    with pytest.raises(MatteError, match="Version 3 of the shot s was begun by another job, 8 of"):
        overlapping.run(Line(), job="aaaabbbbcccc")


def test_a_checkpoint_that_cannot_be_written_costs_no_mattes(
    overlapping: ShotUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("smite_server.worker.checkpoint.sync_file", full)
    line = Line()
    with capture_logs() as logs:
        overlapping.run(line)
    assert line.checkpoints == []
    assert len(line.mattes_told) == FRAMES
    assert [path.name for path in overlapping.state.iterdir()] == ["version"]
    assert "No space left" in logs[0]["problem"]


def test_the_bytes_are_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        is_folder = Path(f"/proc/self/fd/{descriptor}").is_dir()
        done.append("folder" if is_folder else "bytes")
        sync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        done.append("name")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    durable.write_synced(tmp_path / "draft", b"1")
    durable.replace_synced(tmp_path / "draft", tmp_path / "file")
    assert done == ["bytes", "name", "folder"]
