"""Every style on disk: where, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from smite_server.exr_attributes import ShotMetadata
from smite_server.geometry import Geometry
from smite_server.matte_encoder import MatteEncoder, MatteFrame
from smite_server.output_names import OutputNames
from smite_server.output_styles import make_style
from smite_server.output_writer import OutputWriter, WrittenFile, is_foreign
from smite_server.pixel_errors import MatteError
from tests.server.exr_readers import decode, soft_mattes

PARTS = ("eye", "mane")
GEOMETRY = Geometry.of_size(12, 8)


def make_writer(out: Path, *styles: str, job: str = "") -> OutputWriter:
    made = [make_style(style, PARTS) for style in styles]
    members = {style.name: style.members for style in made}
    encoder = MatteEncoder(made, ShotMetadata(shot="s", job=job))
    return OutputWriter(OutputNames(out, "s", 2, members), encoder)


def frame(number: int = 1001, seed: int = 0) -> MatteFrame:
    return MatteFrame(number, soft_mattes(2, GEOMETRY, seed), GEOMETRY)


def test_every_style_of_one_job(tmp_path: Path) -> None:
    writer = make_writer(tmp_path, "parts", "layers", "cryptomatte")
    expected = [
        ("parts", "eye", "s/eye/s_eye_v002.1001.exr"),
        ("parts", "mane", "s/mane/s_mane_v002.1001.exr"),
        ("layers", "layers", "s/layers/s_layers_v002.1001.exr"),
        ("cryptomatte", "cryptomatte", "s/cryptomatte/s_cryptomatte_v002.1001.exr"),
    ]
    for replaced in (False, True):
        assert writer.write(frame()) == [
            WrittenFile(style, member, tmp_path / path, replaced)
            for style, member, path in expected
        ]
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert found == sorted(path for _, _, path in expected)
    layers = decode((tmp_path / expected[2][2]).read_bytes()).channels
    eye = decode((tmp_path / expected[0][2]).read_bytes()).channels["A"]
    np.testing.assert_array_equal(layers["eye.A"], eye)


def test_a_wrong_shape_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    wrong = MatteFrame(1, soft_mattes(3, GEOMETRY), GEOMETRY)
    with pytest.raises(MatteError, match=r"expected \(2, 8, 12\)"):
        make_writer(tmp_path, "layers").write(wrong)
    assert not list(tmp_path.iterdir())


def test_names_of_other_styles_are_refused(tmp_path: Path) -> None:
    writer = make_writer(tmp_path, "layers")
    other = OutputNames(tmp_path, "s", 1, {"parts": PARTS})
    with pytest.raises(MatteError, match="not those of the output styles"):
        OutputWriter(other, writer._encoder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_is_told_and_leaves_the_version_before(tmp_path: Path) -> None:
    writer = make_writer(tmp_path, "layers")
    (before,) = writer.write(frame())
    data = before.path.read_bytes()
    before.path.with_name(f".{before.path.name}.smite-tmp.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(MatteError, match="The disk is full"):
        writer.write(frame(seed=1))
    assert before.path.read_bytes() == data
    assert [path.name for path in before.path.parent.iterdir()] == [before.path.name]


def test_files_of_other_jobs_are_told_from_ones_own(tmp_path: Path) -> None:
    for job, replaced in (("a1", False), ("a1", False), ("b2", True)):
        (file,) = make_writer(tmp_path, "layers", job=job).write(frame())
        assert file.replaced is replaced
    (tmp_path / "broken.exr").write_bytes(b"not a picture")
    assert is_foreign(tmp_path / "broken.exr", "a1")
    assert not is_foreign(tmp_path / "none.exr", "a1")


def test_an_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file is in the way")
    with pytest.raises(MatteError, match=r"output folder cannot be made \(.+\): .*layers"):
        make_writer(tmp_path, "layers").write(frame())
