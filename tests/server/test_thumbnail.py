"""The picture of a running job's newest frame."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smite_server.contact_sheet import part_colours
from smite_server.thumbnails import MAX_BYTES, made_at, read_thumbnail
from smite_server.worker import thumbnail
from smite_server.worker.thumbnail import SIDE, draw, update_thumbnail

JOB = "0123456789ab"


def frame(value: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    """A grey frame whose upper half is the first part, and the lower one the second."""
    mattes = np.zeros((2, 90, 160), np.float32)
    mattes[0, :45] = mattes[1, 45:] = 1.0
    return np.full((360, 640, 3), value, np.float32), mattes


def test_it_shows_plate_and_parts() -> None:
    with Image.open(io.BytesIO(draw(1001, *frame()))) as found:
        picture = np.asarray(found)
    assert picture.shape == (SIDE * 360 // 640, 2 * SIDE, 3)
    first, second = part_colours(2)
    assert tuple(picture[10, SIDE + 100]) == first
    assert tuple(picture[-10, SIDE + 100]) == second
    grey = 0.25 * 255
    mixed = [grey + thumbnail.OVERLAY * (value - grey) for value in first]
    assert picture[10, 100] == pytest.approx(mixed, abs=1)


def test_it_is_made_at_most_every_so_often(tmp_path: Path) -> None:
    path = tmp_path / JOB / "thumb.png"
    update_thumbnail(tmp_path / JOB, 1, *frame(0.1))
    first = read_thumbnail(tmp_path, JOB)
    assert first is not None
    update_thumbnail(tmp_path / JOB, 2, *frame(0.9))
    assert read_thumbnail(tmp_path, JOB) == first
    for age in (thumbnail.SECONDS + 1, -3600):  # an old one, and one of before the clock jumped
        moment = time.time() - age
        os.utime(path, (moment, moment))
        made = made_at(tmp_path, JOB)
        update_thumbnail(tmp_path / JOB, 2, *frame(0.9))
        assert made_at(tmp_path, JOB) != made
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_takes_nothing_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / JOB).write_text("a file where the folder should be")
    update_thumbnail(tmp_path / JOB, 1, *frame())
    assert read_thumbnail(tmp_path, JOB) is None


@pytest.mark.parametrize("job", ["", ".", "..", "../x", "0123456789AB", f"{JOB}/..", f"{JOB}\n"])
def test_what_is_no_job(tmp_path: Path, job: str) -> None:
    (tmp_path / "thumb.png").write_bytes(b"x")
    assert read_thumbnail(tmp_path, job) is None


def test_no_more_is_read_than_a_thumbnail_has(tmp_path: Path) -> None:
    (tmp_path / JOB).mkdir()
    with (tmp_path / JOB / "thumb.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert len(read_thumbnail(tmp_path, JOB) or b"") == MAX_BYTES
