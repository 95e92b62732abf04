"""Uploads on disk: names, limits, pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smite_protocol.errors import BadInput, BadMessage, TooLarge
from smite_protocol.messages import GeometryInfo, PutFile, PutPixels
from smite_server.config import Limits
from smite_server.spool import Spool

JOB = "0123456789ab"
LIMITS = Limits(max_file_bytes=100, max_frames=3, max_upload_bytes=150)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    found = Spool(tmp_path, LIMITS)
    found.open(JOB, ("plate", "refs"))
    return found


def file(path: str, data: bytes = b"x", part_of: str = "plate") -> PutFile:
    return PutFile(job=JOB, part_of=part_of, path=path, data=data)


PIXELS = PutPixels(
    job=JOB,
    frame=1001,
    shape=(2, 4, 3),
    dtype="uint8",
    geometry=GeometryInfo(display=(0, 0, 4, 2), data=(0, 0, 4, 2)),
    data=bytes(24),
)


def test_files_lie_where_their_names_say(spool: Spool, tmp_path: Path) -> None:
    assert spool.put_file(file("a.1.exr", b"one")) == 1
    assert spool.put_file(file("images/s.png", b"two", "refs")) == 2
    assert (tmp_path / JOB / "plate" / "a.1.exr").read_bytes() == b"one"
    assert (tmp_path / JOB / "refs" / "images" / "s.png").read_bytes() == b"two"


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../x", "a//b", ".hidden", "a/.part", "a\\b", "C:x", "a\nb",
     "a/b/c/d", " a", "x" * 201, "a?b"],
)  # fmt: skip
def test_names_that_are_refused(spool: Spool, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="refused"):
        spool.put_file(file(name))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_limits(spool: Spool) -> None:
    with pytest.raises(TooLarge, match="101 bytes; at most 100"):
        spool.put_file(file("a", bytes(101)))
    spool.put_file(file("a", bytes(100)))
    with pytest.raises(TooLarge, match="would exceed"):
        spool.put_file(file("b", bytes(60)))
    spool.put_file(file("b"))
    spool.put_file(file("c"))
    with pytest.raises(TooLarge, match="one too many"):
        spool.put_file(file("d"))


def test_every_file_once(spool: Spool) -> None:
    spool.put_file(file("a"))
    with pytest.raises(BadInput, match="sent already"):
        spool.put_file(file("a"))


def test_file_without_bytes(spool: Spool) -> None:
    with pytest.raises(BadMessage, match="second frame"):
        spool.put_file(PutFile(job=JOB, part_of="plate", path="a"))


def test_uploads_nobody_waits_for(spool: Spool) -> None:
    with pytest.raises(BadInput, match="waits for no plate"):
        spool.put_file(replace(file("a"), job="ba9876543210"))


def test_end_needs_all_roles_and_names_the_content(spool: Spool) -> None:
    spool.put_file(file("a"))
    with pytest.raises(BadInput, match="has no refs yet"):
        spool.finish(JOB)
    spool.put_file(file("a", b"y", "refs"))
    first = spool.finish(JOB)
    assert not spool.is_open(JOB)
    spool.open(JOB, ("refs", "plate"))
    spool.put_file(file("a", b"y", "refs"))
    spool.put_file(file("a"))
    assert spool.finish(JOB) == first


def test_remove_keeps_outputs_until_asked(spool: Spool, tmp_path: Path) -> None:
    spool.put_file(file("a"))
    (tmp_path / JOB / "out").mkdir()
    spool.remove(JOB)
    assert [path.name for path in (tmp_path / JOB).iterdir()] == ["out"]
    spool.remove(JOB, outputs=True)
    assert not (tmp_path / JOB).exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"data": bytes(23)}, "23 bytes", id="too few bytes"),
        pytest.param({"data": None}, "without its pixels", id="no bytes"),
        pytest.param({"shape": (2, 4, 5)}, "5 channels", id="five channels"),
        pytest.param({"dtype": "float32"}, "take 96", id="another type"),
        pytest.param(
            {"geometry": GeometryInfo(display=(0, 0, 4, 2), data=(0, 0, 5, 2))},
            "a data window of 5 x 2",
            id="another window",
        ),
        pytest.param(
            {"geometry": GeometryInfo(display=(4, 0, 4, 2), data=(0, 0, 4, 2))},
            "empty display window",
            id="empty window",
        ),
    ],
)
def test_pixels_that_do_not_agree(spool: Spool, changes: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        spool.put_pixels(replace(PIXELS, **changes))  # type: ignore[arg-type]
