"""Independent looks at the EXR bytes that the output styles make."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO

from smite_server.exr_attributes import ShotMetadata
from smite_server.geometry import Geometry, Window
from smite_server.matte_encoder import MatteEncoder, MatteFrame
from smite_server.output_styles import OutputStyle

GEOMETRIES = {
    "plain": Geometry.of_size(64, 48),
    "overscan": Geometry(Window(0, 0, 64, 48), Window(-5, -3, 71, 50), 1.0),
    "smaller than the display": Geometry(Window(0, 0, 64, 48), Window(7, 9, 40, 31), 1.0),
    "outside the display": Geometry(Window(0, 0, 64, 48), Window(-90, -70, -60, -40), 1.0),
    "anamorphic": Geometry.of_size(41, 40, 2.0),
    "odd portrait": Geometry.of_size(33, 57),
    "one pixel": Geometry.of_size(1, 1),
    "display off the origin": Geometry(Window(100, -20, 164, 28), Window(96, -20, 170, 28), 0.5),
}


@dataclass(frozen=True)
class Decoded:
    """What OpenEXR's own reader finds: header, and channels in the order of the file."""

    header: dict[str, Any]
    channels: dict[str, np.ndarray]


def decode(data: bytes) -> Decoded:
    with OpenEXR.File(io.BytesIO(data), separate_channels=True) as file:
        assert len(file.parts) == 1
        pixels = {name: np.array(found.pixels) for name, found in file.channels().items()}
        return Decoded(dict(file.header()), pixels)


def open_with_oiio(data: bytes, folder: Path) -> tuple[OpenImageIO.ImageSpec, np.ndarray]:
    """OpenImageIO's header and float32 [H, W, C]; fails where it complains."""
    path = folder / "seen.exr"
    path.write_bytes(data)
    source = OpenImageIO.ImageInput.open(str(path))
    assert source is not None, OpenImageIO.geterror()
    pixels = source.read_image(OpenImageIO.FLOAT)
    assert not source.geterror()
    return source.spec(), pixels


def soft_mattes(parts: int, geometry: Geometry, seed: int = 0) -> np.ndarray:
    """float32 [K, H, W], sums to at most 1: holes, flat areas and soft overlapping edges."""
    random = np.random.default_rng(seed)
    shape = (parts, *geometry.data.shape)
    mattes = np.clip(random.random(shape, dtype=np.float32) * 3 - 1.5, 0, 1)
    total = np.maximum(mattes.sum(axis=0), 1)
    return (mattes / total).astype(np.float32)


def encode(
    style: OutputStyle,
    mattes: np.ndarray,
    geometry: Geometry,
    metadata: ShotMetadata | None = None,
    **options: Any,
) -> dict[str, bytes]:
    """Member -> bytes of frame 1001 in one style; `precision` and `names` go to the encoder."""
    frame_options = {name: options.pop(name) for name in ("time_code", "plate") if name in options}
    encoder = MatteEncoder([style], metadata or ShotMetadata(), **options)
    frame = MatteFrame(1001, mattes, geometry, **frame_options)
    return {file.member: file.data for file in encoder.encode(frame)}
