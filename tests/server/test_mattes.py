"""Mattes on disk: windows, values, attributes, whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest

from smite_server.geometry import Geometry, Window
from smite_server.mattes import MatteWriter, is_foreign
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
    temporary = target.with_name(f".{target.name}.smite-tmp.{os.getpid()}")
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
    own = folder / ".c.exr.smite-tmpa1.3"
    for path in (old, new, own):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    writer = MatteWriter(tmp_path, "s", ("mane",), metadata={"job": "a1"})
    writer.write(1, mattes()[:1], GEOMETRY)
    assert not old.exists()
    assert not own.exists(), "the job's last attempt"
    assert new.exists()


def test_every_frame_reads_back_by_openexr(tmp_path: Path) -> None:
    files = MatteWriter(tmp_path, "s", PARTS).write(1, mattes() * 0, GEOMETRY)
    with OpenEXR.File(str(files["mane"])) as file:
        assert list(file.channels()) == ["A"]
        assert file.channels()["A"].pixels.dtype == np.float16
        assert not file.channels()["A"].pixels.any()


class TestPowerCutsAndLimits:
    """A matte that is told is on the disk; what cannot be written leaves nothing."""

    def test_each_folder_is_synced_once_for_a_frame_after_its_files(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = MatteWriter(tmp_path, "s", PARTS, template="{shot}.{part}.{frame}.exr")
        writer.write(1, mattes(), GEOMETRY)
        done: list[str] = []
        fsync, replace = os.fsync, Path.replace

        def noted(descriptor: int) -> None:
            done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "bytes")
            fsync(descriptor)

        def named(path: Path, target: Path) -> Path:
            done.append("name")
            return replace(path, target)

        monkeypatch.setattr(os, "fsync", noted)
        monkeypatch.setattr(Path, "replace", named)
        writer.write(2, mattes(), GEOMETRY)
        assert done == ["bytes", "name", "bytes", "name", "folder"]

    @pytest.mark.parametrize(
        ("call", "code", "says"),
        [
            ("fsync", errno.ENOSPC, "The disk is full"),
            ("fsync", errno.EDQUOT, "The disk is full"),
            ("fsync", errno.EFBIG, "The file is larger than this process may write"),
            ("fsync", errno.EIO, "The file cannot be written"),
            ("replace", errno.ENOSPC, "The disk is full"),
        ],
    )
    def test_injected_faults(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        call: str,
        code: int,
        says: str,
    ) -> None:
        writer = MatteWriter(tmp_path, "s", PARTS)
        writer.write(1, mattes(), GEOMETRY)

        def fault(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os if call == "fsync" else Path, call, fault)
        with pytest.raises(MatteError, match=says):
            writer.write(2, mattes(1), GEOMETRY)
        monkeypatch.undo()
        assert {path.name for path in tmp_path.rglob("*.0002.exr")} == set()
        assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
        assert read(writer.path("mane", 1))[1].any()

    def test_a_file_size_limit(self, tmp_path: Path) -> None:
        """RLIMIT_FSIZE, in a process of its own: Python ignores SIGXFSZ, so writing fails."""
        code = textwrap.dedent("""
            import resource, sys
            import numpy as np
            from smite_server.geometry import Geometry, Window
            from smite_server.mattes import MatteWriter, is_foreign
            from smite_server.pixel_errors import MatteError
            from smite_server.worker.problems import as_wire_error
            noise = np.random.default_rng(1).random((1, 400, 400), dtype=np.float32)
            size = Window(0, 0, 400, 400)
            writer = MatteWriter(sys.argv[1], "s", ("mane",))
            writer.write(1, noise * 0, Geometry(size, size, 1.0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
            try:
                writer.write(2, noise, Geometry(size, size, 1.0))
            except MatteError as problem:
                error = as_wire_error(problem, None)
                print(error.code, error.message)
        """)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("matte_failed The file is larger than this process may write")
        names = [path.name for path in tmp_path.rglob("*") if path.is_file()]
        assert names == ["s_mane_v001.0001.exr"]

    def test_file_systems_that_do_not_sync_folders_are_left_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fsync = os.fsync

        def refuse_folders(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", refuse_folders)
        files = MatteWriter(tmp_path, "s", PARTS).write(1, mattes(), GEOMETRY)
        assert all(path.is_file() for path in files.values())


def test_files_of_other_jobs_are_told_from_ones_own(tmp_path: Path) -> None:
    files = MatteWriter(tmp_path, "s", PARTS, metadata={"job": "a1"}).write(1, mattes(), GEOMETRY)
    assert not is_foreign(files["mane"], "a1")
    assert is_foreign(files["mane"], "b2")
    assert not is_foreign(tmp_path / "none.exr", "a1")
    (tmp_path / "broken.exr").write_bytes(b"not a picture")
    assert is_foreign(tmp_path / "broken.exr", "a1")
