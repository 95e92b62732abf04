"""A plate of any size and length, from real footage that is enlarged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.footage import CLIPS, DEMO, Material, load, shared_folder
from smite_engine import Reference
from smite_server.exr_encoding import encode_exr
from smite_server.geometry import Geometry

PICTURES = 4
"""Frames that are written; the others are links to them, there and back."""

FIRST = 1001


@dataclass(frozen=True)
class EnlargedPlate:
    """A shot on disk.

    Attributes:
        pattern: Of its frames, `####` for the number.
        name: What it was made of.
        reference: A still of the footage, its subject cut into pieces.
    """

    pattern: str
    name: str
    reference: Reference


def enlarged_plate(
    folder: Path, clip: str, size: tuple[int, int], frames: int, parts: int
) -> EnlargedPlate:
    """Writes a shot below ``folder``.

    Args:
        folder: An empty one.
        clip: A shared clip, such as `davis/libby`; the demo shot where there is no such footage.
        size: (width, height).
        frames: How many.
        parts: Into how many pieces the subject is cut.
    """
    row = clip if clip in CLIPS and _there(clip) else DEMO
    material = load(row, 1, PICTURES, seed=0, manifest={})
    plates = folder / "plate"
    plates.mkdir()
    written = []
    for picture in material.pictures:
        large = np.clip(cv2.resize(picture.image, size, interpolation=cv2.INTER_CUBIC), 0, 1)
        written.append(_write(plates / f"source.{picture.number:04d}.exr", _linear(large)))
    there_and_back = written + written[-2:0:-1]
    for index in range(frames):
        (plates / f"shot.{FIRST + index}.exr").symlink_to(
            there_and_back[index % len(there_and_back)]
        )
    return EnlargedPlate(str(plates / "shot.####.exr"), row, _in_pieces(material, parts))


def _there(clip: str) -> bool:
    try:
        return (shared_folder() / "clips" / clip).is_dir()
    except SystemExit:  # There is no shared footage at all.
        return False


def _write(path: Path, pixels: np.ndarray) -> Path:
    """A half-float EXR of linear RGB [H, W, 3]."""
    half = pixels.astype(np.float16)
    channels = {name: np.ascontiguousarray(half[..., index]) for index, name in enumerate("RGB")}
    height, width = pixels.shape[:2]
    path.write_bytes(encode_exr(channels, Geometry.of_size(width, height), {}))
    return path


def _linear(display: np.ndarray) -> np.ndarray:
    """sRGB 0..1 to light."""
    low, high = display / 12.92, ((display + 0.055) / 1.055) ** 2.4
    return np.where(display <= 0.04045, low, high).astype(np.float32)


def _in_pieces(material: Material, parts: int) -> Reference:
    """The first still with a label for each of ``parts`` bands of its subject, of equal area."""
    reference = material.references[0]
    subject = reference.labels > 0
    rows = np.nonzero(subject)[0]
    borders = np.quantile(rows, np.arange(1, parts) / parts)
    piece = 1 + np.searchsorted(borders, np.arange(len(subject)), side="right")
    labels = np.where(subject, piece[:, None], 0).astype(np.uint8)
    return Reference(reference.image, labels, reference.name)
