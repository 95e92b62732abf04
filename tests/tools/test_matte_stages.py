"""The pure parts of benchmarks.matte_stages, and the plate it enlarges."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from benchmarks.enlarged_plate import enlarged_plate
from benchmarks.matte_stages import JOB, Stages, size_of
from benchmarks.stage_table import COLUMNS, keep, read_rows, stage_table
from smite_server.colour import ToDisplay
from smite_server.plates import open_plate


def noted() -> Stages:
    """Two frames; the plate is read twice for each, the engine takes both at once."""
    stages = Stages(frames=2)
    for stage in JOB:
        times = 4 if stage in ("read", "display") else 2
        for _ in range(times):
            stages.note(stage, 0.5)
    stages.note("engine", 3.0)
    stages.note("soft", 9.0)
    return stages


def test_all_is_one_job_with_the_engine_and_both_readings() -> None:
    seconds = noted().per_frame()
    assert seconds["read"] == seconds["display"] == 1.0
    assert seconds["engine"] == 2.0
    others = [stage for stage in JOB if stage not in ("read", "display", "engine")]
    assert seconds["all"] == pytest.approx(1.0 + 1.0 + 2.0 + 0.5 * len(others))


def test_time_in_a_with_block_is_noted() -> None:
    stages = Stages()
    with stages.timed("fine"):
        sum(range(1000))
    assert stages.total("fine") > 0
    assert stages.total("soft") == 0


def test_every_stage_of_the_job_has_a_column() -> None:
    assert set(JOB) < set(COLUMNS)


def row(frames: int, size: str = "64x36") -> dict[str, object]:
    about = {"size": size, "parts": 7, "frames": frames, "device": "cpu", "threads": 2}
    return {**about, "seconds": noted().per_frame(), "peak_mib": 10, "load": 0.5}


def test_a_run_takes_the_place_of_one_of_its_size(tmp_path: Path) -> None:
    path = tmp_path / "results" / "stages.json"
    assert read_rows(path) == []
    keep(path, row(4))
    keep(path, row(2, "128x72"))
    rows = keep(path, row(100))
    assert rows == read_rows(path)
    assert [(each["size"], each["frames"]) for each in rows] == [("128x72", 2), ("64x36", 100)]
    table = stage_table(rows)
    assert "| 64x36 | 100 | 7 | 1.00 | 1.00 | 2.00 | – |" in table


@pytest.mark.parametrize("text", ["4096", "4096x", "0x36", "axb"])
def test_a_wrong_size_is_told(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"size|pixels"):
        size_of(text)
    assert size_of("4096x2160") == (4096, 2160)


def test_the_demo_shot_is_enlarged_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMITE_SHARED", str(tmp_path / "nothing"))
    made = enlarged_plate(tmp_path, "davis/libby", (80, 44), 6, 5)
    assert made.name == "demo"
    with open_plate(made.pattern) as plate:
        assert list(plate.numbers) == list(range(1001, 1007))
        assert plate.geometry.data.shape == (44, 80)
        first, last = plate.read(1001), plate.read(1006)
        display = ToDisplay(plate.colour_space, plate.format_hint).apply(first.pixels)
    assert 0.1 < float(display.mean()) < 0.9
    assert not np.array_equal(first.pixels, last.pixels)  # The shot goes there and back.
    labels = made.reference.labels
    areas = np.bincount(labels.ravel(), minlength=6)[1:]
    assert len(areas) == 5
    assert areas.min() > 0.5 * areas.max()
