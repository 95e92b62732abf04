"""Point tracking: the interface, the trackers there are, and how one is made.

The default needs no weights. The others are opt-in: their code and weights are installed by the
user, under the licence that :func:`describe` names; nothing is downloaded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from smite_engine.errors import SettingsError
from smite_engine.tracker_description import TrackerDescription
from smite_engine.tracks import Tracker, Tracks

__all__ = ["Tracker", "Tracks", "describe", "make_tracker", "tracker_names"]

QUERY_MEMORY = 2 * 2**30
"""Bytes that a neural tracker may use for the queries of one pass."""


@dataclass(frozen=True)
class _Kind:
    """A tracker's description, and what makes one from (weights file, device, bytes)."""

    description: TrackerDescription
    make: Callable[[Path, torch.device, int], Tracker]


def make_tracker(
    name: str,
    *,
    device: torch.device | str = "cpu",
    weights: str | Path | None = None,
    query_memory: int = QUERY_MEMORY,
) -> Tracker:
    """The tracker of a name.

    Args:
        name: One of :func:`tracker_names`.
        device: Where a neural tracker runs; optical flow by OpenCV always runs on the CPU.
        weights: The weights file; None takes the one its environment variable names.
        query_memory: Bytes for the queries of one pass of a neural point tracker; more queries go
            in several passes.

    Raises:
        SettingsError: If there is no tracker of that name.
        TrackerError: If its package or weights are missing or unusable.
    """
    kinds = _kinds()
    if name not in kinds:
        raise SettingsError(f'There is no tracker "{name}"; use {", ".join(kinds)}.')
    kind = kinds[name]
    return kind.make(kind.description.require(weights), torch.device(device), query_memory)


def tracker_names() -> tuple[str, ...]:
    """What :func:`make_tracker` takes, the default first."""
    return tuple(_kinds())


def describe() -> list[dict[str, Any]]:
    """For each tracker, the default first: ``name``, ``ok``, ``licence`` and ``remedy``."""
    return [kind.description.describe() for kind in _kinds().values()]


def _kinds() -> dict[str, _Kind]:
    """All trackers. The adapters import their packages only when one is made."""
    from smite_engine import (
        cotracker_adapter,
        flow_tracker,
        raft_adapter,
        tapir_adapter,
        tapnext_adapter,
    )

    kinds = (
        _Kind(flow_tracker.DESCRIPTION, flow_tracker.make),
        _Kind(raft_adapter.DESCRIPTION, raft_adapter.make),
        _Kind(tapir_adapter.DESCRIPTION, tapir_adapter.make),
        _Kind(tapnext_adapter.DESCRIPTION, tapnext_adapter.make),
        _Kind(cotracker_adapter.DESCRIPTION, cotracker_adapter.make),
    )
    return {kind.description.name: kind for kind in kinds}
