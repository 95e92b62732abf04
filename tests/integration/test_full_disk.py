"""Disks that fill up in the middle of a job: nothing half written, a clear reason, and on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from smite_protocol import SegmentSpec
from smite_protocol.errors import DiskFull, MatteFailed
from tests.support import footage
from tests.support.servers import ServerUnderTest, learned_server

FRAMES = 24
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs and rlimits of Linux")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    stage = tmp_path_factory.mktemp("stage")
    footage.write_references(stage / "refs")
    footage.write_plate(stage / "plate", FRAMES)
    with learned_server(tmp_path_factory.mktemp("home"), stage) as found:
        yield found


@pytest.fixture
def small_disk(server: ServerUnderTest) -> Iterator[Path]:
    """A disk of 128 KiB inside the server's root."""
    folder = server.config.roots[0] / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def spec(server: ServerUnderTest, shot: str, out: Path) -> SegmentSpec:
    plate = server.config.roots[0] / "plate" / "cart.####.png"
    return SegmentSpec(model="cart", plate=str(plate), shot=shot, out=str(out))


def whole_mattes(folder: Path) -> list[Path]:
    """All files with a matte's name; every one can be read to its end."""
    found = sorted(path for path in folder.rglob("*.exr") if not path.name.startswith("."))
    for path in found:
        assert footage.read_alpha(path)[1].shape == (footage.HEIGHT, footage.WIDTH)
    return found


def test_a_full_disk_fails_the_job_and_a_retry_goes_on(
    server: ServerUnderTest, small_disk: Path
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(48 * 1024))
    with server.client() as client:
        job = client.submit(spec(server, "full", small_disk / "out"))
        with pytest.raises(DiskFull, match="disk is full"):
            client.wait(job)
        before = whole_mattes(small_disk)
        assert 0 < len(before) < 2 * FRAMES
        assert not list(small_disk.rglob("*tmp*"))
        kept = {path: path.stat().st_mtime_ns for path in before}
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
        assert client.retry(job).state == "queued"
        client.wait(job)
    after = whole_mattes(small_disk)
    assert len(after) == 2 * FRAMES
    untouched = [path for path, moment in kept.items() if path.stat().st_mtime_ns == moment]
    assert untouched, "windows that were finished were made again"


def test_a_limit_on_file_sizes_fails_the_job_alone(server: ServerUnderTest) -> None:
    out = server.config.roots[0] / "limited"
    with server.client() as client:
        client.wait(client.submit(spec(server, "before", out)))
        (worker,) = psutil.Process(server.process.pid).children()
        largest = max(path.stat().st_size for path in whole_mattes(out))
        worker.rlimit(psutil.RLIMIT_FSIZE, (largest // 2, largest // 2))
        with pytest.raises((MatteFailed, DiskFull)):
            client.wait(client.submit(spec(server, "limited", out)))
        assert not list((out / "limited").rglob("*.exr"))
        worker.kill()
        client.wait(client.submit(spec(server, "after", out)))
    assert len(list((out / "after").rglob("*.exr"))) == 2 * FRAMES
