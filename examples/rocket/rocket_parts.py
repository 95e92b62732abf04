"""The parts of the toy rocket and how the truth pass encodes them.

One unlit pass is enough for four parts: the first three are the colours red, green and blue,
the fourth is black but opaque, everything else is a holdout (alpha 0). Hence, per pixel,

    coverage(nose, hull, fins) = (R, G, B)        coverage(window) = A - R - G - B

and the sum over the parts is A, which never exceeds 1.
"""

PARTS: tuple[str, ...] = ("nose", "hull", "fins", "window")

CODES: tuple[tuple[float, float, float], ...] = (
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (0.0, 0.0, 0.0),
)

LABELS: dict[str, str] = {str(i): name for i, name in enumerate(("background", *PARTS))}
