"""Takes out what was put into hosts; what the user has changed since, or added, stays."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from . import changes
from .blender_wheels import unpacked_wheels
from .blocks import without_block
from .placing import Say
from .problems import explaining
from .record import Record, digest, kept_files, read_record

TITLES = {"nuke": "Nuke", "blender": "Blender", "bpy": "Blender as a Python module"}


def installed(folders: Sequence[Path]) -> list[Path]:
    """Return those of some folders that hold an installation. Raises InstallProblem."""
    found = []
    for folder in dict.fromkeys(folders):
        with explaining(folder):
            if folder.parent.is_dir():
                changes.recover(folder)
            if read_record(folder) is not None:
                found.append(folder)
    return found


def describe_removal(folders: Sequence[Path]) -> list[str]:
    """Return what taking out would take out, one line each."""
    said = []
    for folder in folders:
        record = read_record(folder)
        if record:
            said.append(f"{folder} (SMITE {record.version} for {TITLES[record.host]})")
            said += [f"the marked lines in {file}" for file in record.edited]
            said += list(record.beside)
    return said


def remove(folders: Sequence[Path], say: Say) -> None:
    """Take out installations: all, or, where one cannot be, none. Raises InstallProblem."""
    if not folders:
        return
    said: list[str] = []
    above: list[Path] = []
    unpacked: list[Path] = []
    with ExitStack() as stages:
        wanted: list[changes.Change] = []
        for folder in folders:
            record = read_record(folder)
            if record is None:
                continue
            with explaining(folder):
                wanted += _changes(folder, record, stages, said)
                if record.host == "blender":
                    unpacked += unpacked_wheels(folder)
                    unpacked += _caches(folder, record)
            above += [Path(name) for name in record.made_folders]
        with explaining(folders[-1]):
            changes.make(wanted)
    for path in unpacked:
        _discard(path)
    changes.remove_if_empty(sorted(set(above), key=lambda path: len(path.parts)))
    for line in said:
        say(line)


def _changes(
    folder: Path, record: Record, stages: ExitStack, said: list[str]
) -> list[changes.Change]:
    found: list[changes.Change] = []
    for name in record.edited:
        file = Path(name)
        if not file.exists():
            continue
        rest = without_block(file.read_bytes())
        gone = name in record.made_files and not rest.strip()
        found.append(changes.PutFile(file, None if gone else rest))
    for name, known in record.beside.items():
        if Path(name).exists() and digest(Path(name)) == known:
            found.append(changes.PutFile(Path(name), None))
        elif Path(name).exists():
            said.append(f"kept {name}: it was changed since")
    changed, added = kept_files(folder, record)
    staged = None
    if changed or added:
        staged = stages.enter_context(changes.Stage(folder)).folder
        for name in [*changed, *added]:
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / name, staged / name, follow_symlinks=False)
        said += [f"kept {folder / name}: it was changed since" for name in changed]
        said += [f"kept {folder / name}: it is not ours" for name in added]
    found.append(changes.PutFolder(folder, staged))
    said.append(f"removed: {folder}")
    return found


def _caches(extension: Path, record: Record) -> list[Path]:
    """Return Blender's cache of which extensions fit, where it had no extensions before ours."""
    extensions = extension.parents[1]
    cache = extensions / ".cache" / "compat.dat"
    return [cache] if str(extensions) in record.made_folders and cache.exists() else []


def _discard(path: Path) -> None:
    """Remove what Blender had unpacked, and the folders that are empty then, up to its own."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder.name == "extensions":
            return
        changes.remove_if_empty([folder])
