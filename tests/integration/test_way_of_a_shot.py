"""Learn, segment, evaluate: stills and a plate go in, mattes and figures come out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenEXR
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


@pytest.fixture
def one_frame() -> tuple[str, ...]:
    return (*FAST, "--frames", "1002")


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


def test_every_style_of_one_job(
    served: Smite, learned: Path, stage: Path, tmp_path: Path, one_frame: tuple[str, ...]
) -> None:
    """Three styles, as asked for; every file says what it is; the report names them all."""
    found = served.json(
        "segment", stage / "plate" / "cart.####.png", "--model", "cart", "--out", tmp_path,
        *one_frame, "--style", "parts,layers,cryptomatte", "--precision", "float",
        "--compression", "piz", "--layers", "rgba", "--with-plate",
        "--owner", "A Studio", "--comment", "for the lead",
    )  # fmt: skip
    assert {style: sorted(files) for style, files in found["styles"].items()} == {
        "parts": sorted(SLUGS), "layers": ["layers"], "cryptomatte": ["cryptomatte"],
    }  # fmt: skip
    assert found["files"]["layers"].endswith("/cart/layers/cart_layers_v001.####.exr")
    with OpenEXR.File(
        found["files"]["layers"].replace("####", "1002"), separate_channels=True
    ) as file:
        header, channels = dict(file.header()), file.channels()
        layers = {name: np.array(channel.pixels) for name, channel in channels.items()}
    assert set(layers) == {f"{slug}.{c}" for slug in SLUGS for c in "RGBA"} | set("RGB")
    assert header["owner"] == "A Studio"
    assert header["comments"] == "for the lead"
    assert header["compression"] == OpenEXR.PIZ_COMPRESSION
    assert header["smite/model"] == "cart"
    assert header["smite/sourcePlate"].endswith("cart.####.png")
    for slug in SLUGS:
        _, alpha = read_alpha(Path(found["files"][slug].replace("####", "1002")))
        assert alpha.dtype == np.float32
        for channel in "RGBA":
            np.testing.assert_array_equal(layers[f"{slug}.{channel}"], alpha)
    report = json.loads(Path(found["report"]).read_text(encoding="utf-8"))
    assert report["styles"] == found["styles"]


def test_edges_are_made_as_asked(
    served: Smite, learned: Path, stage: Path, tmp_path: Path, one_frame: tuple[str, ...]
) -> None:
    plate = stage / "plate" / "cart.####.png"
    soft = {}
    for edges in ("hard", "soft", "fine"):
        found = served.json(
            "segment", plate, "--model", "cart", "--out", tmp_path / edges, *one_frame,
            "--edges", edges,
        )  # fmt: skip
        _, alpha = read_alpha(Path(found["files"]["body"].replace("####", "1002")))
        soft[edges] = int(np.count_nonzero((alpha > 0) & (alpha < 1)))
        assert np.count_nonzero(alpha)
    assert soft["hard"] == 0
    assert soft["soft"] > 0
    assert soft["fine"] != soft["soft"]


def test_a_proxy_goes_into_a_folder_of_its_own(
    served: Smite, learned: Path, stage: Path, tmp_path: Path, one_frame: tuple[str, ...]
) -> None:
    plate = stage / "plate" / "cart.####.png"
    found = served.json("segment", plate, "--model", "cart", "--out", tmp_path, *one_frame,
                        "--proxy", "2")  # fmt: skip
    header, alpha = read_alpha(tmp_path / "proxy_2/cart/body/cart_body_v001.1002.exr")
    assert alpha.shape == (footage.HEIGHT // 2, footage.WIDTH // 2)
    assert [list(corner) for corner in header["displayWindow"]][1] == [
        footage.WIDTH // 2 - 1, footage.HEIGHT // 2 - 1,
    ]  # fmt: skip
    assert found["report"] == str(tmp_path / "proxy_2/cart/cart_smite_v001.json")
    served.json("segment", plate, "--model", "cart", "--out", tmp_path, *one_frame)


def test_a_delivered_version_is_kept(
    served: Smite, learned: Path, stage: Path, tmp_path: Path, one_frame: tuple[str, ...]
) -> None:
    """The same version is refused, the next one is made, and it is overwritten when asked."""
    asked = ("segment", stage / "plate" / "cart.####.png", "--model", "cart", "--out", tmp_path)
    first = served.json(*asked, *one_frame)
    refused = served.refuses(*asked, *one_frame)
    assert "Version 1 of the shot cart was delivered" in refused
    assert "--version next" in refused
    second = served.json(*asked, *one_frame, "--version", "next")
    assert (first["version"], second["version"]) == (1, 2)
    latest = tmp_path / "cart" / "cart_smite_latest.json"
    assert json.loads(latest.read_text(encoding="utf-8"))["version"] == 2
    assert served.json(*asked, *one_frame, "--overwrite")["overwrote"] == len(SLUGS)


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
