"""The server's configuration from file, environment and flags; the later of these wins.

Everything is read and checked before anything is told, so that one start shows all errors.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from smite_protocol.errors import BadInput, BadPath, SmiteError

from .config import ServerConfig, smite_home
from .config_fields import (
    VARIABLE_PREFIX,
    Setting,
    convert,
    errors_heading,
    plain,
    problems_of,
    read_text,
    settings_of,
)

FILE_NAME = "server.toml"
MAX_FILE_BYTES = 1024 * 1024
DEFAULT_SOURCE = "default"
HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Loaded:
    """A configuration, and where each of its values came from, by key."""

    config: ServerConfig
    sources: Mapping[str, str]


@dataclass
class _Found:
    """The values found so far, in words where, and what is wrong."""

    settings: dict[str, Setting] = field(
        default_factory=lambda: {found.key: found for found in settings_of(ServerConfig)}
    )
    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def take(self, setting: Setting, value: Any, source: str) -> None:
        self.values[setting.key] = value
        self.sources[setting.key] = source


def load_config(
    file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]
) -> Loaded:
    """Return the configuration of a server.

    ``file`` is the one asked for, None for ``SMITE_HOME/server.toml`` if it is there. ``flags``
    are those given, by key: text, a list of texts, or a boolean. Raises BadPath when the file
    cannot be read, BadInput with all errors.
    """
    found = _Found()
    usual = smite_home() / FILE_NAME
    if file is None and usual.is_file():
        file = usual
    if file is not None:
        _read_file(found, file.expanduser().absolute())
    _read_environment(found, environment)
    _read_flags(found, flags)
    config = _build(found, ServerConfig, ())
    if found.errors or config is None:
        heading = [errors_heading(len(found.errors))] if len(found.errors) > 1 else []
        raise BadInput("\n".join([*heading, *found.errors]))
    sources = {key: found.sources.get(key, DEFAULT_SOURCE) for key in found.settings}
    return Loaded(config, sources)


def _read_file(found: _Found, file: Path) -> None:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise BadPath(f"The configuration {file} has over {MAX_FILE_BYTES} bytes.")
        table = tomllib.loads(data.decode("utf-8"))
    except OSError as problem:
        raise BadPath(
            f"The configuration {file} cannot be read ({problem.strerror}); check --config."
        ) from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        found.errors.append(f"{file}: it is not TOML ({problem}); see docs/server.toml.")
        return
    tables = {setting.path[:-1] for setting in found.settings.values()}
    for path, value in _leaves(table, tables):
        key = ".".join(path)
        setting = found.settings.get(key)
        if setting is None:
            found.errors.append(f"{file}, {_unknown(key, found.settings)}")
            continue
        try:
            found.take(setting, convert(value, setting.kind, file.parent), f"{file}, {key}")
        except ValueError as problem:
            found.errors.append(f"{file}, {key}: it {problem}.")


def _leaves(
    table: Mapping[str, Any], tables: set[tuple[str, ...]], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the values of a file; a table that is itself a value is one."""
    for name, value in table.items():
        here = (*path, name)
        if isinstance(value, dict) and here in tables:
            yield from _leaves(value, tables, here)
        else:
            yield here, value


def _read_environment(found: _Found, environment: Mapping[str, str]) -> None:
    known = {setting.variable: setting for setting in found.settings.values()}
    for name in sorted(environment):
        if not name.startswith(VARIABLE_PREFIX):
            continue
        if name not in known:
            found.errors.append(_unknown(name, known, "environment variable"))
            continue
        try:
            found.take(known[name], read_text(environment[name], known[name].kind), name)
        except ValueError as problem:
            found.errors.append(f"{name}: it {problem}.")


def _read_flags(found: _Found, flags: Mapping[str, Any]) -> None:
    for key, given in flags.items():
        setting = found.settings[key]
        try:
            found.take(setting, _of_flag(setting, given), setting.flag)
        except ValueError as problem:
            found.errors.append(f"{setting.flag}: it {problem}.")


def _of_flag(setting: Setting, given: Any) -> Any:
    """A flag that may be given again is a list; each text is one entry, never taken apart."""
    if isinstance(given, str):
        return read_text(given, setting.kind)
    if isinstance(given, list):
        entry = get_args(setting.kind)[0]
        return tuple(read_text(text, entry) for text in given)
    return convert(given, setting.kind)


def _unknown(name: str, known: Iterable[str], what: str = "key") -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "see docs/server.toml for those known."
    return f"{name}: there is no such {what}; {hint}"


def _build(found: _Found, kind: type[Any], table: tuple[str, ...]) -> Any:
    """Return the dataclass of the values found, None when there are errors in it.

    A table with errors is left at its defaults, so that those of the rest are found too.
    """
    values = {
        setting.path[-1]: found.values[setting.key]
        for setting in found.settings.values()
        if setting.path[:-1] == table and setting.key in found.values
    }
    failed = False
    for name, inner in get_type_hints(kind).items():
        if is_dataclass(inner) and isinstance(inner, type):
            made = _build(found, inner, (*table, name))
            failed = failed or made is None
            if made is not None:
                values[name] = made
    try:
        made = kind(**values)
    except SmiteError as error:
        for name, problem in problems_of(error):
            key = ".".join((*table, name))
            where = found.sources.get(key)
            found.errors.append(problem.message if where is None else f"{where}: {problem.message}")
        return None
    return None if failed else made


def effective(loaded: Loaded) -> str:
    """Return a configuration as a TOML file that says behind each value where it came from."""
    data = plain(loaded.config)
    settings = list(settings_of(ServerConfig))
    lines: list[str] = []
    table: tuple[str, ...] = ()
    for setting in sorted(settings, key=lambda found: len(found.path)):
        if setting.path[:-1] != table:
            table = setting.path[:-1]
            lines += ["", f"[{'.'.join(table)}]"]
        value = data
        for name in setting.path:
            value = value[name]
        if setting.secret and value:
            value = HIDDEN
        entry = f"# {setting.path[-1]} is not set"
        if value is not None:
            entry = f"{setting.path[-1]} = {as_toml(value)}"
        lines.append(f"{entry:<40}  # {loaded.sources[setting.key]}")
    return "\n".join(lines) + "\n"


def as_toml(value: Any) -> str:
    """Return a value as it is written in a TOML file."""
    if isinstance(value, list):
        return f"[{', '.join(as_toml(entry) for entry in value)}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {as_toml(entry)}" for key, entry in value.items())
        return f"{{{', '.join(pairs)}}}"
    return json.dumps(value, ensure_ascii=False)
