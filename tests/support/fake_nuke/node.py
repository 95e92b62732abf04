"""Nodes: knobs, inputs, names, and what the tree below them says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import state
from .formats import Format
from .frame_ranges import FrameRange
from .knob import Knob
from .node_inside import Inside
from .node_table import NodeClass

if TYPE_CHECKING:
    from .groups import Group

# What nuke.INPUTS and its like mean for dependencies(): bits, their values an assumption.
INPUTS, HIDDEN_INPUTS, EXPRESSIONS, LINKINPUTS = 1, 2, 4, 8


class Node(Inside):
    """A node of the script. Python gets nodes from nuke.toNode and its like, never from here."""

    def __init__(self, kind: NodeClass, class_name: str, parent: Group | None) -> None:
        self._setup(kind, class_name, parent)

    # Identity

    def Class(self) -> str:
        return self._class_name

    def name(self) -> str:
        return self._name()

    def fullName(self) -> str:
        return self._full_name()

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        taken = self._parent is not None and self._parent._child(name) not in (None, self)
        if taken and not uncollide:
            raise ValueError(f"The name {name} is taken.")
        if taken and self._parent is not None:
            name = state.current().script.free_name(name.rstrip("0123456789"), self._parent)
        self._knobs["name"]._restore(name)
        self._touched()

    def parent(self) -> Group | None:
        return self._handed(self._parent)

    # Knobs

    def knob(self, name: str, follow_link: bool = True) -> Knob | None:
        return self._knobs.get(name)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def allKnobs(self) -> list[Knob]:
        return list(self._knobs.values())

    def numKnobs(self) -> int:
        return len(self._knobs)

    def __getitem__(self, name: str) -> Knob:
        """NameError for a name that no knob has, as Nuke raises it."""
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def addKnob(self, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            raise TypeError(f"addKnob wants a knob, not {knob!r}.")
        self._add_user_knob(knob)

    def removeKnob(self, knob: Knob) -> None:
        if not knob._user or self._knobs.get(knob._name) is not knob:
            raise ValueError(f"{knob._name} is no user knob of {self._full_name()}.")
        del self._knobs[knob._name]
        knob._node = None
        self._touched()

    def readKnobs(self, text: str) -> None:
        from .tcl_words import tcl_list

        words = tcl_list(text)
        for name, word in zip(words[::2], words[1::2], strict=True):
            self._read_knob(name, word)

    def writeKnobs(self, flags: int = 0) -> str:
        """Knobs that differ from their default, as in a script."""
        return "\n".join(f"{name} {word}" for name, word in self._written())

    def resetKnobsToDefault(self) -> None:
        for knob in self._knobs.values():
            if knob._name not in ("name", "xpos", "ypos", "selected") and hasattr(knob, "_default"):
                self._reset(knob)

    # The tree

    def inputs(self) -> int:
        """The number of the last connected input plus one."""
        return max((index + 1 for index, node in self._inputs.items() if node), default=0)

    def maxInputs(self) -> int:
        return self._input_limit()

    def maximumInputs(self) -> int:
        return self._input_limit()

    def input(self, index: int) -> Node | None:
        return self._handed(self._inputs.get(index))

    def setInput(self, index: int, node: Node | None) -> bool:
        """Connect; False where there is no such input or the node is of another group."""
        if node is not None and not isinstance(node, Node):
            raise TypeError(f"setInput wants a node or None, not {node!r}.")
        return self._connect(index, node)

    def connectInput(self, index: int, node: Node | None) -> bool:
        return self._connect(index, node)

    def canSetInput(self, index: int, node: Node) -> bool:
        return 0 <= index < self._input_limit() and node not in self._downstream()

    def dependencies(self, what: int = INPUTS | HIDDEN_INPUTS | EXPRESSIONS) -> list[Node]:
        found = [node for _, node in sorted(self._inputs.items()) if node]
        return [self._handed(node) for node in found] if what & (INPUTS | HIDDEN_INPUTS) else []

    def dependent(
        self, what: int = INPUTS | HIDDEN_INPUTS | EXPRESSIONS, forceEvaluate: bool = True
    ) -> list[Node]:
        if not what & (INPUTS | HIDDEN_INPUTS):
            return []
        return [self._handed(node) for node in self._users()]

    # Where it is in the node graph, and its panel

    def xpos(self) -> int:
        return int(self._plain("xpos"))

    def ypos(self) -> int:
        return int(self._plain("ypos"))

    def setXpos(self, x: int) -> None:
        self._knobs["xpos"].setValue(x)

    def setYpos(self, y: int) -> None:
        self._knobs["ypos"].setValue(y)

    def setXYpos(self, x: int, y: int) -> None:
        self._knobs["xpos"].setValue(x)
        self._knobs["ypos"].setValue(y)

    def screenWidth(self) -> int:
        return 80

    def screenHeight(self) -> int:
        return 18

    def autoplace(self) -> None:
        self._touched()

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"]._set(bool(selected))

    def isSelected(self) -> bool:
        return bool(self._plain("selected"))

    def selectOnly(self) -> None:
        for node in self._siblings():
            node._knobs["selected"]._set(node is self)

    def showControlPanel(self, forceFloat: bool = False) -> None:
        state.current().open_panel(self)

    def hideControlPanel(self) -> None:
        state.current().panels.discard(self)

    def shown(self) -> bool:
        return self in state.current().panels

    def help(self) -> str:
        return str(self._plain("help"))

    # Pictures

    def firstFrame(self) -> int:
        return self._range()[0]

    def lastFrame(self) -> int:
        return self._range()[1]

    def frameRange(self) -> FrameRange:
        return FrameRange(*self._range(), 1)

    def upstreamFrameRange(self, index: int) -> FrameRange | None:
        node = self._inputs.get(index)
        return FrameRange(*node._range(), 1) if node else None

    def format(self) -> Format:
        from .pictures import format_of

        # Nuke would read a header here, and not the picture as this fake does.
        with state.current().ui.not_counted():
            return format_of(self, state.current().script.frame)

    def width(self) -> int:
        return self.format().width()

    def height(self) -> int:
        return self.format().height()

    def pixelAspect(self) -> float:
        return self.format().pixelAspect()

    def channels(self) -> list[str]:
        from .pictures import channels_of

        with state.current().ui.not_counted():
            return list(channels_of(self, state.current().script.frame))

    def metadata(self, key: str | None = None, time: float = 0, view: str = "") -> Any:
        """None of the fake's nodes has any, as if files carried none."""
        return {} if key is None else None

    def hasError(self) -> bool:
        return self._error(state.current().script.frame) is not None

    def error(self) -> bool:
        return self._error(state.current().script.frame) is not None

    def treeHasError(self) -> bool:
        return self._error(state.current().script.frame) is not None

    def sample(self, channel: str, x: float, y: float, *size: float) -> float:
        """The value of a channel at x, y from the lower left corner."""
        from .pictures import picture_of

        with state.current().ui.not_counted():
            picture = picture_of(self, state.current().script.frame)
        plane = picture.plane(channel)
        row = plane.shape[0] - 1 - int(y)
        inside = 0 <= row < plane.shape[0] and 0 <= int(x) < plane.shape[1]
        return float(plane[row, int(x)]) if inside else 0.0

    def forceValidate(self) -> None:
        self._range()

    def __len__(self) -> int:
        return len(self._knobs)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        raise TypeError("A node is not iterable; use its knobs().")

    def __repr__(self) -> str:
        return f"<{self._class_name} {self._full_name()}>"
