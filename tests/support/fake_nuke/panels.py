"""nukescripts, as far as a panel made of knobs needs it: no Qt.

https://learn.foundry.com/nuke/developers/160/pythondevguide/custom_panels.html and
.../160/pythondevguide/_modules/nukescripts/panels.html: a subclass of PythonPanel adds knobs,
overrides knobChanged, and showModalDialog() is true for OK.
"""

from __future__ import annotations

import types
from typing import Any

from . import state
from .knob import Knob
from .text_knobs import PyScript_Knob


class PythonPanel:
    """A window of knobs."""

    def __init__(self, title: str = "", id: str = "", scrollable: bool = True) -> None:
        self._title = title
        self._knobs_in_order: list[Knob] = []
        self.okButton: Knob | None = None
        self.cancelButton: Knob | None = None

    def addKnob(self, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            raise TypeError(f"addKnob wants a knob, not {knob!r}.")
        if any(known._name == knob._name and knob._name for known in self._knobs_in_order):
            raise ValueError(f"The panel has a knob {knob._name} already.")
        self._knobs_in_order.append(knob)

    def removeKnob(self, knob: Knob) -> None:
        self._knobs_in_order.remove(knob)

    def knobs(self) -> dict[str, Knob]:
        return {knob._name: knob for knob in self._knobs_in_order}

    def setMinimumSize(self, x: int, y: int) -> None:
        pass

    def knobChanged(self, knob: Knob) -> None:
        """Subclasses answer here what the user does."""

    def knobChangedCallback(self, knob: Knob) -> None:
        self.knobChanged(knob)

    def show(self) -> None:
        session = state.current()
        session.need_gui("PythonPanel.show")
        session.shown_panels.append(self)

    def hide(self) -> None:
        session = state.current()
        if self in session.shown_panels:
            session.shown_panels.remove(self)

    def showModal(self) -> bool:
        return self.showModalDialog()

    def showModalDialog(self, defaultKnobText: str = "") -> bool:
        """What the user does with it is the next of `session.fillings`: OK if that is true."""
        session = state.current()
        session.need_gui("PythonPanel.showModalDialog")
        self._buttons()
        if not session.fillings:
            raise session.rules.broke(f'Nobody fills in the panel "{self._title}".')
        with session.ui.not_counted():
            return bool(session.fillings.pop(0)(self))

    def _buttons(self) -> None:
        if self.okButton is None:
            self.okButton = PyScript_Knob("OK", "OK")
            self.cancelButton = PyScript_Knob("Cancel", "Cancel")
            self._knobs_in_order += [self.okButton, self.cancelButton]


def user_sets(panel: PythonPanel, name: str, value: Any) -> None:
    """For tests: the user changes a knob of a panel."""
    knob = panel.knobs()[name]
    knob.setValue(value)
    with state.current().ui.entry(f"panel knob {name}"):
        panel.knobChanged(knob)


def user_presses(panel: PythonPanel, name: str) -> None:
    """For tests: the user presses a button of a panel."""
    knob = panel.knobs()[name]
    with state.current().ui.entry(f"panel button {name}"):
        if isinstance(knob, PyScript_Knob) and knob._value:
            knob.execute()
        panel.knobChanged(knob)


def make_nukescripts() -> types.ModuleType:
    """The module nukescripts: a name that is not here raises AttributeError."""
    made = types.ModuleType("nukescripts")
    made.PythonPanel = PythonPanel  # type: ignore[attr-defined]
    panels = types.ModuleType("nukescripts.panels")
    panels.PythonPanel = PythonPanel  # type: ignore[attr-defined]
    made.panels = panels  # type: ignore[attr-defined]
    return made
