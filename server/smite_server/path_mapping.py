"""Path maps: where a client's ``P:\\shows`` or ``/Volumes/shows`` lies on the server, and back.

A rule is a pair of folders, the client's and the server's. It covers whole steps of a path; the
rule with the most steps wins. Windows paths are compared without case and with either separator.
What a rule gives is confined like any other path: a map opens no door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smite_protocol.errors import BadInput
from smite_protocol.specs import EvaluateSpec, LearnSpec, SegmentSpec, Spec

RULES = "path_rules"
"""Where a job's ``resolved`` keeps the rules that its paths came in by."""
_PATHS: Mapping[type[Spec], tuple[str, ...]] = {
    LearnSpec: ("refs", "ocio"),
    SegmentSpec: ("out", "plate", "model", "ocio"),
    EvaluateSpec: ("out", "clip", "model"),
}


@dataclass(frozen=True)
class Steps:
    """A path in pieces. ``kind`` is "drive", "share" or "posix"."""

    kind: str
    steps: tuple[str, ...]

    @property
    def compared(self) -> tuple[str, ...]:
        """The steps as they are compared: Windows knows no case."""
        return self.steps if self.kind == "posix" else tuple(step.casefold() for step in self.steps)

    def begins_with(self, prefix: Steps) -> bool:
        """Return whether ``prefix`` is this path or a folder above it."""
        return self.kind == prefix.kind and self.compared[: len(prefix.steps)] == prefix.compared


@dataclass(frozen=True)
class Rule:
    """The client's folder and the server's. Raises BadInput when one is not absolute."""

    client: str
    server: str

    def __post_init__(self) -> None:
        for path in (self.client, self.server):
            if split_path(path) is None:
                raise BadInput(
                    f"The path map {self.client!r} -> {self.server!r} has {path!r}, which is not"
                    " absolute; write whole paths, like P:\\shows, \\\\nas\\shows or /mnt/shows."
                )


def split_path(path: str) -> Steps | None:
    """Return the steps of an absolute path of any system; None when it is not absolute."""
    drive = re.match(r"([A-Za-z]:)(?=[\\/]|$)", path)
    if drive:
        rest = re.split(r"[\\/]+", path[2:])
        return Steps("drive", (drive[1], *(step for step in rest if step)))
    if re.match(r"\\\\[^\\/]|//[^\\/]", path):
        return Steps("share", tuple(step for step in re.split(r"[\\/]+", path) if step))
    if path.startswith("/"):
        return Steps("posix", tuple(step for step in path.split("/") if step))
    return None


def to_server(path: str, rules: Iterable[Rule]) -> tuple[str, Rule | None]:
    """Return a client's path as the server's, and the rule that says so; as it is without one."""
    return _through(path, [(rule.client, rule.server, rule) for rule in rules])


def to_client(path: str, rules: Iterable[Rule]) -> str:
    """Return a server's path as the client's; as it is where no rule covers it."""
    return _through(path, [(rule.server, rule.client, rule) for rule in rules])[0]


def map_spec(spec: Spec, rules: tuple[Rule, ...]) -> tuple[Spec, tuple[Rule, ...]]:
    """Return a spec with the server's paths, and the rules they came in by, each once."""
    changes: dict[str, str] = {}
    used: dict[Rule, None] = {}
    for name in _PATHS.get(type(spec), ()) if rules else ():
        path = getattr(spec, name)
        if path is None:
            continue
        mapped, rule = to_server(path, rules)
        if rule is not None:
            changes[name] = mapped
            used[rule] = None
    return (replace(spec, **changes) if changes else spec), tuple(used)


def kept_rules(rules: Iterable[Rule]) -> list[list[str]]:
    """Return rules as a job keeps them: with the server's folders resolved, as results are."""
    return [[rule.client, str(Path(rule.server).resolve())] for rule in rules]


def roots_for_clients(roots: Iterable[Path], rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return a server's roots, and what they are on the machines of its path map.

    So a client sees from its own path whether the server can read it.
    """
    found = dict.fromkeys(str(root) for root in roots)
    for client, server in kept_rules(rules):
        for root in roots:
            if Path(server).is_relative_to(root):
                found[client] = None
            elif root.is_relative_to(server):
                found[to_client(str(root), (Rule(client, server),))] = None
    return tuple(found)


def seen_by_client(resolved: Mapping[str, Any], value: Any) -> Any:
    """Return ``value`` (text, or a result) with the paths that a job's client knows."""
    rules = [Rule(client, server) for client, server in resolved.get(RULES, ())]
    return _deep(value, rules) if rules else value


def _deep(value: Any, rules: list[Rule]) -> Any:
    if isinstance(value, str):
        return to_client(value, rules)
    if isinstance(value, dict):
        return {name: _deep(entry, rules) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_deep(entry, rules) for entry in value]
    return value


def _through(path: str, ways: list[tuple[str, str, Rule]]) -> tuple[str, Rule | None]:
    found = split_path(path)
    if found is None:
        return path, None
    best: tuple[int, str, Rule] | None = None
    for source, target, rule in ways:
        prefix = split_path(source)
        if prefix is not None and found.begins_with(prefix):
            length = len(prefix.steps)
            if best is None or length > best[0]:
                best = (length, target, rule)
    if best is None:
        return path, None
    return _join(best[1], found.steps[best[0] :]), best[2]


def _join(folder: str, rest: tuple[str, ...]) -> str:
    """Return ``rest`` below ``folder``, in the folder's own manner of writing."""
    steps = split_path(folder)
    windows = steps is not None and steps.kind != "posix" and "/" not in folder
    separator = "\\" if windows else "/"
    if not rest:
        return folder
    return folder.rstrip("\\/") + separator + separator.join(rest)
