"""Uploads on disk: names, limits, pixels."""

from __future__ import annotations

import errno
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from smite_protocol.errors import BadChecksum, BadInput, BadMessage, DiskFull, TooLarge
from smite_protocol.messages import GeometryInfo, PutFile, PutPixels
from smite_server.config import Limits
from smite_server.jobs import Job, State
from smite_server.spool import Spool

JOB = "0123456789ab"
LIMITS = Limits(max_file_bytes=100, max_frames=3, max_upload_bytes=150)
ROOMY = Limits(max_frames=3)


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


def test_the_same_file_may_come_again_but_no_other_of_its_name(spool: Spool) -> None:
    assert spool.put_file(file("a")) == 1
    assert spool.put_file(file("a")) == 1
    with pytest.raises(BadInput, match="sent already, with other content"):
        spool.put_file(file("a", b"y"))


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


def sent_job(tmp_path: Path) -> Job:
    return job(resolved={"plate": str(tmp_path / JOB / "plate"), "refs": "/by/path"})


class TestRestart:
    """A spool that is opened anew goes on with what was acknowledged, and with nothing else."""

    @pytest.fixture
    def before(self, tmp_path: Path) -> Spool:
        found = Spool(tmp_path, ROOMY)
        found.open(JOB, ("plate",))
        found.put_file(file("a"))
        found.put_pixels(PIXELS)
        return found

    def test_what_was_sent_counts(self, before: Spool, tmp_path: Path) -> None:
        after = Spool(tmp_path, ROOMY)
        assert after.reopen(sent_job(tmp_path)) == 2
        assert after.is_open(JOB)
        assert after.put_file(file("a")) == 2
        with pytest.raises(BadInput, match="with other content"):
            after.put_file(file("a", b"y"))
        assert after.put_file(file("b")) == 3
        with pytest.raises(TooLarge, match="one too many"):
            after.put_file(file("c"))
        assert before.put_file(file("b")) == 3
        assert after.finish(JOB) == before.finish(JOB)

    def test_only_what_is_not_named_by_path_is_waited_for(
        self, before: Spool, tmp_path: Path
    ) -> None:
        after = Spool(tmp_path, ROOMY)
        after.reopen(sent_job(tmp_path))
        with pytest.raises(BadInput, match="waits for no refs"):
            after.put_file(file("a", part_of="refs"))

    def test_what_was_cut_short_is_sent_again(self, before: Spool, tmp_path: Path) -> None:
        top = tmp_path / JOB
        listed = (top / "sent").read_bytes()
        (top / "plate" / "whole_but_unlisted.exr").write_bytes(b"x")
        (top / "plate" / ".b.part").write_bytes(b"half")
        (top / "sent").write_bytes(listed + listed[:40])
        after = Spool(tmp_path, ROOMY)
        assert after.reopen(sent_job(tmp_path)) == 2
        assert names_in(top / "plate") == ["1001.pixels", "a"]
        assert (top / "sent").read_bytes() == listed

    def test_a_listed_file_of_another_size_is_sent_again(
        self, before: Spool, tmp_path: Path
    ) -> None:
        (tmp_path / JOB / "plate" / "a").write_bytes(b"")
        after = Spool(tmp_path, ROOMY)
        assert after.reopen(sent_job(tmp_path)) == 1
        assert after.put_file(file("a", b"other")) == 2

    def test_whether_all_is_there_still(self, before: Spool, tmp_path: Path) -> None:
        assert before.has_uploads(sent_job(tmp_path))
        assert before.has_uploads(job())
        before.discard(JOB)
        assert not before.has_uploads(sent_job(tmp_path))


@pytest.mark.parametrize("message", [file("a", b"bytes"), PIXELS], ids=["file", "pixels"])
def test_bytes_that_were_changed_on_their_way(tmp_path: Path, message: PutFile | PutPixels) -> None:
    spool = Spool(tmp_path, ROOMY)
    spool.open(JOB, ("plate",))
    put = spool.put_file if isinstance(message, PutFile) else spool.put_pixels
    right = zlib.crc32(message.data or b"")
    with pytest.raises(BadChecksum, match="send it again"):
        put(replace(message, checksum=right ^ 1))  # type: ignore[arg-type]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert put(replace(message, checksum=right)) == 1  # type: ignore[arg-type]
    assert put(message) == 1, "the checksum is no part of the content"  # type: ignore[arg-type]


def test_a_full_disk_leaves_no_half_file(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull, match=r"plate/a .1 bytes. does not fit"):
        spool.put_file(file("a"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def job(state: State = State.QUEUED, **changes: object) -> Job:
    """A job whose plate and references are sent."""
    given = Job(job=JOB, kind="segment", name="n", spec={}, resolved={}, key="k", state=state)
    return replace(given, **changes)  # type: ignore[arg-type]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    ("state", "key", "kept"),
    [
        pytest.param(State.DONE, "k", ["out"], id="done: its mattes"),
        pytest.param(
            State.CANCELLED,
            "k",
            ["out", "plate", "refs", "sent", "state"],
            id="cancelled: everything",
        ),
        pytest.param(
            State.FAILED, "k", ["out", "plate", "refs", "sent", "state"], id="failed: everything"
        ),
        pytest.param(State.CANCELLED, "", ["out"], id="cancelled while it was sent: its mattes"),
        pytest.param(State.FAILED, "", ["out"], id="never sent wholly: no uploads"),
    ],
)
def test_what_an_ended_job_keeps(
    spool: Spool, tmp_path: Path, state: State, key: str, kept: list[str]
) -> None:
    spool.put_file(file("a"))
    for name in ("out", "state"):
        spool.folder_of(JOB, name).mkdir()
    spool.close(job(state, key=key))
    assert names_in(tmp_path / JOB) == kept
    assert not spool.is_open(JOB)


def test_a_job_cancelled_while_it_was_sent_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    spool.put_file(file("a"))
    spool.close(job(State.CANCELLED, key=""))
    assert names_in(tmp_path) == []


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
