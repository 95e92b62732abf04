"""Files on disk: whole or not at all, also at a full disk, a limit, a kill or a power cut."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from smite_server.pixel_errors import MatteError
from smite_server.whole_files import WholeFiles, write_whole


def write(files: WholeFiles, folder: Path, *names: str, data: bytes = b"matte") -> None:
    """Write one frame."""
    for name in names:
        files.write(folder / name, data)
    files.settle(folder / name for name in names)


def names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_nothing_but_the_files_lies_in_the_folder(tmp_path: Path) -> None:
    files = WholeFiles()
    for data in (b"old", b"new"):
        write(files, tmp_path, "a/1.exr", "b/1.exr", data=data)
    assert names(tmp_path) == ["a/1.exr", "b/1.exr"]
    assert (tmp_path / "a/1.exr").read_bytes() == b"new"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "1.exr"
    target.write_bytes(b"the version from before")
    for mark, write_it in (("", write_whole), (".", WholeFiles().write)):
        target.with_name(f".1.exr.smite-tmp{mark}{os.getpid()}").symlink_to("/dev/full")
        with pytest.raises(MatteError, match=r"The disk is full: .*1\.exr; make room"):
            write_it(target, b"data")
        assert names(tmp_path) == ["1.exr"]
        assert target.read_bytes() == b"the version from before"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file is in the way")
    with pytest.raises(MatteError, match=r"output folder cannot be made \(.+\): .*mane"):
        WholeFiles().write(tmp_path / "s" / "mane" / "1.exr", b"data")


def test_what_a_killed_process_left_is_cleared_later(tmp_path: Path) -> None:
    old, new = tmp_path / ".a.exr.smite-tmp1", tmp_path / ".b.exr.smite-tmp2"
    own = tmp_path / ".c.exr.smite-tmpa1.3"
    for path in (old, new, own):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    WholeFiles("a1").write(tmp_path / "1.exr", b"data")
    assert not old.exists()
    assert not own.exists(), "the job's last attempt"
    assert new.exists()


def test_each_folder_is_synced_once_for_a_frame_after_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = WholeFiles()
    write(files, tmp_path, "a.1.exr", "b.1.exr")
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
    write(files, tmp_path, "a.2.exr", "b.2.exr")
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, says: str
) -> None:
    files = WholeFiles()
    write(files, tmp_path, "1.exr")

    def fault(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os if call == "fsync" else Path, call, fault)
    with pytest.raises(MatteError, match=says):
        write(files, tmp_path, "2.exr")
    monkeypatch.undo()
    assert names(tmp_path) == ["1.exr"]
    assert (tmp_path / "1.exr").read_bytes() == b"matte"


def test_a_file_size_limit(tmp_path: Path) -> None:
    """RLIMIT_FSIZE, in a process of its own: Python ignores SIGXFSZ, so writing fails."""
    code = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from smite_server.pixel_errors import MatteError
        from smite_server.whole_files import WholeFiles
        from smite_server.worker.problems import as_wire_error
        files, folder = WholeFiles(), Path(sys.argv[1])
        files.write(folder / "1.exr", b"little")
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        try:
            files.write(folder / "2.exr", bytes(100_000))
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
    assert names(tmp_path) == ["1.exr"]


def test_file_systems_that_do_not_sync_folders_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write(WholeFiles(), tmp_path, "1.exr")
    assert names(tmp_path) == ["1.exr"]
