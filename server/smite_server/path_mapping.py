"""Path maps of jobs: a client's paths become the server's before any check, and go back in answers.

What a rule gives is confined like any other path: a map opens no door.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from smite_protocol.path_maps import Rule, to_client, to_server
from smite_protocol.specs import EvaluateSpec, LearnSpec, SegmentSpec, Spec

__all__ = [
    "RULES",
    "Rule",
    "kept_rules",
    "map_spec",
    "roots_for_clients",
    "seen_by_client",
    "to_client",
    "to_server",
]

RULES = "path_rules"
"""Where a job's ``resolved`` keeps the rules that its paths came in by."""
_PATHS: Mapping[type[Spec], tuple[str, ...]] = {
    LearnSpec: ("refs", "ocio"),
    SegmentSpec: ("out", "plate", "model", "ocio"),
    EvaluateSpec: ("out", "clip", "model"),
}


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
