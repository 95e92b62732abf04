"""A segment job's settings: some are the engine's way to maps, some its way from maps to edges."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from smite_protocol.specs import SegmentSpec
from smite_server.worker.session import Task


def map_settings(task: Task, spec: SegmentSpec) -> Any:
    """Return the engine's settings for maps. Raises its SettingsError."""
    given = {name: value for name, value in spec.settings.items() if name not in _edge_names(task)}
    return task.session.engine.SegmentSettings.from_dict(
        {**given, "quality": spec.quality, "seed": spec.seed}
    )


def edge_settings(task: Task, spec: SegmentSpec) -> Any:
    """Return the engine's settings for edges. Raises its SettingsError.

    Where the spec leaves the edges open, a draft gets those that are made quickly.
    """
    given = {name: value for name, value in spec.settings.items() if name in _edge_names(task)}
    edges = spec.edges or ("soft" if spec.quality == "draft" else "fine")
    return task.session.engine.EdgeSettings.from_dict({**given, "edges": edges})


def _edge_names(task: Task) -> set[str]:
    """The settings that `--set` may name beside the engine's; `edges` has an option of its own."""
    return {field.name for field in fields(task.session.engine.EdgeSettings)} - {"edges"}
