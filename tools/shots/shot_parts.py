"""The parts of the two shots, and how the truth pass encodes them; no Blender, no numpy.

As in the toy rocket: the first three parts are red, green and blue, the fourth is black but
opaque, all else is a holdout. So one unlit pass holds the exact coverage of four parts.
"""

PARTS: dict[str, tuple[str, ...]] = {
    "tuft": ("hair", "face", "scarf", "wires"),
    "plane": ("body", "wings", "propeller", "tail"),
}

CODES: tuple[tuple[float, float, float], ...] = (
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (0.0, 0.0, 0.0),
)
