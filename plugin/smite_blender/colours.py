"""What Blender's own OpenColorIO config calls colours, as the built-in configs of OCIO do."""

from __future__ import annotations

from pathlib import PurePath
from typing import Mapping, Optional

from smite_hosts.colour_names import ocio_name

SPACES: Mapping[str, Optional[str]] = {
    "sRGB": "sRGB Encoded Rec.709 (sRGB)",
    "LinearRec.709": "Linear Rec.709 (sRGB)",
    "LinearRec.2020": "Linear Rec.2020",
    "Rec.1886": "Gamma 2.4 Encoded Rec.709",
    "ACEScg": "ACEScg",
    "ACES2065-1": "ACES2065-1",
    "Non-Color": None,
}
"""Blender's spaces without blanks; others have no counterpart, and the files' own word is taken."""

_USUAL = {".exr": "Linear Rec.709", ".hdr": "Linear Rec.709"}
_USUAL_ELSE = "sRGB"


def colour_space(shown: str, file: str, *, own_config: bool) -> Optional[str]:
    """Return what the server shall take a file's colours for; None: as the file says.

    ``shown`` is the data-block's colour space; ``own_config`` is whether Blender runs with the
    studio's OpenColorIO config, whose names are then meant.
    """
    if own_config:
        return ocio_name(shown)
    if shown == _USUAL.get(PurePath(file).suffix.lower(), _USUAL_ELSE):
        return None
    return ocio_name(shown, luts=SPACES)
