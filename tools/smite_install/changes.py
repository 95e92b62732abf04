"""All of a set of changes to folders and files, or none of them.

New folders are built beside the place where they go (`Stage`), so that nothing is copied once
changes begin: each is a rename. What is replaced is renamed aside and deleted last, so every step
can be taken back, also by the next run where this one was killed (`recover`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PutFolder:
    """``staged`` takes the place of ``destination``; without it the folder goes."""

    destination: Path
    staged: Path | None


@dataclass(frozen=True)
class PutFile:
    """``content`` becomes that of a file, links followed; without it the file goes."""

    file: Path
    content: bytes | None


Change = PutFolder | PutFile


class Stage:
    """A folder being built beside ``destination``; gone when left, unless it was moved there.

    Folders above that are missing are made, and go with it; ``made`` names them, outermost first.
    """

    def __init__(self, destination: Path) -> None:
        self.destination = destination
        self.made: list[Path] = []

    def __enter__(self) -> Stage:
        self.made = missing_folders(self.destination.parent)
        try:
            self.destination.parent.mkdir(parents=True, exist_ok=True)
            recover(self.destination)
            prefix = _aside(self.destination, "new")
            self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self.destination.parent))
            self.folder.chmod(0o777 & ~_umask())
        except BaseException:
            remove_if_empty(self.made)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        remove_if_empty(self.made)


def missing_folders(folder: Path) -> list[Path]:
    """Return those of a folder and the ones above it that do not exist, outermost first."""
    return [path for path in reversed((folder, *folder.parents)) if not path.exists()]


def remove_if_empty(folders: Sequence[Path]) -> None:
    """Remove those of some folders, given outermost first, that are empty."""
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


def recover(destination: Path) -> None:
    """Put right what a killed run left of a folder or file: the one moved aside, the new one."""
    parent = destination.parent
    for old in sorted(parent.glob(_aside(destination, "old") + "*")):
        if destination.exists():
            shutil.rmtree(old)
        else:
            old.rename(destination)
    for stage in parent.glob(_aside(destination, "new") + "*"):
        if stage.is_dir():
            shutil.rmtree(stage)
        else:
            stage.unlink()


def make(changes: Sequence[Change], after: Callable[[int], None] | None = None) -> None:
    """Make all changes, or, where one fails, none; ``after`` hears of each step.

    Raises OSError, and whatever interrupts it, after everything is as it was.
    """
    replaced: list[Path] = []
    with ExitStack() as undo:
        for step, change in enumerate(changes):
            if isinstance(change, PutFile):
                _put_file(change, undo)
            else:
                _put_folder(change, undo, replaced)
            if after is not None:
                after(step)
        undo.pop_all()
    for old in replaced:
        shutil.rmtree(old, ignore_errors=True)


def _put_folder(change: PutFolder, undo: ExitStack, replaced: list[Path]) -> None:
    destination = change.destination
    if destination.exists():
        old = Path(tempfile.mkdtemp(prefix=_aside(destination, "old"), dir=destination.parent))
        undo.callback(_rmdir, old)
        old.rmdir()
        destination.rename(old)
        undo.callback(old.rename, destination)
        replaced.append(old)
    if change.staged is not None:
        change.staged.rename(destination)
        undo.callback(destination.rename, change.staged)


def _put_file(change: PutFile, undo: ExitStack) -> None:
    file = Path(os.path.realpath(change.file))
    before = file.read_bytes() if file.exists() else None
    if change.content == before:
        return
    undo.callback(_write, file, before)
    _write(file, change.content)


def _write(file: Path, content: bytes | None) -> None:
    """Give a file its content at once, keeping its rights; without content it goes."""
    if content is None:
        file.unlink(missing_ok=True)
        return
    mode = file.stat().st_mode & 0o7777 if file.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(prefix=_aside(file, "new"), dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _rmdir(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _aside(destination: Path, kind: str) -> str:
    return f".{destination.name}.smite-{kind}-"


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
