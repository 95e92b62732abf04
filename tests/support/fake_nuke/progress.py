"""nuke.ProgressTask, and what a test sees of it.

Its three methods: https://learn.foundry.com/nuke/developers/131/pythondevguide/_autosummary/
nuke.ProgressTask.html (setProgress takes an integer). Dropping the object closes the bar, and it
may be used off the main thread (developers guide, "Creating Progress Bar Dialogs", runs one in a
threading.Thread).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import state


@dataclass
class Shown:
    """One progress bar as the user sees it."""

    title: str
    progress: int = 0
    messages: list[str] = field(default_factory=list)
    cancelled: bool = False
    closed: bool = False
    steps: int = 0


class Progress:
    """All bars of a session. `cancel_when` presses Cancel as soon as it says so of a bar."""

    def __init__(self) -> None:
        self.bars: list[Shown] = []
        self.cancel_when: Callable[[Shown], bool] = lambda bar: False

    def open(self) -> list[Shown]:
        return [bar for bar in self.bars if not bar.closed]

    def cancel(self) -> None:
        """The user presses Cancel on everything that is open."""
        for bar in self.open():
            bar.cancelled = True


class ProgressTask:
    """A bar with a Cancel button."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = state.current()
        if kwargs or len(args) > 1:
            allowed = {"name", "maximum", "flags"}
            if not session.version.fact("progress_keywords") or set(kwargs) - allowed:
                raise TypeError("ProgressTask takes one title in this version of Nuke.")
        title = args[0] if args else kwargs.get("name", "")
        if not isinstance(title, str):
            raise TypeError(f"A progress bar's title is a string, not {title!r}.")
        self._shown = Shown(title)
        session.progress.bars.append(self._shown)

    def setProgress(self, i: int) -> None:
        """0 to 100. TypeError for a float, as the C function takes an int."""
        if type(i) is not int:
            raise TypeError(f"integer argument expected, got {type(i).__name__}")
        self._shown.progress = i
        self._shown.steps += 1
        self._look()

    def setMessage(self, s: str) -> None:
        if not isinstance(s, str):
            raise TypeError(f"setMessage wants a string, not {s!r}.")
        self._shown.messages.append(s)
        self._look()

    def isCancelled(self) -> bool:
        self._look()
        return self._shown.cancelled

    def _look(self) -> None:
        if state.current().progress.cancel_when(self._shown):
            self._shown.cancelled = True

    def __del__(self) -> None:
        if hasattr(self, "_shown"):
            self._shown.closed = True
