"""Where the newest frame of a running job lies as a small picture: ``SPOOL/JOB/thumb.png``.

The worker draws it (`worker.thumbnail`), the status page shows it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

THUMBNAIL = "thumb.png"
MAX_BYTES = 4 * 1024 * 1024
_JOB = re.compile(r"[0-9a-f]{12}")


def made_at(spool: Path, job: str) -> int | None:
    """Return when a job's thumbnail was made, in milliseconds; None without one."""
    try:
        return (spool / job / THUMBNAIL).stat().st_mtime_ns // 1_000_000
    except OSError:
        return None


def read_thumbnail(spool: Path, job: str) -> bytes | None:
    """Return a job's thumbnail (PNG); None without one, and for what is no job's id."""
    if not _JOB.fullmatch(job):
        return None
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(spool / job / THUMBNAIL, flags), "rb") as file:
            return file.read(MAX_BYTES)
    except OSError:
        return None
