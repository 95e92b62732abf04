"""Which version is the newest, said by a link beside the mattes that scripts can point at.

`{shot}_smite_latest.json` leads to the report of the newest version. Where a template gives each
version a folder, `latest` beside it leads to the newest one. They are relative links, so that a
project can be moved; where the file system has none, a small JSON file stands in, with the same
key `version` that a report has, and under `latest` the name it would link to.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from smite_server.naming import expand_template, report_path
from smite_server.output_names import OutputNames
from smite_server.pixel_errors import MatteError
from smite_server.versions import existing_versions

__all__ = ["latest_paths", "newest_version", "read_latest", "update_latest"]

_VERSION_FIELD = re.compile(r"(?:(?<![A-Za-z])v)?\{version[^}]*\}")


def newest_version(names: OutputNames) -> int | None:
    """The highest version that has a report, which is written when its mattes are whole."""
    finished = [
        version
        for version in existing_versions(names)
        if report_path(names.out, names.shot, version).is_file()
    ]
    return max(finished, default=None)


def update_latest(
    names: OutputNames, link: Callable[[str, Path], None] = os.symlink
) -> dict[Path, Path]:
    """Lets every link name the newest finished version, which need not be `names.version`.

    Each is replaced in one step: a reader finds the version before or this one.

    Args:
        link: makes a link at a path (target, path); an OSError of it means there are none here.

    Returns:
        Link -> what it leads to; empty where no version is finished.

    Raises:
        MatteError: a folder is in the way, or no right to write.
    """
    version = newest_version(names)
    if version is None:
        return {}
    made: dict[Path, Path] = {}
    for path, target in latest_paths(replace(names, version=version)).items():
        if target.exists():
            _point(path, target, version, link)
            made[path] = target
    return made


def latest_paths(names: OutputNames) -> dict[Path, Path]:
    """Link -> target, of `names.version`: the report, and folders of this version."""
    found = {names.report.with_name(f"{names.flat_shot}_smite_latest.json"): names.report}
    for style, member in names.each():
        folder = _version_folder(names, style, member)
        if folder is not None:
            found[folder[0]] = folder[1]
    return found


def _version_folder(names: OutputNames, style: str, member: str) -> tuple[Path, Path] | None:
    """The folder that a template gives each version, as (its `latest`, itself); None for none."""
    template = names.template(style)
    steps = template.split("/")
    depth = next((i for i, step in enumerate(steps[:-1]) if _VERSION_FIELD.search(step)), None)
    if depth is None:
        return None
    # Counted from the file upwards, where a shot of several steps is as many folders.
    more = names.shot.count("/")
    upwards = sum(1 + more * step.count("{shot") for step in steps[depth + 1 : -1])
    newest = [*steps[:depth], _VERSION_FIELD.sub("latest", steps[depth]), *steps[depth + 1 :]]

    def folder(form: str) -> Path:
        file = expand_template(form, names.shot, member, names.version, 0)
        return names.out / Path(file).parents[upwards]

    return folder("/".join(newest)), folder(template)


def _point(path: Path, target: Path, version: int, link: Callable[[str, Path], None]) -> None:
    """Makes or replaces one link in one step. Raises MatteError."""
    relative = os.path.relpath(target, path.parent)
    temporary = path.with_name(f".{path.name}.smite-tmp{os.getpid()}")
    try:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        try:
            link(relative, temporary)
        except (OSError, NotImplementedError):
            text = json.dumps({"version": version, "latest": Path(relative).as_posix()})
            temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise MatteError(
            f"the link to the newest version cannot be made ({error.strerror})", path
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_latest(path: Path) -> Path | None:
    """Where a link of `update_latest`, or the file that stands in, leads; None for neither."""
    if path.is_symlink():
        return path.parent / path.readlink()
    try:
        target = json.loads(path.read_text(encoding="utf-8"))["latest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path.parent / target if isinstance(target, str) else None
