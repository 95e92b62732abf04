"""Which frames are listed for an artist, and what is said of them: from made series of figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from smite_server.markers import COLOURS, markers_of
from smite_server.quality_control import judge, limits, suspicion
from smite_server.quality_findings import MAJOR, MINOR, Finding
from smite_server.report_frames import FrameReport, PartReport

GOOD = {"area": 0.05, "confidence": 0.94, "flicker": 0.04, "edge_motion": 0.6}


def shot(count: int, first: int = 1001, **series: Any) -> list[FrameReport]:
    """Frames of one part `hull` with good figures, a little noisy; series replace them."""
    rng = np.random.default_rng(1)
    frames = []
    for index in range(count):
        figures: dict[str, float | None] = {
            name: value * (1 + 0.03 * rng.standard_normal()) for name, value in GOOD.items()
        }
        if index == 0:
            figures.update(flicker=None, edge_motion=None)
        figures.update({name: values[index] for name, values in series.items()})
        frames.append(FrameReport(first + index, parts={"hull": PartReport(**figures)}))  # type: ignore[arg-type]
    return frames


def with_values(count: int, usual: float, **at: float | None) -> list[float | None]:
    """A steady series; ``at`` are places (`_12`) and their values."""
    values: list[float | None] = [usual + 0.001 * (index % 3) for index in range(count)]
    for place, value in at.items():
        values[int(place[1:])] = value
    return values


def found(frames: list[FrameReport], **options: float) -> list[Finding]:
    return judge(frames, ("hull",), **options)


def kinds(findings: Iterable[Finding]) -> list[tuple[str, int, int]]:
    return [(each.kind, each.first, each.last) for each in findings]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 50, 1000])
def test_a_good_shot_lists_nothing(count: int) -> None:
    assert found(shot(count)) == []
    assert found([]) == []


def test_a_frame_that_stands_out_is_listed_with_its_reason() -> None:
    frames = shot(40, flicker=with_values(40, 0.04, _12=0.31))
    (finding,) = found(frames)
    assert (finding.kind, finding.first, finding.last, finding.frame) == (
        "flicker",
        1013,
        1013,
        1013,
    )
    assert (finding.part, finding.frames, finding.severity) == ("hull", 1, MAJOR)
    assert finding.text == "flickers (31 % of it changes sides, usually 4.1 %)"


def test_edges_are_told_in_pixels_of_the_plate() -> None:
    frames = shot(40, edge_motion=with_values(40, 0.5, _12=2.0))
    (finding,) = found(frames, pixel=4.0)
    assert finding.kind == "edges"
    assert finding.text == "edges move by 8.0 px against the plate (usually 2.0 px)"
    assert finding.severity == MINOR


def test_low_confidence() -> None:
    frames = shot(40, confidence=with_values(40, 0.9, _5=0.6, _6=0.55, _7=0.7))
    (finding,) = found(frames)
    assert (finding.kind, finding.first, finding.last, finding.frame) == (
        "confidence", 1006, 1008, 1007,
    )  # fmt: skip
    assert "confidence 0.55, usually 0.90" in finding.text


def test_what_is_below_the_floor_is_not_listed_however_steady_the_rest() -> None:
    assert found(shot(40, flicker=with_values(40, 0.01, _9=0.12))) == []
    assert found(shot(40, edge_motion=with_values(40, 0.1, _9=1.4))) == []
    assert found(shot(40, confidence=with_values(40, 0.99, _9=0.8))) == []


def test_a_hard_shot_lists_the_frames_that_are_worse_than_the_rest() -> None:
    rng = np.random.default_rng(2)
    flicker = list(0.2 + 0.01 * rng.standard_normal(60))
    flicker[30] = 0.35
    assert kinds(found(shot(60, flicker=flicker))) == [("flicker", 1031, 1031)]


def test_what_is_bad_all_along_is_said_once() -> None:
    rng = np.random.default_rng(2)
    flicker = [None, *(0.33 + 0.02 * rng.standard_normal(59))]
    (finding,) = found(shot(60, flicker=flicker))
    assert finding.all_along
    assert (finding.first, finding.last, finding.frames) == (1002, 1060, 59)
    assert finding.text == "flickers (33 % of it changes sides) all along"
    assert markers_of([finding]) == []


def test_a_second_half_that_is_bad_does_not_pass_as_usual() -> None:
    flicker = [0.05 + 0.01 * (i % 4) if i < 25 else 0.6 + 0.05 * (i % 5) for i in range(50)]
    (finding,) = [each for each in found(shot(50, flicker=flicker)) if not each.all_along]
    assert (finding.first, finding.last, finding.frames) == (1026, 1050, 25)


def test_neighbouring_frames_are_one_finding() -> None:
    flicker = with_values(60, 0.04, _10=0.4, _11=0.3, _13=0.5, _30=0.4, _33=0.4)
    assert kinds(found(shot(60, flicker=flicker))) == [
        ("flicker", 1011, 1014),
        ("flicker", 1031, 1031),
        ("flicker", 1034, 1034),
    ]


@pytest.mark.parametrize(("frames", "severity"), [(1, MAJOR), (3, MAJOR), (10, MINOR)])
def test_a_part_that_is_gone_for_a_few_frames(frames: int, severity: str) -> None:
    area = [0.0 if 20 <= index < 20 + frames else 0.05 for index in range(60)]
    (finding,) = found(shot(60, area=area))
    assert (finding.kind, finding.first, finding.last) == ("gone", 1021, 1020 + frames)
    assert finding.severity == severity
    plural = "" if frames == 1 else "s"
    assert finding.text == f"is gone for {frames} frame{plural} (usually 5.0 % of the picture)"


def test_that_a_part_blinks_is_said_once() -> None:
    """Its points change sides and its confidence is low where it goes and where it comes back."""
    area = [0.0 if 20 <= index < 23 else 0.05 for index in range(60)]
    flicker = with_values(60, 0.04, _20=1.0, _21=None, _22=None, _23=1.0, _40=0.5)
    confidence = with_values(60, 0.9, _20=None, _21=None, _22=None, _23=0.4)
    frames = shot(60, area=area, flicker=flicker, confidence=confidence)
    assert kinds(found(frames)) == [("gone", 1021, 1023), ("flicker", 1041, 1041)]


def test_a_part_that_is_there_for_a_few_frames_only() -> None:
    area = [0.01 if index in (30, 31) else 0.0 for index in range(60)]
    (finding,) = found(shot(60, area=area))
    assert (finding.kind, finding.first, finding.last) == ("brief", 1031, 1032)
    assert finding.text.startswith("is there for 2 frames only")


def test_a_part_that_walks_in_and_out_is_neither_blink_nor_jump() -> None:
    area = [max(0.0, min(0.05, 0.004 * (i - 20), 0.004 * (45 - i))) for i in range(60)]
    assert found(shot(60, area=area)) == []


def test_a_dip_of_one_frame_is_a_jump_there_and_back() -> None:
    (finding,) = found(shot(60, area=with_values(60, 0.05, _30=0.02)))
    assert (finding.kind, finding.first, finding.last) == ("jump", 1031, 1032)


def test_the_ends_of_a_shot_may_cut_a_part_off() -> None:
    assert kinds(found(shot(60, area=[0.05 if i > 3 else 0.0 for i in range(60)]))) == [
        ("jump", 1005, 1005)
    ]
    assert kinds(found(shot(60, area=[0.05 if i < 57 else 0.0 for i in range(60)]))) == [
        ("jump", 1058, 1058)
    ]


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (0.02, 0.05, "grows to 2.5 times its area in one frame"),
        (0.05, 0.02, "shrinks by 60 % in one frame"),
        (0.05, 0.0, "disappears (5.0 % of the picture in the frame before)"),
        (0.0, 0.05, "appears at once (5.0 % of the picture)"),
    ],
)
def test_a_jump_of_the_area(before: float, after: float, text: str) -> None:
    area = [before if index < 30 else after for index in range(60)]
    (finding,) = found(shot(60, area=area))
    assert (finding.kind, finding.first, finding.text) == ("jump", 1031, text)


def test_a_blink_within_a_gap_is_told_as_such() -> None:
    area = [0.0 if index in (20, 21, 22, 25, 26, 27) else 0.05 for index in range(60)]
    assert kinds(found(shot(60, area=area))) == [("gone", 1021, 1028), ("brief", 1024, 1025)]


def test_parts_without_figures_are_passed_over() -> None:
    frames = shot(30, flicker=[None] * 30, edge_motion=[None] * 30, confidence=[None] * 30)
    assert found(frames) == []
    frames[10] = FrameReport(1011)
    assert "gone" in {each.kind for each in found(frames)}
    nothing = shot(30, area=[0.0] * 30, confidence=[None] * 30, flicker=[None] * 30)
    assert found(nothing) == []
    nan = shot(30, flicker=[float("nan")] * 30)
    assert found(nan) == []


def test_few_frames_are_held_against_the_floors() -> None:
    assert kinds(found(shot(3, confidence=[0.9, 0.3, 0.9]))) == [("confidence", 1002, 1002)]
    assert kinds(found(shot(1, confidence=[0.2]))) == [("confidence", 1001, 1001)]


def test_the_limits_are_those_that_flag() -> None:
    frames = shot(40, flicker=with_values(40, 0.04, _12=0.31))
    hull = limits(frames, ("hull",))["hull"]
    assert hull["flicker"] == pytest.approx(0.15)
    assert 0.5 <= hull["confidence"] <= 0.75
    assert hull["edge_motion"] == pytest.approx(1.5)


def test_suspicion_is_highest_where_something_is_wrong() -> None:
    frames = shot(40, flicker=with_values(40, 0.04, _12=0.31), area=with_values(40, 0.05, _30=0.0))
    scores = [suspicion(frames[: index + 1], ("hull",)) for index in range(40)]
    assert sorted(np.argsort(scores)[-3:]) == [12, 30, 31]
    assert max(score for at, score in enumerate(scores) if at not in (12, 30, 31)) < 1.0


def finding(first: int, last: int, **given: Any) -> Finding:
    values = {"part": "hull", "kind": "flicker", "severity": MINOR, "text": "t", "excess": 1.0}
    return Finding(first=first, last=last, frame=first, frames=1, **{**values, **given})


def test_findings_that_share_frames_are_one_marker() -> None:
    markers = markers_of(
        [
            finding(1001, 1004),
            finding(1003, 1006, part="fins", severity=MAJOR, excess=2.0, text="is gone"),
            finding(1007, 1007, kind="edges", text="moves"),
            finding(1009, 1009),
        ]
    )
    assert [(m.first, m.last, m.frame, m.severity) for m in markers] == [
        (1001, 1007, 1003, MAJOR),
        (1009, 1009, 1009, MINOR),
    ]
    names = {"hull": "the hull", "fins": "fins"}
    assert markers[0].as_dict(names) == {
        "first": 1001,
        "last": 1007,
        "frame": 1003,
        "severity": "major",
        "colour": COLOURS[MAJOR],
        "text": "fins is gone; the hull t; the hull moves",
    }


def test_a_marker_says_how_many_more_there_are() -> None:
    (marker,) = markers_of([finding(1, 3, text=str(index)) for index in range(5)])
    assert marker.text({}) == "hull 0; hull 1; hull 2; and 2 more"
