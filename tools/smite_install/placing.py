"""Puts folders in place, with marked lines and single files beside them: all, or nothing.

A folder is built anew each time. Where the same lies there already, nothing is touched, so that
installing twice leaves the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from . import changes
from .blocks import with_block
from .problems import InstallProblem, explaining
from .record import NAME, Record, digest, files_below, kept_files, list_files, read_record

Say = Callable[[str], None]
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Plan:
    """One folder for one host: where it goes, what builds it, and what it needs elsewhere.

    ``lines`` are marked lines for files of the user's, ``beside`` whole files of ours outside of
    the folder.
    """

    host: str
    version: str
    destination: Path
    fill: Callable[[Path], None]
    contents: str
    lines: Mapping[Path, Sequence[str]] = field(default_factory=dict)
    beside: Mapping[Path, bytes] = field(default_factory=dict)


def describe(plans: Sequence[Plan], say: Say) -> None:
    """Say what would be done."""
    for plan in plans:
        verb = "replace" if plan.destination.exists() else "make"
        say(f"would {verb} {plan.destination}: {plan.contents}")
        for file in plan.lines:
            say(f"would put marked lines into {file}")
        for file in plan.beside:
            say(f"would write {file}")


def place(plans: Sequence[Plan], say: Say) -> None:
    """Put all folders in place. Raises InstallProblem, and then nothing was changed."""
    said: list[str] = []
    for plan in plans:
        with explaining(plan.destination):
            _refuse_strangers(plan)
    with ExitStack() as stages:
        wanted: list[changes.Change] = []
        for plan in plans:
            with explaining(plan.destination):
                stage = stages.enter_context(changes.Stage(plan.destination))
                for file in plan.lines:
                    changes.recover(file)
                plan.fill(stage.folder)
                wanted += _changes(plan, stage, said)
        with explaining(plans[-1].destination):
            changes.make(wanted)
    for line in said:
        say(line)


def _refuse_strangers(plan: Plan) -> None:
    """Raise InstallProblem where something lies in the way that is not ours."""
    changes.recover(plan.destination)
    record = read_record(plan.destination)
    if record is None and plan.destination.exists():
        raise InstallProblem(
            f"{plan.destination} exists and was not put there by install.py; move it away and run"
            " the same command again. Nothing was changed."
        )
    for file in plan.beside:
        if file.exists() and (record is None or str(file) not in record.beside):
            raise InstallProblem(
                f"{file} exists and was not put there by install.py; move it away and run the same"
                " command again. Nothing was changed."
            )


def _changes(plan: Plan, stage: changes.Stage, said: list[str]) -> list[changes.Change]:
    """Return what brings one plan in place; its folder is built in ``stage``."""
    before = read_record(plan.destination)
    record = Record(plan.host, plan.version, files=list_files(stage.folder))
    record.made_folders = before.made_folders if before else [str(path) for path in stage.made]
    found: list[changes.Change] = []
    for file, lines in plan.lines.items():
        old = file.read_bytes() if file.exists() else b""
        if old.startswith(_UTF_16):
            raise InstallProblem(
                f"{file} is UTF-16, which Python does not read; save it as UTF-8 and run the same"
                " command again. Nothing was changed."
            )
        record.edited.append(str(file))
        if not file.exists() or (before and str(file) in before.made_files):
            record.made_files.append(str(file))
        if with_block(old, lines) != old:
            found.append(changes.PutFile(file, with_block(old, lines)))
            said.append(f"marked lines in {file}")
    record.beside = {str(file): _digest_of(content) for file, content in plan.beside.items()}
    if before == record and _is_as_put(plan.destination, record):
        said.append(f"already installed: {plan.destination}")
    else:
        if before:
            said += _carry_over(plan.destination, before, stage.folder)
        found.insert(0, changes.PutFolder(plan.destination, stage.folder))
        said.append(f"installed: {plan.destination} ({plan.contents})")
    (stage.folder / NAME).write_bytes(record.to_bytes())
    return found + [changes.PutFile(file, content) for file, content in plan.beside.items()]


def _is_as_put(folder: Path, record: Record) -> bool:
    changed, _ = kept_files(folder, record)
    return not changed and set(record.files) <= set(files_below(folder))


def _carry_over(folder: Path, record: Record, new: Path) -> list[str]:
    """Copy what is the user's in a folder into its successor; return what to say about it.

    A file that the user changed lies beside the new one, which hosts then read, as `NAME.kept`.
    """
    said = []
    changed, added = kept_files(folder, record)
    for name in [*added, *changed]:
        target = new / name
        if (target.exists() or name in changed) and not (
            target.is_file() and digest(target) == digest(folder / name)
        ):
            target = _free_name(target)
            said.append(f"kept your {folder / name} as {target.name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / name, target, follow_symlinks=False)
    return said


def _free_name(file: Path) -> Path:
    names = (file.with_name(f"{file.name}.kept{number or ''}") for number in range(1000))
    return next(name for name in names if not name.exists())


def _digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
