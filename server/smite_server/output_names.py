"""Where each style's files of a shot go: templates, and that no two files share a path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smite_server.naming import (
    DEFAULT_TEMPLATE,
    check_shot,
    expand_template,
    page_path,
    report_path,
    sequence_pattern,
    sheet_path,
)
from smite_server.pixel_errors import ChoiceError

__all__ = ["SINGLE_FILE_STYLES", "OutputNames", "flat_files", "proxy_folder"]

SINGLE_FILE_STYLES = ("layers", "cryptomatte")
"""Styles that hold all parts in one file a frame; `parts` has a file for each."""

NOTHING = ".0"
"""The format of a {part} that is there for the checks and writes nothing."""

_STYLE_FIELD = re.compile(r"(?<!\{)\{style\}(?!\})")


def proxy_folder(out: Path, proxy: int) -> Path:
    """Where mattes of 1/`proxy` of the plate's size go: a folder of their own, or `out` for 1.

    Their names are those of the full size, so that a path leads to the one or the other by a
    single step, and a proxy is never taken for a delivery.
    """
    return out if proxy == 1 else out / f"proxy_{proxy}"


def flat_files(styles: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Slug, or style where one file holds all parts -> path pattern."""
    return {member: path for files in styles.values() for member, path in files.items()}


@dataclass(frozen=True)
class OutputNames:
    """The paths of one version of a shot, in every style of a job.

    Attributes:
        out: output folder.
        shot: shot name.
        version: version number.
        members: style -> its members: the slugs for `parts`, else the style itself.
        templates: style -> path below `out`; a style without one takes `DEFAULT_TEMPLATE`. In
            a template {part} is the slug, or the style's name where one file holds all parts;
            {style} is the style's name. One file for all parts needs neither.

    Raises:
        ChoiceError: a template that does not fit, or files of one frame that would share a path (a
            part called `layers` next to the style; names that differ in case alone).
    """

    out: Path
    shot: str
    version: int
    members: Mapping[str, Sequence[str]]
    templates: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        strange = set(self.templates) - set(self.members)
        if strange:
            raise ChoiceError(
                f"a template is given for the style {min(strange)!r}, which the job does not write"
            )
        taken: dict[str, str] = {}
        every = [member for _, member in self.each()]
        if len(set(every)) < len(every):
            twice = next(member for member in every if every.count(member) > 1)
            raise ChoiceError(
                f"the part {twice!r} has the name of an output style of the same job",
                "",
                "write that style in a job of its own, or rename the part",
            )
        for style, member in self.each():
            if not member or set(member) & set('/\\\0<>:"|?*'):
                raise ChoiceError(
                    f"the part {member!r} cannot be part of a file name", "", "use its slug"
                )
            path = str(self.path(style, member, 0))
            file = f"the {style} file" if member == style else f"the file of the part {member!r}"
            holder = taken.setdefault(path.casefold(), file)
            if holder != file:
                raise ChoiceError(
                    f"{holder} and {file} would overwrite each other",
                    path,
                    "use a template with {part} and {style}, or rename the part",
                )

    def each(self) -> Iterator[tuple[str, str]]:
        """Yields (style, member) of every file of a frame."""
        for style, members in self.members.items():
            for member in members:
                yield style, member

    def template(self, style: str) -> str:
        """The style's template in the fields of `naming`: {style} filled in, {part} there."""
        template = self.templates.get(style, DEFAULT_TEMPLATE)
        template = _STYLE_FIELD.sub(style, template)
        if style in SINGLE_FILE_STYLES and "{part" not in template:
            folder, slash, name = template.rpartition("/")
            template = f"{folder}{slash}{{part:{NOTHING}}}{name}"
        return template

    def path(self, style: str, member: str, number: int) -> Path:
        """The file of one frame."""
        relative = expand_template(self.template(style), self.shot, member, self.version, number)
        return self.out / relative

    def pattern(self, style: str, member: str) -> Path:
        """The sequence, frame numbers as `####`."""
        relative = sequence_pattern(self.template(style), self.shot, member, self.version)
        return self.out / relative

    def patterns(self) -> dict[str, dict[str, str]]:
        """Style -> member -> path of its sequence."""
        return {
            style: {member: str(self.pattern(style, member)) for member in members}
            for style, members in self.members.items()
        }

    def files(self, numbers: Iterable[int]) -> Iterator[Path]:
        """Yields every matte of these frames, frame by frame."""
        for number in numbers:
            for style, member in self.each():
                yield self.path(style, member, number)

    @property
    def report(self) -> Path:
        """The JSON next to the mattes."""
        return report_path(self.out, self.shot, self.version)

    @property
    def sheet(self) -> Path:
        """The contact sheet next to the mattes."""
        return sheet_path(self.out, self.shot, self.version)

    @property
    def page(self) -> Path:
        """The review page next to the mattes."""
        return page_path(self.out, self.shot, self.version)

    @property
    def flat_shot(self) -> str:
        """The shot's name as the last step of a path: slashes as `_`."""
        return check_shot(self.shot).replace("/", "_")
