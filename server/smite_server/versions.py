"""Versions of a shot's mattes: which there are, the next one, and what must not be overwritten.

A version that is being made is claimed by a hidden file beside the reports. It names the work that
makes it, so that the same work, begun again after it was cancelled or killed, goes on in its own
version and no other work does.
"""

from __future__ import annotations

import contextlib
import os
import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from smite_server.naming import report_path
from smite_server.output_names import NOTHING, OutputNames
from smite_server.pixel_errors import MatteError, VersionError

__all__ = [
    "HIGHEST_VERSION",
    "claim_next_version",
    "claim_path",
    "claim_version",
    "existing_versions",
    "next_version",
    "refuse_overwrite",
    "release_claim",
]

HIGHEST_VERSION = 9999


@dataclass(frozen=True)
class _Level:
    """Where a walk through the folders stands: a path, and the version that its steps name."""

    folder: Path
    version: int | None = None


def existing_versions(names: OutputNames) -> set[int]:
    """Every version of the shot of which a file lies in the output folder.

    Counted are mattes of any style and part (also of parts that the shot no longer has), reports,
    contact sheets and claims. `names.version` does not matter. Where folders mix shots whose names
    begin alike (`010` and `010_b`, both flat), a file can count for both: the next version is then
    higher than it need be, and nothing is overwritten.
    """
    found: set[int] = set()
    for template in sorted({names.template(style) for style in names.members}):
        found.update(_versions_of(names, template))
    shot = re.escape(names.flat_shot)
    pattern = re.compile(rf"{shot}_smite_v(?P<version>\d+)\.(json|png)|{_claims(shot)}")
    for name, _ in _entries(report_path(names.out, names.shot, 1).parent):
        match = pattern.fullmatch(name)
        if match:
            found.add(int(match["version"] or match["claimed"]))
    return found


def next_version(names: OutputNames) -> int:
    """The lowest version above all that exist; 1 where there is none.

    A gap below is not filled: a version that was deleted may still be named in a script, and the
    newest version would not be the one that was made last.

    Raises:
        MatteError: no number is left.
    """
    version = max(existing_versions(names), default=0) + 1
    if version > HIGHEST_VERSION:
        raise MatteError(
            f"the shot {names.shot} has version {version - 1}, and versions end at"
            f" {HIGHEST_VERSION}",
            names.out,
            "move old versions away",
        )
    return version


def claim_next_version(names: OutputNames, work: str = "") -> OutputNames:
    """The names of the next version, which no other job gets from now on.

    Two jobs that ask at once, on any machine, do not write their frames into one version. The same
    work that was broken off gets its own version again.

    Args:
        work: what makes it; see `claim_version`.

    Raises:
        MatteError: no number is left, or no right to write.
    """
    unfinished = _unfinished(names, work) if work else None
    if unfinished is not None:
        return unfinished
    for version in range(next_version(names), HIGHEST_VERSION + 1):
        claimed = replace(names, version=version)
        path = claim_path(claimed)
        with _claiming(path, version):
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
                file.write(work)
                return claimed
    raise MatteError(f"the shot {names.shot} has no version left up to {HIGHEST_VERSION}")


def _unfinished(names: OutputNames, work: str) -> OutputNames | None:
    """The version that this work claimed and has not finished."""
    pattern = re.compile(_claims(re.escape(names.flat_shot)))
    for name, _ in _entries(names.report.parent):
        match = pattern.fullmatch(name)
        if match:
            claimed = replace(names, version=int(match["claimed"]))
            if _claimed_by(claim_path(claimed)) == work and not claimed.report.exists():
                return claimed
    return None


def claim_version(
    names: OutputNames, numbers: Iterable[int], work: str, *, overwrite: bool = False
) -> None:
    """Claims the very version of `names` for frames `numbers`.

    Args:
        work: what makes it, in a word that is the same for the same inputs and settings.
        overwrite: take it whatever is there.

    Raises:
        VersionError: files are there that other work has made.
        MatteError: no right to write.
    """
    path = claim_path(names)
    if not overwrite and not (_claimed_by(path) == work and not names.report.exists()):
        refuse_overwrite(names, numbers)
    with _claiming(path, names.version):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(work, encoding="utf-8")


