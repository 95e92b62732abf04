"""Files that a host makes for a job: one that has not changed is left untouched.

What the server made of a file can then be gone on with: a job is told by its files' times.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .sentences import HostProblem


def copy_file(source: Path, path: Path) -> None:
    """Put a copy of a file into place. Raises HostProblem."""
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, partial)
        keep_file(partial, path)
    except OSError as problem:
        raise HostProblem("disk_full", detail=f"{path} cannot be written.") from problem


def keep_file(partial: Path, path: Path) -> None:
    """Put a new file into place, unless the old one has the same bytes. Raises OSError."""
    same_size = path.is_file() and path.stat().st_size == partial.stat().st_size
    if same_size and path.read_bytes() == partial.read_bytes():
        partial.unlink()
    else:
        partial.replace(path)
