"""Mattes of every style on disk, each file complete or not there at all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from smite_server.matte_encoder import MatteEncoder, MatteFrame
from smite_server.mattes import write_whole
from smite_server.output_names import OutputNames
from smite_server.pixel_errors import MatteError

__all__ = ["OutputWriter", "WrittenFile"]

_STALE_SECONDS = 3600.0


@dataclass(frozen=True)
class WrittenFile:
    """One finished file.

    Attributes:
        style: `parts`, `layers` or `cryptomatte`.
        member: the slug, or the style's name where one file holds all parts.
        path: where it lies.
        replaced: whether a file of that name was there before.
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
        self._prepared: set[Path] = set()

    def write(self, frame: MatteFrame) -> list[WrittenFile]:
        """Writes one frame.

        Returns:
            Its files, in the order of the styles.

        Raises:
            MatteError: a wrong shape, a full disk, no right to write; no half file stays.
        """
        written: list[WrittenFile] = []
        for file in self._encoder.encode(frame):
            path = self.names.path(file.style, file.member, frame.number)
            self._prepare(path.parent)
            replaced = path.exists()
            write_whole(path, file.data)
            written.append(WrittenFile(file.style, file.member, path, replaced))
        return written

    def _prepare(self, folder: Path) -> None:
        """Makes the folder, and once clears what a killed process left there long ago."""
        if folder in self._prepared:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob(".*.smite-tmp*"):
                if time.time() - leftover.lstat().st_mtime > _STALE_SECONDS:
                    leftover.unlink(missing_ok=True)
        except OSError as error:
            raise MatteError(
                f"the output folder cannot be made ({error.strerror})", folder
            ) from None
        self._prepared.add(folder)
