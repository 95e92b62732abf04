"""Messages made wrong: a deterministic fuzzer for headers and frames.

Every number gives the same frames for ever, so a failure is named by its number.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import msgpack

from smite_protocol.errors import BadMessage
from smite_protocol.scan import check_packed

Frames = list[bytes]

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 2**64 - 1, 0.5, float("nan"),
    float("inf"), "", "\x00", "a" * 5000, "../../etc/passwd", "\u202e", "\ud7ff", b"", b"bytes",
    [], {}, [[]], [1] * 300, {"": ""}, {"kind": "segment"}, {"kind": "dream"}, {"v": {"v": 1}},
)  # fmt: skip
BOMBS: tuple[bytes, ...] = (
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"\xdc\xff\xff" * 40,
    b"\xdd\x00\x3f\xff\xff" * 2000 + bytes(100_000),
    b"\x91" * 100_000,
    b"\x81\xa1a" * 50_000 + b"\x01",
    b"\xdd\x00\x06\x00\x00" + b"\x80" * 0x60000,
    b"\xdf\x00\x02\x00\x00" + b"".join(b"\xa5" + b"%05x" % n + b"\x01" for n in range(0x20000)),
    b"\xdb\x00\x10\x00\x00" + b"a" * 2**20,
)
"""Headers, or what stands where a value should, that ask for memory or for a deep stack."""
LIGHT_BOMBS = tuple(bomb for bomb in BOMBS if len(bomb) < 1000)
"""Those that are sent often; the others take a tenth of a second each."""


def mutated(seeds: Sequence[Sequence[bytes]], count: int, start: int = 0) -> Iterator[Frames]:
    """Yield ``count`` wrong messages made from good ones."""
    for number in range(start, start + count):
        chance = random.Random(number)
        frames = [bytes(frame) for frame in chance.choice(seeds)]
        for _ in range(chance.randint(1, 3)):
            frames = chance.choice(_WAYS)(frames, chance)
        yield frames


def _flip(frames: Frames, chance: random.Random) -> Frames:
    changed = bytearray(frames[0])
    for _ in range(chance.randint(1, 8)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return [bytes(changed), *frames[1:]]


def _cut(frames: Frames, chance: random.Random) -> Frames:
    return [frames[0][: chance.randint(0, len(frames[0]))], *frames[1:]]


def _insert(frames: Frames, chance: random.Random) -> Frames:
    place = chance.randint(0, len(frames[0]))
    some = bytes(chance.randrange(256) for _ in range(chance.randint(1, 16)))
    return [frames[0][:place] + some + frames[0][place:], *frames[1:]]


def _swap_value(frames: Frames, chance: random.Random) -> Frames:
    """Put something strange in the place of one value, or key, of the header."""
    header = _read(frames[0])
    if not isinstance(header, dict):
        return _flip(frames, chance)
    _poke(header, chance, 4)
    return [_pack(header), *frames[1:]]


def _poke(value: Any, chance: random.Random, depth: int) -> None:
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = chance.choice(keys)
    inner = value[key]
    if depth and isinstance(inner, (dict, list)) and inner and chance.random() < 0.7:
        _poke(inner, chance, depth - 1)
    elif isinstance(value, dict) and chance.random() < 0.3:
        value[chance.choice(["", "x" * 200, "job", "spec", "kind"])] = value.pop(key)
    else:
        value[key] = chance.choice(STRANGE)


def _bomb(frames: Frames, chance: random.Random) -> Frames:
    """Put a bomb into the header's body, or in its place."""
    bomb = chance.choice(BOMBS if chance.random() < 0.02 else LIGHT_BOMBS)
    if chance.random() < 0.5:
        return [bomb, *frames[1:]]
    kind = chance.choice([b"submit", b"get_job", b"hello", b"dream"])
    start = b"\x84\xa1v\x02\xa1t" + bytes([0xA0 | len(kind)]) + kind + b"\xa1i\x07\xa1b"
    return [start + bomb, *frames[1:]]


def _reframe(frames: Frames, chance: random.Random) -> Frames:
    way = chance.randrange(5)
    if way == 0:
        return [*frames, b"more"]
    if way == 1:
        return [b"", *frames]
    if way == 2:
        return [frames[0], bytes(chance.randint(0, 4096))]
    if way == 3:
        return [frames[0]] * chance.randint(2, 20)
    return [struct.pack(">Q", chance.getrandbits(64))]


def _read(packed: bytes) -> Any:
    try:
        check_packed(packed)  # Bombs are for the decoder, not for us.
        return msgpack.unpackb(packed, strict_map_key=False)
    except (BadMessage, ValueError, TypeError, msgpack.UnpackException):
        return None


def _pack(header: Any) -> bytes:
    try:
        packed: bytes = msgpack.packb(header, unicode_errors="surrogatepass")
    except (ValueError, OverflowError, TypeError):
        return b"\xc1"
    return packed


_WAYS = (_flip, _cut, _insert, _swap_value, _swap_value, _swap_value, _bomb, _reframe)
