"""SMPTE time codes: what a plate carries, counted on from frame to frame.

Source: SMPTE ST 12-1 (labels, drop frame, the packed word) and OpenEXR's `timeCode` attribute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

__all__ = ["FASTEST_COUNTED", "TimeCode", "exact_rate", "time_code_of_metadata"]

FASTEST_COUNTED = 30
"""Above this rate labels count pairs of frames, which only the camera's own code can tell apart."""

_TEXT = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2})")
_DROPPED = 2
"""Labels that drop frame leaves out in each minute but the tenth ones."""


@dataclass(frozen=True)
class TimeCode:
    """The label of one frame.

    Attributes:
        hours: 0..23.
        minutes: 0..59.
        seconds: 0..59.
        frame: 0..29.
        drop_frame: the labels skip two numbers a minute, to stay beside the clock at 29.97.
        flags: the other flag bits of the packed word (colour frame, field, binary groups).
        user_data: 32 bits that belong to the production; carried, never read.

    Raises:
        ValueError: a field out of its range.
    """

    hours: int
    minutes: int
    seconds: int
    frame: int
    drop_frame: bool = False
    flags: int = 0
    user_data: int = 0

    def __post_init__(self) -> None:
        fields = (self.hours, self.minutes, self.seconds, self.frame)
        if any(not 0 <= v <= most for v, most in zip(fields, (23, 59, 59, 29), strict=True)):
            raise ValueError(f"{self} is no time code; hours to 23, frames to 29")

    def __str__(self) -> str:
        mark = ";" if self.drop_frame else ":"
        return f"{self.hours:02d}:{self.minutes:02d}:{self.seconds:02d}{mark}{self.frame:02d}"

    @classmethod
    def parse(cls, text: str) -> TimeCode:
        """`01:00:00:00`; `;` or `.` before the frame means drop frame. Raises ValueError."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no time code; write it as 01:00:00:00")
        hours, minutes, seconds, mark, frame = match.groups()
        return cls(int(hours), int(minutes), int(seconds), int(frame), mark != ":")

    @classmethod
    def from_words(cls, time_and_flags: int, user_data: int = 0) -> TimeCode:
        """From the packed words that EXR and DPX store (TV60 packing). Raises ValueError."""
        word = time_and_flags & 0xFFFFFFFF

        def decimal(shift: int, bits: int) -> int:
            value = word >> shift & (1 << bits) - 1
            return (value >> 4) * 10 + (value & 15)

        return cls(
            decimal(24, 6),
            decimal(16, 7),
            decimal(8, 7),
            decimal(0, 6),
            drop_frame=bool(word & _DROP),
            flags=word & _OTHER_FLAGS,
            user_data=user_data & 0xFFFFFFFF,
        )

    def words(self) -> tuple[int, int]:
        """The packed words (time and flags, user data), each 0..2^32 - 1."""
        fields = (self.hours, self.minutes, self.seconds, self.frame)
        word = self.flags & _OTHER_FLAGS | (_DROP if self.drop_frame else 0)
        for shift, value in zip((24, 16, 8, 0), fields, strict=True):
            word |= (value // 10 << 4 | value % 10) << shift
        return word, self.user_data

    def after(self, frames: int, rate: float | Fraction) -> TimeCode | None:
        """The label `frames` later (earlier where negative) at `rate` frames a second.

        Midnight wraps. None where it cannot be counted: above `FASTEST_COUNTED`, below 1, or
        drop frame at another rate than 29.97.
        """
        nominal = round(rate)
        if not 1 <= nominal <= FASTEST_COUNTED or (self.drop_frame and nominal != 30):
            return None
        if self.frame >= nominal:
            return None
        day = _minute_start(24 * 60, nominal, self.drop_frame)
        return self._labelled((self._count(nominal) + frames) % day, nominal)

    def _count(self, nominal: int) -> int:
        """Frames since midnight."""
        minutes = self.hours * 60 + self.minutes
        count = _minute_start(minutes, nominal, self.drop_frame)
        within = self.seconds * nominal + self.frame
        if self.drop_frame and minutes % 10:
            # The two labels that do not exist are read as the minute's first.
            within = max(within - _DROPPED, 0)
        return count + within

    def _labelled(self, count: int, nominal: int) -> TimeCode:
        """This code with the label of frame `count` of the day."""
        minutes = count // (60 * nominal)
        while minutes + 1 <= 24 * 60 and (
            _minute_start(minutes + 1, nominal, self.drop_frame) <= count
        ):
            minutes += 1
        within = count - _minute_start(minutes, nominal, self.drop_frame)
        if self.drop_frame and minutes % 10:
            within += _DROPPED
        return replace(
            self,
            hours=minutes // 60,
            minutes=minutes % 60,
            seconds=within // nominal,
            frame=within % nominal,
        )


_DROP = 1 << 6
_OTHER_FLAGS = 1 << 7 | 1 << 15 | 1 << 23 | 1 << 30 | 1 << 31


def _minute_start(minutes: int, nominal: int, drop_frame: bool) -> int:
    """Frames before minute `minutes` of the day."""
    full = minutes - 1  # Of the minutes before it, all but the tenth ones are short.
    dropped = _DROPPED * (full - full // 10) if drop_frame else 0
    return minutes * 60 * nominal - dropped


def time_code_of_metadata(attributes: Mapping[str, Any]) -> TimeCode | None:
    """The time code in a picture's or movie's metadata; None where there is none that is whole.

    Args:
        attributes: OpenImageIO's attributes of an EXR or DPX (`smpte:TimeCode`, two words), or a
            movie's (`timecode`, text).
    """
    value = attributes.get("smpte:TimeCode", attributes.get("timecode"))
    try:
        if isinstance(value, str):
            return TimeCode.parse(value)
        if isinstance(value, tuple | list) and len(value) == 2:
            return TimeCode.from_words(int(value[0]), int(value[1]))
    except ValueError:
        return None
    return None


def exact_rate(rate: float | Fraction) -> Fraction:
    """A frame rate as the fraction that is meant: 23.976 and 23.98 are 24000/1001.

    Args:
        rate: frames a second, above 0.

    Raises:
        ValueError: a rate that is not above 0.
    """
    if not 0 < rate < float("inf"):
        raise ValueError(f"a frame rate of {rate} cannot be; give frames a second, such as 24")
    given = Fraction(rate)
    for nominal in (24, 30, 48, 60, 120):
        slowed = Fraction(nominal * 1000, 1001)
        if abs(given - slowed) < Fraction(1, 200):
            return slowed
    return given.limit_denominator(1001)
