"""The contact sheet: a few frames of the shot with its parts, as one PNG.

One row per chosen frame: the plate, the plate with the parts over it in colours, and every
part's matte as grey.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from smite_server.geometry import Floats
from smite_server.overlay import overlaid, part_colours
from smite_server.pixel_errors import MatteError
from smite_server.whole_files import write_whole

__all__ = ["ContactSheet", "fitted_text", "part_colours"]

Bytes = npt.NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

ROWS = 12
_KEPT = 4 * ROWS
_OVERLAY = 0.5
_GAP, _MARGIN, _HEAD, _LINE = 6, 20, 34, 22
_PAPER, _INK, _FAINT = (24, 24, 26), (232, 232, 232), (150, 150, 156)
_TILES_PER_LINE = 8


@dataclass(frozen=True)
class _Thumb:
    """One frame, small: uint8 rgb [h, w, 3] and mattes [P, h, w]."""

    number: int
    rgb: Bytes
    mattes: Bytes


class ContactSheet:
    """Gathers thumbnails of a shot of any length in bounded memory.

    Args:
        parts: names of the parts, in the order of the mattes.
        title: printed at the top, for example the shot and version.
        pixel_aspect: of the plate; thumbnails are shown with square pixels.
    """

    def __init__(self, parts: Sequence[str], *, title: str = "", pixel_aspect: float = 1.0) -> None:
        self.parts = tuple(parts)
        self.title = title
        self._aspect = pixel_aspect
        self._thumbs: list[_Thumb] = []
        self._stride = 1
        self._seen = 0

    def wants_next(self) -> bool:
        """Whether the next frame added will be kept; the others cost nothing."""
        return self._seen % self._stride == 0

    def add(self, number: int, rgb: Floats, mattes: Floats) -> None:
        """The next frame of the shot.

        Args:
            number: its frame number.
            rgb: display sRGB 0..1, [H, W, 3].
            mattes: 0..1, [P, H', W'] in the order of `parts`; the size may differ from that of
                `rgb`.
        """
        if len(mattes) != len(self.parts):
            raise MatteError(f"{len(mattes)} mattes for {len(self.parts)} parts", number)
        keep = self.wants_next()
        self._seen += 1
        if not keep:
            return
        height, width = rgb.shape[:2]
        size = _thumb_size(width * self._aspect, height)
        small = np.stack([_shrink(matte, size) for matte in mattes]) if len(mattes) else None
        empty = np.zeros((0, size[1], size[0]), np.uint8)
        self._thumbs.append(_Thumb(number, _shrink(rgb, size), empty if small is None else small))
        if len(self._thumbs) > _KEPT:
            self._thumbs = self._thumbs[::2]
            self._stride *= 2

    def state(self) -> tuple[dict[str, int | list[int]], dict[str, Bytes]]:
        """What `restore` needs to go on from here: plain numbers, and arrays by name."""
        about: dict[str, int | list[int]] = {
            "seen": self._seen,
            "stride": self._stride,
            "numbers": [thumb.number for thumb in self._thumbs],
        }
        if not self._thumbs:
            return about, {}
        return about, {
            "rgb": np.stack([thumb.rgb for thumb in self._thumbs]),
            "mattes": np.stack([thumb.mattes for thumb in self._thumbs]),
        }

    def restore(self, about: Mapping[str, Any], arrays: Mapping[str, Bytes]) -> None:
        """Goes on from what `state` returned. Raises KeyError or ValueError for anything else."""
        numbers = [int(number) for number in about["numbers"]]
        thumbs: list[_Thumb] = []
        if numbers:
            found = zip(numbers, arrays["rgb"], arrays["mattes"], strict=True)
            thumbs = [_Thumb(number, rgb, mattes) for number, rgb, mattes in found]
            if arrays["mattes"].shape[1] != len(self.parts):
                raise ValueError("the sheet has other parts")
        self._seen, self._stride = int(about["seen"]), max(1, int(about["stride"]))
        self._thumbs = thumbs

    def save(self, path: str | Path) -> None:
        """Writes the sheet as PNG, whole or not at all. Raises MatteError."""
        if not self._thumbs:
            raise MatteError("there is no frame to show", path)
        stream = io.BytesIO()
        self._draw().save(stream, format="PNG")
        write_whole(Path(path), stream.getvalue())

    def numbers(self) -> tuple[int, ...]:
        """The frames the sheet shows: evenly chosen, at most `ROWS`."""
        return tuple(thumb.number for thumb in self._chosen())

    def _chosen(self) -> list[_Thumb]:
        return self._thumbs[:: -(-len(self._thumbs) // ROWS)]

    def _draw(self) -> Image.Image:
        thumbs = self._chosen()
        colours = part_colours(len(self.parts))
        height, width = thumbs[0].rgb.shape[:2]
        tiles = 2 + len(self.parts)
        columns = min(tiles, _TILES_PER_LINE)
        lines = -(-tiles // columns)
        page_width = max(2 * _MARGIN + columns * (width + _GAP) - _GAP, 480)
        legend = _legend_rows(self.parts, page_width - 2 * _MARGIN)
        top = _MARGIN + _HEAD + len(legend) * _LINE + 10
        row_height = _LINE + lines * (height + _LINE)
        page = Image.new("RGB", (page_width, top + len(thumbs) * row_height + _MARGIN), _PAPER)
        draw = ImageDraw.Draw(page)
        draw.text((_MARGIN, _MARGIN - 6), self._heading(thumbs), _INK, font=_font(20))
        self._draw_legend(draw, legend, colours)
        for row, thumb in enumerate(thumbs):
            y = top + row * row_height
            draw.text((_MARGIN, y), f"{thumb.number}", _INK, font=_font(15))
            for index, (caption, tile) in enumerate(self._tiles(thumb, colours)):
                left = _MARGIN + (index % columns) * (width + _GAP)
                upper = y + _LINE + (index // columns) * (height + _LINE)
                page.paste(Image.fromarray(tile), (left, upper))
                text = fitted_text(caption, width, _font(12))
                draw.text((left, upper + height + 2), text, _FAINT, font=_font(12))
        return page

    def _heading(self, thumbs: list[_Thumb]) -> str:
        frames = f"{self._seen} frame{'' if self._seen == 1 else 's'}"
        shown = f"{len(thumbs)} shown" if len(thumbs) < self._seen else ""
        return "   ".join(text for text in (self.title, frames, shown) if text)

    def _tiles(self, thumb: _Thumb, colours: list[tuple[int, int, int]]) -> list[tuple[str, Bytes]]:
        rgb, mattes = (found.astype(np.float32) / 255.0 for found in (thumb.rgb, thumb.mattes))
        over = overlaid(rgb, mattes, _OVERLAY, colours) * 255.0
        tiles = [("plate", thumb.rgb), ("parts", over.round().astype(np.uint8))]
        grey = [np.repeat(matte[..., None], 3, axis=2) for matte in thumb.mattes]
        return tiles + list(zip(self.parts, grey, strict=True))

    def _draw_legend(
        self,
        draw: ImageDraw.ImageDraw,
        legend: list[list[tuple[int, int]]],
        colours: list[tuple[int, int, int]],
    ) -> None:
        for line, entries in enumerate(legend):
            y = _MARGIN + _HEAD + line * _LINE
            for index, x in entries:
                left = _MARGIN + x
                draw.rectangle((left, y + 3, left + 12, y + 15), fill=colours[index])
                draw.text((left + 19, y), self.parts[index], _INK, font=_font(14))


def _thumb_size(width: float, height: float) -> tuple[int, int]:
    """(w, h) of thumbnails, of about the same area for landscape and portrait."""
    scale = min(1.0, (240.0 * 135.0 / max(1.0, width * height)) ** 0.5)
    return max(1, min(400, round(width * scale))), max(1, min(400, round(height * scale)))


def _shrink(picture: Floats, size: tuple[int, int]) -> Bytes:
    """0..1 -> uint8 of (w, h) `size`."""
    small = cv2.resize(
        np.ascontiguousarray(picture, dtype=np.float32), size, interpolation=cv2.INTER_AREA
    )
    shrunk: Bytes = (np.clip(small, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return shrunk


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def fitted_text(text: str, width: int, font: Font) -> str:
    """`text`, shortened until it is no wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while len(text) > 1 and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _legend_rows(parts: Sequence[str], width: int) -> list[list[tuple[int, int]]]:
    """Lines of (part index, x offset) that fit into `width` pixels."""
    rows: list[list[tuple[int, int]]] = [[]]
    x = 0
    for index, name in enumerate(parts):
        space = 19 + round(_font(14).getlength(name)) + 22
        if rows[-1] and x + space > width:
            rows.append([])
            x = 0
        rows[-1].append((index, x))
        x += space
    return rows
