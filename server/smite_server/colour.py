"""From the plate's colour space to the sRGB 0..1 that the model wants, by OpenColorIO 2.

A name is looked up in the config that the job brings from its host, then in that of ``$OCIO``, then
in OpenColorIO's built-in studio config, so that names from file metadata always resolve.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO

from smite_server.geometry import Floats
from smite_server.pixel_errors import ColourError

__all__ = ["ToDisplay", "colour_space_of_metadata", "compress_highlights"]

BUILT_IN_CONFIG = "ocio://studio-config-latest"
LINEAR, DISPLAY, CINEON = "lin_rec709_scene", "srgb_rec709_display", "Cineon"
FLOAT_SUFFIXES = frozenset((".exr", ".hdr", ".pfm"))
KNEE = 0.6
"""Scene-linear value from which highlights are compressed; diffuse white (1.0) becomes 0.8."""

_BAND = 32
"""Rows that are converted at a time."""

_GENERIC = {  # plain words that no config spells out -> a space of the built-in config
    "srgb": DISPLAY,
    "gamma2.2": "Gamma 2.2 Encoded Rec.709",
    "rec709": "Camera Rec.709",
    "rec.709": "Camera Rec.709",
    "linear": LINEAR,
    "lin_srgb": LINEAR,
    "linear srgb": LINEAR,
    "linear rec.709": LINEAR,
    "linear rec709": LINEAR,
    "kodaklog": CINEON,
    "cineon": CINEON,
}
_LINEAR_NAMES = (
    LINEAR, "Linear Rec.709 (sRGB)", "Utility - Linear - sRGB", "Utility - Linear - Rec.709",
    "lin_srgb", "Linear Rec.709", "Linear sRGB",
)  # fmt: skip
_PRIMARIES = {  # EXR `chromaticities`: red, green, blue x y -> scene-linear space
    (0.64, 0.33, 0.30, 0.60, 0.15, 0.06): LINEAR,
    (0.713, 0.293, 0.165, 0.830, 0.128, 0.044): "lin_ap1_scene",
    (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077): "lin_ap0_scene",
    (0.708, 0.292, 0.170, 0.797, 0.131, 0.046): "lin_rec2020_scene",
    (0.68, 0.32, 0.265, 0.69, 0.15, 0.06): "lin_p3d65_scene",
}


class ToDisplay:
    """Turns pixels of one colour space into display sRGB, 0..1.

    Args:
        colour_space: a name, alias or role of the config, or one of the plain words `sRGB`,
            `linear`, `rec709`, `Cineon`; None takes what is usual for the file's format:
            scene-linear with Rec.709 primaries for EXR, display-referred sRGB for the others.
        path_hint: the plate's path or pattern; its suffix tells the format.
        config: the job's own OpenColorIO config: a file, or `ocio://...`.

    Raises:
        ColourError: an unknown name (with the near ones), or a config that cannot be used.
    """

    def __init__(
        self, colour_space: str | None, path_hint: str = "", config: str | None = None
    ) -> None:
        suffix = os.path.splitext(path_hint)[1].lower()  # noqa: PTH122 - may hold patterns
        self.colour_space = colour_space or (LINEAR if suffix in FLOAT_SUFFIXES else DISPLAY)
        found, space = _find(self.colour_space, config)
        self._cineon = space == CINEON
        self._display_referred = not self._cineon and _is_display_referred(found, space)
        self._log = self._cineon or found.getColorSpace(space).getEncoding() == "log"
        self._identity = self._display_referred and _is_srgb(found, space)
        self._to_linear = None if self._cineon or self._identity else _to_linear(found, space)
        self._encode = _srgb_encoder()

    def apply(self, pixels: Floats) -> Floats:
        """float32 [H, W, 3] in the plate's space -> float32 [H, W, 3] sRGB, finite, 0..1.

        The result is contiguous and writable. Display-referred sRGB comes back as it is: the same
        array, where nothing is outside 0..1.
        Scene-referred light above `KNEE` is compressed smoothly; nothing wraps, nothing is NaN.
        """
        if self._identity:
            if pixels.size == 0 or (pixels.min() >= 0.0 and pixels.max() <= 1.0):
                return np.require(pixels, np.float32, ["C", "W"])
            pixels = np.nan_to_num(pixels, nan=0.0)
            np.clip(pixels, 0.0, 1.0, out=pixels)
            return pixels
        light = np.empty(pixels.shape, np.float32)
        for top in range(0, len(pixels), _BAND):
            light[top : top + _BAND] = self._band(pixels[top : top + _BAND])
        return light

    def _band(self, pixels: Floats) -> Floats:
        """`apply` for a few rows, whose temporaries stay in the processor's cache."""
        light = np.array(pixels, np.float32, order="C")
        np.nan_to_num(light, copy=False, nan=0.0, posinf=1e9, neginf=0.0)
        limit = 4.0 if self._log else 1e9  # codes beyond it mean more light than float32 holds
        np.clip(light, -limit, limit, out=light)
        if self._cineon:
            light = _cineon_to_linear(light)
        elif self._to_linear is not None:
            self._to_linear.applyRGB(light)
            np.nan_to_num(light, copy=False, nan=0.0, posinf=1e9, neginf=0.0)
        if self._display_referred:
            np.clip(light, 0.0, 1.0, out=light)
        else:
            light = compress_highlights(light)
        self._encode.applyRGB(light)
        np.clip(light, 0.0, 1.0, out=light)
        return light


