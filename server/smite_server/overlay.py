"""Parts in colours over a picture: the same colours wherever a part set is shown."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

from smite_server.geometry import Floats

__all__ = ["overlaid", "part_colours"]

Colour = tuple[int, int, int]


def overlaid(
    rgb: Floats, mattes: Floats, strength: float, colours: Sequence[Colour] | None = None
) -> Floats:
    """A picture with its parts tinted, float32 [H, W, 3] in 0..1.

    Args:
        rgb: display sRGB 0..1, [H, W, 3].
        mattes: 0..1, [P, H, W].
        strength: share of the colour where a matte is 1.
        colours: one for each part, 0..255; those of `part_colours` by default.
    """
    over = np.array(rgb, np.float32)
    for matte, colour in zip(mattes, colours or part_colours(len(mattes)), strict=True):
        weight = np.float32(strength) * np.asarray(matte, np.float32)[..., None]
        over += weight * (np.array(colour, np.float32) / np.float32(255.0) - over)
    return over


def part_colours(count: int) -> list[Colour]:
    """`count` distinct RGB colours, 0..255, the same for every picture of a part set.

    Hues go round by the golden ratio, so that neighbours in the part set differ most.
    """
    colours = []
    for index in range(count):
        hue = (0.99 + index * 0.618034) % 1.0
        lightness = (0.55, 0.68, 0.42)[(index // 8) % 3]
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.85)
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return colours
