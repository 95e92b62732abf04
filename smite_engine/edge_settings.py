"""How mattes get their edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smite_engine.errors import SettingsError
from smite_engine.settings import from_mapping, require_number, require_range

EDGES = ("hard", "soft", "fine")


@dataclass(frozen=True, kw_only=True)
class EdgeSettings:
    """Settings of :class:`smite_engine.edges.ShotEdges`.

    Attributes:
        edges: ``soft`` grows the maps along the plate's colours and keeps the mean of every cell;
            ``fine`` solves for alpha around edges, and corrects the maps where colour says so;
            ``hard`` gives each pixel of ``soft`` to the part that has most of it.
        band: Half the width, in cells of the maps, of the band around uncertain cells in which
            ``fine`` solves; farther from edges a pixel belongs wholly to one part.
        steadiness: Share of the matte before that is kept where the plate has not changed; 0 takes
            each frame for itself.
        block: Side, in pixels, of the blocks that are worked on at once; None suits the device. It
            bounds memory and changes nothing else.
    """

    edges: str = "soft"
    band: float = 2.0
    steadiness: float = 0.9
    block: int | None = None

    def __post_init__(self) -> None:
        if self.edges not in EDGES:
            raise SettingsError(
                f'The setting "edges" is one of {", ".join(EDGES)}, not "{self.edges}".'
            )
        limits = {"band": (0.5, 16), "steadiness": (0, 0.98), "block": (32, 8192)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None:
                require_number(name, value, whole=name == "block")
                require_range(name, value, low, high)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EdgeSettings:
        """Settings from plain values; raises SettingsError on an unknown name."""
        return from_mapping(cls, values)
