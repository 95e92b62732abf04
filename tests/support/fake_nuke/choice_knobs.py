"""Knobs that choose: pulldowns, channels and layers, formats, links to other knobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import state
from .expressions import tcl_list
from .formats import Format
from .knob import Knob, _string
from .number_knobs import Unsigned_Knob


class Enumeration_Knob(Unsigned_Knob):
    """One of a list of words; scripts hold the word. An item may be `value\\tlabel`."""

    def __init__(self, name: str, label: str | None, items: Sequence[str] = ()) -> None:
        super().__init__(name, label)
        self._items = [_string(self, item) for item in items]

    def values(self) -> list[str]:
        return list(self._items)

    def numValues(self) -> int:
        return len(self._items)

    def enumName(self, n: int) -> str:
        return self._items[n].split("\t")[0]

    def setValues(self, items: Sequence[str]) -> None:
        """New items; the number of the chosen one stays if there are so many (an assumption)."""
        self._items = [_string(self, item) for item in items]
        last = max(len(self._items) - 1, 0)
        self._values = [float(min(int(self._values[0]), last))]

    def getValue(self, *args: Any) -> float:
        return float(self._at(0, self._frame()))

    def _get(self) -> str:
        return self._word(self._at(0, self._frame()))

    def _word(self, index: int) -> str:
        if not self._items:
            return ""
        return self._items[max(0, min(int(index), len(self._items) - 1))].split("\t")[0]

    def _set(self, value: Any, *args: Any) -> None:
        if isinstance(value, str):
            super()._set(self._index(value))
            return
        if isinstance(value, int | float) and not 0 <= int(value) < max(len(self._items), 1):
            raise ValueError(f"{self._name} has {len(self._items)} items: there is no {value}.")
        super()._set(value)

    def _index(self, word: str) -> int:
        for index, item in enumerate(self._items):
            if word in (item, *item.split("\t")):
                return index
        raise ValueError(f'{self._name} has no item "{word}"; it has: {", ".join(self._items)}.')

    def _to_script(self) -> str:
        return super()._to_script() if self._expressions else self._get()

    def _from_script(self, text: str) -> None:
        """A word, `{3} word` as Nuke writes where items may change, or an expression."""
        words = tcl_list(text)
        if len(words) == 2 and words[0].isdigit():
            text = words[1]
        self._expressions.clear()
        try:
            self._values = [float(self._index(text))]
        except ValueError:
            if words and words[0].isdigit():
                self._set(int(words[0]))
                return
            if not text.startswith("{"):
                raise
            super()._from_script(text)

    def _text(self, frame: float) -> str:
        return self._word(self._at(0, frame))


class Pulldown_Knob(Enumeration_Knob):
    """A menu in a panel."""


class EditableEnumeration_Knob(Enumeration_Knob):
    """A list to choose from or type into."""

    def _index(self, word: str) -> int:
        if word not in self._items:
            self._items.append(word)
        return self._items.index(word)


class CascadingEnumeration_Knob(Enumeration_Knob):
    """A list with submenus: items with slashes."""


class Channel_Knob(Knob):
    """A layer, or a channel: rgba, rgba.alpha (said "alpha"), left_eye.alpha, none."""

    def __init__(self, name: str, label: str | None = None, value: str = "none") -> None:
        super().__init__(name, label)
        self._value = self._default = value

    def _get(self) -> str:
        return self._value

    def _set(self, name: str, *args: Any) -> None:
        """A name that no layer of the script has is refused, as Nuke does (an assumption)."""
        session = state.current()
        _string(self, name)
        for word in name.split():
            if not session.script.layers.knows(word) and word not in ("none", "all"):
                raise ValueError(f'{self._name}: there is no layer or channel "{word}".')
        self._value = short(name)

    def _state(self) -> str:
        return self._value

    def _restore(self, before: str) -> None:
        self._value = before

    def _to_script(self) -> str:
        return self._value

    def _from_script(self, text: str) -> None:
        self._set(tcl_list(text)[0] if text.startswith("{") else text)

    def _is_default(self) -> bool:
        return self._value == self._default


class ChannelMask_Knob(Channel_Knob):
    """A set of channels."""


def short(name: str) -> str:
    """Nuke says alpha for rgba.alpha, and so on."""
    return name.removeprefix("rgba.")


class Format_Knob(Knob):
    """The size of a picture; unset means the root's."""

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)
        self._value: Format | None = None
        self._default: Format | None = None

    def name(self) -> str:
        return self._name

    def _get(self) -> Format:
        script = state.current().script
        return self._value or script.root._knobs["format"]._value or script.formats.default

    def _set(self, value: Any) -> None:
        """A Format, the name of one, or what addFormat takes."""
        self._value = (
            value if isinstance(value, Format) else state.current().script.formats.of(value)
        )

    def _state(self) -> Format | None:
        return self._value

    def _restore(self, before: Format | None) -> None:
        self._value = before

    def _to_script(self) -> str:
        return f'"{self._get()._written()}"'

    def _from_script(self, text: str) -> None:
        self._value = state.current().script.formats.of(text.strip('"'))

    def _is_default(self) -> bool:
        return self._value is self._default


class Link_Knob(Knob):
    """Another knob, shown here: of a node inside the group. It holds nothing itself."""

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)
        self._link = ""

    def setLink(self, path: str) -> None:
        self._link = path

    def getLink(self) -> str:
        return self._link

    def makeLink(self, node: str, knob: str) -> None:
        self._link = f"{node}.{knob}"

    def getLinkedKnob(self) -> Knob | None:
        return self._target()

    def value(self, *args: Any) -> Any:
        return self._asked().value(*args)

    def getValue(self, *args: Any) -> Any:
        return self._asked().getValue(*args)

    def setValue(self, *args: Any) -> bool:
        done = bool(self._asked().setValue(*args))
        self._changed()
        return done

    def _asked(self) -> Knob:
        found = self._target()
        if found is None:
            raise ValueError(f'{self._name} links to "{self._link}", which is not there.')
        return found

    def _target(self) -> Knob | None:
        node_name, _, knob = self._link.rpartition(".")
        found = self._node._find(node_name) if self._node is not None else None
        return found._knobs.get(knob) if found is not None else None

    def _is_default(self) -> bool:
        found = self._target()
        return found is None or found._is_default()

    def _to_script(self) -> str:
        return self._asked()._to_script()

    def _from_script(self, text: str) -> None:
        self._asked()._from_script(text)

    def _text(self, frame: float) -> str:
        return self._asked()._text(frame)

    def _number(self, frame: float, index: int = 0) -> float:
        return self._asked()._number(frame, index)
