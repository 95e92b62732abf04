"""An overlay movie of a shot: its parts in colours over the plate, as H.264, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from smite_server.colour import ToDisplay
from smite_server.frame_ranges import format_frames
from smite_server.geometry import Floats, Geometry, place
from smite_server.overlay import overlaid, part_colours
from smite_server.pixel_errors import MatteError, PixelError
from smite_server.plates import Plate, open_plate
from smite_server.preview_bar import PreviewBar
from smite_server.preview_mattes import ShotMattes, open_mattes

__all__ = ["Preview", "make_preview"]

Bytes = npt.NDArray[np.uint8]

ENCODERS = ("libx264", "libopenh264")
"""H.264 encoders that PyAV may have, the better first."""

RATE = 24.0
"""Frames per second, where the plate names none."""

STRENGTH = 0.5
"""Of a part's colour over the plate."""

BT709 = 1
"""ITU-T H.273: primaries, transfer and matrix of BT.709."""

LIMITED_RANGE = 1


@dataclass
class Preview:
    """A movie that was made, and what it had to do without.

    Attributes:
        path: the movie.
        size: (w, h) of its picture.
        bar: height of the strip below it.
        frames: how many it has.
        held: frame numbers whose plate was missing; the nearest stands in.
        bare: part -> frame numbers without a matte; the plate is shown there.
    """

    path: Path
    size: tuple[int, int]
    bar: int
    frames: int = 0
    held: list[int] = field(default_factory=list)
    bare: dict[str, list[int]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Of a frame, in pixels."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Of a frame with its strip, in pixels."""
        return self.size[1] + self.bar

    def remarks(self) -> list[str]:
        """A sentence for each thing that was missing."""
        found = []
        if self.held:
            found.append(
                f"The plate has no frame {format_frames(self.held)}; the nearest one is shown."
            )
        for part, numbers in self.bare.items():
            found.append(f"There is no matte of {part} in frame {format_frames(numbers)}.")
        return found


def make_preview(
    report: Mapping[str, Any],
    folder: Path,
    movie: Path,
    *,
    parts: Sequence[str] = (),
    width: int = 1280,
    plate: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Preview:
    """Writes the overlay movie of a report, whole or not at all.

    Args:
        report: content of `{shot}_smite_v001.json`.
        folder: where the report lies; mattes that moved with it are found there.
        movie: an .mp4; one that is there is replaced.
        parts: slugs or names to show; empty shows all.
        width: of the picture at most; it is never enlarged.
        plate: instead of the plate that the report names.
        progress: called with (frames done, frames).

    Raises:
        PixelError: an unknown part, no mattes at all, no H.264 encoder; PlateError: no plate, or
            none of its frames; ColourError; MatteError: the movie cannot be written.
    """
    encoder = find_encoder(ENCODERS)
    numbers = [int(frame["number"]) for frame in report.get("frames", [])]
    if not numbers:
        raise PixelError("the report has no frames, so there is nothing to show", folder)
    slugs = chosen_parts(report["parts"], parts)
    colours = dict(zip(report["parts"], part_colours(len(report["parts"])), strict=True))
    about = report.get("plate", {})
    with open_plate(
        plate or str(about.get("path", "")), frames=format_frames(numbers), on_missing="hold"
    ) as opened:
        mattes = open_mattes(report, folder, slugs)
        size = picture_size(opened.geometry, width)
        names = {slug: str(report["parts"][slug]) for slug in slugs}
        tints = {slug: colours[slug] for slug in slugs}
        bar = PreviewBar(list(names.values()), list(tints.values()), size[0], report["review"])
        made = Preview(movie, size, bar.height)
        to_display = ToDisplay(
            about.get("colour_space") or opened.colour_space,
            opened.format_hint,
            report.get("settings", {}).get("ocio"),
        )
        pictures = _pictures(opened, to_display, mattes, tints, made)
        rate = float(opened.frames_per_second or about.get("frames_per_second") or RATE)
        frames = (np.concatenate([rgb, bar.draw(number)]) for number, rgb in pictures)
        with _written_whole(movie) as draft:
            for _ in encode(draft, frames, (made.width, made.height), rate, encoder):
                made.frames += 1
                progress(made.frames, len(numbers))
    made.bare = {names[slug]: numbers for slug, numbers in mattes.missing.items()}
    return made


def find_encoder(names: Iterable[str]) -> str:
    """The first of these encoders that PyAV has. Raises PixelError."""
    for name in names:
        with suppress(ValueError):
            if av.codec.Codec(name, "w").is_encoder:
                return name
    raise PixelError(
        "this PyAV has no H.264 encoder",
        f"PyAV {av.__version__}",
        "install one that has: pip install --force-reinstall --only-binary av av",
    )


def chosen_parts(known: Mapping[str, str], wanted: Sequence[str]) -> list[str]:
    """Slugs of the parts to show, in the report's order. Raises PixelError for unknown ones."""
    by_name = {name: slug for slug, name in known.items()}
    slugs = {by_name.get(each, each) for each in wanted}
    unknown = sorted(slugs - set(known))
    if unknown:
        raise PixelError(
            f"the shot has no part {unknown[0]!r}", "--parts", f"its parts are {', '.join(known)}"
        )
    return [slug for slug in known if slug in slugs or not wanted]


def picture_size(geometry: Geometry, width: int) -> tuple[int, int]:
    """(w, h) of the display window with square pixels: even, as yuv420p wants, not enlarged."""
    across = geometry.display.width * geometry.pixel_aspect
    wide = min(float(width), across)
    high = geometry.display.height * wide / across
    return max(2, round(wide / 2) * 2), max(2, round(high / 2) * 2)


def _pictures(
    plate: Plate,
    to_display: ToDisplay,
    mattes: ShotMattes,
    tints: Mapping[str, tuple[int, int, int]],
    made: Preview,
) -> Iterator[tuple[int, Bytes]]:
    """Yields (number, uint8 [h, w, 3]): the plate with the parts over it, at ``made.size``."""
    for number in plate.numbers:
        frame = plate.read(number)
        if frame.held_from is not None:
            made.held.append(number)
        shown = to_display.apply(frame.pixels)
        over = _fitted(shown, frame.geometry, made.size)
        found = mattes.read(number)
        if found:
            planes = np.stack([_fitted(*matte, made.size) for matte in found.values()])
            over = overlaid(over, planes, STRENGTH, [tints[slug] for slug in found])
        yield number, (np.clip(over, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _fitted(pixels: Floats, geometry: Geometry, size: tuple[int, int]) -> Floats:
    """What lies in the display window, at (w, h) ``size``."""
    inside = np.ascontiguousarray(place(pixels, geometry.data, geometry.display))
    method = cv2.INTER_AREA if inside.shape[1] >= size[0] else cv2.INTER_LINEAR
    found: Floats = cv2.resize(inside, size, interpolation=method)
    return found


def encode(
    path: Path,
    frames: Iterable[Bytes],
    size: tuple[int, int],
    rate: float,
    encoder: str,
) -> Iterator[None]:
    """Writes an .mp4 that every player takes: yuv420p, BT.709, playable before it is loaded.

    Yields after each frame. Frames are uint8 [h, w, 3] of (w, h) ``size``, both even.
    """
    options = {"crf": "18", "preset": "medium"} if encoder == "libx264" else {"b": "8000000"}
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(
            encoder, rate=Fraction(rate).limit_denominator(1001), options=options
        )
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        for rgb in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            for packet in stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")):
                container.mux(packet)
            yield
        for packet in stream.encode():
            container.mux(packet)


@contextmanager
def _written_whole(path: Path) -> Iterator[Path]:
    """A hidden file beside ``path`` that takes its name when all went well. Raises MatteError."""
    draft = path.with_name(f".{path.name}.smite-tmp{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except (OSError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MatteError(f"the movie cannot be written ({reason})", path) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
