"""Knobs that hold text: strings, evaluated strings, file names, scripts and buttons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from . import state
from .expressions import substitute
from .knob import Knob, _string
from .python_text import run_text


class String_Knob(Knob):
    """A string that is taken as it is."""

    def __init__(self, name: str, label: str | None = None, value: str = "") -> None:
        super().__init__(name, label)
        self._value = self._default = _string(self, value)

    def getText(self, oc: Any = None) -> str:
        return self._value

    def setText(self, text: str) -> bool:
        return self.setValue(text)

    def _get(self) -> str:
        return self._value

    def _set(self, text: str, view: Any = None) -> None:
        self._value = _string(self, text)

    def _state(self) -> str:
        return self._value

    def _restore(self, before: str) -> None:
        self._value = before

    def _to_script(self) -> str:
        return self._value

    def _from_script(self, text: str) -> None:
        self._value = text

    def _text(self, frame: float) -> str:
        return self._value

    def _is_default(self) -> bool:
        return self._value == self._default

    def _forget_default(self) -> None:
        self._default = ""


class EvalString_Knob(String_Knob):
    """A string whose brackets are Tcl: evaluate() runs them, value() and getText() do not."""

    def evaluate(self, oc: Any = None) -> str:
        return self._text(self._frame())

    def _text(self, frame: float) -> str:
        return substitute(self._value, self._node, frame)


class Multiline_Eval_String_Knob(EvalString_Knob):
    """Text of many lines."""


class File_Knob(EvalString_Knob):
    """A file name. `####` and `%04d` both mean the frame number.

    https://learn.foundry.com/nuke/developers/70/pythonreference/nuke.File_Knob-class.html: value()
    and getEvaluatedValue() are "normalized to technical notation"; fromUserText() "parses frame
    range off the end and opens file to get set the format".
    """

    def getEvaluatedValue(self, oc: Any = None) -> str:
        """The file name with expressions evaluated; the place of the frame number stays."""
        return self._text(self._frame())

    def getValue(self, *args: Any) -> str:
        return technical(self._value)

    def value(self, *args: Any) -> str:
        return technical(self._value)

    def fromUserText(self, text: str) -> bool:
        """Take what a user has typed: backslashes become slashes, a range at the end is cut off."""
        name, first, last = split_range(_string(self, text).strip().replace("\\", "/"))
        self.setValue(name)
        if self._node is not None and self._name == "file" and first is not None:
            ends = {"first": first, "last": last, "origfirst": first, "origlast": last}
            for knob, frame in ends.items():
                if knob in self._node._knobs:
                    self._node._knobs[knob].setValue(frame)
        return True

    def evaluate(self, oc: Any = None) -> str:
        """The file of the current frame."""
        return self._file(self._frame())

    def _text(self, frame: float) -> str:
        """For `[value ...]`, which expands "brackets and dollar signs", and no frame number.

        https://learn.foundry.com/nuke/developers/131/pythondevguide/_autosummary/nuke.value.html
        """
        return technical(super()._text(frame))

    def _file(self, frame: float) -> str:
        return at_frame(self._text(frame), int(frame))


def technical(name: str) -> str:
    """`####` as `%04d`, a single `#` as `%d`... as wide as it was written."""
    return re.sub(r"#+", lambda found: f"%0{len(found.group())}d", name)


def at_frame(name: str, frame: int) -> str:
    """The file of one frame; `%V` and `%v` are the view, and there is one: main."""
    name = name.replace("%V", "main").replace("%v", "m")
    return re.sub(r"%(0?\d*)d", lambda found: f"%{found.group(1)}d" % frame, name)


def split_range(text: str) -> tuple[str, int | None, int | None]:
    """`/p/x.####.exr 1001-1100` as name, first and last frame; no range: None."""
    found = re.fullmatch(r"(.*\S)\s+(-?\d+)(?:-(-?\d+))?", text)
    if found is None or not Path(found.group(1)).suffix:
        return text, None, None
    first = int(found.group(2))
    return found.group(1), first, int(found.group(3)) if found.group(3) else first


class PythonKnob(String_Knob):
    """Python code that Nuke runs at an event of the node (onCreate, knobChanged...)."""


class Script_Knob(String_Knob):
    """A button that runs Tcl. The fake knows none, but for what its nodes bring themselves."""

    def command(self) -> str:
        return self._value

    def setCommand(self, command: str) -> None:
        self.setValue(command)

    def execute(self) -> None:
        node = self.node()
        if node._button(self._name):
            return
        raise state.current().rules.broke(
            f"{node._full_name()}.{self._name}: this fake does not run Tcl buttons."
        )


class PyScript_Knob(Script_Knob):
    """A button that runs Python, with nuke.thisNode() and nuke.thisKnob() set."""

    def __init__(self, name: str, label: str | None = None, command: str = "") -> None:
        super().__init__(name, label, command)

    def execute(self) -> None:
        session = state.current()
        with session.context(self._node, self):
            run_text(self._value, self._name)
