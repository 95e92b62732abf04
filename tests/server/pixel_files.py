"""Pictures that the tests of the pixel modules write, and the real footage they read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest

from smite_server.geometry import Geometry, Window


def shared(*steps: str) -> Path:
    """A path in the folder of real footage; skips the test where it is not there."""
    here = Path(os.environ.get("SMITE_SHARED", Path(__file__).parents[3] / "shared"))
    path = here.joinpath(*steps)
    if not path.exists():
        pytest.skip(f"no footage at {path} (SMITE_SHARED names the folder)")
    return path


def exr_header(geometry: Geometry, **more: object) -> dict[str, object]:
    """An OpenEXR header with the windows of `geometry`."""

    def box(window: Window) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.array([window.x0, window.y0], np.int32),
            np.array([window.x1 - 1, window.y1 - 1], np.int32),
        )

    return {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "displayWindow": box(geometry.display),
        "dataWindow": box(geometry.data),
        "pixelAspectRatio": float(geometry.pixel_aspect),
        **more,
    }


def write_exr(
    path: Path,
    channels: dict[str, np.ndarray],
    geometry: Geometry | None = None,
    **attributes: object,
) -> Path:
    """One single-part EXR; the type of each array is the type of its channel."""
    height, width = next(iter(channels.values())).shape
    header = exr_header(geometry or Geometry.of_size(width, height), **attributes)
    data = {name: np.ascontiguousarray(array) for name, array in channels.items()}
    with OpenEXR.File(header, data) as file:
        file.write(str(path))
    return path


def write_rgb_exr(
    path: Path, rgb: np.ndarray, geometry: Geometry | None = None, **attributes: object
) -> Path:
    """A half-float RGB EXR of [H, W, 3]."""
    half = np.clip(rgb, -65504, 65504).astype(np.float16)
    channels = {name: half[..., index] for index, name in enumerate("RGB")}
    return write_exr(path, channels, geometry, **attributes)


def write_picture(path: Path, pixels: np.ndarray, **attributes: object) -> Path:
    """Any format of OpenImageIO; the bit depth is that of the array."""
    kind = "float" if pixels.dtype == np.float32 else str(pixels.dtype)
    spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()
    return path


def picture(height: int = 24, width: int = 40, seed: int = 0) -> np.ndarray:
    """float32 [H, W, 3] 0..1, smooth and different in every channel."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rgb = np.stack([x / width, y / height, (x + y + seed) % 17 / 17], axis=-1)
    return rgb.astype(np.float32)


def truncate(path: Path, keep: float = 0.5) -> Path:
    """Cuts a file's end off."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path