def compress_highlights(light: Floats, knee: float = KNEE) -> Floats:
    """Scene-linear light -> 0..1: unchanged up to `knee`, then a smooth shoulder towards 1.

    The shoulder is knee + (1 - knee) * e / (e + 1 - knee) with e the excess over the knee: value
    and slope meet at the knee, it rises for ever and never reaches beyond 1. Negative light
    (colours outside the gamut) becomes 0.
    """
    light = np.maximum(light, np.float32(0))
    excess = np.maximum(light - np.float32(knee), np.float32(0))
    room = np.float32(1.0 - knee)
    shown: Floats = np.minimum(light, np.float32(knee)) + room * (excess / (excess + room))
    return shown


def colour_space_of_metadata(
    attributes: Mapping[str, Any], suffix: str, floating: bool
) -> str | None:
    """The colour space that a file names itself, if this can be resolved; else None.

    Looks at `colorInteropID`, the ACES container flag, EXR `chromaticities`, OpenImageIO's
    `oiio:ColorSpace` and a DPX header's logarithmic transfer; float pictures of other formats
    than EXR are scene-linear.
    """
    if str(attributes.get("dpx:Transfer", "")).lower() in ("logarithmic", "printing density"):
        return CINEON
    if attributes.get("acesImageContainerFlag") == 1:
        return "lin_ap0_scene"
    chromaticities = attributes.get("chromaticities")
    by_primaries = None
    if isinstance(chromaticities, tuple | list) and len(chromaticities) == 8:
        by_primaries = _by_primaries([float(value) for value in chromaticities[:6]])
    for name in (attributes.get("colorInteropID"), by_primaries, attributes.get("oiio:ColorSpace")):
        if isinstance(name, str) and name.lower() not in ("data", "unknown", "raw", "none"):
            try:
                _find(name)
            except ColourError:
                continue
            return name
    return LINEAR if floating and suffix not in FLOAT_SUFFIXES else None


def _by_primaries(values: list[float]) -> str | None:
    for primaries, name in _PRIMARIES.items():
        if max(abs(a - b) for a, b in zip(primaries, values, strict=True)) < 2e-3:
            return name
    return None


def _config(source: str) -> Any:
    """The config of a file, or a built-in one. Raises ColourError."""
    try:
        changed = Path(source).stat().st_mtime_ns
    except OSError:
        changed = 0
    return _config_as_of(source, changed)


@lru_cache(maxsize=8)
def _config_as_of(source: str, _changed: int) -> Any:
    try:
        return PyOpenColorIO.Config.CreateFromFile(source)
    except (PyOpenColorIO.Exception, PyOpenColorIO.ExceptionMissingFile):
        # OpenColorIO's own words quote the file, which may be none that the asker may read.
        raise ColourError(
            "the OpenColorIO config cannot be read", source, "name one that can, or none"
        ) from None


def _sources(own: str | None) -> list[str]:
    """The configs that names are looked up in, in this order."""
    wanted = [own, os.environ.get("OCIO"), BUILT_IN_CONFIG]
    return list(dict.fromkeys(source for source in wanted if source))


