"""Mattes of every style on disk, each file complete or not there at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import OpenEXR

from smite_server.matte_encoder import MatteEncoder, MatteFrame
from smite_server.output_names import OutputNames
from smite_server.pixel_errors import MatteError
from smite_server.whole_files import WholeFiles

__all__ = ["OutputWriter", "WrittenFile", "is_foreign"]


@dataclass(frozen=True)
class WrittenFile:
    """One finished file.

    Attributes:
        style: `parts`, `layers` or `cryptomatte`.
        member: the slug, or the style's name where one file holds all parts.
        path: where it lies.
        replaced: whether a file of another job was there before.
    """

    style: str
    member: str
    path: Path
    replaced: bool


class OutputWriter:
    """Writes the frames of one shot in every style of its encoder.

    Args:
        names: the version's paths; its styles and members are the encoder's.
        encoder: makes the files.

    Raises:
        MatteError: names of other styles or members than the encoder's.
    """

    def __init__(self, names: OutputNames, encoder: MatteEncoder) -> None:
        made = [(style.name, member) for style in encoder.styles for member in style.members]
        if sorted(made) != sorted(names.each()):
            raise MatteError("the names of the files are not those of the output styles")
        self.names = names
        self._encoder = encoder
        self._files = WholeFiles(encoder.metadata.job)

    def write(self, frame: MatteFrame) -> list[WrittenFile]:
        """Writes one frame.

        Returns:
            Its files, in the order of the styles; all are on the disk.

        Raises:
            MatteError: a wrong shape, a full disk, no right to write; no half file stays.
        """
        written: list[WrittenFile] = []
        for file in self._encoder.encode(frame):
            path = self.names.path(file.style, file.member, frame.number)
            replaced = is_foreign(path, self._encoder.metadata.job)
            self._files.write(path, file.data)
            written.append(WrittenFile(file.style, file.member, path, replaced))
        self._files.settle(file.path for file in written)
        return written


def is_foreign(path: Path, job: str) -> bool:
    """Whether there is a file that another job has written, or nobody knows who."""
    if not path.exists():
        return False
    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            return bool(file.header().get("smite/job") != job)
    except (OSError, RuntimeError, ValueError):
        return True
