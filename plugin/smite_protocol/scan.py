"""A look over packed bytes before they are unpacked: depth, counts and lengths, in bounded memory.

msgpack says in five bytes that four thousand million values follow, and an unpacker makes room for
them before it sees that they do not; nested, a small message asks for all the memory there is. So
everything that a header declares is added up first, against what is really there.
"""

from __future__ import annotations

from typing import Dict, List, Tuple

from .errors import BadMessage

MAX_DEPTH = 12
MAX_VALUES = 200_000
"""Values of one header, keys of maps included: more than the longest list of part models has."""

_PLAIN, _CONTAINER, _REFUSED = range(3)


def _shapes() -> Dict[int, Tuple[int, int, int]]:
    """Return, by msgpack's first byte, what follows it: kind, width of a number, and a factor.

    Plain values and short strings have as many bytes as the factor says. With a width the number
    that follows counts bytes (strings) or entries; a map's entry is two values.
    """
    found = dict.fromkeys((*range(128), *range(224, 256)), (_PLAIN, 0, 0))
    found.update({0x80 | count: (_CONTAINER, 0, 2 * count) for count in range(16)})
    found.update({0x90 | count: (_CONTAINER, 0, count) for count in range(16)})
    found.update({0xA0 | count: (_PLAIN, 0, count) for count in range(32)})
    found.update(dict.fromkeys((192, 194, 195), (_PLAIN, 0, 0)))
    found.update({0xCA: (_PLAIN, 0, 4), 0xCB: (_PLAIN, 0, 8)})
    found.update({0xCC + power: (_PLAIN, 0, 2**power) for power in range(4)})
    found.update({0xD0 + power: (_PLAIN, 0, 2**power) for power in range(4)})
    found.update({0xD9 + power: (_PLAIN, 2**power, 1) for power in range(3)})
    found.update({0xDC: (_CONTAINER, 2, 1), 0xDD: (_CONTAINER, 4, 1)})
    found.update({0xDE: (_CONTAINER, 2, 2), 0xDF: (_CONTAINER, 4, 2)})
    return found


_SHAPES = _shapes()


def check_packed(packed: bytes) -> None:
    """Raise BadMessage unless ``packed`` is one whole msgpack value that is safe to unpack.

    It has at most `MAX_DEPTH` levels and `MAX_VALUES` values, declares no more than it holds, has
    nothing behind it, and no binary or extension types. Nothing is allocated but one number for
    each open level.
    """
    size = len(packed)
    position = values = 0
    open_levels: List[int] = [1]
    while open_levels:
        if open_levels[-1] == 0:
            open_levels.pop()
            continue
        open_levels[-1] -= 1
        values += 1
        if position >= size:
            raise BadMessage("A header is not valid msgpack: it ends too early.")
        kind, width, number = _SHAPES.get(packed[position], (_REFUSED, 0, 0))
        position += 1
        if width:
            number *= int.from_bytes(packed[position : position + width], "big")
            position += width
        if kind == _REFUSED:
            raise BadMessage("A header is not valid msgpack: it has binary or extension types.")
        if kind == _CONTAINER:
            _check_container(number, size - position, values, len(open_levels))
            open_levels.append(number)
        else:
            position += number
        if position > size:
            raise BadMessage("A header is not valid msgpack: it declares more than it holds.")
    if position != size:
        raise BadMessage("A header is not valid msgpack: something follows it.")


def _check_container(count: int, left: int, values: int, depth: int) -> None:
    """Raise BadMessage unless ``count`` more values may follow in ``left`` bytes."""
    if count > left:
        raise BadMessage("A header is not valid msgpack: it declares more than it holds.")
    if depth > MAX_DEPTH:
        raise BadMessage(f"A header is nested deeper than {MAX_DEPTH} levels.")
    if values + count > MAX_VALUES:
        raise BadMessage(f"A header has over {MAX_VALUES} values.")
