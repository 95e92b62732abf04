"""What can be wrong with pictures on disk, each as one clear sentence.

::

    PixelError                what is wrong, where, and what would be right
    ├── PlateError            the shot's frames: missing, truncated, of different sizes
    ├── MatteError            writing mattes: no right to write, a wrong shape
    │   ├── FullDiskError     no room
    │   └── ChoiceError       what was asked for cannot be: a template, a style, a compression
    │       └── VersionError  a version that is there already
    ├── ReferencesError       stills and their masks
    │   └── TruthError        the same, for the annotations that a clip is measured against
    └── ColourError           an unknown colour space, a broken OpenColorIO config

The worker maps each class to one code of the wire protocol.
"""

from __future__ import annotations

__all__ = [
    "ChoiceError",
    "ColourError",
    "FullDiskError",
    "MatteError",
    "PixelError",
    "PlateError",
    "ReferencesError",
    "TruthError",
    "VersionError",
]


class PixelError(Exception):
    """A problem with a picture, told as one sentence.

    Attributes:
        what: what is wrong, starting in lower case ("frame 1003 is missing").
        where: the file, folder or option it is about; may be empty.
        remedy: what would be right ("give it, or use --on-missing hold"); may be empty.
    """

    def __init__(self, what: str, where: object = "", remedy: str = "") -> None:
        self.what = what
        self.where = str(where)
        self.remedy = remedy
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        sentence = self.what
        if self.where:
            sentence += f": {self.where}"
        if self.remedy:
            sentence += f"; {self.remedy}"
        first_word = sentence.split(" ", 1)[0]
        if first_word.isalpha():  # not a file name
            return sentence[:1].upper() + sentence[1:]
        return sentence


class PlateError(PixelError):
    """The plate cannot be read as asked."""


class MatteError(PixelError):
    """A matte, report or contact sheet cannot be written."""


class FullDiskError(MatteError):
    """There is no room for a file."""


class ChoiceError(MatteError):
    """Mattes cannot be written as they were asked for."""


class VersionError(ChoiceError):
    """The version that was asked for is there already."""


class ReferencesError(PixelError):
    """The reference stills or their masks are not usable."""


class TruthError(ReferencesError):
    """The annotations of a clip are not usable."""


class ColourError(PixelError):
    """A colour space or OpenColorIO config is not usable."""
