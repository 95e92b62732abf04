"""A frame's mattes in, its EXR files out: every style of a job from the same values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smite_server.exr_attributes import ShotMetadata
from smite_server.exr_encoding import encode_exr
from smite_server.geometry import Floats, Geometry
from smite_server.matte_values import Kind, ready_mattes
from smite_server.output_styles import OutputStyle, StyleFrame
from smite_server.pixel_errors import ChoiceError, MatteError
from smite_server.time_codes import TimeCode

__all__ = ["PRECISIONS", "EncodedFile", "MatteEncoder", "MatteFrame"]

PRECISIONS: Mapping[str, Kind] = {
    "half": np.float16,
    "float": np.float32,
}


@dataclass(frozen=True)
class MatteFrame:
    """One frame, as the engine and the plate give it.

    Attributes:
        number: frame number of the plate.
        mattes: float [K, H, W] in the order of the parts, H x W the data window; clamped to 0..1,
            NaN becomes 0.
        geometry: the plate's windows and pixel aspect.
        time_code: of this frame, where it is known.
        plate: float32 [H, W, 3] of the data window, for layers with the plate.
    """

    number: int
    mattes: Floats
    geometry: Geometry
    time_code: TimeCode | None = None
    plate: Floats | None = None


@dataclass(frozen=True)
class EncodedFile:
    """One finished file: its style, its member (`OutputStyle.members`), and its bytes."""

    style: str
    member: str
    data: bytes


class MatteEncoder:
    """Encodes the frames of one shot in one or more styles.

    Args:
        styles: with the same parts; each style once.
        metadata: what every file says about the shot.
        names: slug -> display name, where they are known.
        precision: `half` or `float`: the values of every style. A Cryptomatte is float32 on disk
            all the same.
        threads: for what is not OpenEXR's own work (see `use_threads` there).

    Raises:
        MatteError: no style, one twice, styles of different parts, an unknown precision.
    """

    def __init__(
        self,
        styles: Sequence[OutputStyle],
        metadata: ShotMetadata,
        *,
        names: Mapping[str, str] | None = None,
        precision: str = "half",
        threads: int = 1,
    ) -> None:
        if not styles:
            raise ChoiceError("there is no output style", "", "give one or more")
        if len({style.name for style in styles}) != len(styles):
            raise ChoiceError("an output style is named twice", "", "name every style once")
        if len({style.parts for style in styles}) != 1:
            raise MatteError("output styles of one shot need the same parts")
        if precision not in PRECISIONS:
            raise ChoiceError(
                f"there is no precision {precision!r}", "", "use " + " or ".join(PRECISIONS)
            )
        self.styles = tuple(styles)
        self.parts = styles[0].parts
        self.metadata = metadata
        self._names = dict(names or {})
        self._kind = PRECISIONS[precision]
        self._threads = threads

    def encode(self, frame: MatteFrame) -> Iterator[EncodedFile]:
        """Yields the frame's files, one after the other, so that one is in memory at a time.

        Raises:
            MatteError: mattes or a plate of another shape than parts and data window.
        """
        self._check(frame)
        return self._encode(frame)

    def _encode(self, frame: MatteFrame) -> Iterator[EncodedFile]:
        mattes = ready_mattes(frame.mattes, self._kind, self._threads)
        ready = StyleFrame(mattes, frame.plate, self._threads)
        for style in self.styles:
            for member, channels in style.files(ready):
                about = self._about(style, member)
                attributes = {
                    **self.metadata.attributes(frame.number, frame.time_code, about),
                    **style.header,
                }
                data = encode_exr(channels, frame.geometry, attributes, style.compression)
                yield EncodedFile(style.name, member, data)

    def _about(self, style: OutputStyle, member: str) -> Mapping[str, object]:
        """Which parts a file holds, by slug and display name."""
        if style.separate:
            return {"part": member, "partName": self._names.get(member, member)}
        names = {part: self._names.get(part, part) for part in self.parts}
        return {"parts": json.dumps(names, ensure_ascii=False)}

    def _check(self, frame: MatteFrame) -> None:
        """Raises MatteError where shapes do not fit."""
        expected = (len(self.parts), *frame.geometry.data.shape)
        if frame.mattes.shape != expected:
            raise MatteError(
                f"mattes of frame {frame.number} have shape {frame.mattes.shape}",
                "",
                f"expected {expected}",
            )
        plate = (*frame.geometry.data.shape, 3)
        if frame.plate is not None and frame.plate.shape != plate:
            raise MatteError(
                f"the plate of frame {frame.number} has shape {frame.plate.shape}",
                "",
                f"expected {plate}",
            )
