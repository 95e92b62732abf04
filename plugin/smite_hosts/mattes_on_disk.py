"""Mattes as files of this machine: patterns, versions, and frames carried over to a new version."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Iterable, Iterator, Mapping, Set, Tuple

from smite_protocol.errors import MatteFailed

from .sentences import HostProblem, detail_of

SINGLE_FILE_STYLES = ("layers", "cryptomatte")
"""Styles that have all parts in one file a frame; their files are named by the style."""
_PADDING = re.compile(r"#+|%0?(\d*)d")


def style_of(member: str) -> str:
    """Return the style that a matte belongs to, from what its file is called."""
    return member if member in SINGLE_FILE_STYLES else "parts"


def pattern_of(path: str, frame: int) -> str:
    """Return the sequence that a frame's file belongs to: ``x.1001.exr`` is of ``x.%04d.exr``.

    The last number in the file's name that is the frame's counts; a name without it is itself.
    """
    folder, name = os.path.split(path.replace("\\", "/"))
    sign, digits = ("-" if frame < 0 else ""), str(abs(frame))
    found = list(re.finditer(rf"(?<!\d){sign}0*{digits}(?!\d)", name))
    if not found:
        return path
    first, last = found[-1].span()
    named = f"{name[:first]}%0{last - first}d{name[last:]}"
    return f"{folder}/{named}" if folder else named


def file_of(pattern: str, frame: int) -> str:
    """Return a frame's file: of ``x.%04d.exr`` or ``x.####.exr`` the frame 1001 is x.1001.exr."""
    folder, slash, name = pattern.replace("\\", "/").rpartition("/")

    def number(found: re.Match[str]) -> str:
        token = found.group()
        width = len(token) if token[0] == "#" else int(found[1] or 0)
        return f"{frame:0{width}d}"

    return folder + slash + _PADDING.sub(number, name, count=1)


def next_version(out: Path, shot: str) -> int:
    """Return the version above all of a shot's files below ``out``; 1 where there are none."""
    pattern = re.compile(rf"{re.escape(shot)}_.*?v(\d+)\.")
    versions = [0]
    for name in _names_below(out / shot):
        found = pattern.match(name)
        if found:
            versions.append(int(found[1]))
    return max(versions) + 1


def _names_below(folder: Path) -> Iterator[str]:
    with suppress(OSError):
        for entry in os.scandir(folder):
            yield entry.name
            if entry.is_dir():
                with suppress(OSError):
                    yield from (inner.name for inner in os.scandir(entry.path))


def carry_over(
    old: Mapping[str, Mapping[str, str]],
    new: Mapping[str, Mapping[str, str]],
    frames: Iterable[int],
) -> int:
    """Copy frames of one version that the next does not make anew; return how many files.

    ``old`` and ``new`` are style -> member -> pattern. A file that is there already is kept.
    Raises HostProblem, MatteFailed.
    """
    count = 0
    for source, target in _pairs(old, new, tuple(frames)):
        if target.exists() or not source.is_file():
            continue
        partial = target.with_name(f".{target.name}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, partial)
            partial.replace(target)
        except OSError as problem:
            with suppress(OSError):
                partial.unlink()
            if problem.errno == 28:
                raise HostProblem("disk_full", detail=f"{target} cannot be written.") from problem
            raise MatteFailed(f"{target} cannot be written ({detail_of(problem)}).") from problem
        count += 1
    return count


def _pairs(
    old: Mapping[str, Mapping[str, str]],
    new: Mapping[str, Mapping[str, str]],
    frames: Tuple[int, ...],
) -> Iterator[Tuple[Path, Path]]:
    for style, members in new.items():
        for member, pattern in members.items():
            before = old.get(style, {}).get(member)
            for frame in frames if before else ():
                yield Path(file_of(str(before), frame)), Path(file_of(pattern, frame))


def version_in(pattern: str) -> str:
    """Return the digits of a pattern's version, the last ``_v001`` in it; empty: it has none."""
    found = re.findall(r"_v(\d+)(?=[._/])", pattern)
    return found[-1] if found else ""


def other_version(pattern: str, step: int, first: int, last: int) -> str:
    """Return the pattern of the next version, up or down, that has a frame on the disk.

    Versions are the ``_v001`` of every step of the path; empty where there is none.
    """
    now = version_in(pattern)
    if not now:
        return ""
    for number in sorted(_versions_beside(pattern, now), key=lambda value: step * value):
        if step * number <= step * int(now):
            continue
        other = re.sub(rf"_v{now}(?=[._/])", f"_v{number:0{len(now)}d}", pattern)
        if any(Path(file_of(other, frame)).is_file() for frame in range(first, last + 1)):
            return other
    return ""


def _versions_beside(pattern: str, now: str) -> Set[int]:
    """Return the numbers of versions whose files or folders lie beside a pattern's."""
    numbers: Set[int] = set()
    path = PurePosixPath(pattern.replace("\\", "/"))
    for step in (path, *path.parents):
        if f"_v{now}" not in step.name:
            continue
        with suppress(OSError):
            for entry in os.scandir(str(step.parent)):
                numbers.update(int(text) for text in re.findall(r"_v(\d+)(?=[._]|$)", entry.name))
    return numbers
