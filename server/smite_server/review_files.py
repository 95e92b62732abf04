"""A shot's report on disk, from whatever a person calls the shot. Imports no array library."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadInput, BadPath, PathMissing
from smite_server.latest import newest_version, read_latest
from smite_server.naming import report_path
from smite_server.output_names import OutputNames
from smite_server.pixel_errors import MatteError

__all__ = ["FoundReport", "find_report"]

_REPORT = re.compile(r"(?P<shot>.+)_smite_v(?P<version>\d+)\.json")


@dataclass(frozen=True)
class FoundReport:
    """A report that was read.

    Attributes:
        path: of the JSON.
        content: what it says.
    """

    path: Path
    content: dict[str, Any]

    @property
    def page(self) -> Path:
        """Where its review page lies, if it has one."""
        return self.path.with_suffix(".html")

    @property
    def title(self) -> str:
        """Shot and version for people."""
        return f"{self.content['shot']} v{self.content['version']:03d}"


def find_report(shot: str, out: str | None = None, version: int | None = None) -> FoundReport:
    """The report of a shot.

    Args:
        shot: a shot's folder, a report (.json) or its page (.html), a link to the latest; or the
            shot's name, with ``out``.
        out: the folder that mattes were written to.
        version: which one; None takes the newest that is finished.

    Raises:
        BadInput: there is no such report, or it cannot be read.
        BadPath, PathMissing: no such place.
    """
    if out is not None:
        return _read(_by_name(shot, Path(out).expanduser().absolute(), version))
    path = Path(shot).expanduser().absolute()
    if path.is_dir():
        return _read(_in_folder(path, version))
    if not path.exists():
        raise PathMissing(
            f"There is no shot folder or report {path}; give one, or the shot's name with --out."
        )
    target = read_latest(path) if path.name.endswith("_smite_latest.json") else None
    report = target or path.with_suffix(".json")
    if version is not None and (match := _REPORT.fullmatch(report.name)):
        report = report.with_name(f"{match['shot']}_smite_v{version:03d}.json")
    return _read(report)


def _by_name(shot: str, out: Path, version: int | None) -> Path:
    try:
        names = OutputNames(out, shot, 1, {})
        if not out.is_dir():
            raise PathMissing(f"The output folder {out} does not exist; check --out.")
        newest = newest_version(names) if version is None else version
    except MatteError as problem:
        raise BadInput(f"{problem}.") from None
    if newest is None:
        raise BadInput(f"The shot {shot} has no report in {out}; check its name and --out.")
    return report_path(out, shot, newest)


def _in_folder(folder: Path, version: int | None) -> Path:
    """The report in a shot's folder."""
    found = [(match, path) for path in folder.iterdir() if (match := _REPORT.fullmatch(path.name))]
    shots = sorted({match["shot"] for match, _ in found})
    if not found:
        raise BadPath(
            f"There is no report in {folder}; name the folder that holds SHOT_smite_v001.json, or"
            " the shot with --out DIR."
        )
    if len(shots) > 1:
        raise BadPath(
            f"{folder} has reports of several shots ({', '.join(shots[:4])}); name the report."
        )
    by_version = {int(match["version"]): path for match, path in found}
    if version is not None and version not in by_version:
        there = ", ".join(str(number) for number in sorted(by_version))
        raise BadInput(f"{shots[0]} has no version {version} in {folder}; there is {there}.")
    return by_version[max(by_version) if version is None else version]


def _read(path: Path) -> FoundReport:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"There is no report {path}; segment the shot, or check its name.") from None
    except (OSError, ValueError) as problem:
        raise BadInput(f"The report {path} cannot be read ({problem}).") from None
    if not isinstance(content, dict) or not {"report", "shot", "version"} <= set(content):
        raise BadInput(f"{path} is no report of smite segment.")
    if "review" not in content:
        raise BadInput(
            f"The report {path} was made by an older version, without a review; segment the shot"
            " again."
        )
    return FoundReport(path, content)