def _claimed_by(path: Path) -> str | None:
    """The work that a claim names; None where there is none that can be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


@contextlib.contextmanager
def _claiming(path: Path, version: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MatteError(f"version {version} cannot be claimed ({error.strerror})", path) from None


def release_claim(names: OutputNames) -> None:
    """Takes a claim away, once the version has its report or will never have any file."""
    with contextlib.suppress(OSError):
        claim_path(names).unlink(missing_ok=True)


def claim_path(names: OutputNames) -> Path:
    """The hidden file that holds a version while it is made."""
    return names.report.with_name(f".{names.flat_shot}_smite_v{names.version:03d}.claim")


def _claims(shot: str) -> str:
    """What the names of claims look like; `shot` is escaped."""
    return rf"\.{shot}_smite_v(?P<claimed>\d+)\.claim"


def refuse_overwrite(names: OutputNames, numbers: Iterable[int]) -> None:
    """Raises VersionError where a frame, the report or the sheet of this version is there already.

    Args:
        names: of the version that is about to be written.
        numbers: frame numbers that are about to be written.
    """
    wanted = [*names.files(numbers), names.report, names.sheet]
    there = _present(wanted)
    if not there:
        return
    mattes = len(there - {names.report, names.sheet})
    in_names = all("{version" in names.template(style) for style in names.members)
    other = "--version next" if in_names else "a template with {version}"
    count = f", {mattes} of its {len(wanted) - 2} files are there" if mattes else ""
    state = "was delivered" if names.report in there else "was begun by another job"
    raise VersionError(
        f"version {names.version} of the shot {names.shot} {state}{count}",
        min(there),
        f"use {other}, or ask for --overwrite",
    )


def _present(paths: Iterable[Path]) -> set[Path]:
    """Those of `paths` that exist; every folder is listed once."""
    by_folder: dict[Path, set[str]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, set()).add(path.name)
    return {
        folder / name
        for folder, wanted in by_folder.items()
        for name, _ in _entries(folder)
        if name in wanted
    }


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yields (name, is a folder) of what lies in `folder`; nothing where it is not there.

    Raises:
        MatteError: a folder that is there and cannot be listed, so that nobody can tell.
    """
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise MatteError(f"the folder cannot be listed ({error.strerror})", folder) from None
    yield from found


def _versions_of(names: OutputNames, template: str) -> set[int]:
    """Versions of the files that fit a template, which may name the version in several steps."""
    steps = _steps(names, template)
    levels = [_Level(names.out)]
    for depth, step in enumerate(steps):
        pattern = _step_pattern(step)
        is_folder = depth < len(steps) - 1
        levels = [
            found for level in levels for found in _fitting(level, pattern, is_folder=is_folder)
        ]
    return {level.version for level in levels if level.version is not None}


def _steps(names: OutputNames, template: str) -> list[str]:
    """The steps of a template's path, the shot's own steps among them."""
    folder, slash, name = template.rpartition("/")
    shot = names.shot.replace("{", "{{").replace("}", "}}")
    flat = names.flat_shot.replace("{", "{{").replace("}", "}}")
    return (folder.replace("{shot}", shot) + slash + name.replace("{shot}", flat)).split("/")


def _step_pattern(step: str) -> re.Pattern[str]:
    """What the names of one step of a template look like."""
    pattern = ""
    for text, name, form, _ in string.Formatter().parse(step):
        pattern += re.escape(text)
        if name == "version":
            pattern += "(?P=version)" if "(?P<version>" in pattern else r"(?P<version>\d+)"
        elif name == "frame":
            pattern += r"-?\d+"
        elif name is not None and form != NOTHING:
            pattern += ".*?"
    return re.compile(pattern)


def _fitting(level: _Level, pattern: re.Pattern[str], *, is_folder: bool) -> Iterator[_Level]:
    """Yields what lies in a folder, fits, and names no other version than the folder did."""
    for name, folder in _entries(level.folder):
        match = pattern.fullmatch(name) if folder == is_folder else None
        if match is None:
            continue
        named = match.groupdict().get("version")
        version = level.version if named is None else int(named)
        if level.version in (None, version):
            yield _Level(level.folder / name, version)
