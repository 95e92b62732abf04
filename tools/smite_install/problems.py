"""What goes wrong, as one sentence."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InstallProblem(Exception):  # noqa: N818  (it says what happened)
    """Something keeps the installation from being done; the message is one clear sentence."""


_ADVICE = {
    errno.ENOSPC: "the disk is full; make room and run the same command again",
    errno.EDQUOT: "the disk quota is used up; make room and run the same command again",
    errno.EACCES: "this user may not write there, or a file is in use; close the host, or run it as"
    " the user who owns the folder",
    errno.EPERM: "this user may not write there; run it as the user who owns the folder",
    errno.EROFS: "it lies on a read-only disk; name another place",
    errno.ENOTDIR: "a part of that path is a file, not a folder",
}


def explained(problem: OSError, place: Path) -> InstallProblem:
    """Return what an error of the system means for whoever installs to ``place``."""
    advice = _ADVICE.get(problem.errno or 0, problem.strerror or str(problem))
    refused = problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    at = problem.filename if refused and problem.filename else place
    return InstallProblem(f"{at} cannot be written: {advice}. Nothing was changed.")


@contextmanager
def explaining(place: Path) -> Iterator[None]:
    """Turn errors of the system into sentences. Raises InstallProblem."""
    try:
        yield
    except OSError as problem:
        raise explained(problem, place) from problem
