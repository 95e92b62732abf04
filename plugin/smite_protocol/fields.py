"""Typed, limited fields: how a frozen dataclass becomes a msgpack map, and back, strictly.

A message declares its fields with `wire_field`; `to_map` and `from_map` check every value against
the field's type and limits, in both directions, so that a sender hears of a mistake before it is
sent. Unknown and missing fields are refused.

Types: str, int, float, bool, Optional[T], Tuple[T, ...], Tuple[T1, T2] (fixed), Dict[str, Any]
(free JSON-like data, limited in depth and size), and other classes made of such fields.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple, Type, TypeVar, Union, get_type_hints
from typing import get_args as type_arguments
from typing import get_origin as type_origin

from .errors import BadMessage

INT_LIMIT = 2**53
"""Integers beyond this magnitude are refused: JSON readers would change them."""
FREE_DEPTH = 8
FREE_ITEMS = 50_000
FREE_STRING = 16_384

Record = TypeVar("Record")


@dataclass(frozen=True)
class Limits:
    """What a field's value may be, beyond its type.

    ``length`` bounds strings in characters; ``items`` bounds lists and maps; ``low`` and ``high``
    bound numbers, inclusive; strings must match ``pattern`` fully (``says`` puts it into words), or
    be among ``choices``.
    """

    length: int = 256
    items: int = 256
    low: Optional[float] = None
    high: Optional[float] = None
    pattern: str = ""
    says: str = ""
    choices: Tuple[str, ...] = ()


_NO_LIMITS = Limits()


FIRST_VERSION = 1


def wire_field(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    since: int = FIRST_VERSION,
    essential: bool = False,
    **limits: Any,
) -> Any:
    """Declare a field of a message.

    ``doc`` is its line in PROTOCOL.md; ``limits`` are those of `Limits`. With a ``default`` the
    field may be left out on the wire. A field that came with a later protocol version has its
    number in ``since`` and a default; it is not sent to peers of an earlier one. Where it is
    ``essential``, a message whose value is not the default cannot be sent to such a peer at all.
    """
    metadata = {"doc": doc, "limits": Limits(**limits), "since": since, "essential": essential}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def payload_field() -> Any:
    """Declare the raw frame of a message (bytes after the header); not part of the header."""
    return dataclasses.field(default=None, metadata={"payload": True}, repr=False, compare=False)


_hints: Dict[Type[Any], Dict[str, Any]] = {}
_fields: Dict[Type[Any], Dict[str, dataclasses.Field[Any]]] = {}


def hints_of(record: Type[Any]) -> Dict[str, Any]:
    """Return the resolved type of every annotation of ``record``."""
    if record not in _hints:
        _hints[record] = get_type_hints(record)
    return _hints[record]


def header_fields(record: Type[Any]) -> Dict[str, dataclasses.Field[Any]]:
    """Return the fields of ``record`` that travel in the header, by name."""
    if record in _fields:
        return _fields[record]
    _fields[record] = {
        entry.name: entry for entry in dataclasses.fields(record) if "doc" in entry.metadata
    }
    return _fields[record]


def has_payload(record: Type[Any]) -> bool:
    """Return whether messages of this class may carry a raw frame."""
    return any(entry.metadata.get("payload") for entry in dataclasses.fields(record))


def is_required(entry: dataclasses.Field[Any]) -> bool:
    """Return whether a field has no default."""
    return entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING


def to_map(message: Any, version: Optional[int] = None) -> Dict[str, Any]:
    """Return the checked map of ``message``, ready for msgpack.

    Fields that protocol ``version`` does not know are left out; None: all are there. Raises
    BadMessage when a value breaks its type or limits, or an essential one would be left out.
    """
    record = type(message)
    hints = hints_of(record)
    _refuse_unknown_to(message, version)
    found = {
        name: _check(
            getattr(message, name), hints[name], entry.metadata["limits"], name, version=version
        )
        for name, entry in header_fields(record).items()
        if version is None or entry.metadata["since"] <= version
    }
    tag = getattr(record, "kind", "")
    return {"kind": tag, **found} if tag else found


def _refuse_unknown_to(message: Any, version: Optional[int]) -> None:
    """Raise BadMessage when the other side would do other work, for want of a field."""
    for name, entry in header_fields(type(message)).items():
        if version is None or not entry.metadata["essential"]:
            continue
        if entry.metadata["since"] > version and getattr(message, name) != entry.default:
            raise BadMessage(
                f"The other side speaks protocol {version}, which has no {name!r}; install the"
                " same smite-comp on both, or leave it out."
            )


def from_map(record: Type[Record], data: Any, where: str = "") -> Record:
    """Build a ``record`` from a map that came over the wire.

    Raises BadMessage on unknown or missing fields, wrong types, or values over the limits.
    """
    title = where or record.__name__
    if not isinstance(data, Mapping):
        raise BadMessage(f"{title} is {_name_type(data)}; it must be a map of fields.")
    known = header_fields(record)
    unknown = sorted(str(key)[:40] for key in data if key not in known)
    if unknown:
        raise BadMessage(
            f"{title} has the unknown field {unknown[0]!r}; it knows {', '.join(known) or 'none'}."
        )
    values: Dict[str, Any] = {}
    for name, entry in known.items():
        if name in data:
            label = f"{where}.{name}" if where else name
            values[name] = _check(
                data[name], hints_of(record)[name], entry.metadata["limits"], label, build=True
            )
        elif is_required(entry):
            raise BadMessage(f"{title} lacks the field {name!r}.")
    return record(**values)


def _check(
    value: Any,
    hint: Any,
    limits: Limits,
    where: str,
    *,
    build: bool = False,
    version: Optional[int] = None,
) -> Any:
    """Check one value against its type; with ``build`` maps become records, else the reverse."""
    origin = type_origin(hint)
    if origin is Union:
        if value is None:
            return None
        inner = next(arm for arm in type_arguments(hint) if arm is not type(None))
        return _check(value, inner, limits, where, build=build, version=version)
    if origin is tuple:
        return _check_list(value, hint, limits, where, build=build, version=version)
    if origin is dict:
        return _check_free_map(value, limits, where)
    if dataclasses.is_dataclass(hint):
        return _check_record(value, hint, where, build=build, version=version)
    if hint is str:
        return _check_string(value, limits, where)
    if hint is bool:
        if not isinstance(value, bool):
            raise BadMessage(f"{where} is {_name_type(value)}; it must be true or false.")
        return value
    return _check_number(value, hint, limits, where)


def _check_record(value: Any, hint: Any, where: str, *, build: bool, version: Optional[int]) -> Any:
    """Check a nested record; a class with ``variants`` is chosen by the map's ``kind``."""
    variants: Mapping[str, Type[Any]] = getattr(hint, "variants", None) or {}
    if not build:
        if not isinstance(value, hint):
            raise BadMessage(f"{where} is {_name_type(value)}; it must be a {hint.__name__}.")
        return to_map(value, version)
    if not variants:
        return from_map(hint, value, where)
    if not isinstance(value, Mapping):
        raise BadMessage(f"{where} is {_name_type(value)}; it must be a map of fields.")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in variants:
        raise BadMessage(
            f"{where}.kind is {str(kind)[:40]!r}; it must be one of {', '.join(sorted(variants))}."
        )
    rest = {key: entry for key, entry in value.items() if key != "kind"}
    return from_map(variants[kind], rest, where)


