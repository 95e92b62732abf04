"""Tcl's words: lists, backslashes, brackets (Tcl 8.6, man pages Tcl.n and list.n)."""

from __future__ import annotations

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_PAIRS = {"{": "}", "[": "]"}


def backslash(letter: str) -> str:
    """What a backslash before `letter` stands for."""
    return _ESCAPES.get(letter, letter)


def closing(text: str, start: int) -> int:
    """Where the bracket or brace that opens at `start` is closed; ValueError: nowhere."""
    opens, closes = text[start], _PAIRS[text[start]]
    depth, at = 0, start
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == opens:
            depth += 1
        elif text[at] == closes:
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise ValueError(f'missing close-{"brace" if opens == "{" else "bracket"} in "{text}"')


def tcl_list(text: str) -> list[str]:
    """The elements of a Tcl list."""
    return [word for word, _braced in tcl_elements(text)]


def tcl_elements(text: str) -> list[tuple[str, bool]]:
    """The elements of a Tcl list, each with whether it stands in braces."""
    words: list[tuple[str, bool]] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] == "{":
            end = closing(text, at)
            words.append((text[at + 1 : end], True))
            at = end + 1
        else:
            word, at = _word(text, at)
            words.append((word, False))
    return words


def _word(text: str, at: int) -> tuple[str, int]:
    """A word that is bare or in quotes; brackets inside stay together."""
    quoted = text[at] == '"'
    at += quoted
    out: list[str] = []
    while at < len(text):
        letter = text[at]
        if quoted and letter == '"':
            return "".join(out), at + 1
        if not quoted and letter.isspace():
            break
        if letter == "[":
            end = closing(text, at)
            out.append(text[at : end + 1])
            at = end + 1
        elif letter == "\\" and at + 1 < len(text):
            out.append(backslash(text[at + 1]))
            at += 2
        else:
            out.append(letter)
            at += 1
    if quoted:
        raise ValueError(f'missing quote in "{text}"')
    return "".join(out), at


def quote(word: str) -> str:
    """`word` as one element of a list, in the way in which Nuke writes it into scripts."""
    plain = word and not any(letter.isspace() or letter in '{}[]"\\$;' for letter in word)
    if plain and not word.startswith("#"):
        return word
    escaped = word
    for letter in '\\"[]{}$':
        escaped = escaped.replace(letter, "\\" + letter)
    return '"' + escaped.replace("\n", "\\n") + '"'
