"""The plate of a node: the files of a plain Read, or a node that is rendered frame by frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from smite_hosts import HostProblem
from smite_hosts.colour_names import NUKE_LUTS, ocio_name, plain_name
from smite_hosts.mattes_on_disk import file_of

from . import host
from .host import Node

_VIEWS = re.compile(r"%[Vv]")
_USUAL = {
    ".exr": ("linear",),
    ".png": ("sRGB",),
    ".jpg": ("sRGB",),
    ".jpeg": ("sRGB",),
    ".tif": ("sRGB",),
    ".tiff": ("sRGB",),
}
"""Kinds of stills that are taken as they are, and Nuke's name of the colours they usually have."""


@dataclass(frozen=True)
class Plate:
    """What is connected.

    ``path`` is the pattern of a plain Read, empty for a node that is to be rendered; ``node`` the
    node's full name; ``colour_space`` what OpenColorIO calls the files' colours (None: as the
    files say).
    """

    node: str
    path: str
    first: int
    last: int
    colour_space: Optional[str]

    @property
    def range(self) -> Tuple[int, int]:
        """First and last frame."""
        return self.first, self.last


def plate_of(node: Node, index: int) -> Plate:
    """Return the plate at an input. Raises HostProblem when nothing is connected."""
    source = node.input(index)
    if source is None:
        raise HostProblem("no_plate", node=node.name)
    first, last = source.frame_range()
    path = files_of_read(source) if source.class_name == "Read" else ""
    colours = _colours_of_read(source) if path else host.working_space()
    return Plate(source.name, path, first, last, colours)


def files_of_read(read: Node) -> str:
    """Return the pattern of a Read whose files are the picture as it is; else empty.

    A Read that is switched off, shifts its frames, has views or no file is rendered.
    """
    path = read.path("file")
    shifted = read.text("frame").strip() if read.has("frame") else ""
    if not path or shifted or read.flag("disable") or _VIEWS.search(path):
        return ""
    return path


def still_of(source: Node, frame: int) -> Optional[Path]:
    """Return the file that a node's picture is at a frame; None where it must be rendered.

    The file is taken only where its colours are what such files usually have.
    """
    path = files_of_read(source) if source.class_name == "Read" else ""
    first, last = source.frame_range()
    if not path or not first <= frame <= last:
        return None
    file = Path(file_of(path, frame))
    usual = _USUAL.get(file.suffix.lower(), ())
    colours = "" if source.flag("raw") else plain_name(source.text("colorspace"))
    return file if colours in ("", "default", *usual) and usual and file.is_file() else None


def _colours_of_read(read: Node) -> Optional[str]:
    luts = None if host.manages_colours() else NUKE_LUTS
    return ocio_name(read.text("colorspace"), luts=luts, raw=read.flag("raw"))
