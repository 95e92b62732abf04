"""Mattes on disk: windows, values, attributes, whole or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest

from smite_server.geometry import Geometry, Window
from smite_server.mattes import MatteWriter
from smite_server.pixel_errors import MatteError

GEOMETRY = Geometry(Window(0, 0, 64, 48), Window(-4, -2, 70, 50), 2.0)
PARTS = ("left_eye", "mane")


def mattes(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((2, 52, 74), dtype=np.float32) / 2


def read(path: Path) -> tuple[OpenImageIO.ImageSpec, np.ndarray]:
    source = OpenImageIO.ImageInput.open(str(path))
    pixels = source.read_image(OpenImageIO.FLOAT)
    assert not source.geterror()
    return source.spec(), pixels[..., 0]


def test_a_matte_is_what_the_pipeline_expects(tmp_path: Path) -> None:
    metadata = {"framesPerSecond": 24000 / 1001, "model": "horse", "seed": 7}
    writer = MatteWriter(tmp_path, "SEQ_010", PARTS, version=3, metadata=metadata)
    values = mattes()
    files = writer.write(1001, values, GEOMETRY)
    assert files == {
        slug: tmp_path / f"SEQ_010/{slug}/SEQ_010_{slug}_v003.1001.exr" for slug in PARTS
    }
    for index, slug in enumerate(PARTS):
        spec, pixels = read(files[slug])
        assert tuple(spec.channelnames) == ("A",)
        assert str(spec.format) == "half"
        assert spec["compression"] == "zip"
        assert (spec.x, spec.y, spec.width, spec.height) == (-4, -2, 74, 52)
        assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 64, 48)
        assert spec["PixelAspectRatio"] == 2.0
        assert spec["framesPerSecond"] == (24000, 1001)
        assert spec["smite/part"] == slug
        assert spec["smite/frame"] == "1001"
        assert spec["smite/model"] == "horse"
        np.testing.assert_array_equal(pixels, values[index].astype(np.float16))


def test_arrays_of_any_memory_layout_come_out_right(tmp_path: Path) -> None:
    base = np.random.default_rng(1).random((74, 52, 4), dtype=np.float32)
    sliced = base.transpose(2, 1, 0)[::2, ::-1]
    files = MatteWriter(tmp_path, "s", PARTS).write(1, sliced, GEOMETRY)
    np.testing.assert_array_equal(read(files["mane"])[1], sliced[1].astype(np.float16))


def test_values_are_clamped(tmp_path: Path) -> None:
    values = mattes()
    values[0, 0, :4] = [-1, 2, np.nan, np.inf]
    _, pixels = read(MatteWriter(tmp_path, "s", PARTS).write(1, values, GEOMETRY)["left_eye"])
    assert pixels[0, :4].tolist() == [0, 1, 0, 1]


def test_nothing_but_the_mattes_lies_in_the_folder(tmp_path: Path) -> None:
    writer = MatteWriter(tmp_path, "s", PARTS)
    for number in (1, 2, 2):
        writer.write(number, mattes(), GEOMETRY)
    names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert names == [f"s_{part}_v001.000{n}.exr" for part in PARTS for n in (1, 2)]


def test_patterns_name_the_sequences(tmp_path: Path) -> None:
    assert MatteWriter(tmp_path, "s", ("mane",)).patterns() == {
        "mane": str(tmp_path / "s/mane/s_mane_v001.####.exr")
    }


def test_a_wrong_shape_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(MatteError, match=r"shape \(2, 52, 73\); expected \(2, 52, 74\)"):
        MatteWriter(tmp_path, "s", PARTS).write(1, mattes()[..., :-1], GEOMETRY)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    writer = MatteWriter(tmp_path, "s", ("mane",))
    target = writer.path("mane", 1)
    target.parent.mkdir(parents=True)
    target.write_bytes(b"the version from before")
    temporary = target.with_name(f".{target.name}.smite-tmp{os.getpid()}")
    temporary.symlink_to("/dev/full")
    with pytest.raises(MatteError, match=r"The disk is full: .*s_mane_v001\.0001\.exr; make room"):
        writer.write(1, mattes()[:1], GEOMETRY)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert target.read_bytes() == b"the version from before"


def test_an_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file is in the way")
    with pytest.raises(MatteError, match=r"output folder cannot be made \(.+\): .*mane"):
        MatteWriter(tmp_path, "s", ("mane",)).write(1, mattes()[:1], GEOMETRY)


def test_what_a_killed_process_left_is_cleared_later(tmp_path: Path) -> None:
    folder = tmp_path / "s" / "mane"
    folder.mkdir(parents=True)
    old, new = folder / ".a.exr.smite-tmp1", folder / ".b.exr.smite-tmp2"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    MatteWriter(tmp_path, "s", ("mane",)).write(1, mattes()[:1], GEOMETRY)
    assert not old.exists()
    assert new.exists()


def test_every_frame_reads_back_by_openexr(tmp_path: Path) -> None:
    files = MatteWriter(tmp_path, "s", PARTS).write(1, mattes() * 0, GEOMETRY)
    with OpenEXR.File(str(files["mane"])) as file:
        assert list(file.channels()) == ["A"]
        assert file.channels()["A"].pixels.dtype == np.float16
        assert not file.channels()["A"].pixels.any()
