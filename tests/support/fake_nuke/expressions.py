"""The few forms of Tcl and of Nuke's expressions that gizmos need; everything else raises.

In text: `[value parent.smite_file]` and the commands of COMMANDS, `$env(NAME)`, backslashes.
In numbers: C-like expressions with `parent.knob`, `this.knob`, `Node1.knob`, `frame` and brackets.

How a name is found is told by nuke.knob's page
(https://learn.foundry.com/nuke/developers/latest/pythondevguide/_autosummary/nuke.knob.html):
from the current knob's node upwards; root, this, parent and input are words of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import state
from .arithmetic import evaluate
from .tcl_words import backslash, closing, tcl_list

if TYPE_CHECKING:
    from .knob import Knob
    from .node import Node

__all__ = ["find_knob", "number", "substitute", "tcl_list"]


def substitute(text: str, node: Node | None, frame: float) -> str:
    """`text` with its brackets run, its variables and its backslashes replaced."""
    out: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "[":
            end = closing(text, at)
            out.append(command(text[at + 1 : end], node, frame))
            at = end + 1
        elif text[at] == "\\" and at + 1 < len(text):
            out.append(backslash(text[at + 1]))
            at += 2
        elif text.startswith("$env(", at):
            end = text.index(")", at)
            out.append(os.environ[text[at + 5 : end]])
            at = end + 1
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def command(script: str, node: Node | None, frame: float) -> str:
    """What a Tcl command answers."""
    words = tcl_list(script)
    if not words or words[0] not in COMMANDS:
        raise state.current().rules.broke(f"This fake knows no Tcl command [{script}].")
    rest = [substitute(word, node, frame) if "[" in word else word for word in words[1:]]
    return COMMANDS[words[0]](rest, node, frame)


def _value(words: list[str], node: Node | None, frame: float) -> str:
    try:
        knob, _index = find_knob(words[0], node)
    except LookupError:
        if len(words) > 1:
            return words[1]
        raise
    return knob._text(frame)


def _file(words: list[str], node: Node | None, frame: float) -> str:
    what, path = words
    if what == "dirname":
        return path.rpartition("/")[0] or ("/" if path.startswith("/") else ".")
    if what == "tail":
        return path.rpartition("/")[2]
    stem, dot, extension = path.rpartition(".")
    if what == "rootname":
        return stem if dot else path
    if what == "extension":
        return dot + extension if dot else ""
    raise state.current().rules.broke(f"This fake knows no Tcl command [file {what}].")


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)


def _if(words: list[str], node: Node | None, frame: float) -> str:
    chosen = words[1] if number(words[0], node, frame) else words[-1]
    return command(chosen, node, frame)


COMMANDS: dict[str, Callable[[list[str], Node | None, float], str]] = {
    "value": _value,
    "numvalue": lambda words, node, frame: _plain(number(words[0], node, frame)),
    "knob": _value,
    "expression": lambda words, node, frame: _plain(number(" ".join(words), node, frame)),
    "expr": lambda words, node, frame: _plain(number(" ".join(words), node, frame)),
    "getenv": lambda words, node, frame: os.environ.get(words[0], ""),
    "file": _file,
    "frame": lambda words, node, frame: _plain(frame),
    "if": _if,
    "return": lambda words, node, frame: " ".join(words),
}


def number(expression: str, node: Node | None, frame: float | None) -> float:
    """The value of a numeric expression; with frame None it is only read, ValueError if wrong."""
    if frame is None:
        return evaluate(expression, lambda name: 1.0, lambda script: "1")

    def name_of(name: str) -> float:
        if name in ("frame", "x", "t"):
            return float(frame)
        knob, index = find_knob(name, node)
        return knob._number(frame, index)

    return evaluate(expression, name_of, lambda script: command(script, node, frame))


_FIELDS = {"x": 0, "y": 1, "z": 2, "w": 0, "h": 1, "r": 0, "g": 1, "b": 2, "a": 3, "u": 0, "v": 1}


def find_knob(name: str, node: Node | None) -> tuple[Knob, int]:
    """The knob that a dotted name means for an expression of `node`, and the index of its field.

    LookupError where there is none, in one sentence.
    """
    words = name.split(".")
    if node is None:
        raise LookupError(f'"{name}": this knob belongs to no node.')
    scope, words = _first(words, node)
    while len(words) > 1 and words[0] not in scope._knobs:
        scope = _step(scope, words.pop(0), name)
    if not words or words[0] not in scope._knobs:
        raise LookupError(f'"{name}" of {node._full_name()}: no such knob.')
    index = 0
    if len(words) == 2:
        index = int(words[1]) if words[1].isdigit() else _FIELDS[words[1]]
    return scope._knobs[words[0]], index


def _first(words: list[str], node: Node) -> tuple[Node, list[str]]:
    """Where the search for a name begins, and what is left of it."""
    session = state.current()
    if words[0] == "root":
        return session.script.root, words[1:]
    if words[0] == "this":
        return node, words[1:]
    if words[0] in ("parent", "input") or words[0] in node._knobs:
        return node, words
    scope = node if node._is_group() else node._parent
    while scope is not None:
        found = scope._child(words[0])
        if found is not None:
            return found, words[1:]
        if words[0] in scope._knobs:
            return scope, words
        scope = scope._parent
    raise LookupError(f'"{".".join(words)}" of {node._full_name()}: no such node or knob.')


def _step(scope: Node, word: str, name: str) -> Node:
    found: Node | None
    if word == "parent":
        found = scope._parent
    elif word == "input":
        found = scope._inputs.get(0)
    else:
        found = scope._child(word)
    if found is None:
        raise LookupError(f'"{name}": {scope._full_name()} has no {word}.')
    return found
