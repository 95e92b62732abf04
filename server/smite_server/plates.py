"""A shot's frames in: picture sequences and movies behind one small interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import cv2
import numpy as np
import numpy.typing as npt

from smite_server.frame_ranges import format_frames, parse_frames
from smite_server.geometry import Floats, Geometry, T, Window, place
from smite_server.images import Header, UnreadableError, check_whole, read_image
from smite_server.pixel_errors import PlateError
from smite_server.sequences import (
    MOVIE_SUFFIXES,
    Sequence,
    expected_numbers,
    find_sequence,
)
from smite_server.time_codes import TimeCode

__all__ = [
    "Geometry",
    "OnMissing",
    "Plate",
    "PlateFrame",
    "Window",
    "engine_view",
    "open_plate",
    "parse_frames",
]

OnMissing = Literal["fail", "hold", "skip"]
_CHOICES = "give them, or use --on-missing hold or --on-missing skip"


@dataclass(frozen=True)
class PlateFrame:
    """One frame of the plate.

    Attributes:
        number: its frame number.
        pixels: float32 [H, W, 3] of the data window, in the plate's colour space, finite; may be
            a read-only view.
        geometry: the windows and pixel aspect that mattes inherit.
        bad_pixels: how many pixels were NaN or Inf and have been replaced.
        held_from: the frame whose pixels these are, where `on_missing="hold"` filled a gap.
        time_code: of this frame, where the plate says.
    """

    number: int
    pixels: Floats
    geometry: Geometry
    bad_pixels: int = 0
    held_from: int | None = None
    time_code: TimeCode | None = None


class Plate(ABC):
    """The frames of a shot, read one at a time.

    Attributes:
        path: what was opened.
        numbers: ascending frame numbers to be read, gaps already filled or left out.
        colour_space: the one the files name themselves, else None.
        frames_per_second: from the files, else None.
        geometry: the same for every frame.
        missing: frames that were not there or not readable, filled or left out.
    """

    path: str
    numbers: tuple[int, ...]
    colour_space: str | None
    frames_per_second: float | None
    geometry: Geometry
    missing: tuple[int, ...]

    @property
    def format_hint(self) -> str:
        """A path whose suffix tells the files' format, also where `path` is a folder."""
        return self.path

    @abstractmethod
    def read(self, number: int) -> PlateFrame:
        """Frame `number`. Cheap in ascending order. Raises PlateError."""

    def second_reader(self) -> Plate:
        """Another reader of this plate, whose place in it is its own; the caller closes it."""
        return self

    @abstractmethod
    def _leave_out(self, number: int) -> bool:
        """Whether iteration goes on without a frame that could not be read."""

    def __iter__(self) -> Iterator[PlateFrame]:
        return self.frames_after(None)

    def frames_after(self, last: int | None) -> Iterator[PlateFrame]:
        """The frames whose number is above `last`, None for all; the others are not read."""
        for number in self.numbers:
            if last is not None and number <= last:
                continue
            try:
                frame = self.read(number)
            except PlateError:
                if not self._leave_out(number):
                    raise
                continue
            yield frame

    def __len__(self) -> int:
        return len(self.numbers)

    def close(self) -> None:  # noqa: B027 - pictures are opened one at a time
        """Lets go of open files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_plate(
    path: str | Path, *, frames: str | None = None, on_missing: OnMissing = "fail"
) -> Plate:
    """Opens `x.####.exr`, `x.%04d.exr`, a folder of pictures, one picture or a movie.

    Every frame's header is looked at now, so that missing, broken and odd-sized frames are told
    before any work is done.

    Args:
        path: the plate.
        frames: "1001-1048x2,1050"; None takes what is there, first to last.
        on_missing: "fail" refuses gaps, "hold" repeats the nearest frame before (else after)
            them, "skip" leaves them out.

    Raises:
        PlateError: nothing there, gaps under "fail", frames of different sizes.
    """
    if on_missing not in ("fail", "hold", "skip"):
        raise PlateError(f"--on-missing {on_missing!r} is none of fail, hold and skip")
    wanted = parse_frames(frames) if frames else None
    given = Path(path)
    if given.suffix.lower() in MOVIE_SUFFIXES and not given.is_dir():
        from smite_server.movies import MoviePlate  # it loads PyAV

        return MoviePlate(given, wanted, on_missing)
    return ImagePlate(find_sequence(str(path)), wanted, on_missing)


class ImagePlate(Plate):
    """A plate of one picture file per frame."""

    def __init__(
        self, sequence: Sequence, wanted: tuple[int, ...] | None, on_missing: OnMissing
    ) -> None:
        self.path = sequence.pattern
        self._on_missing = on_missing
        wanted = wanted or expected_numbers(sequence.files)
        headers, faults = _scan(sequence, wanted)
        self.missing = tuple(number for number in wanted if number not in headers)
        if self.missing and (on_missing == "fail" or not headers):
            raise _gaps(sequence, self.missing, faults, headers)
        _check_sizes(sequence, headers)
        self.numbers = tuple(headers) if on_missing == "skip" else wanted
        self._files = {number: sequence.files[number] for number in headers}
        first = next(iter(headers.values()))
        canvas = first.geometry.data
        for header in headers.values():
            canvas = canvas.union(header.geometry.data)
        self.geometry = replace(first.geometry, data=canvas)
        self.colour_space = first.colour_space
        self.frames_per_second = first.frames_per_second

    @property
    def format_hint(self) -> str:
        return str(next(iter(self._files.values())))

    def read(self, number: int) -> PlateFrame:
        """Frame `number`; a held frame's pixels are those of its neighbour. Raises PlateError."""
        if number not in self.numbers:
            raise PlateError(f"frame {number} is not in the plate's range", self.path)
        if number in self._files:
            try:
                return self._decode(number, number)
            except UnreadableError as fault:
                if self._on_missing != "hold":
                    raise PlateError(
                        f"frame {number} cannot be read ({fault})", self._files[number], _CHOICES
                    ) from None
                del self._files[number]
                self.missing = tuple(sorted({*self.missing, number}))
        for source in self._nearest(number):
            try:
                return self._decode(number, source)
            except UnreadableError:
                continue
        raise PlateError(f"frame {number} has no readable neighbour to hold", self.path)

    def _decode(self, number: int, source: int) -> PlateFrame:
        image = read_image(self._files[source])
        pixels = place(image.pixels, image.header.geometry.data, self.geometry.data)
        held = None if source == number else source
        code = _counted(image.header.time_code, number - source, self.frames_per_second)
        return PlateFrame(number, pixels, self.geometry, image.bad_pixels, held, code)

    def _nearest(self, number: int) -> list[int]:
        """Frames with files: the ones before, nearest first, then the ones after."""
        before = sorted((n for n in self._files if n < number), reverse=True)
        return before + sorted(n for n in self._files if n > number)

    def _leave_out(self, number: int) -> bool:
        if self._on_missing != "skip":
            return False
        self.missing = tuple(sorted({*self.missing, number}))
        return True


