"""The list of what a job was sent: a line for each file that is wholly on the disk.

A file counts once its line is there, so that what is found after a crash is what was acknowledged.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .durable import write_synced

NAME = "sent"
_LINE = re.compile(r"([0-9a-f]{64}) ([0-9]{1,15}) (.+)")


@dataclass(frozen=True)
class Sent:
    """One file: its size in bytes and the SHA-256 of its content, in hex."""

    size: int
    digest: str


def read_manifest(folder: Path) -> dict[str, Sent]:
    """Return the files that a job was sent, by role and name, of those that are there still.

    A line that a crash cut short, and one whose file has another size, do not count.
    """
    try:
        text = (folder / NAME).read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return {}
    found: dict[str, Sent] = {}
    for line in text.split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is not None and _size_of(folder / match[3]) == int(match[2]):
            found[match[3]] = Sent(int(match[2]), match[1])
    return found


def add_to_manifest(folder: Path, name: str, sent: Sent) -> None:
    """Note one file; it is on the disk when this returns. Raises OSError."""
    with (folder / NAME).open("ab") as file:
        file.write(_line_of(name, sent))
        file.flush()
        os.fsync(file.fileno())


def rewrite_manifest(folder: Path, files: dict[str, Sent]) -> None:
    """Write the list anew, without the ends of lines that a crash left. Raises OSError."""
    part = folder / f".{NAME}.part"
    write_synced(part, *(_line_of(name, sent) for name, sent in files.items()))
    part.replace(folder / NAME)


def _line_of(name: str, sent: Sent) -> bytes:
    return f"{sent.digest} {sent.size} {name}\n".encode()


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
