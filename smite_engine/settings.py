"""Reading settings from plain dictionaries, so that a typo is an error and never silence."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from smite_engine.errors import SettingsError

T = TypeVar("T")


def from_mapping(kind: type[T], values: Mapping[str, Any]) -> T:
    """An instance of the dataclass ``kind`` from ``values``; lists become tuples.

    Raises:
        SettingsError: If a name is unknown (near matches are named) or a value is of another type.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}."
            raise SettingsError(f'There is no setting "{name}"; {hint}')
        given[name] = tuple(value) if isinstance(value, list) else value
        _check_type(name, given[name], known[name].default)
    return kind(**given)


def _check_type(name: str, value: object, default: object) -> None:
    """Holds a value against the type of the default; None defaults take anything."""
    if default is None or value is None:
        return
    number = isinstance(default, int | float) and not isinstance(default, bool)
    if number and isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(default, int) and not float(value).is_integer():
            raise SettingsError(f'The setting "{name}" is a whole number, not {value!r}.')
        return
    if isinstance(default, type(value)):
        return
    raise SettingsError(
        f'The setting "{name}" is of type {type(default).__name__}, not {type(value).__name__}.'
    )


def require_range(name: str, value: float, low: float, high: float) -> None:
    """Raises SettingsError unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise SettingsError(f'The setting "{name}" lies between {low} and {high}, not {value}.')


def require_number(name: str, value: object, *, whole: bool = False) -> None:
    """Raises SettingsError unless ``value`` is a number, and a whole one where asked."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingsError(f'The setting "{name}" is a number, not {value!r}.')
    if whole and not isinstance(value, int):
        raise SettingsError(f'The setting "{name}" is a whole number, not {value!r}.')


def given_or(given: T | None, otherwise: T) -> T:
    """A setting's value, or the preset's where it is None."""
    return otherwise if given is None else given
