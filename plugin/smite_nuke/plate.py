"""The plate of a node: the files of a plain Read, or a node that is rendered frame by frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

from smite_hosts import HostProblem
from smite_hosts.colour_names import NUKE_LUTS, ocio_name

from . import host
from .host import Node

_VIEWS = re.compile(r"%[Vv]")


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


def _colours_of_read(read: Node) -> Optional[str]:
    luts = None if host.manages_colours() else NUKE_LUTS
    return ocio_name(read.text("colorspace"), luts=luts, raw=read.flag("raw"))
