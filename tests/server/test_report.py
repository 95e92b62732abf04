"""The report beside the mattes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smite_server.pixel_errors import MatteError
from smite_server.report import FrameReport, Report


def test_report_says_what_was_made(tmp_path: Path) -> None:
    report = Report(
        "SQ_010",
        3,
        {"left_eye": "left eye"},
        settings={"quality": "standard", "seed": np.int64(7)},
        model={"name": "horse", "hash": "ab12"},
        plate={"path": tmp_path / "x.####.exr"},
        styles={"parts": {"left_eye": "out/x.####.exr"}, "layers": {"layers": "out/l.####.exr"}},
    )
    report.add(FrameReport(1001, confidence=0.9, seconds=1.5, bad_pixels=4))
    report.add(FrameReport(1002, confidence=np.float32(0.5), flicker=0.25, held_from=1001))
    report.add(FrameReport(1003, confidence=float("nan")))
    report.save(tmp_path / "r.json", seconds=3.0, seconds_per_frame=1.0)
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["shot"] == "SQ_010"
    assert content["parts"] == {"left_eye": "left eye"}
    assert content["settings"] == {"quality": "standard", "seed": 7}
    assert content["model"]["hash"] == "ab12"
    assert content["timings"] == {"seconds": 3.0, "seconds_per_frame": 1.0}
    assert content["plate"]["path"] == str(tmp_path / "x.####.exr")
    assert content["files"] == {"left_eye": "out/x.####.exr", "layers": "out/l.####.exr"}
    assert content["styles"]["layers"] == {"layers": "out/l.####.exr"}
    assert content["summary"]["bad_pixels"] == 4
    assert content["summary"]["held_frames"] == [1002]
    assert content["summary"]["flicker"] == 0.25
    assert content["summary"]["confidence"] == pytest.approx(0.7)
    frames = {frame["number"]: frame for frame in content["frames"]}
    assert frames[1001]["flicker"] is None
    assert frames[1002]["confidence"] == 0.5
    assert frames[1003]["confidence"] is None


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MatteError, match=r"cannot be written \(No such file or directory\)"):
        Report("s", 1, {}).save(tmp_path / "nowhere" / "r.json")
