"""The strip below a preview's picture: frame number, what the colours mean, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageDraw, ImageFont

from smite_server.contact_sheet import fitted_text
from smite_server.markers import COLOURS
from smite_server.quality_findings import MAJOR, MINOR

__all__ = ["PreviewBar"]

PAPER, INK = (16, 17, 19), (226, 226, 228)
_MARGIN, _CHIP, _GAP = 10, 12, 18


class PreviewBar:
    """Draws the strip of each frame.

    Args:
        names: of the parts shown.
        colours: theirs, 0..255.
        width: of the movie.
        review: of the report; what is said of some frames stands below them.
    """

    def __init__(
        self,
        names: Sequence[str],
        colours: Sequence[tuple[int, int, int]],
        width: int,
        review: Sequence[Mapping[str, Any]],
    ) -> None:
        self._width = width
        self._review = [each for each in review if not each["all_along"]]
        self._large, self._small = ImageFont.load_default(17), ImageFont.load_default(13)
        self.height = 54 if self._review else 32
        self._legend = self._drawn_legend(names, colours)

    def draw(self, number: int) -> npt.NDArray[np.uint8]:
        """uint8 [height, width, 3] of one frame."""
        bar = self._legend.copy()
        pen = ImageDraw.Draw(bar)
        pen.text((_MARGIN, 5), str(number), INK, font=self._large)
        about = [each for each in self._review if each["first"] <= number <= each["last"]]
        if about:
            worst = MAJOR if any(each["severity"] == MAJOR for each in about) else MINOR
            colour = ImageColor.getrgb(COLOURS[worst])
            pen.rectangle((0, 30, 5, self.height), fill=colour)
            text = "; ".join(f"{each['name']} {each['text']}" for each in about)
            text = fitted_text(text, self._width - 2 * _MARGIN, self._small)
            pen.text((_MARGIN, 33), text, colour, font=self._small)
        return np.asarray(bar)

    def _drawn_legend(
        self, names: Sequence[str], colours: Sequence[tuple[int, int, int]]
    ) -> Image.Image:
        """The strip without a number; parts that do not fit are counted."""
        bar = Image.new("RGB", (self._width, self.height), PAPER)
        pen = ImageDraw.Draw(bar)
        x = _MARGIN + round(self._large.getlength("00000000"))
        for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
            end = x + _CHIP + 6 + round(self._small.getlength(name))
            left = len(names) - index
            rest = round(self._small.getlength(f"and {left} more")) if left > 1 else 0
            if end + (_GAP + rest if left > 1 else 0) > self._width - _MARGIN:
                pen.text((x, 8), f"and {left} more", INK, font=self._small)
                break
            pen.rectangle((x, 9, x + _CHIP, 9 + _CHIP), fill=colour)
            pen.text((x + _CHIP + 6, 8), name, INK, font=self._small)
            x = end + _GAP
        return bar
