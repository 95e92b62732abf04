"""What a host calls a colour space, and what OpenColorIO does.

Nuke's own colour management knows transfer curves (LUTs) alone; the server wants whole colour
spaces. Each curve stands for the camera's space that it belongs to, by the names of OpenColorIO's
built-in configs, which the server always resolves. Under OCIO a host's names are the config's own.
"""

from __future__ import annotations

import re
from typing import Mapping, Optional

NUKE_LUTS: Mapping[str, Optional[str]] = {
    "linear": "Linear Rec.709 (sRGB)",
    "sRGB": "sRGB Encoded Rec.709 (sRGB)",
    "sRGBf": "sRGB Encoded Rec.709 (sRGB)",
    "rec709": "Camera Rec.709",
    "rec1886": "Gamma 2.4 Encoded Rec.709",
    "BT1886": "Gamma 2.4 Encoded Rec.709",
    "Gamma1.8": "Gamma 1.8 Encoded Rec.709",
    "Gamma2.2": "Gamma 2.2 Encoded Rec.709",
    "Gamma2.4": "Gamma 2.4 Encoded Rec.709",
    "Cineon": "Cineon",
    "AlexaV3LogC": "ARRI LogC3 (EI800)",
    "ARRILogC4": "ARRI LogC4",
    "SLog3": "S-Log3 S-Gamut3.Cine",
    "Log3G10": "Log3G10 REDWideGamutRGB",
    "BlackmagicFilmGeneration5": "BMDFilm WideGamut Gen5",
    "st2084": "Rec.2100-PQ - Display",
    "HybridLogGamma": "Rec.2100-HLG - Display",
    "Panalog": None,
    "REDLog": None,
    "ViperLog": None,
    "PLogLin": None,
    "SLog": None,
    "SLog1": None,
    "SLog2": None,
    "CLog": None,
    "Log3G12": None,
    "Protune": None,
}
"""Nuke's LUTs; those with None have no counterpart in the built-in configs."""

_ROLES = (
    "default",
    "scene_linear",
    "rendering",
    "color_picking",
    "compositing_log",
    "compositing_linear",
    "color_timing",
    "data",
    "matte_paint",
    "texture_paint",
    "reference",
)
_ROLE_AND_NAME = re.compile(rf"(?:{'|'.join(_ROLES)}) \((?P<name>.+)\)")


def plain_name(shown: str) -> str:
    """Return a colour space's name without the role that a host's menu puts before it.

    "scene_linear (ACES - ACEScg)" is "ACES - ACEScg"; names with brackets of their own stay.
    """
    name = shown.strip()
    found = _ROLE_AND_NAME.fullmatch(name)
    return found["name"] if found else name


def ocio_name(
    shown: str, *, luts: Optional[Mapping[str, Optional[str]]] = None, raw: bool = False
) -> Optional[str]:
    """Return what the server shall take a plate's colours for; None: what the files say.

    ``luts`` is the host's table where it manages colours by itself; ``raw`` plates, whose values
    the host does not touch, are told by their files, too.
    """
    name = plain_name(shown)
    if raw or not name or name in ("default", "auto"):
        return None
    if luts is None:
        return name
    by_name = {key.casefold(): value for key, value in luts.items()}
    return by_name.get(name.replace(" ", "").casefold())
