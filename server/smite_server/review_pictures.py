"""Small pictures of the frames that look worst so far, for the review page, in bounded memory.

Which frames are listed is known at the end of the shot, when its frames are gone. So the most
suspicious ones are kept on the way, each with the frame before it, as what is wrong is mostly
what changed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from smite_server.geometry import Floats
from smite_server.overlay import overlaid, part_colours

__all__ = ["ReviewPicture", "ReviewPictures"]

KEPT = 48
"""Most pictures that are kept."""

NEAR, NEAR_SHARE = 3, 0.1
"""A frame so few frames from a worse one that is kept counts so much less: it is most likely the
same place."""

AREA = 400 * 225
"""Pixels of a picture, whatever its shape."""

QUALITY = 82
FILL, LINE = 0.3, 0.9
"""Strength of a part's colour inside, and on its outline."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ReviewPicture:
    """A frame that is kept.

    Attributes:
        number: frame number.
        place: which frame of the shot it is, from 0.
        score: how bad it looked when it came.
        number_before: that of the frame before it; its own for the first frame.
        before: the frame before it with its parts, as JPEG; empty for the first frame.
        jpeg: the frame with its parts.
    """

    number: int
    number_before: int
    place: int
    score: float
    before: bytes
    jpeg: bytes


class ReviewPictures:
    """Keeps the pictures of the frames with the highest scores."""

    def __init__(self) -> None:
        self._kept: list[ReviewPicture] = []
        self._seen = 0
        self._last: tuple[int, bytes] | None = None

    def add(self, number: int, score: float, rgb: Floats, mattes: Floats) -> None:
        """The next frame of the shot.

        Args:
            number: its frame number.
            score: how bad it looks, so far as can be told now; any scale.
            rgb: display sRGB 0..1, [H, W, 3].
            mattes: 0..1, [P, H', W'].
        """
        jpeg = _encoded(rgb, mattes)
        before = self._last or (number, b"")
        self._kept.append(ReviewPicture(number, before[0], self._seen, score, before[1], jpeg))
        self._last = number, jpeg
        self._seen += 1
        if len(self._kept) > KEPT:
            self._kept.remove(min(self._kept, key=self._worth))

    def _worth(self, picture: ReviewPicture) -> tuple[float, int]:
        near = any(
            0 < abs(other.place - picture.place) <= NEAR
            and (other.score, -other.place) > (picture.score, -picture.place)
            for other in self._kept
        )
        return picture.score * (NEAR_SHARE if near else 1.0), -picture.place

    def best(self, first: int, last: int, wanted: int) -> ReviewPicture | None:
        """The picture of frame ``wanted``, else the worst one of those from first to last."""
        there = [found for found in self._kept if first <= found.number <= last]
        return max(there, key=lambda found: (found.number == wanted, found.score), default=None)

    def state(self) -> tuple[dict[str, Any], dict[str, Bytes]]:
        """What `restore` needs to go on from here: plain numbers, and arrays by name."""
        jpegs = {found.number_before: found.before for found in self._kept if found.before}
        jpegs |= {found.number: found.jpeg for found in self._kept}
        if self._last is not None:
            jpegs[self._last[0]] = self._last[1]
        about = {
            "seen": self._seen,
            "last": self._last[0] if self._last else None,
            "kept": [
                [found.number, found.number_before, found.place, found.score]
                for found in self._kept
            ],
            "sizes": [[number, len(jpeg)] for number, jpeg in jpegs.items()],
        }
        # A copy: what saves it may want arrays that can be written.
        return about, {"jpegs": np.frombuffer(b"".join(jpegs.values()), np.uint8).copy()}

    def restore(self, about: Mapping[str, Any], arrays: Mapping[str, Bytes]) -> None:
        """Goes on from what `state` returned. Raises KeyError or ValueError for anything else."""
        jpegs, whole, start = {}, arrays["jpegs"].tobytes(), 0
        for number, size in about["sizes"]:
            jpegs[int(number)] = whole[start : start + size]
            start += size
        if start != len(whole):
            raise ValueError("the pictures of the review are cut")
        kept = [
            ReviewPicture(
                number,
                before,
                place,
                score,
                jpegs[before] if before != number else b"",
                jpegs[number],
            )
            for number, before, place, score in about["kept"]
        ]
        last = about["last"]
        self._last = None if last is None else (last, jpegs[last])
        self._seen, self._kept = int(about["seen"]), kept


def _encoded(rgb: Floats, mattes: Floats) -> bytes:
    """A small JPEG of a frame, its parts tinted and outlined."""
    height, width = rgb.shape[:2]
    scale = min(1.0, (AREA / max(1, height * width)) ** 0.5)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    plate = _resized(rgb, size)
    small = np.stack([_resized(matte, size) for matte in mattes])
    lines = np.stack([_outline(matte) for matte in small])
    colours = part_colours(len(mattes))
    shown = overlaid(overlaid(plate, small, FILL, colours), lines, LINE, colours)
    picture = Image.fromarray((np.clip(shown, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=QUALITY)
    return stream.getvalue()


def _outline(matte: Floats) -> Floats:
    """1 on the pixels just inside the line where a matte [h, w] is a half, else 0."""
    inside = (matte >= 0.5).astype(np.uint8)
    rim: Floats = (inside - cv2.erode(inside, np.ones((3, 3), np.uint8))).astype(np.float32)
    return rim


def _resized(picture: Floats, size: tuple[int, int]) -> Floats:
    found = cv2.resize(
        np.ascontiguousarray(picture, np.float32), size, interpolation=cv2.INTER_AREA
    )
    return np.asarray(np.clip(found, 0.0, 1.0), np.float32)
