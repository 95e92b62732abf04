"""The JSON next to the mattes: what was asked, with what it was made, and how each frame went."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smite_server.output_names import flat_files
from smite_server.report_frames import MEASURED_SIDE, FrameReport
from smite_server.whole_files import write_whole

__all__ = ["FrameReport", "Report"]

REPORT_VERSION = 2
"""2: figures of each part in a frame, `review` and `markers`."""


@dataclass
class Report:
    """`{shot}_smite_v001.json`.

    Attributes:
        shot: shot name.
        version: of the mattes.
        parts: slug -> display name.
        settings: everything that was asked for, as it was resolved.
        model: name, hash and backbone of the part model.
        plate: path, colour space, frame rate, size, pixel aspect.
        styles: style -> slug, or the style where one file holds all parts -> path pattern.
        frames: one entry per finished frame.
        review: what was found in them, an entry for each finding; empty before the end.
        markers: the findings by frames, for hosts.
    """

    shot: str
    version: int
    parts: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    plate: Mapping[str, Any] = field(default_factory=dict)
    styles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    frames: list[FrameReport] = field(default_factory=list)
    review: Sequence[Mapping[str, Any]] = ()
    markers: Sequence[Mapping[str, Any]] = ()

    def add(self, frame: FrameReport) -> None:
        """The next finished frame."""
        self.frames.append(frame)

    def as_dict(self, **timings: float | None) -> dict[str, Any]:
        """What is written: the attributes, a summary over frames, and the timings given."""
        return {
            "report": REPORT_VERSION,
            "shot": self.shot,
            "version": self.version,
            "parts": dict(self.parts),
            "model": dict(self.model),
            "plate": dict(self.plate),
            "settings": dict(self.settings),
            "styles": {style: dict(files) for style, files in self.styles.items()},
            "files": flat_files(self.styles),
            "timings": dict(timings),
            "summary": {
                "frames": len(self.frames),
                "confidence": _mean([frame.confidence for frame in self.frames]),
                "flicker": _mean([frame.flicker for frame in self.frames]),
                "bad_pixels": sum(f.bad_pixels for f in self.frames),
                "held_frames": [f.number for f in self.frames if f.held_from is not None],
            },
            "review": list(self.review),
            "markers": list(self.markers),
            "edge_motion_side": MEASURED_SIDE,
            "frames": [asdict(frame) for frame in self.frames],
        }

    def save(self, path: str | Path, **timings: float | None) -> None:
        """Writes the report, whole or not at all; NaN becomes null. Raises MatteError."""
        content = json.dumps(
            _plain(self.as_dict(**timings)), indent=1, ensure_ascii=False, allow_nan=False
        )
        write_whole(Path(path), (content + "\n").encode())


def _mean(values: list[float | None]) -> float | None:
    """The mean of what is known and finite."""
    known = [float(value) for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None


def _plain(value: Any) -> Any:
    """`value` as JSON can say it: paths as text, numpy numbers as numbers, NaN and Inf as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
