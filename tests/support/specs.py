"""Jobs that tests submit, on the footage of a stage."""

from __future__ import annotations

from pathlib import Path

from smite_protocol import SegmentSpec


def segment_by_path(
    stage: Path, out: str, *, model: str = "cart", shot: str = "s", **settings: object
) -> SegmentSpec:
    """A job on the plate of ``stage`` that writes to its folder ``out``.

    ``settings`` are the engine's; windows are of one frame unless they say otherwise.
    """
    return SegmentSpec(
        model=model,
        plate=str(stage / "plate"),
        out=str(stage / out),
        shot=shot,
        settings={"window": 1, **settings},
    )
