"""Names as Cryptomatte knows them: IDs, keys and the manifest.

Source: Friedman and Jones, "Cryptomatte", specification 1.2.0 (Psyop, 2018).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

from smite_server.pixel_errors import MatteError

__all__ = ["id_as_float", "manifest", "murmur3_32", "name_id", "name_ids", "type_key"]

_ALL = 0xFFFFFFFF


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """MurmurHash3_x86_32 (Appleby, public domain) of `data`: 0..2^32 - 1."""
    h = seed & _ALL
    whole = len(data) // 4 * 4
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        h ^= _scramble(k)
        h = (h << 13 | h >> 19) & _ALL
        h = (h * 5 + 0xE6546B64) & _ALL
    h ^= _scramble(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = ((h ^ h >> 16) * 0x85EBCA6B) & _ALL
    h = ((h ^ h >> 13) * 0xC2B2AE35) & _ALL
    return h ^ h >> 16


def _scramble(k: int) -> int:
    k = k * 0xCC9E2D51 & _ALL
    k = (k << 15 | k >> 17) & _ALL
    return k * 0x1B873593 & _ALL


def name_id(name: str) -> int:
    """The ID of a name: its hash, with one bit flipped where the float would not be a number.

    An exponent of 0 or 255 is zero, denormal, infinite or NaN, which renderers and hosts change.
    """
    h = murmur3_32(name.encode())
    if h >> 23 & 255 in (0, 255):
        h ^= 1 << 23
    return h


def id_as_float(number: int) -> float:
    """The float32 with the bits of an ID (`uint32_to_float32`)."""
    (value,) = struct.unpack("<f", struct.pack("<I", number))
    return float(value)


def type_key(type_name: str) -> str:
    """The header key of a Cryptomatte type: 7 hex digits of its name's ID."""
    return f"{name_id(type_name):08x}"[:7]


def name_ids(names: Sequence[str]) -> tuple[int, ...]:
    """The ID of every name.

    Raises:
        MatteError: an empty name, one that is there twice, or two with the same ID.
    """
    seen: dict[int, str] = {}
    for name in names:
        try:
            number = name_id(name)
        except UnicodeEncodeError:
            raise MatteError(f"the part name {name!r} is no valid text") from None
        if not name:
            raise MatteError("a part without a name cannot be in a Cryptomatte")
        if name == seen.get(number):
            raise MatteError(f"the part {name!r} is named twice", "", "name every part once")
        if number in seen:
            raise MatteError(
                f"the parts {seen[number]!r} and {name!r} have the same Cryptomatte ID"
                f" {number:08x}",
                "",
                "rename one of them",
            )
        seen[number] = name
    return tuple(seen)


def manifest(names: Sequence[str]) -> str:
    """The manifest: a JSON object of names and 8 hex digits, in the order given.

    Names stand as they are, not as escapes, because some readers take the text between the
    quotes for the name. Raises MatteError as `name_ids`.
    """
    numbers = name_ids(names)
    entries = {name: f"{number:08x}" for name, number in zip(names, numbers, strict=True)}
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
