"""Preferences of a host's plugin: built-in, the studio's file, the user's file, the environment.

The later of these wins, field by field. Files are JSON objects with the names of `Preferences`'s
fields; an unknown name or a value of another type is an error, one sentence each. The studio's
file is named by ``SMITE_STUDIO_PREFERENCES``, else it is ``smite_studio.json`` beside the plugin.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import secrets
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from smite_protocol.endpoints import DEFAULT_ENDPOINT, check_endpoint
from smite_protocol.errors import BadInput, SmiteError
from smite_protocol.path_maps import Rule
from smite_protocol.specs import QUALITIES

from .places import Places
from .sentences import HostProblem, detail_of
from .shot_names import DEFAULT_NAME, DEFAULT_PATTERN

STUDIO_VARIABLE = "SMITE_STUDIO_PREFERENCES"
STUDIO_NAME = "smite_studio.json"
MAX_FILE_BYTES = 1024 * 1024
LEVELS = ("debug", "info", "warning", "error")
BUILT_IN = "built-in"


def _preference(default: Any, variable: str, says: str) -> Any:
    return field(default=default, metadata={"variable": variable, "says": says})


@dataclass(frozen=True)
class Preferences:
    """What a plugin may be told. Raises HostProblem for a value that cannot be."""

    server: str = _preference(DEFAULT_ENDPOINT, "SMITE_SERVER", "address of the SMITE server")
    key: str = _preference("", "SMITE_KEY", "your key file, for a server on another machine")
    path_map: Tuple[Tuple[str, str], ...] = _preference(
        (),
        "SMITE_HOST_PATH_MAP",
        "pairs of folders: as this machine names it, as the server does",
    )
    out: str = _preference(
        "{folder}/smite", "SMITE_HOST_OUT", "folder of the mattes; {folder} is the script's"
    )
    template: str = _preference(
        "", "SMITE_HOST_TEMPLATE", "file names below the output folder; empty: the server's"
    )
    shot_pattern: str = _preference(
        DEFAULT_PATTERN, "SMITE_HOST_SHOT_PATTERN", "finds the shot in the script's path"
    )
    shot_name: str = _preference(
        DEFAULT_NAME, "SMITE_HOST_SHOT_NAME", "the shot's name from the pattern's groups"
    )
    quality: str = _preference("standard", "SMITE_HOST_QUALITY", "quality of new nodes")
    most_frames: int = _preference(5000, "SMITE_HOST_MOST_FRAMES", "most frames of one job")
    fix_learn: str = _preference(
        "weight_steps=40", "SMITE_HOST_FIX_LEARN", "settings of the short learn after a fix"
    )
    references: str = _preference(
        "", "SMITE_HOST_REFERENCES", "folder for rendered references; empty: your cache"
    )
    patience: float = _preference(
        300.0, "SMITE_HOST_PATIENCE", "seconds for which a lost server is looked for"
    )
    log_level: str = _preference("info", "SMITE_HOST_LOG_LEVEL", "how much the log file has")

    def __post_init__(self) -> None:
        try:
            check_endpoint(self.server, encrypted=True)
            for pair in self.path_map:
                Rule(*pair)
            re.compile(self.shot_pattern)
        except SmiteError as problem:
            raise HostProblem("bad_preferences", detail=problem.message) from problem
        except re.error as problem:
            raise HostProblem("bad_shot_pattern", detail=str(problem)) from problem
        for name, choices in (("quality", QUALITIES), ("log_level", LEVELS)):
            if getattr(self, name) not in choices:
                self._refuse(name, f"must be one of {', '.join(choices)}")
        if self.most_frames < 1:
            self._refuse("most_frames", "must be 1 or more")
        parse_settings(self.fix_learn, "fix_learn")
        if not 0 <= self.patience <= 86400:
            self._refuse("patience", "must be from 0 to 86400 seconds")

    @property
    def rules(self) -> Tuple[Rule, ...]:
        """The path map."""
        return tuple(Rule(*pair) for pair in self.path_map)

    def _refuse(self, name: str, right: str) -> None:
        value = getattr(self, name)
        raise HostProblem("bad_preferences", detail=f"{name} is {value!r}; it {right}.")


@dataclass(frozen=True)
class Loaded:
    """Preferences, and where each of them came from, by field."""

    values: Preferences
    sources: Mapping[str, str]
    problems: Tuple[str, ...] = ()
    """What could not be read; the layers below hold instead."""


def says(name: str) -> str:
    """Return what a preference is, in words."""
    return str(_fields()[name].metadata["says"])


def variable(name: str) -> str:
    """Return a preference's environment variable."""
    return str(_fields()[name].metadata["variable"])


