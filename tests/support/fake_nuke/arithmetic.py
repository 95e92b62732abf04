"""Numeric expressions as Nuke has them: C's operators, names with dots, [Tcl], a few functions.

Operators and functions: Nuke user guide, "Expressions" (C-like, with ?: and clamp, lerp, step).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from .tcl_words import closing

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)"
    r"|(?P<name>[A-Za-z_][\w]*(?:\.[A-Za-z_0-9]\w*)*)"
    r'|(?P<text>"[^"]*")'
    r"|(?P<operator>\*\*|<=|>=|==|!=|&&|\|\||[-+*/%<>!?:(),]))"
)

_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "ceil": lambda x: float(math.ceil(x)),
    "clamp": lambda x, low=0.0, high=1.0: max(low, min(high, x)),
    "floor": lambda x: float(math.floor(x)),
    "int": lambda x: float(int(x)),
    "lerp": lambda a, b, x: a + (b - a) * x,
    "max": max,
    "min": min,
    "rint": lambda x: float(round(x)),
    "sqrt": math.sqrt,
    "step": lambda a, x: float(x >= a),
}

_LEVELS: tuple[dict[str, Callable[[float, float], float]], ...] = (
    {"||": lambda a, b: float(bool(a) or bool(b))},
    {"&&": lambda a, b: float(bool(a) and bool(b))},
    {"==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b)},
    {
        "<": lambda a, b: float(a < b),
        ">": lambda a, b: float(a > b),
        "<=": lambda a, b: float(a <= b),
        ">=": lambda a, b: float(a >= b),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": lambda a, b: a / b if b else 0.0, "%": math.fmod},
)


def evaluate(expression: str, name: Callable[[str], float], command: Callable[[str], str]) -> float:
    """The value of `expression`; `name` looks names up, `command` runs what is in brackets.

    ValueError where it cannot be read.
    """
    return _Reader(expression, name, command).whole()


class _Reader:
    def __init__(
        self, text: str, name: Callable[[str], float], command: Callable[[str], str]
    ) -> None:
        self._text, self._name, self._command = text, name, command
        self._tokens = self._split()
        self._at = 0

    def whole(self) -> float:
        value = self._choice()
        if self._at < len(self._tokens):
            raise self._wrong()
        return value

    def _split(self) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at, end = 0, len(self._text.rstrip())
        while at < end:
            if self._text[at:end].lstrip().startswith("["):
                start = self._text.index("[", at)
                close = closing(self._text, start)
                tokens.append(("command", self._text[start + 1 : close]))
                at = close + 1
                continue
            found = _TOKEN.match(self._text, at)
            if found is None or found.lastgroup is None:
                raise self._wrong()
            tokens.append((found.lastgroup, found.group(found.lastgroup)))
            at = found.end()
        return tokens

    def _wrong(self) -> ValueError:
        return ValueError(f'"{self._text}" is no expression that this fake can read.')

    def _take(self, *wanted: str) -> str | None:
        """The next token if it is one of the wanted operators."""
        if self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if kind == "operator" and text in wanted:
                self._at += 1
                return text
        return None

    def _choice(self) -> float:
        value = self._binary(0)
        if self._take("?") is None:
            return value
        yes = self._choice()
        if self._take(":") is None:
            raise self._wrong()
        no = self._choice()
        return yes if value else no

    def _binary(self, level: int) -> float:
        if level == len(_LEVELS):
            return self._unary()
        value = self._binary(level + 1)
        while (operator := self._take(*_LEVELS[level])) is not None:
            value = _LEVELS[level][operator](value, self._binary(level + 1))
        return value

    def _unary(self) -> float:
        if self._take("-"):
            return -self._unary()
        if self._take("+"):
            return self._unary()
        if self._take("!"):
            return float(not self._unary())
        value = self._atom()
        return float(value ** self._unary()) if self._take("**") else value

    def _atom(self) -> float:
        if self._take("("):
            value = self._choice()
            if self._take(")") is None:
                raise self._wrong()
            return value
        if self._at >= len(self._tokens):
            raise self._wrong()
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return float(text)
        if kind == "command":
            return evaluate(self._command(text), self._name, self._command)
        if kind == "name":
            return self._call(text) if self._take("(") else self._name(text)
        raise self._wrong()

    def _call(self, function: str) -> float:
        values: list[float] = []
        while self._take(")") is None:
            values.append(self._choice())
            self._take(",")
        if function not in _FUNCTIONS:
            raise ValueError(f'"{self._text}": this fake knows no function {function}().')
        return float(_FUNCTIONS[function](*values))
