"""Time codes: text, packed words, counting."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_server.time_codes import TimeCode, exact_rate, time_code_of_metadata

NTSC = Fraction(30000, 1001)
COUNTED = {  # SMPTE ST 12-1: drop frame leaves out ;00 and ;01 of each minute but the tenth ones
    "next second": ("01:00:00:23", 1, 24, "01:00:01:00"),
    "a frame on": ("01:00:00:00", 48, 24, "01:00:02:00"),
    "backwards": ("01:00:00:00", -1, 25, "00:59:59:24"),
    "midnight": ("23:59:59:23", 1, 24, "00:00:00:00"),
    "23.976 counts to 24": ("01:00:00:23", 1, Fraction(24000, 1001), "01:00:01:00"),
    "drop: first minute": ("00:00:59;29", 1, NTSC, "00:01:00;02"),
    "drop: not in the tenth": ("00:09:59;29", 1, NTSC, "00:10:00;00"),
    "drop: back over the gap": ("00:01:00;02", -1, NTSC, "00:00:59;29"),
    "drop: an hour is 107892 frames": ("00:00:00;00", 107892, NTSC, "01:00:00;00"),
    "drop: ten minutes are 17982 frames": ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
    "drop: midnight": ("23:59:59;29", 1, NTSC, "00:00:00;00"),
    "29.97 without drop": ("00:00:59:29", 1, NTSC, "00:01:00:00"),
}


@pytest.mark.parametrize(("start", "frames", "rate", "end"), COUNTED.values(), ids=COUNTED.keys())
def test_counting(start: str, frames: int, rate: float, end: str) -> None:
    assert str(TimeCode.parse(start).after(frames, rate)) == end


def test_a_day_of_drop_frame_has_no_label_twice() -> None:
    start = TimeCode.parse("00:00:00;00")
    labels = {str(start.after(count, NTSC)) for count in range(40_000)}
    assert len(labels) == 40_000
    assert not any(label.endswith(":00;00") and label[4] != "0" for label in labels)


NOT_COUNTED = {
    "pairs of frames": ("01:00:00:00", 50),
    "drop frame at 25": ("01:00:00;00", 25),
    "a frame that the rate has not": ("01:00:00:24", 24),
    "slower than one a second": ("01:00:00:00", 0.2),
}


@pytest.mark.parametrize(("start", "rate"), NOT_COUNTED.values(), ids=NOT_COUNTED.keys())
def test_what_cannot_be_counted_is_unknown(start: str, rate: float) -> None:
    assert TimeCode.parse(start).after(1, rate) is None


codes = st.builds(
    TimeCode,
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
    st.integers(0, 29),
    st.booleans(),
    st.lists(st.sampled_from([7, 15, 23, 30, 31]), unique=True).map(
        lambda bits: sum(1 << bit for bit in bits)
    ),
    st.integers(0, 2**32 - 1),
)


@settings(deadline=None)
@given(codes)
def test_words_and_text_come_back(code: TimeCode) -> None:
    assert TimeCode.from_words(*code.words()) == code
    again = TimeCode.parse(str(code))
    assert (again.hours, again.minutes, again.seconds, again.frame, again.drop_frame) == (
        code.hours,
        code.minutes,
        code.seconds,
        code.frame,
        code.drop_frame,
    )


@settings(deadline=None)
@given(
    st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 23), st.integers()
)
def test_there_and_back(hours: int, minutes: int, seconds: int, frame: int, step: int) -> None:
    code = TimeCode(hours, minutes, seconds, frame)
    moved = code.after(step, 24)
    assert moved is not None
    assert moved.after(-step, 24) == code


def test_words_are_those_of_the_standard() -> None:
    assert TimeCode(1, 2, 3, 4).words() == (0x01020304, 0)
    assert TimeCode(23, 59, 58, 29, drop_frame=True).words() == (0x23595869, 0)
    assert TimeCode.from_words(-2130541719, -2023406815).user_data == 0x87654321  # signed words


@pytest.mark.parametrize("text", ["", "1:2:3:4", "25:00:00:00", "01:00:00:30", "01:00:00", "x"])
def test_what_is_no_time_code(text: str) -> None:
    with pytest.raises(ValueError, match="no time code"):
        TimeCode.parse(text)


METADATA = {
    "exr": ({"smpte:TimeCode": (0x01020304, 0)}, "01:02:03:04"),
    "movie": ({"timecode": "10:00:00;02"}, "10:00:00;02"),
    "none": ({}, None),
    "broken word": ({"smpte:TimeCode": (0x7F7F7F3F, 0)}, None),
    "broken text": ({"timecode": "about noon"}, None),
    "of another kind": ({"timecode": 12.5}, None),
}


@pytest.mark.parametrize(("attributes", "code"), METADATA.values(), ids=METADATA.keys())
def test_what_metadata_says(attributes: dict[str, object], code: str | None) -> None:
    found = time_code_of_metadata(attributes)
    assert (None if found is None else str(found)) == code


RATES = {
    "film": (24, Fraction(24)),
    "rounded once": (23.976, Fraction(24000, 1001)),
    "rounded twice": (23.98, Fraction(24000, 1001)),
    "as a float": (24000 / 1001, Fraction(24000, 1001)),
    "29.97": (29.97, Fraction(30000, 1001)),
    "59.94": (59.94, Fraction(60000, 1001)),
    "pal": (25.0, Fraction(25)),
    "an odd one": (12.5, Fraction(25, 2)),
    "exact": (Fraction(48000, 1001), Fraction(48000, 1001)),
}


@pytest.mark.parametrize(("rate", "exact"), RATES.values(), ids=RATES.keys())
def test_rates_are_the_fractions_that_are_meant(rate: float, exact: Fraction) -> None:
    assert exact_rate(rate) == exact


@pytest.mark.parametrize("rate", [0, -24, float("nan"), float("inf")])
def test_rates_that_cannot_be(rate: float) -> None:
    with pytest.raises(ValueError, match="frame rate"):
        exact_rate(rate)