def load_preferences(
    places: Places,
    environment: Optional[Mapping[str, str]] = None,
    plugin_folder: Optional[Path] = None,
) -> Loaded:
    """Return the preferences, each layer over the one before; never raises.

    A layer that is wrong is left out, and said in ``problems``: the plugin stays usable.
    """
    given = os.environ if environment is None else environment
    loaded = Loaded(Preferences(), dict.fromkeys(_fields(), BUILT_IN))
    for path in (_studio_file(given, plugin_folder), places.preferences):
        if path is not None:
            loaded = _over(loaded, str(path), lambda path=path: read_file(path))
    for name, info in _fields().items():
        text = given.get(info.metadata["variable"])
        if text:
            source = str(info.metadata["variable"])
            loaded = _over(
                loaded,
                source,
                lambda name=name, text=text: {name: _from_text(name, text)},
            )
    return loaded


def read_file(path: Path) -> Dict[str, Any]:
    """Return the values of a preferences file; none when there is no file. Raises HostProblem."""
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            packed = file.read(MAX_FILE_BYTES)
        found = json.loads(packed.decode("utf-8-sig"))
    except OSError as problem:
        raise HostProblem(
            "bad_preferences", detail=f"{path} cannot be read ({detail_of(problem)})."
        ) from problem
    except ValueError as problem:
        raise HostProblem("bad_preferences", detail=f"{path} is not JSON ({problem}).") from problem
    if not isinstance(found, dict):
        raise HostProblem("bad_preferences", detail=f"{path} must hold one JSON object.")
    return {name: _checked(name, value, str(path)) for name, value in found.items()}


def save_preferences(places: Places, changes: Mapping[str, Any]) -> None:
    """Write the user's file: what it has, and ``changes``; None takes a value away.

    Raises HostProblem; the file is written whole or not at all.
    """
    path = places.preferences
    values = read_file(path)
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = _checked(name, value, "the preferences panel")
    replace(Preferences(), **values)
    write_json(path, values)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all. Raises HostProblem."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as problem:
        raise HostProblem(
            "bad_preferences", detail=f"{path} cannot be written ({detail_of(problem)})."
        ) from problem


def _fields() -> Dict[str, Any]:
    return {info.name: info for info in fields(Preferences)}


def _studio_file(given: Mapping[str, str], plugin_folder: Optional[Path]) -> Optional[Path]:
    named = given.get(STUDIO_VARIABLE)
    if named:
        return Path(named).expanduser()
    return None if plugin_folder is None else plugin_folder / STUDIO_NAME


def _over(loaded: Loaded, source: str, read: Any) -> Loaded:
    try:
        values = read()
        return replace(
            loaded,
            values=replace(loaded.values, **values),
            sources={**loaded.sources, **dict.fromkeys(values, source)},
        )
    except BadInput as problem:
        said = problem.message if source in problem.message else f"{problem.message} ({source})"
        return replace(loaded, problems=(*loaded.problems, said))


def _checked(name: str, value: Any, source: str) -> Any:
    """Return a value of the field's type. Raises HostProblem."""
    known = _fields()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        instead = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}."
        raise HostProblem("bad_preferences", detail=f"{source} has {name!r}; {instead}")
    default = known[name].default
    if isinstance(default, tuple):
        if _is_pairs(value):
            return tuple((str(a), str(b)) for a, b in value)
        right = 'a list of pairs, like [["P:\\\\shows", "/mnt/shows"]]'
    elif isinstance(default, float):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        right = "a number"
    else:
        if type(value) is type(default):
            return value
        right = "a whole number" if isinstance(default, int) else "text"
    raise HostProblem("bad_preferences", detail=f"{source}: {name} must be {right}.")


def _is_pairs(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and all(isinstance(folder, str) for folder in pair)
        for pair in value
    )


def _from_text(name: str, text: str) -> Any:
    """Return the value that an environment variable or a text field means. Raises HostProblem."""
    default = _fields()[name].default
    if isinstance(default, tuple):
        return parse_path_map(text, variable(name))
    try:
        return type(default)(text)
    except ValueError as problem:
        raise HostProblem(
            "bad_preferences", detail=f"{variable(name)} is {text!r}; write a number."
        ) from problem


def parse_path_map(text: str, source: str) -> Tuple[Tuple[str, str], ...]:
    r"""Return the pairs of ``P:\shows=/mnt/shows;Q:\lib=/mnt/lib``. Raises HostProblem."""
    pairs: List[Tuple[str, str]] = []
    for piece in filter(None, (piece.strip() for piece in re.split(r"[;\n]", text))):
        here, sign, there = piece.partition("=")
        if not sign:
            raise HostProblem(
                "bad_preferences",
                detail=f"{source} has {piece!r}; write pairs like P:\\shows=/mnt/shows.",
            )
        pairs.append((here.strip(), there.strip()))
    return tuple(pairs)


def parse_settings(text: str, source: str) -> Dict[str, Any]:
    """Return the engine's settings of ``steps=40 hold_out=views``. Raises HostProblem.

    Numbers, true and false are read as such; the engine refuses names that it does not know.
    """
    found: Dict[str, Any] = {}
    for piece in re.split(r"[;,\s]+", text.strip()):
        if not piece:
            continue
        name, sign, value = piece.partition("=")
        if not sign or not name or not value:
            raise HostProblem(
                "bad_preferences", detail=f"{source} has {piece!r}; write pairs like steps=40."
            )
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