def _find(name: str, own: str | None = None) -> tuple[Any, str]:
    """(config, colour space) of a name, alias, role or plain word. Raises ColourError."""
    wanted = name.strip()
    sources = _sources(own)
    for spelling in (wanted, _GENERIC.get(wanted.lower(), wanted)):
        for source in sources:
            config = _config(source)
            space = config.getColorSpace(spelling)
            if space is not None:
                return config, space.getName()
        if spelling == CINEON:
            return None, CINEON
    first = "the built-in studio config" if sources[0] == BUILT_IN_CONFIG else sources[0]
    raise ColourError(f"there is no colour space {name!r} in {first}", "", _advice(wanted, sources))


def _advice(wanted: str, sources: list[str]) -> str:
    """The near matches of a name that is not there."""
    spellings: dict[str, str] = {word: word for word in _GENERIC}
    for source in reversed(sources):
        for space in _config(source).getColorSpaces():
            for spelling in (space.getName(), *space.getAliases()):
                spellings[spelling.lower()] = space.getName()
    inside = [key for key in spellings if wanted and wanted.lower() in key]
    near = difflib.get_close_matches(wanted.lower(), list(spellings), n=6, cutoff=0.5)
    names = list(dict.fromkeys(spellings[key] for key in [*near, *inside]))[:6]
    if names:
        return "did you mean " + " or ".join(repr(name) for name in names)
    return "for example 'ACEScg', 'ARRI LogC4', 'linear' or 'sRGB'"


def _is_display_referred(config: Any, name: str) -> bool:
    """Whether the values are those of a screen: already 0..1, with nothing above white."""
    space = config.getColorSpace(name)
    encoding = str(space.getEncoding())
    if encoding:
        return encoding in ("sdr-video", "data")
    return bool(space.isData())


def _is_srgb(config: Any, name: str) -> bool:
    """Whether the space is sRGB itself, or data, which is passed on as it is."""
    space = config.getColorSpace(name)
    names = {text.lower() for text in (space.getName(), *space.getAliases())}
    return bool(space.isData()) or bool(
        names & {DISPLAY, "srgb_rec709_scene", "srgb", "srgb - display", "srgb - texture"}
    )


def _to_linear(config: Any, name: str) -> Any:
    """A CPU processor from `name` to scene-linear Rec.709. Raises ColourError."""
    built_in = _config(BUILT_IN_CONFIG)
    try:
        if config is built_in:
            processor = config.getProcessor(name, LINEAR)
        else:
            processor = _to_linear_of_studio(config, name)
    except PyOpenColorIO.Exception as error:
        raise ColourError(
            f"colour space {name!r} has no way to linear Rec.709 in the OpenColorIO config",
            config.getWorkingDir(),
            f"name a space it can convert ({error})",
        ) from None
    return processor.getDefaultCPUProcessor()


def _to_linear_of_studio(config: Any, name: str) -> Any:
    """By a linear Rec.709 space of the config itself, else by what both configs share."""
    for candidate in _LINEAR_NAMES:
        space = config.getColorSpace(candidate)
        if space is not None:
            return config.getProcessor(name, space.getName())
    return PyOpenColorIO.Config.GetProcessorToBuiltinColorSpace(config, name, LINEAR)


@lru_cache(maxsize=1)
def _srgb_encoder() -> Any:
    """Linear 0..1 -> sRGB 0..1 (IEC 61966-2-1)."""
    curve = PyOpenColorIO.ExponentWithLinearTransform(
        gamma=[2.4, 2.4, 2.4, 1.0],
        offset=[0.055, 0.055, 0.055, 0.0],
        direction=PyOpenColorIO.TRANSFORM_DIR_INVERSE,
    )
    return _config(BUILT_IN_CONFIG).getProcessor(curve).getDefaultCPUProcessor()


def _cineon_to_linear(code: Floats) -> Floats:
    """Kodak Cineon printing density (10-bit black 95, white 685) -> scene-linear."""
    black = 10.0 ** ((95.0 - 685.0) / 300.0)
    density = np.clip(code, -0.5, 1.5) * np.float32(1023.0)
    light: Floats = np.power(np.float32(10.0), (density - np.float32(685.0)) / np.float32(300.0))
    light -= np.float32(black)
    light /= np.float32(1.0 - black)
    return light
