"""What became of a shot's quality control: findings, markers, and what a page shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from smite_server.markers import Marker, markers_of
from smite_server.quality_control import judge, limits
from smite_server.quality_findings import Finding
from smite_server.report_frames import MEASURED_SIDE, FrameReport
from smite_server.review_pictures import ReviewPictures

__all__ = ["Review", "review_of"]


@dataclass(frozen=True)
class Review:
    """The outcome.

    Attributes:
        parts: slug -> display name.
        frames: the figures it rests on.
        findings: those of the whole shot first.
        markers: places of the shot.
        limits: slug -> figure -> value beyond which frames were flagged.
        pixel: plate pixels that one pixel of `edge_motion` is worth.
        pictures: of the frames that looked worst.
    """

    parts: Mapping[str, str]
    frames: Sequence[FrameReport] = ()
    findings: Sequence[Finding] = ()
    markers: Sequence[Marker] = ()
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    pixel: float = 1.0
    pictures: ReviewPictures = field(default_factory=ReviewPictures)

    def entries(self) -> list[dict[str, Any]]:
        """`review` of a report: one entry for each finding."""
        return [
            {**asdict(each), "name": self.parts[each.part], "excess": round(each.excess, 3)}
            for each in self.findings
        ]

    def marks(self) -> list[dict[str, object]]:
        """`markers` of a report."""
        return [marker.as_dict(self.parts) for marker in self.markers]


def review_of(
    frames: Sequence[FrameReport],
    parts: Mapping[str, str],
    plate_side: float,
    pictures: ReviewPictures,
) -> Review:
    """Judges a shot.

    Args:
        frames: in order.
        parts: slug -> display name.
        plate_side: longer side of the plate with square pixels, in pixels.
        pictures: what was kept on the way.
    """
    pixel = max(1.0, plate_side / MEASURED_SIDE)
    findings = judge(frames, tuple(parts), pixel)
    return Review(
        parts=dict(parts),
        frames=tuple(frames),
        findings=tuple(findings),
        markers=tuple(markers_of(findings)),
        limits=limits(frames, tuple(parts)),
        pixel=pixel,
        pictures=pictures,
    )
