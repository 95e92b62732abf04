"""Findings as places of the shot: what a host draws on its timeline, and a page shows once each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from smite_server.quality_findings import MAJOR, MINOR, Finding

__all__ = ["COLOURS", "Marker", "markers_of"]

COLOURS = {MAJOR: "#d9534a", MINOR: "#e0a030"}
"""Severity -> colour of its marks, here, in hosts and on the page."""

TOLD = 3
"""Findings that a marker's text holds, at most; the others are counted."""


@dataclass(frozen=True)
class Marker:
    """Frames that need a look, whatever the parts and reasons.

    Attributes:
        first, last: frame numbers.
        frame: the worst of them.
        severity: that of the worst finding.
        findings: what is said about these frames, the worst first.
    """

    first: int
    last: int
    frame: int
    severity: str
    findings: tuple[Finding, ...]

    @property
    def colour(self) -> str:
        """`#rrggbb`."""
        return COLOURS[self.severity]

    def text(self, names: Mapping[str, str]) -> str:
        """What is wrong, for a line of text; `names` are slug -> display name."""
        told = [f"{names.get(each.part, each.part)} {each.text}" for each in self.findings[:TOLD]]
        more = len(self.findings) - len(told)
        return "; ".join([*told, f"and {more} more"] if more else told)

    def as_dict(self, names: Mapping[str, str]) -> dict[str, object]:
        """The entry of a report."""
        return {
            "first": self.first,
            "last": self.last,
            "frame": self.frame,
            "severity": self.severity,
            "colour": self.colour,
            "text": self.text(names),
        }


def markers_of(findings: Iterable[Finding]) -> list[Marker]:
    """Findings that share frames or follow each other as one marker, in the order of the shot.

    What holds all along has no place in the shot, and no marker.
    """
    groups: list[list[Finding]] = []
    end = 0
    for each in sorted(findings, key=lambda finding: finding.first):
        if each.all_along:
            continue
        if groups and each.first <= end + 1:
            groups[-1].append(each)
            end = max(end, each.last)
        else:
            groups.append([each])
            end = each.last
    return [_marker(group) for group in groups]


def _marker(group: Sequence[Finding]) -> Marker:
    ordered = sorted(group, key=lambda each: (each.severity != MAJOR, -each.excess))
    return Marker(
        min(each.first for each in group),
        max(each.last for each in group),
        ordered[0].frame,
        ordered[0].severity,
        tuple(ordered),
    )
