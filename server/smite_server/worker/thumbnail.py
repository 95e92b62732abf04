"""The newest frame of a running job as a small picture, for the server's status page.

``SPOOL/JOB/thumb.png``: the plate with the parts over it, and beside it the parts alone.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from smite_server.geometry import Floats
from smite_server.overlay import overlaid
from smite_server.thumbnails import THUMBNAIL
from smite_server.worker.pictures import fit, small_copy

SECONDS = 2.0
"""A thumbnail is made at most this often: its file's age says when the last was."""
SIDE = 320
OVERLAY = 0.55


def update_thumbnail(folder: Path, number: int, rgb: Floats, mattes: Floats) -> None:
    """Write a job's thumbnail below ``folder``, unless the last one is fresh.

    Args:
        folder: the job's own, in the spool; it is made where it is missing.
        number: of the frame.
        rgb: display sRGB 0..1, [H, W, 3].
        mattes: 0..1, [P, H', W'], of any size.
    """
    path = folder / THUMBNAIL
    with suppress(OSError):  # a picture for a page is not worth a job
        if not _is_due(path):
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(".part")
        part.write_bytes(draw(number, rgb, mattes))
        part.replace(path)


def _is_due(path: Path) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return True
    return not 0.0 <= age < SECONDS


def draw(number: int, rgb: Floats, mattes: Floats) -> bytes:
    """Return the picture as PNG."""
    plate = np.clip(small_copy(rgb, SIDE), 0.0, 1.0)
    small = np.clip(np.stack([fit(matte, plate) for matte in mattes]), 0.0, 1.0)
    parts = overlaid(np.zeros_like(plate), small, 1.0)
    both = np.concatenate([overlaid(plate, small, OVERLAY), parts], axis=1)
    picture = Image.fromarray((both * 255.0 + 0.5).astype(np.uint8))
    _write_number(picture, number)
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()


def _write_number(picture: Image.Image, number: int) -> None:
    font = ImageFont.load_default(12)
    text, place = str(number), (7, picture.height - 19)
    pen = ImageDraw.Draw(picture)
    left, top, right, bottom = pen.textbbox(place, text, font=font)
    pen.rectangle((left - 4, top - 3, right + 4, bottom + 3), fill=(16, 17, 19))
    pen.text(place, text, (220, 222, 226), font=font)
