"""Knobs that hold numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .expressions import number
from .knob import Knob
from .tcl_words import quote, tcl_elements, tcl_list


class Array_Knob(Knob):
    """One or more numbers; each may be an expression instead."""

    _whole = False
    _sizes = 1

    def __init__(self, name: str, label: str | None = None, size: int | None = None) -> None:
        super().__init__(name, label)
        self._values = [0.0] * (size or self._sizes)
        self._default = list(self._values)
        self._range = (0.0, 1.0)

    def arraySize(self) -> int:
        return len(self._values)

    def singleValue(self, view: Any = None) -> bool:
        return len(set(self._values)) == 1 and len(set(self._expressions.values())) <= 1

    def array(self) -> list[float]:
        return [self._at(index, self._frame()) for index in range(len(self._values))]

    def setRange(self, low: float, high: float) -> None:
        self._range = (low, high)

    def min(self) -> float:
        return self._range[0]

    def max(self) -> float:
        return self._range[1]

    def defaultValue(self, offset: int = 0) -> float:
        return self._default[offset]

    def setDefaultValue(self, values: Sequence[float]) -> None:
        self._default = [float(value) for value in values]
        self._values = list(self._default)

    def notDefault(self) -> bool:
        return not self._is_default()

    def getValueAt(self, frame: float, index: int = 0, view: Any = None) -> Any:
        return self._at(index, frame)

    def valueAt(self, frame: float, index: int = 0) -> Any:
        return self._at(index, frame)

    def value(self, index: int | None = None, *args: Any) -> Any:
        return self._get() if index is None else self._at(index, self._frame())

    def getValue(self, index: int | None = None, *args: Any) -> Any:
        return self._get() if index is None else self._at(index, self._frame())

    def _size(self) -> int:
        return len(self._values)

    def _at(self, index: int, frame: float) -> Any:
        raw = self._values[index]
        if index in self._expressions:
            raw = number(self._expressions[index], self._node, frame)
        return int(raw) if self._whole else raw

    def _get(self) -> Any:
        values = [self._at(index, self._frame()) for index in range(len(self._values))]
        return values[0] if len(values) == 1 else values

    def clearAnimated(self, channel: int = -1) -> bool:
        """Without its expression the knob keeps what it shows."""
        for index in [*self._expressions]:
            self._values[index] = float(self._at(index, self._frame()))
        return super().clearAnimated(channel)

    def _set(self, value: Any, channel: int = -1, *args: Any) -> None:
        """An expression stays, and is what the knob shows (an assumption: clearAnimated first)."""
        size = len(self._values)
        if isinstance(value, list | tuple):
            if len(value) != size:
                raise TypeError(f"{self._name} has {size} numbers, not {len(value)}.")
            self._values = [self._checked(item) for item in value]
        elif channel >= 0:
            self._values[channel] = self._checked(value)
        else:
            self._values = [self._checked(value)] * size

    def _checked(self, value: Any) -> float:
        if not isinstance(value, int | float):
            raise TypeError(f"{self._name}: a {self.Class()} holds numbers, not {value!r}.")
        return float(int(value)) if self._whole else float(value)

    def _state(self) -> Any:
        return list(self._values), dict(self._expressions)

    def _restore(self, before: Any) -> None:
        self._values, self._expressions = list(before[0]), dict(before[1])

    def _to_script(self) -> str:
        if self._expressions:
            return " ".join(
                f"{{{quote(self._expressions[index])}}}"
                if index in self._expressions
                else plain(value)
                for index, value in enumerate(self._values)
            )
        if len(self._values) == 1:
            return plain(self._values[0])
        return "{" + " ".join(plain(value) for value in self._values) + "}"

    def _from_script(self, text: str) -> None:
        """`1`, `1 2`, `{parent.x} 2` or `{"parent.x + 1"}`: numbers, or expressions in braces."""
        words = tcl_elements(text)
        size = len(self._values)
        if len(words) == 1 and len(tcl_list(words[0][0])) == size > 1:
            words = tcl_elements(words[0][0])
        if len(words) not in (1, size):
            raise ValueError(f"{self._name} has {size} numbers, not {len(words)}.")
        self._expressions.clear()
        for index in range(size):
            self._take_word(index, *words[index if len(words) > 1 else 0])

    def _take_word(self, index: int, word: str, braced: bool) -> None:
        if word in ("true", "false"):
            self._values[index] = float(word == "true")
            return
        try:
            self._values[index] = float(int(word, 0)) if word[:2] == "0x" else float(word)
            return
        except ValueError:
            if not braced:
                raise ValueError(
                    f"{self._name} {word}: no number; an expression stands in {{{{braces}}}}."
                ) from None
        # The first word is the expression; keys of an animation would follow it.
        expression, *keys = tcl_list(word)
        if keys or expression == "curve":
            raise ValueError(
                f'{self._name} {{{{{word}}}}}: no curves here, and spaces want {{{{"quotes"}}}}.'
            )
        number(expression, self._node, None)  # Raises where it is no expression.
        self._expressions[index] = expression

    def _text(self, frame: float) -> str:
        return " ".join(plain(self._at(index, frame)) for index in range(len(self._values)))

    def _number(self, frame: float, index: int = 0) -> float:
        return float(self._at(index, frame))

    def _forget_default(self) -> None:
        self._default = [0.0] * len(self._values)

    def _is_default(self) -> bool:
        return not self._expressions and self._values == self._default


def plain(value: float) -> str:
    """A number as scripts have it: 1 and not 1.0."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


class Double_Knob(Array_Knob):
    """One floating point number."""


class Int_Knob(Array_Knob):
    """One whole number."""

    _whole = True


class Unsigned_Knob(Array_Knob):
    """One whole number that is not negative."""

    _whole = True


class ColorChip_Knob(Unsigned_Knob):
    """A colour of the user interface, 0xrrggbbaa."""


class XY_Knob(Array_Knob):
    _sizes = 2


class UV_Knob(Array_Knob):
    _sizes = 2


class XYZ_Knob(Array_Knob):
    _sizes = 3


class WH_Knob(Array_Knob):
    """Width and height, shown as one number while they are equal."""

    _sizes = 2

    def _get(self) -> Any:
        values = super()._get()
        return values[0] if values[0] == values[1] else values

    def _to_script(self) -> str:
        if not self._expressions and self._values[0] == self._values[1]:
            return plain(self._values[0])
        return super()._to_script()


class BBox_Knob(Array_Knob):
    """x, y, r, t."""

    _sizes = 4


class Color_Knob(Array_Knob):
    _sizes = 3


class AColor_Knob(Color_Knob):
    _sizes = 4


class Boolean_Knob(Array_Knob):
    """On or off."""

    def __init__(self, name: str, label: str | None = None, value: bool = False) -> None:
        super().__init__(name, label)
        self._values = [float(bool(value))]
        self._default = list(self._values)

    def _at(self, index: int, frame: float) -> bool:
        return bool(super()._at(index, frame))

    def _checked(self, value: Any) -> float:
        return float(bool(super()._checked(value)))

    def _to_script(self) -> str:
        return super()._to_script() if self._expressions else str(self._get()).lower()

    def _text(self, frame: float) -> str:
        return str(self._at(0, frame)).lower()


class Disable_Knob(Boolean_Knob):
    """Whether the node is switched off."""
