"""What was put into a folder, and which of it is still as it was put.

The record is a JSON file in that folder. It has no dates and no paths outside of what it must find
again, so that the same installation has the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .problems import InstallProblem

NAME = "smite-installed.json"
FORMAT = 1
LITTER = frozenset({".DS_Store", "Thumbs.db"})  # what file browsers leave everywhere
_COMPILED = re.compile(r"(.+?)\.[^.]+(?:\.opt-\d)?\.pyc")


@dataclass
class Record:
    """What is in one folder: file name below it (with slashes) -> SHA-256, and what lies outside.

    ``edited`` names files with a block of ours, ``made_files`` those of them that were not there
    before, ``made_folders`` the folders above that were not, outermost first, ``beside`` files
    outside of the folder that are ours alone, with their SHA-256.
    """

    host: str
    version: str
    files: dict[str, str] = field(default_factory=dict)
    edited: list[str] = field(default_factory=list)
    made_files: list[str] = field(default_factory=list)
    made_folders: list[str] = field(default_factory=list)
    beside: dict[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the record as JSON."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode()


def read_record(folder: Path) -> Record | None:
    """Return the record in a folder, None if there is none. Raises InstallProblem, OSError."""
    file = folder / NAME
    try:
        found = json.loads(file.read_bytes())
        if found.pop("format") != FORMAT:
            raise ValueError("another format")
        return Record(**found)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise InstallProblem(
            f"{file} cannot be read ({problem}), so it is not known what was installed in its"
            " folder; move that folder away and run the same command again."
        ) from problem


def digest(file: Path) -> str:
    """Return a file's SHA-256."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_below(folder: Path) -> Iterator[str]:
    """Yield the names of all files and links below a folder, with slashes, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


def list_files(folder: Path) -> dict[str, str]:
    """Return the files below a folder and their SHA-256."""
    return {name: digest(folder / name) for name in files_below(folder)}


def kept_files(folder: Path, record: Record) -> tuple[list[str], list[str]]:
    """Return the files in a folder that are the user's: (changed since, added since).

    What Python compiles from our files is ours, and so is litter.
    """
    changed, added = [], []
    for name in files_below(folder):
        path = folder / name
        if name in record.files:
            if path.is_symlink() or digest(path) != record.files[name]:
                changed.append(name)
        elif name != NAME and path.name not in LITTER and not _is_compiled(name, record):
            added.append(name)
    return changed, added


def _is_compiled(name: str, record: Record) -> bool:
    path = Path(name)
    found = _COMPILED.fullmatch(path.name)
    if path.parent.name != "__pycache__" or not found:
        return False
    return (path.parent.parent / f"{found[1]}.py").as_posix() in record.files
