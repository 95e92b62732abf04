"""Reading the fields of configuration dataclasses: names, types, values, whatever the fields are.

A field is one `Setting`, found by its type annotation alone, so that a field added to a dataclass
is at once a key of the file, an environment variable and a flag.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from smite_protocol.errors import BadInput, SmiteError

VARIABLE_PREFIX = "SMITE_SERVER_"
NOT_SETTABLE: dict[str, Any] = {"settable": False}
"""Metadata of a field that only the program itself sets."""
SECRET: dict[str, Any] = {"secret": True}
"""Metadata of a field that is never shown, and no flag: a command line is seen by everybody."""
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class BadConfig(BadInput):
    """A configuration with several errors; ``problems`` are pairs of key and error."""

    def __init__(self, problems: list[tuple[str, SmiteError]]) -> None:
        self.problems = tuple(problems)
        lines = [problem.message for _, problem in problems]
        super().__init__(
            lines[0] if len(lines) == 1 else "\n".join([errors_heading(len(lines)), *lines])
        )


def errors_heading(count: int) -> str:
    """Return what stands above a list of errors."""
    return f"The configuration has {count} errors:"


def raise_all(problems: list[tuple[str, SmiteError]]) -> None:
    """Raise all problems as one error; a single one as itself, with the list as its cause."""
    if len(problems) == 1:
        raise problems[0][1] from BadConfig(problems)
    if problems:
        raise BadConfig(problems)


def problems_of(error: SmiteError) -> tuple[tuple[str, SmiteError], ...]:
    """Return what `raise_all` was given; an error of another origin has the key ''."""
    for found in (error, error.__cause__):
        if isinstance(found, BadConfig):
            return found.problems
    return (("", error),)


@dataclass(frozen=True)
class Setting:
    """One value that can be configured; ``path`` is its table, if any, and name."""

    path: tuple[str, ...]
    kind: Any
    default: Any
    secret: bool = False
    option: str = ""

    @property
    def key(self) -> str:
        """Its name in the file: ``limits.max_frames``."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """Its environment variable: ``SMITE_SERVER_LIMITS__MAX_FRAMES``."""
        return VARIABLE_PREFIX + "__".join(self.path).upper()

    @property
    def flag(self) -> str:
        """Its flag: ``--limits-max-frames``."""
        return "--" + (self.option or "-".join(self.path)).replace("_", "-")


def settings_of(kind: type[Any], table: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield the settings of a dataclass, those of dataclasses inside it as tables."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        if not field.metadata.get("settable", True):
            continue
        path = (*table, field.name)
        if is_dataclass(hints[field.name]):
            yield from settings_of(hints[field.name], path)
            continue
        made = field.default_factory
        default = field.default if made is MISSING else made()
        yield Setting(
            path,
            hints[field.name],
            default,
            bool(field.metadata.get("secret")),
            str(field.metadata.get("flag", "")),
        )


def build(kind: type[Any], data: dict[str, Any]) -> Any:
    """Return the dataclass of `plain` data. Raises ValueError, and what the dataclass raises."""
    hints = get_type_hints(kind)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}")
    return kind(**{name: convert(value, hints[name]) for name, value in data.items()})


def plain(value: Any) -> Any:
    """Return a dataclass as what JSON and TOML can say; `build` reads it."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value


def convert(value: Any, kind: Any, base: Path | None = None) -> Any:
    """Return a value of a file (or of JSON) as ``kind``; relative paths start at ``base``.

    Raises ValueError that says what would be right.
    """
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        others = [entry for entry in inside if entry is not type(None)]
        return None if value is None else convert(value, others[0], base)
    if origin is Literal:
        return _one_of(value, inside)
    if origin is tuple and isinstance(value, list | tuple):
        return _tuple(value, inside, base)
    if origin is dict and isinstance(value, dict):
        return {str(key): convert(entry, inside[1], base) for key, entry in value.items()}
    if is_dataclass(kind) and isinstance(value, dict):
        return build(kind, value)  # type: ignore[arg-type]
    if kind is Path and isinstance(value, str | Path) and str(value):
        path = Path(value).expanduser()
        return path if base is None else base / path
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value):
            return float(value)
    elif origin is None and type(value) is kind:
        return value
    raise ValueError(f"is {_shown(value)}; it must be {describe(kind)}")


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"is {_shown(value)}; it must be {describe(Literal[choices])}")
    return value


def _tuple(value: Any, inside: tuple[Any, ...], base: Path | None) -> tuple[Any, ...]:
    if inside[-1] is Ellipsis:
        return tuple(convert(entry, inside[0], base) for entry in value)
    if len(value) != len(inside):
        raise ValueError(f"has {len(value)} values; it must have {len(inside)}")
    return tuple(convert(entry, one, base) for entry, one in zip(value, inside, strict=True))


def read_text(text: str, kind: Any) -> Any:
    """Return the value of an environment variable or a flag.

    Lists of paths are separated as in PATH, other lists by commas; nothing means none. What is
    made of more than that is written as in the file. Raises ValueError.
    """
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        others = [entry for entry in inside if entry is not type(None)]
        return None if not text else read_text(text, others[0])
    if origin is tuple and inside[0] in (Path, str) and inside[-1] is Ellipsis:
        mark = os.pathsep if inside[0] is Path else ","
        return tuple(convert(part.strip(), inside[0]) for part in text.split(mark) if part.strip())
    if origin is tuple and not text.strip():
        return ()
    if kind is bool and text.strip().lower() in (*TRUE, *FALSE):
        return text.strip().lower() in TRUE
    if kind in (int, float):
        try:
            return convert(kind(text.replace("_", "")), kind)
        except ValueError:
            raise ValueError(f"is {_shown(text)}; it must be {describe(kind)}") from None
    if kind in (str, Path) or origin is Literal:
        return convert(text, kind)
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise ValueError(f"is {_shown(text)}; it must be {describe(kind)}") from None
    return convert(value, kind)


def describe(kind: Any) -> str:
    """Return in words what a value of ``kind`` is."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return describe(next(entry for entry in inside if entry is not type(None)))
    if origin is Literal:
        return " or ".join(f"'{choice}'" for choice in inside)
    if origin is tuple:
        return f"a list, each entry {describe(inside[0])}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return "a path" if kind is Path else words.get(kind, "a table")


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str | Path) else str(value)
    if isinstance(value, bool):
        text = text.lower()
    return text if len(text) <= 80 else text[:77] + "..."
