"""What all knobs have: names, flags, expressions, and how they are written into a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import state
from .rules import MainThreadOnly

if TYPE_CHECKING:
    from .node import Node

# Which bits these are is an assumption (DDImage/Knob.h has them); plugins use the names only.
FLAGS = {
    "DISABLED": 0x80,
    "NO_ANIMATION": 0x100,
    "DO_NOT_WRITE": 0x200,
    "INVISIBLE": 0x400,
    "STARTLINE": 0x1000,
    "ENDLINE": 0x2000,
    "NO_UNDO": 0x80000,
    "ALWAYS_SAVE": 0x100000,
    "READ_ONLY": 0x10000000,
}


class Knob(MainThreadOnly):
    """One control of a node. Constructors are (name, label, ...), as in Nuke."""

    _node: Node | None = None

    def __init__(self, name: str, label: str | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"A knob's name is a string, not {name!r}.")
        self._name = name
        self._label = label or ""
        self._tooltip = ""
        self._flags = 0
        self._user = False  # Written with addUserKnob.
        self._expressions: dict[int, str] = {}

    # Names and looks

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def label(self) -> str:
        return self._label

    def setLabel(self, label: str) -> None:
        self._label = str(label)

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:
        self._tooltip = str(tooltip)

    def Class(self) -> str:
        return type(self).__name__

    def node(self) -> Node:
        if self._node is None:
            raise RuntimeError("This knob belongs to no node.")
        return self._node

    def fullyQualifiedName(self, channel: int = -1) -> str:
        return f"{self.node()._full_name()}.{self._name}"

    def setFlag(self, flag: int) -> None:
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def visible(self) -> bool:
        return not self._flags & FLAGS["INVISIBLE"]

    def setVisible(self, visible: bool) -> None:
        self._set_flag("INVISIBLE", not visible)

    def enabled(self) -> bool:
        return not self._flags & FLAGS["DISABLED"]

    def setEnabled(self, enabled: bool) -> None:
        self._set_flag("DISABLED", not enabled)

    # Expressions

    def hasExpression(self, index: int = -1) -> bool:
        return bool(self._expressions) if index < 0 else index in self._expressions

    def isAnimated(self, channel: int = -1) -> bool:
        return self.hasExpression(channel)

    def setExpression(self, expression: str, index: int = -1, view: str | None = None) -> bool:
        if not isinstance(expression, str):
            raise TypeError(f"An expression is a string, not {expression!r}.")
        for channel in range(self._size()) if index < 0 else [index]:
            self._expressions[channel] = expression
        self._changed()
        return True

    def clearAnimated(self, channel: int = -1) -> bool:
        self._expressions.clear()
        self._changed()
        return True

    # Values

    def getValue(self, *args: Any) -> Any:
        return self._get()

    def value(self, *args: Any) -> Any:
        return self._get()

    def setValue(self, *args: Any) -> bool:
        before = self._state()
        self._set(*args)
        state.current().undo.record(lambda: self._restore(before))
        self._changed()
        return True

    def toScript(self, quote: bool = False, context: Any = None) -> str:
        return self._to_script()

    def fromScript(self, script: str) -> bool:
        self._from_script(script)
        self._changed()
        return True

    # What the subclasses say

    def _size(self) -> int:
        return 1

    def _get(self) -> Any:
        return None

    def _set(self, *args: Any) -> None:
        raise TypeError(f"A {self.Class()} has no value to set.")

    def _state(self) -> Any:
        return None

    def _restore(self, before: Any) -> None:
        pass

    def _to_script(self) -> str:
        return ""

    def _from_script(self, text: str) -> None:
        raise ValueError(f"{self._name}: a {self.Class()} has no value in a script.")

    def _text(self, frame: float) -> str:
        """What `[value this]` is in an expression."""
        return str(self._get())

    def _number(self, frame: float, index: int = 0) -> float:
        """What this knob is in a numeric expression."""
        raise ValueError(f"{self._name}: a {self.Class()} is no number.")

    def _is_default(self) -> bool:
        return True

    def _forget_default(self) -> None:
        """A knob that Python has made is saved unless it is empty: a script knows no default."""

    # Helpers

    def _set_flag(self, name: str, on: bool) -> None:
        self._flags = self._flags | FLAGS[name] if on else self._flags & ~FLAGS[name]

    def _changed(self) -> None:
        if self._node is not None:
            self._node._knob_changed(self)

    def _frame(self) -> float:
        return state.current().script.frame

    def _check_attached(self) -> None:
        if self._node is not None:
            self._node._check_attached()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}>"


class Obsolete_Knob(Knob):
    """A knob of former versions: it is there and holds nothing."""


class Tab_Knob(Knob):
    """A tab, or the beginning and end of a group of knobs."""

    def __init__(self, name: str, label: str | None = None, type: int = 0) -> None:
        super().__init__(name, label)
        self._group = int(type)
        self._closed = 0

    def _set(self, value: Any) -> None:
        self._closed = int(value)

    def _get(self) -> Any:
        return float(self._closed)

    def _from_script(self, text: str) -> None:
        self._closed = int(text)


class BeginTabGroup_Knob(Knob):
    """Tabs inside a tab begin here."""


class EndTabGroup_Knob(Knob):
    """Tabs inside a tab end here."""


class Text_Knob(Knob):
    """Words in a panel; a knob without words is a divider.

    That scripts do not save what it says is an assumption: its words stand in addUserKnob.
    """

    def __init__(self, name: str, label: str | None = None, text: str = "") -> None:
        super().__init__(name, label)
        self._words = text

    def _get(self) -> str:
        return self._words

    def _set(self, text: str) -> None:
        self._words = _string(self, text)

    def _state(self) -> str:
        return self._words

    def _restore(self, before: str) -> None:
        self._words = before


def _string(knob: Knob, text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{knob._name}: {knob.Class()}.setValue wants a string, not {text!r}.")
    return text
