"""Movies as plates, decoded by PyAV one frame at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from smite_server.frame_ranges import format_frames
from smite_server.geometry import Floats, Geometry
from smite_server.pixel_errors import PlateError
from smite_server.plates import OnMissing, Plate, PlateFrame
from smite_server.time_codes import TimeCode, time_code_of_metadata

__all__ = ["MoviePlate"]

_HD_LINES = 720


class MoviePlate(Plate):
    """A movie; its frames are numbered from 1.

    Reading in ascending order decodes every frame once and holds one; reading backwards starts
    again from the beginning.
    """

    def __init__(self, path: Path, wanted: tuple[int, ...] | None, on_missing: OnMissing) -> None:
        self.path = str(path)
        self._on_missing = on_missing
        self._container: Any = None
        self._frames: Iterator[Any] = iter(())
        self._position = 0
        self._current: Any = None
        self._open()
        stream = self._stream()
        self._time_code = _time_code(self._container)
        count = int(stream.frames) or self._count()
        wanted = wanted or tuple(range(1, count + 1))
        there = tuple(number for number in wanted if 1 <= number <= count)
        self.missing = tuple(number for number in wanted if not 1 <= number <= count)
        if not there or (self.missing and on_missing == "fail"):
            raise PlateError(
                f"frames {format_frames(self.missing)} are not in the movie"
                if self.missing
                else "the movie has no frames",
                path,
                f"it has 1-{count}" if count else "",
            )
        self.numbers = there if on_missing == "skip" else wanted
        self._count_stated = count
        self.colour_space = None
        self.frames_per_second = float(stream.average_rate) if stream.average_rate else None
        first = self._advance_to(1)
        height, width = self._pixels(first).shape[:2]
        aspect = float(stream.sample_aspect_ratio or 1)
        if abs(int(first.rotation)) % 180 == 90:
            aspect = 1.0 / aspect
        self.geometry = Geometry.of_size(width, height, aspect)

    def read(self, number: int) -> PlateFrame:
        """Frame `number`; past the movie's end the last frame, under "hold". Raises PlateError."""
        if number not in self.numbers:
            raise PlateError(f"frame {number} is not in the plate's range", self.path)
        source = min(max(number, 1), self._count_stated)
        try:
            pixels = self._pixels(self._advance_to(source))
        except PlateError:
            if self._on_missing != "hold" or self._current is None:
                raise
            source, pixels = self._position, self._pixels(self._current)
            self._count_stated = source
            self.missing = tuple(sorted({*self.missing, number}))
        held = None if source == number else source
        if pixels.shape[:2] != self.geometry.data.shape:
            raise PlateError(
                f"frame {number} is {pixels.shape[1]}x{pixels.shape[0]}, the movie "
                f"{self.geometry.data}", self.path, "give frames of one size",
            )  # fmt: skip
        code, rate = self._time_code, self.frames_per_second
        code = code.after(number - 1, rate) if code is not None and rate else None
        return PlateFrame(number, pixels, self.geometry, 0, held, code)

    def second_reader(self) -> MoviePlate:
        """A decoder of its own: two that take turns would start over at each frame."""
        reader = copy.copy(self)
        reader._container, reader._frames = None, iter(())
        reader._current, reader._position = None, 0
        return reader

    def close(self) -> None:
        """Closes the movie; reading opens it again."""
        if self._container is not None:
            self._container.close()
        self._container, self._frames, self._current, self._position = None, iter(()), None, 0

    def _leave_out(self, number: int) -> bool:
        if self._on_missing != "skip":
            return False
        self.missing = tuple(sorted({*self.missing, number}))
        return True

    def _open(self) -> None:
        if not Path(self.path).is_file():
            raise PlateError("there is no such movie", self.path)
        self.close()
        try:
            self._container = av.open(self.path)
        except (av.FFmpegError, OSError) as error:
            raise PlateError(f"the movie cannot be opened ({_reason(error)})", self.path) from None
        if not self._container.streams.video:
            self.close()
            raise PlateError("the file has no picture stream", self.path)
        self._container.streams.video[0].thread_type = "AUTO"
        self._frames = self._container.decode(video=0)

    def _stream(self) -> Any:
        return self._container.streams.video[0]

    def _count(self) -> int:
        """Frames of a movie that does not say how many it has: its packets, not decoded."""
        with av.open(self.path) as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)

    def _advance_to(self, number: int) -> Any:
        """The decoded frame `number`. Raises PlateError."""
        if self._container is None or number < self._position:
            self._open()
        while self._position < number:
            try:
                self._current = next(self._frames)
            except StopIteration:
                raise PlateError(
                    f"the movie ends at frame {self._position}, before frame {number}",
                    self.path, "give --frames within it, or use --on-missing hold",
                ) from None  # fmt: skip
            except (av.FFmpegError, OSError) as error:
                raise PlateError(
                    f"frame {self._position + 1} cannot be read ({_reason(error)})", self.path
                ) from None
            self._position += 1
        return self._current

    @staticmethod
    def _pixels(frame: Any) -> Floats:
        """float32 [H, W, 3] 0..1, by BT.709 or, where small and unmarked, BT.601; upright."""
        deep = max(component.bits for component in frame.format.components) > 8
        matrix = "ITU709" if frame.height >= _HD_LINES else "ITU601"
        marked = int(frame.colorspace) not in (2,)
        options = {} if marked else {"src_colorspace": matrix}
        codes = frame.to_ndarray(format="rgb48le" if deep else "rgb24", **options)
        codes = np.rot90(codes, round(frame.rotation / 90) % 4)
        scale = np.float32(1.0 / (65535 if deep else 255))
        pixels: Floats = codes.astype(np.float32) * scale
        return pixels


def _time_code(container: Any) -> TimeCode | None:
    """The first frame's code: the file's, a stream's, or that of QuickTime's own data track."""
    for holder in (container, *container.streams):
        code = time_code_of_metadata(holder.metadata)
        if code is not None:
            return code
    return None


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", "") or error)
