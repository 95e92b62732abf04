"""What `smite segment` can be asked for, and the readers of its small languages."""

from __future__ import annotations

from enum import StrEnum

from smite_protocol.errors import BadInput
from smite_protocol.specs import NEXT_VERSION, STYLES


class Quality(StrEnum):
    """Speed against quality."""

    DRAFT = "draft"
    STANDARD = "standard"
    PAPER = "paper"


class OnMissing(StrEnum):
    """What a missing or unreadable frame does."""

    FAIL = "fail"
    HOLD = "hold"
    SKIP = "skip"


class Edges(StrEnum):
    """How mattes get their edges."""

    HARD = "hard"
    SOFT = "soft"
    FINE = "fine"


class Precision(StrEnum):
    """Values of the mattes."""

    HALF = "half"
    FLOAT = "float"


class Compression(StrEnum):
    """How the files are packed."""

    ZIP = "zip"
    ZIPS = "zips"
    PIZ = "piz"
    DWAA = "dwaa"


class Layers(StrEnum):
    """Channels of a layer."""

    ALPHA = "alpha"
    RGBA = "rgba"


def read_styles(text: str) -> tuple[str, ...]:
    """Return the styles of a comma list. Raises BadInput."""
    found = tuple(name.strip() for name in text.split(","))
    for name in found:
        if name not in STYLES:
            raise BadInput(
                f"--style {text}: there is no style {name!r}; name one or more of"
                f" {', '.join(STYLES)}, with commas."
            )
    return found


def read_version(text: str) -> int:
    """Return the version that is meant, `NEXT_VERSION` for the word. Raises BadInput."""
    if text == "next":
        return NEXT_VERSION
    number = text.removeprefix("v")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 9999:
        raise BadInput(f"--version {text} is no version; give 1 to 9999, or next.")
    return int(number)
