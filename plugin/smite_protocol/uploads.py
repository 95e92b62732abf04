"""What a client sends when the server does not see its disk: files as they are, or pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import AbstractSet, Iterator, List, Optional, Tuple, Union

from .errors import BadInput, BadPlate, BadReferences, PathMissing
from .records import GeometryInfo
from .wire import Buffer

SIZES = {"uint8": 1, "uint16": 2, "float16": 2, "float32": 4}
"""Bytes of a value, by dtype."""

_PLACEHOLDER = re.compile(r"#+|%0?\d*d|@+")
_LAST_NUMBER = re.compile(r"(-?\d+)\D*$")


@dataclass(frozen=True)
class WireFile:
    """A file to send.

    ``name`` is its relative name on the server, parts joined by ``/``; ``source`` is a path, read
    when its turn comes, or the bytes themselves.
    """

    name: str
    source: Union[Path, bytes]

    @property
    def size(self) -> int:
        """The file's bytes, without reading it. Raises PathMissing."""
        if isinstance(self.source, bytes):
            return len(self.source)
        try:
            return self.source.stat().st_size
        except OSError as problem:
            raise _unreadable(self.source, problem) from problem

    def read(self) -> bytes:
        """Return the file's bytes. Raises PathMissing."""
        if isinstance(self.source, bytes):
            return self.source
        try:
            return self.source.read_bytes()
        except OSError as problem:
            raise _unreadable(self.source, problem) from problem


@dataclass(frozen=True)
class WireFrame:
    """A frame of pixels to send.

    ``data`` holds height x width x channels values, rows from the top, little endian, of type
    ``dtype``; ``geometry`` says where they lie. They must not change until they are sent. Raises
    BadInput when the sizes do not agree.
    """

    frame: int
    shape: Tuple[int, int, int]
    dtype: str
    data: Buffer
    geometry: Optional[GeometryInfo] = None
    colour_space: Optional[str] = None

    def __post_init__(self) -> None:
        if self.dtype not in SIZES:
            raise BadInput(f"Frame {self.frame} has the type {self.dtype!r}; use {list(SIZES)}.")
        height, width, channels = self.shape
        wanted = height * width * channels * SIZES[self.dtype]
        if self.size != wanted:
            raise BadInput(
                f"Frame {self.frame} has {self.size} bytes; {height} x {width} x {channels} values"
                f" of {self.dtype} take {wanted}."
            )

    @property
    def size(self) -> int:
        """The frame's bytes."""
        return memoryview(self.data).nbytes

    @property
    def windows(self) -> GeometryInfo:
        """The geometry; without one the pixels are the whole display window."""
        if self.geometry is not None:
            return self.geometry
        whole = (0, 0, self.shape[1], self.shape[0])
        return GeometryInfo(display=whole, data=whole)


def files_of_plate(
    plate: Union[str, Path], frames: Optional[AbstractSet[int]] = None
) -> Iterator[WireFile]:
    """Yield the files of a plate: a sequence pattern, a folder, or one still or movie.

    With ``frames`` only those of a sequence's files that have these numbers. Raises BadPlate when
    there are none.
    """
    path = Path(plate)
    if path.is_dir():
        found = [entry for entry in sorted(path.iterdir()) if _is_visible_file(entry)]
    elif _PLACEHOLDER.search(path.name):
        found = _matching(path)
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise BadPlate(f"{plate} names no files; give a sequence, a folder, a still or a movie.")
    if frames is not None and not path.is_file():
        found = [entry for entry in found if _number_of(entry, in_folder=path.is_dir()) in frames]
        if not found:
            raise BadPlate(f"The plate {plate} has none of the frames that are asked for.")
    for entry in found:
        yield WireFile(entry.name, entry)


def files_of_references(folder: Union[str, Path]) -> Iterator[WireFile]:
    """Yield the files of a reference folder, two levels deep.

    Raises BadReferences when there are none.
    """
    root = Path(folder)
    found = [
        entry
        for pattern in ("*", "*/*")
        for entry in sorted(root.glob(pattern))
        if _is_visible_file(entry)
    ]
    if not found:
        raise BadReferences(f"{folder} has no files; it must hold the stills and their masks.")
    for entry in found:
        yield WireFile(entry.relative_to(root).as_posix(), entry)


def _unreadable(path: Path, problem: OSError) -> PathMissing:
    return PathMissing(f"{path} cannot be read ({problem.strerror}); check the path.")


def _number_of(file: Path, *, in_folder: bool) -> Optional[int]:
    """Return a file's frame number; in a folder a dash before it (``shot-001``) is no minus."""
    match = _LAST_NUMBER.search(file.stem)
    if match is None:
        return None
    return int(match[1].lstrip("-") if in_folder else match[1])


def _is_visible_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _matching(pattern: Path) -> List[Path]:
    """Return the files that a pattern like ``x.####.exr`` stands for."""
    pieces = _PLACEHOLDER.split(pattern.name)
    wanted = re.compile(r"-?\d+".join(re.escape(piece) for piece in pieces))
    if not pattern.parent.is_dir():
        return []
    return sorted(
        entry
        for entry in pattern.parent.iterdir()
        if wanted.fullmatch(entry.name) and entry.is_file()
    )