def _counted(code: TimeCode | None, frames: int, rate: float | None) -> TimeCode | None:
    """The time code `frames` on, which it takes a rate to count; its own, 0 on."""
    if code is None or not frames:
        return code
    return code.after(frames, rate) if rate else None


def _scan(sequence: Sequence, wanted: tuple[int, ...]) -> tuple[dict[int, Header], dict[int, str]]:
    """Headers of the frames that can be read, and what is wrong with the others that exist."""
    headers: dict[int, Header] = {}
    faults: dict[int, str] = {}
    for number in wanted:
        if number not in sequence.files:
            continue
        try:
            headers[number] = check_whole(sequence.files[number])
        except UnreadableError as fault:
            faults[number] = str(fault)
    return headers, faults


def _gaps(
    sequence: Sequence,
    missing: tuple[int, ...],
    faults: dict[int, str],
    headers: dict[int, Header],
) -> PlateError:
    """One sentence about the frames that are absent and the ones that are broken."""
    absent = [number for number in missing if number not in faults]
    pieces = []
    if absent:
        plural = len(absent) > 1
        pieces.append(
            f"frame{'s' if plural else ''} {format_frames(absent)} {'are' if plural else 'is'} "
            "missing"
        )
    if faults:
        first = next(iter(faults))
        reason = faults[first] + (f" in frame {first}" if len(faults) > 1 else "")
        pieces.append(
            f"frame{'s' if len(faults) > 1 else ''} {format_frames(faults)} cannot be read "
            f"({reason})"
        )
    if headers:
        return PlateError(" and ".join(pieces), sequence.pattern, _CHOICES)
    has = f"the plate has {format_frames(sequence.files)}" if not faults else ""
    return PlateError(" and ".join(pieces), sequence.pattern, has)


def _check_sizes(sequence: Sequence, headers: dict[int, Header]) -> None:
    """Raises PlateError where frames differ in size (data windows may differ)."""
    sizes: dict[Window, list[int]] = {}
    for number, header in headers.items():
        sizes.setdefault(header.geometry.display, []).append(number)
    if len(sizes) == 1:
        return
    usual, *others = sorted(sizes.items(), key=lambda item: -len(item[1]))
    odd = "; ".join(f"frames {format_frames(numbers)} are {size}" for size, numbers in others[:3])
    raise PlateError(
        f"the frames are of different sizes ({odd}, the others are {usual[0]})",
        sequence.pattern,
        "give frames of one size, or leave those out by --frames",
    )


def engine_view(frame: PlateFrame, display_rgb: Floats) -> Floats:
    """What the engine sees: `display_rgb` [H, W, 3] with square pixels, [H, W', 3] 0..1.

    A squeezed anamorphic plate (pixel aspect 2) becomes twice as wide, so that shapes look right;
    mattes are made at plate resolution all the same. Square plates come back as they are.
    """
    return square_pixels(display_rgb, frame.geometry.pixel_aspect)


def square_pixels(
    pixels: npt.NDArray[T], pixel_aspect: float, *, labels: bool = False
) -> npt.NDArray[T]:
    """`pixels` [H, W, ...] resampled to width W * pixel_aspect; label maps by nearest pixel."""
    height, width = pixels.shape[:2]
    wide = max(1, round(width * pixel_aspect))
    if wide == width:
        return pixels
    method = cv2.INTER_AREA if wide < width else cv2.INTER_LINEAR
    resized: npt.NDArray[T] = cv2.resize(
        np.ascontiguousarray(pixels),
        (wide, height),
        interpolation=cv2.INTER_NEAREST_EXACT if labels else method,
    )
    return resized
