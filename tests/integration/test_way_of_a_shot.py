"""Learn, segment, evaluate: stills and a plate go in, mattes and figures come out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support import footage
from tests.support.command import FAST, Smite
from tests.support.footage import read_alpha

SLUGS = ("body", "left_wheel")


@pytest.fixture(scope="module")
def segmented(
    served: Smite, learned: Path, stage: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    """Mattes of the small plate: the output folder and what `--json` printed."""
    out = tmp_path_factory.mktemp("mattes")
    plate = stage / "plate" / "cart.####.png"
    found = served.json("segment", plate, "--model", "cart", "--out", out, *FAST)
    return out, found


def test_learn_prints_what_the_product_promises(served: Smite, learned: Path, stage: Path) -> None:
    assert learned.suffix == ".safetensors"
    assert learned.is_file()
    (model,) = [
        entry for entry in served.json("models", "list")["models"] if entry["name"] == "cart"
    ]
    assert model["parts"] == ["body", "left wheel"]


def test_one_matte_per_part_and_frame(segmented: tuple[Path, dict[str, object]]) -> None:
    out, found = segmented
    assert found["shot"] == "cart"
    for slug in SLUGS:
        for frame in range(1001, 1005):
            _, alpha = read_alpha(out / "cart" / slug / f"cart_{slug}_v001.{frame}.exr")
            assert alpha.dtype == np.float16
            assert alpha.shape == (footage.HEIGHT, footage.WIDTH)
            assert 0 <= alpha.min() <= alpha.max() <= 1
    names = {path.name for path in (out / "cart").iterdir()}
    assert {"cart_smite_v001.json", "cart_smite_v001.png"} <= names
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


def test_segment_json_has_the_keys_of_the_product(
    segmented: tuple[Path, dict[str, object]],
) -> None:
    out, found = segmented
    for key in ("job", "shot", "frames", "parts", "files", "seconds_per_frame"):
        assert key in found
    files = found["files"]
    assert isinstance(files, dict)
    assert set(files) == set(SLUGS)
    assert all(str(path).startswith(str(out)) for path in files.values())


def test_evaluate_json_has_the_keys_of_the_product(
    served: Smite, learned: Path, stage: Path
) -> None:
    found = served.json(
        "evaluate", "--model", "cart", "--clip", stage / "clip", *FAST,
        "--skip-frames", "0",
    )  # fmt: skip
    assert {"miou", "miou_foreground", "f_measure", "jf", "mvc8", "mvc16", "flicker",
            "seconds_per_frame", "frames", "parts"} <= set(found)  # fmt: skip
    assert 0 <= found["miou_foreground"] <= 1
    assert found["frames"] == 2
    assert set(found["parts"]) == {"body", "left wheel"}


def test_baseline_needs_no_model_and_labels_may_be_given(served: Smite, tmp_path: Path) -> None:
    clip = footage.write_clip(tmp_path / "clip", 3)
    (clip / "labels.json").unlink()
    found = served.json(
        "evaluate", "--baseline", "copy-first", "--clip", clip,
        "--labels", "1=body", "--ignore", "2",
    )  # fmt: skip
    assert set(found["parts"]) == {"body"}
    assert 0.5 < found["miou_foreground"] < 1


def test_an_odd_frame_keeps_its_windows(served: Smite, learned: Path, tmp_path: Path) -> None:
    """One frame; portrait, anamorphic, overscan, NaN pixels."""
    plate = tmp_path / "odd.1001.exr"
    footage.write_odd_exr(plate)
    out = tmp_path / "out"
    found = served.json("segment", plate, "--model", "cart", "--out", out, *FAST,
                        "--shot", "odd", "--version", "3")  # fmt: skip
    header, alpha = read_alpha(out / "odd" / "body" / "odd_body_v003.1001.exr")
    assert header["pixelAspectRatio"] == 2.0
    assert [list(corner) for corner in header["dataWindow"]] == [[-4, -6], [67, 101]]
    assert [list(corner) for corner in header["displayWindow"]] == [[0, 0], [63, 95]]
    assert alpha.shape == (108, 72)
    assert np.isfinite(alpha).all()
    assert found["files"]["body"].endswith("odd_body_v003.####.exr")
    report = json.loads((out / "odd" / "odd_smite_v003.json").read_text(encoding="utf-8"))
    assert "NaN" not in json.dumps(report)


def test_frames_go_by_wire_to_a_server_that_takes_no_paths(
    blind: Smite, served: Smite, stage: Path, tmp_path: Path,
    segmented: tuple[Path, dict[str, object]],
) -> None:  # fmt: skip
    """The mattes that come back as bytes are those that a server writes itself."""
    by_path, _ = segmented
    plate = stage / "plate" / "cart.####.png"
    found = blind.json(
        "segment", plate, "--model", "cart", "--out", tmp_path, *FAST, "--frames", "1002-1003"
    )
    assert found["files"]["body"].startswith(str(tmp_path))
    written = sorted(path.name for path in tmp_path.rglob("*.exr"))
    assert written == [f"cart_{slug}_v001.{frame}.exr" for slug in SLUGS for frame in (1002, 1003)]
    again = served.json("segment", plate, "--model", "cart", "--out", tmp_path / "whole",
                        *FAST, "--send")  # fmt: skip
    assert again["frames"] == 4 or len(again["frames"]) == 4
    for path in (tmp_path / "whole").rglob("*.exr"):
        name = path.relative_to(tmp_path / "whole")
        _, one = read_alpha(path)
        _, other = read_alpha(by_path / name)
        np.testing.assert_array_equal(one, other)


def test_a_private_server_does_the_same_and_goes(
    private: Smite, learned: Path, stage: Path, tmp_path: Path
) -> None:
    plate = stage / "plate" / "cart.####.png"
    found = private.json(
        "segment", plate, "--model", "cart", "--out", tmp_path, *FAST, "--frames", "1001"
    )
    assert (tmp_path / "cart" / "body" / "cart_body_v001.1001.exr").is_file()
    jobs = private.json("jobs")["jobs"]
    (job,) = [entry for entry in jobs if entry["job"] == found["job"]]
    assert job["state"] == "done"


def test_doctor_reports_each_thing(served: Smite) -> None:
    found = served.json("doctor")
    assert found["ok"] is True
    names = " ".join(check["name"] for check in found["checks"]).lower()
    for word in ("python", "numpy", "ocio", "disk", "server", "cpu", "backbone", "cotracker"):
        assert word in names, f"{word} is not in {names}"
    (cotracker,) = [check for check in found["checks"] if "cotracker" in check["name"].lower()]
    assert cotracker["ok"] or ("pip install" in cotracker["fix"] and cotracker["licence"])
