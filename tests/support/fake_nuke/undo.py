"""nuke.Undo, nuke.undo(): steps back, as far as values, inputs and new nodes go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import state
from .rules import MainThreadOnly


class UndoStack:
    """Groups of steps, each a list of what takes it back."""

    def __init__(self) -> None:
        self._groups: list[tuple[str, list[Callable[[], Any]]]] = []
        self._open = 0
        self._off = 0

    def record(self, back: Callable[[], Any]) -> None:
        if self._off:
            return
        if not self._open:
            self._groups.append(("", []))
        self._groups[-1][1].append(back)

    def open(self, name: str) -> None:
        if not self._open:
            self._groups.append((name, []))
        self._open += 1

    def close(self) -> None:
        self._open = max(self._open - 1, 0)

    def rename(self, name: str) -> None:
        """Name the step that is open."""
        if self._open:
            self._groups[-1] = (name, self._groups[-1][1])

    def names(self) -> list[str]:
        return [name for name, _ in self._groups]

    def back(self) -> None:
        if not self._groups:
            return
        _, steps = self._groups.pop()
        self._off += 1
        try:
            for step in reversed(steps):
                step()
        finally:
            self._off -= 1

    def switch(self, on: bool) -> None:
        self._off = max(self._off - 1, 0) if on else self._off + 1

    def disabled(self) -> bool:
        return self._off > 0

    def forget(self) -> None:
        self._groups.clear()


class Undo(MainThreadOnly):
    """`with nuke.Undo('name'):` makes one step of what is done inside.

    All but entering and leaving are class methods (types-nuke): `nuke.Undo.disable()`.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name

    @classmethod
    def begin(cls, name: str = "") -> None:
        state.current().undo.open(name)

    @classmethod
    def end(cls) -> None:
        state.current().undo.close()

    @classmethod
    def disable(cls) -> None:
        state.current().undo.switch(False)

    @classmethod
    def enable(cls) -> None:
        state.current().undo.switch(True)

    @classmethod
    def disabled(cls) -> bool:
        return state.current().undo.disabled()

    @classmethod
    def name(cls, name: str) -> None:
        state.current().undo.rename(name)

    @classmethod
    def undo(cls) -> None:
        state.current().undo.back()

    def __enter__(self) -> Undo:
        state.current().undo.open(self._name)
        return self

    def __exit__(self, *exception: Any) -> None:
        state.current().undo.close()
