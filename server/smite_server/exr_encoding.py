"""One EXR file out: channels, windows, attributes, compression. No names, no disk."""

from __future__ import annotations

import io
from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from smite_server.geometry import Geometry, Window
from smite_server.pixel_errors import ChoiceError, MatteError

__all__ = ["Channels", "Compression", "encode_exr", "use_threads"]

Channels = Mapping[str, npt.NDArray[Any]]
"""Channel name -> float16 or float32 [H, W] of the data window."""


class Compression(Enum):
    """How the pixels are packed."""

    ZIP = "zip"
    """Lossless, blocks of 16 lines: the default."""
    ZIPS = "zips"
    """Lossless, line by line: quicker to scrub in hosts that read single lines."""
    PIZ = "piz"
    """Lossless wavelets: smaller for noisy pixels."""
    DWAA = "dwaa"
    """Lossy for channels called R, G and B; a channel called A stays exact (run lengths)."""

    @property
    def lossless(self) -> bool:
        """Whether every channel comes back bit for bit, whatever its name."""
        return self is not Compression.DWAA

    @classmethod
    def named(cls, name: str) -> Compression:
        """The compression called `name`, in any case. Raises ChoiceError."""
        try:
            return cls(name.lower())
        except ValueError:
            raise ChoiceError(
                f"there is no compression {name!r}", "", "use zip, zips, piz or dwaa"
            ) from None


_CODES = {
    Compression.ZIP: OpenEXR.ZIP_COMPRESSION,
    Compression.ZIPS: OpenEXR.ZIPS_COMPRESSION,
    Compression.PIZ: OpenEXR.PIZ_COMPRESSION,
    Compression.DWAA: OpenEXR.DWAA_COMPRESSION,
}
_HANDED_IN = frozenset({"type", "compression", "displayWindow", "dataWindow", "pixelAspectRatio"})


def use_threads(count: int) -> None:
    """Lets OpenEXR pack blocks on `count` threads of this process; 0 packs in the caller's."""
    OpenEXR.set_global_thread_count(count)


def encode_exr(
    channels: Channels,
    geometry: Geometry,
    attributes: Mapping[str, object],
    compression: Compression = Compression.ZIP,
) -> bytes:
    """A single-part scanline EXR with the windows and pixel aspect of `geometry`.

    Args:
        channels: at least one; any memory layout.
        attributes: as OpenEXR takes them: text, numbers, Fraction, TimeCode.

    Raises:
        MatteError: no channel, a channel of another size than the data window or of another type
            than half or float, or an attribute that says what `geometry` does.
    """
    if not channels:
        raise MatteError("an EXR file needs a channel")
    for name, pixels in channels.items():
        if pixels.shape != geometry.data.shape:
            raise MatteError(
                f"channel {name} has shape {pixels.shape}", "", f"expected {geometry.data.shape}"
            )
        if pixels.dtype not in (np.float16, np.float32):
            raise MatteError(f"channel {name} is {pixels.dtype}", "", "give float16 or float32")
    twice = _HANDED_IN.intersection(attributes)
    if twice:
        raise MatteError(f"the attribute {min(twice)} comes from the plate's geometry")
    header: dict[str, Any] = {
        **attributes,
        "type": OpenEXR.scanlineimage,
        "compression": _CODES[compression],
        "displayWindow": box(geometry.display),
        "dataWindow": box(geometry.data),
        "pixelAspectRatio": float(geometry.pixel_aspect),
    }
    # OpenEXR 3.5 writes arrays that are not contiguous as garbage, without an error.
    whole = {name: np.ascontiguousarray(pixels) for name, pixels in channels.items()}
    stream = io.BytesIO()
    with OpenEXR.File(header, whole) as file:
        file.write(stream)
    return stream.getvalue()


def box(window: Window) -> tuple[Any, Any]:
    """OpenEXR's windows have inclusive ends."""
    return (
        np.array([window.x0, window.y0], np.int32),
        np.array([window.x1 - 1, window.y1 - 1], np.int32),
    )