def _check_list(
    value: Any, hint: Any, limits: Limits, where: str, *, build: bool, version: Optional[int]
) -> Any:
    if not isinstance(value, (list, tuple)):
        raise BadMessage(f"{where} is {_name_type(value)}; it must be a list.")
    if len(value) > limits.items:
        raise BadMessage(f"{where} has {len(value)} items; at most {limits.items} are allowed.")
    arms = type_arguments(hint)
    if len(arms) == 2 and arms[1] is Ellipsis:
        arms = (arms[0],) * len(value)
    if len(arms) != len(value):
        raise BadMessage(f"{where} has {len(value)} items; it must have {len(arms)}.")
    found = [
        _check(entry, arm, limits, f"{where}[{index}]", build=build, version=version)
        for index, (entry, arm) in enumerate(zip(value, arms))
    ]
    return tuple(found) if build else found


def _check_string(value: Any, limits: Limits, where: str) -> str:
    if not isinstance(value, str):
        raise BadMessage(f"{where} is {_name_type(value)}; it must be a string.")
    if len(value) > limits.length:
        raise BadMessage(
            f"{where} has {len(value)} characters; at most {limits.length} are allowed."
        )
    if limits.choices and value not in limits.choices:
        wanted = ", ".join(repr(choice) for choice in limits.choices)
        raise BadMessage(f"{where} is {value[:40]!r}; it must be one of {wanted}.")
    if limits.pattern and not re.fullmatch(limits.pattern, value):
        raise BadMessage(f"{where} is {value[:80]!r}; it must be {limits.says or limits.pattern}.")
    if "\x00" in value:
        raise BadMessage(f"{where} has a NUL character; leave it out.")
    return value


def _check_number(value: Any, hint: Any, limits: Limits, where: str) -> Any:
    allowed = (int, float) if hint is float else (int,)
    if isinstance(value, bool) or not isinstance(value, allowed):
        wanted = "a number" if hint is float else "a whole number"
        raise BadMessage(f"{where} is {_name_type(value)}; it must be {wanted}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadMessage(f"{where} is {value}; it must be a finite number.")
    low = -INT_LIMIT if limits.low is None else limits.low
    high = INT_LIMIT if limits.high is None else limits.high
    if not low <= value <= high:
        raise BadMessage(f"{where} is {value}; it must be from {low:g} to {high:g}.")
    return float(value) if hint is float else value


def _check_free_map(value: Any, limits: Limits, where: str) -> Dict[str, Any]:
    """Check JSON-like data: string keys, finite numbers, bounded depth and size."""
    if not isinstance(value, Mapping):
        raise BadMessage(f"{where} is {_name_type(value)}; it must be a map.")
    if len(value) > limits.items:
        raise BadMessage(f"{where} has {len(value)} entries; at most {limits.items} are allowed.")
    budget = [FREE_ITEMS]
    found = _check_free(value, where, FREE_DEPTH, budget)
    assert isinstance(found, dict)
    return found


def _check_free(value: Any, where: str, depth: int, budget: List[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0 or depth < 0:
        raise BadMessage(
            f"{where} is too large or too deep; {FREE_ITEMS} values and {FREE_DEPTH} levels are"
            " allowed."
        )
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _check_number(value, float if isinstance(value, float) else int, _NO_LIMITS, where)
    if isinstance(value, str):
        return _check_string(value, Limits(length=FREE_STRING), where)
    if isinstance(value, (list, tuple)):
        return [_check_free(entry, where, depth - 1, budget) for entry in value]
    if isinstance(value, Mapping):
        return {
            _check_string(key, Limits(length=FREE_STRING), where): _check_free(
                entry, where, depth - 1, budget
            )
            for key, entry in value.items()
        }
    raise BadMessage(f"{where} holds {_name_type(value)}, which the protocol cannot carry.")


def _name_type(value: Any) -> str:
    names = {type(None): "nothing", dict: "a map", list: "a list", tuple: "a list", str: "text"}
    names.update({bool: "true or false", int: "a number", float: "a number", bytes: "bytes"})
    return names.get(type(value), type(value).__name__)
