"""Where results go: templates of file names, and the report and sheet next to the mattes."""

from __future__ import annotations

import re
import string
from pathlib import Path

from smite_protocol.errors import BadPath
from smite_protocol.part_names import loose_key
from smite_server.pixel_errors import ChoiceError
from smite_server.strange_names import refuse_strange_characters, refuse_unportable_name

__all__ = [
    "DEFAULT_TEMPLATE",
    "check_shot",
    "expand_template",
    "loose_key",
    "page_path",
    "report_path",
    "sequence_pattern",
    "sheet_path",
]

DEFAULT_TEMPLATE = "{shot}/{part}/{shot}_{part}_v{version:03d}.{frame:04d}.exr"
_FIELDS = ("shot", "part", "version", "frame")
_SHOT = re.compile(r"[^/\\\0<>:\"|?*]+(/[^/\\\0<>:\"|?*]+)*")


def check_shot(shot: str) -> str:
    """`shot` itself if it can be part of a path. Raises ChoiceError."""
    if not _SHOT.fullmatch(shot) or any(step in (".", "..") for step in shot.split("/")):
        raise ChoiceError(
            f"the shot name {shot!r} cannot be part of a file name", "--shot", "use SEQ_010"
        )
    for step in shot.split("/"):
        _refuse_strange(step, "the shot name")
    return shot


def _refuse_strange(name: str, what: str) -> None:
    try:
        refuse_strange_characters(name, what)
        refuse_unportable_name(name, what)
    except BadPath as problem:
        raise ChoiceError(problem.message.rstrip(".")) from None


def expand_template(template: str, shot: str, part: str, version: int, frame: int) -> str:
    """The path of one matte below the output folder.

    Fields are {shot}, {part}, {version} and {frame}, with formats such as {frame:04d}. A shot of
    several steps (`SEQ/010`) makes folders; in the last step of the path its slashes become `_`.

    Raises:
        ChoiceError: unknown fields, a format that does not fit, or a path that leaves the folder.
    """
    check_template(template)
    check_shot(shot)
    folder, slash, name = template.rpartition("/")
    values = {"part": part, "version": version, "frame": frame}
    try:
        path = folder.format(shot=shot, **values) + slash
        path += name.format(shot=shot.replace("/", "_"), **values)
    except (ValueError, TypeError) as error:
        raise ChoiceError(f"the template does not fit ({error})", template) from None
    steps = path.replace("\\", "/").split("/")
    if not name or path.startswith(("/", "\\")) or ".." in steps or ":" in steps[0]:
        raise ChoiceError("the template leaves the output folder", template)
    for step in steps:
        if step != ".":
            _refuse_strange(step, "the file name")
    return path


def check_template(template: str) -> None:
    """Raises ChoiceError where a template's fields are unknown, or mattes would share a file."""
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ChoiceError(f"the template is not valid ({error})", template) from None
    unknown = [name for name in fields if name not in _FIELDS]
    if unknown:
        raise ChoiceError(
            f"the template has an unknown field {{{unknown[0]}}}",
            template,
            "the fields are " + ", ".join(f"{{{name}}}" for name in _FIELDS),
        )
    for needed in ("part", "frame"):
        if needed not in fields:
            raise ChoiceError(
                f"the template has no {{{needed}}}, so mattes would overwrite each other", template
            )


def sequence_pattern(template: str, shot: str, part: str, version: int) -> str:
    """The path of a part's sequence below the output folder, frame numbers as `####`."""
    return expand_template(template, shot, part, version, _Hashes(0))


class _Hashes(int):
    """A frame number that is written as one `#` per digit."""

    def __format__(self, form: str) -> str:
        return "#" * len(format(0, form))


def report_path(out: Path, shot: str, version: int) -> Path:
    """`{out}/{shot}/{shot}_smite_v001.json`."""
    name = check_shot(shot).replace("/", "_")
    return out / shot / f"{name}_smite_v{version:03d}.json"


def sheet_path(out: Path, shot: str, version: int) -> Path:
    """`{out}/{shot}/{shot}_smite_v001.png`, the contact sheet."""
    return report_path(out, shot, version).with_suffix(".png")


def page_path(out: Path, shot: str, version: int) -> Path:
    """`{out}/{shot}/{shot}_smite_v001.html`, the review."""
    return report_path(out, shot, version).with_suffix(".html")
