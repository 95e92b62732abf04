"""The part of the workers' logs that is about one job, cut out between a worker's two marks."""

from __future__ import annotations

import os
from pathlib import Path

READ_BYTES = 4 * 1024 * 1024
"""Most of a log that is read, from its end."""
SHOWN_LINES = 400
SHOWN_BYTES = 256 * 1024
PATTERN = "worker-*.log*"
_BEGINS, _ENDS = "begins", "ends"


def begin_mark(job: str) -> str:
    """Return the line that a worker writes before it runs a job."""
    return f"job {job} {_BEGINS}\n"


def end_mark(job: str) -> str:
    """Return the line that a worker writes after it ran a job."""
    return f"job {job} {_ENDS}\n"


def log_of_job(folder: Path, job: str) -> list[str] | None:
    """Return the last lines that a worker wrote while it ran ``job``, of the job's last attempt.

    None where no log knows of it. A job whose worker died has no second mark: its lines go on to
    the next job's, or to the end.
    """
    for path in sorted(folder.glob(PATTERN), key=_changed, reverse=True):
        found = _cut(_tail(path), job)
        if found is not None:
            return found
    return None


def _cut(lines: list[str], job: str) -> list[str] | None:
    begin = begin_mark(job).rstrip()
    starts = [number for number, line in enumerate(lines) if line == begin]
    if not starts:
        return None
    found: list[str] = []
    for line in lines[starts[-1] + 1 :]:
        if line == end_mark(job).rstrip() or _is_begin(line):
            break
        found.append(line)
    return _bounded(found)


def _is_begin(line: str) -> bool:
    words = line.split(" ")
    return len(words) == 3 and words[0] == "job" and words[2] == _BEGINS


def _bounded(lines: list[str]) -> list[str]:
    """Return the last of ``lines``, as many as are shown."""
    kept: list[str] = []
    room = SHOWN_BYTES
    for line in reversed(lines[-SHOWN_LINES:]):
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - READ_BYTES))
            return file.read(READ_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:  # cleared away meanwhile
        return []


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
