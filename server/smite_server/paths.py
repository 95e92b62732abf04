"""Path confinement: every path of a job must resolve to a place inside the server's roots.

Paths are checked when a job is submitted and again by the worker just before it opens them
(`check_again`). Between that and the opening itself somebody who may write below the roots can
still swap a folder for a link; such a person could as well copy what they want to be read, and
what the server writes there is mattes. Roots that strangers write to deserve a server user who may
read nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadPath, PathMissing, PathRefused

from .strange_names import refuse_strange_characters, refuse_strange_path

MAX_ENTRIES = 200_000


@dataclass(frozen=True)
class Roots:
    """The resolved folders (or single files) that a server may touch."""

    folders: tuple[Path, ...]

    def existing(self, path: str, what: str) -> Path:
        """Return the resolved ``path``, which must exist inside the roots.

        ``what`` names it in messages, e.g. "the plate". Raises BadPath, PathRefused, PathMissing.
        """
        found = self._inside(path, what)
        if not found.exists():
            raise PathMissing(f"{_capital(what)} {path} does not exist on the server.")
        return found

    def output(self, path: str, what: str) -> Path:
        """Return the resolved folder ``path``, which may be yet to be made, inside the roots.

        Raises BadPath when it cannot be a folder that is written to, PathRefused.
        """
        found = self._inside(path, what)
        ancestor = next(folder for folder in (found, *found.parents) if folder.exists())
        if not ancestor.is_dir():
            raise BadPath(f"{_capital(what)} {path} cannot be a folder: {ancestor} is a file.")
        if not os.access(ancestor, os.W_OK | os.X_OK):
            raise BadPath(f"{_capital(what)} {path} cannot be written to: {ancestor} is read-only.")
        return found

    def _inside(self, path: str, what: str) -> Path:
        refuse_strange_path(path, what)
        given = Path(path)
        if not given.is_absolute():
            raise BadPath(f"{_capital(what)} {path} is not absolute; give the whole path.")
        if not self.folders:
            raise PathRefused(
                f"{_capital(what)} {path} is refused: this server was started without --root, so"
                " it takes no paths; send the files, or start it with --root."
            )
        try:
            found = given.resolve()
        except (OSError, RuntimeError) as problem:
            raise BadPath(f"{_capital(what)} {path} cannot be resolved ({problem}).") from problem
        if not self.contain(found):
            shown = ", ".join(str(folder) for folder in self.folders[:4])
            where = "" if found == given else f" (which leads to {found})"
            raise PathRefused(
                f"{_capital(what)} {path}{where} is outside the folders this server may touch"
                f" ({shown}); choose a path inside, or start the server with another --root."
            )
        return found

    def contain(self, resolved: Path) -> bool:
        """Return whether a resolved path lies inside the roots."""
        return any(resolved.is_relative_to(folder) for folder in self.folders)

    def check_links(self, entry: os.DirEntry[str], what: str) -> None:
        """Raise PathRefused when a folder's entry is a link that leads out of the roots."""
        if entry.is_symlink() and not self.contain(Path(entry.path).resolve()):
            raise PathRefused(
                f"{_capital(what)} has {entry.path}, a link to {Path(entry.path).resolve()}, which"
                " is outside the folders this server may touch; start it with that --root too."
            )


def check_template(template: str) -> None:
    """Raise BadPath unless a file name template stays below the output folder."""
    refuse_strange_characters(template, "the template")
    parts = template.replace("\\", "/").split("/")
    if template.startswith(("/", "\\", "~")) or ":" in parts[0].split("{")[0] or ".." in parts:
        raise BadPath(
            f"The template {template!r} leaves the output folder; it must be relative, without"
            " '..'."
        )


def fingerprint(roots: Roots, path: Path, what: str, *, depth: int = 0) -> list[list[str | int]]:
    """Return name, size and time of the files at ``path``: itself, or ``depth`` levels inside.

    A path that is not there (a sequence pattern) stands for its folder. Raises PathRefused when a
    link leads out of the roots, BadPath when there are too many files.
    """
    if path.is_file():
        status = path.stat()
        return [[path.name, status.st_size, status.st_mtime_ns]]
    found: list[list[str | int]] = []
    pending = [(path, depth)]
    while pending:
        folder, levels = pending.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    roots.check_links(entry, what)
                    if entry.is_dir():
                        if levels > 0:
                            pending.append((Path(entry.path), levels - 1))
                        continue
                    status = entry.stat()
                    found.append([entry.path, status.st_size, status.st_mtime_ns])
                    if len(found) > MAX_ENTRIES:
                        raise BadPath(f"{_capital(what)} {path} has over {MAX_ENTRIES} files.")
        except OSError as problem:
            raise BadPath(
                f"{_capital(what)} {path} cannot be read ({problem.strerror}); check it."
            ) from problem
    return sorted(found, key=str)


def check_again(resolved: Mapping[str, Any], named: Mapping[str, str], depths: int = 2) -> None:
    """Check a job's inputs once more, in the worker, before they are opened.

    ``resolved`` are the job's checked inputs with its ``roots``, ``named`` says in words what those
    of them are that the client named by path. Raises PathRefused when a link has come between.
    """
    roots = Roots(tuple(Path(root) for root in resolved.get("roots", ())))
    for name, what in named.items():
        path = Path(resolved[name])
        is_there = path.exists()
        folder = roots.existing(str(path if is_there else path.parent), what)
        fingerprint(roots, folder, what, depth=depths if folder.is_dir() and is_there else 0)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
