"""What nodes do that is not Nuke's API: everything here begins with an underscore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from . import state
from .knob import FLAGS, Knob, Tab_Knob, Text_Knob
from .node_table import COMMON, EXR_KNOBS, NodeClass
from .rules import MainThreadOnly
from .text_knobs import Script_Knob

if TYPE_CHECKING:
    from .groups import Group
    from .node import Node


_N = TypeVar("_N", bound="Inside | None")


class Inside(MainThreadOnly):
    """State of a node, for the fake's own use on the main thread."""

    _attached = True
    _parent: Group | None = None

    def _setup(self, kind: NodeClass, class_name: str, parent: Group | None) -> None:
        self._kind = kind
        self._class_name = class_name
        self._parent = parent
        self._inputs: dict[int, Node | None] = {}
        self._knobs: dict[str, Knob] = {}
        self._user_order: list[str] = []
        for make in (*kind.knobs, *COMMON):
            self._own(make())

    def _own(self, knob: Knob) -> None:
        self._knobs[knob._name] = knob
        knob._node = self  # type: ignore[assignment]

    def _check_attached(self) -> None:
        # The message that pipelines know: shotgunsoftware/tk-nuke-writenode, pull requests 9, 21.
        if not self._attached:
            raise ValueError("A PythonObject is not attached to a node")
        if self._parent is not None:
            state.current().count_node(self)

    def _name(self) -> str:
        return str(self._knobs["name"]._get())

    def _full_name(self) -> str:
        if self._parent is None or self._parent._parent is None:
            return self._name()
        return f"{self._parent._full_name()}.{self._name()}"

    def _is_group(self) -> bool:
        return False

    def _child(self, name: str) -> Node | None:
        return None

    def _plain(self, knob: str) -> Any:
        return self._knobs[knob]._get()

    def _handed(self, node: _N) -> _N:
        """A node on its way to Python."""
        if node is not None:
            state.current().count_node(node)
        return node

    def _touched(self) -> None:
        state.current().script.touched()

    # Knobs

    def _add_user_knob(self, knob: Knob, tab: bool = True) -> None:
        if knob._name in self._knobs and not isinstance(knob, Text_Knob | Tab_Knob):
            raise ValueError(f"{self._full_name()} has a knob {knob._name} already.")
        if tab and not isinstance(knob, Tab_Knob) and not self._has_user_tab():
            # Nuke makes a tab "User" for the first knob that comes without one (saved scripts).
            self._add_user_knob(Tab_Knob("User"))
        if not knob._user:
            knob._forget_default()
        knob._user = True
        self._own(knob)
        self._touched()

    def _has_user_tab(self) -> bool:
        return any(isinstance(knob, Tab_Knob) and knob._user for knob in self._knobs.values())

    def _knob_changed(self, knob: Knob) -> None:
        if knob._name == "file_type" and self._class_name == "Write":
            self._follow_file_type()
        self._touched()
        state.current().knob_changed(self, knob)  # type: ignore[arg-type]

    def _follow_file_type(self) -> None:
        """A Write has the knobs of its file type, and of no other (user guide, "Write")."""
        names = [make()._name for make in EXR_KNOBS]
        if self._plain("file_type") == "exr":
            for make in EXR_KNOBS:
                knob = make()
                if knob._name not in self._knobs:
                    self._own(knob)
            return
        for name in names:
            self._knobs.pop(name, None)

    def _read_knob(self, name: str, word: str) -> None:
        """One line of a script. ValueError where the node has no such knob."""
        if name not in self._knobs:
            raise ValueError(f'{self._class_name} {self._name()} has no knob "{name}".')
        knob = self._knobs[name]
        knob._from_script(word)
        if name == "file_type" and self._class_name == "Write":
            self._follow_file_type()

    def _written(self) -> list[tuple[str, str]]:
        """Knobs that differ from their default, with their words as in a script."""
        from .script_text import knob_word

        found = []
        for name, knob in self._knobs.items():
            # What a user button runs stands in its addUserKnob.
            elsewhere = isinstance(knob, Text_Knob) or (
                knob._user and isinstance(knob, Script_Knob)
            )
            unsaved = knob._flags & FLAGS["DO_NOT_WRITE"] or elsewhere
            always = knob._flags & FLAGS["ALWAYS_SAVE"]
            if name != "name" and not unsaved and (always or not knob._is_default()):
                found.append((name, knob_word(knob)))
        return found

    def _reset(self, knob: Any) -> None:
        default = knob._default
        knob._restore((list(default), {}) if isinstance(default, list) else default)

    def _button(self, name: str) -> bool:
        """Run a button that the node brings itself; False: it has no such button."""
        if name not in self._kind.buttons:
            return False
        self._knobs["version"]._set(self._plain("version") + 1)
        state.current().files.forget(self)
        self._touched()
        return True

    # The tree

    def _input_limit(self) -> int:
        return self._kind.inputs

    def _connect(self, index: int, node: Node | None) -> bool:
        if not 0 <= index < self._input_limit():
            return False
        if node is not None and (node._parent is not self._parent or node in self._downstream()):
            return False
        before = self._inputs.get(index)
        state.current().undo.record(lambda: self._inputs.update({index: before}))
        self._inputs[index] = node
        self._touched()
        state.current().input_changed(self)  # type: ignore[arg-type]
        return True

    def _siblings(self) -> list[Node]:
        return list(self._parent._nodes) if self._parent is not None else []

    def _users(self) -> list[Node]:
        return [node for node in self._siblings() if self in node._inputs.values()]

    def _downstream(self) -> set[Any]:
        """This node and all that use it, however far below."""
        found: set[Any] = set()
        waiting: list[Any] = [self]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += node._users()
        return found

    def _find(self, path: str) -> Node | None:
        """A node by a dotted path from inside here."""
        found: Any = self
        for word in path.split("."):
            found = found._child(word) if found is not None else None
        return found

    # Pictures

    def _range(self) -> tuple[int, int]:
        from .pictures import range_of

        return range_of(self)  # type: ignore[arg-type]

    def _error(self, frame: float) -> str | None:
        """Why this cannot be rendered at `frame`; None: it can."""
        from .pictures import picture_of

        try:
            with state.current().ui.not_counted():
                picture_of(self, frame)  # type: ignore[arg-type]
        except (RuntimeError, LookupError, ValueError) as problem:
            return str(problem)
        return None
