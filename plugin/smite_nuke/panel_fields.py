"""What a panel is made of, without Nuke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

TYPED, CHOICE, TEXT, BUTTON = "typed", "choice", "text", "button"


@dataclass(frozen=True)
class Field:
    """One line of a panel: typed by the artist, chosen, a text that is shown, or a button."""

    name: str
    label: str
    kind: str = TYPED
    value: str = ""
    tooltip: str = ""
    choices: Sequence[str] = ()


def does_nothing() -> None:
    """What a button does that nobody has asked for."""
