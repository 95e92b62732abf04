"""What a matte says about itself: standard attributes, and `smite/*` about how it was made."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import OpenEXR

from smite_server.time_codes import TimeCode, exact_rate

__all__ = ["ShotMetadata", "settings_hash"]


@dataclass(frozen=True)
class ShotMetadata:
    """What every file of a shot's mattes carries; what is empty or None is not written.

    Attributes:
        shot: shot name.
        version: of the mattes.
        model: name of the part model.
        model_hash: of its file.
        engine_version: of the program that made the mattes.
        settings_hash: see `settings_hash`.
        source_plate: path or pattern of the plate.
        job: id of the job.
        frames_per_second: of the plate; what cannot be a rate is not written.
        owner: standard attribute `owner`: whom the pictures belong to.
        comments: standard attribute `comments`.
    """

    shot: str = ""
    version: int | None = None
    model: str = ""
    model_hash: str = ""
    engine_version: str = ""
    settings_hash: str = ""
    source_plate: str = ""
    job: str = ""
    frames_per_second: float | Fraction | None = None
    owner: str = ""
    comments: str = ""

    def attributes(
        self, frame: int, time_code: TimeCode | None, more: Mapping[str, object]
    ) -> dict[str, Any]:
        """The attributes of one file, as `encode_exr` takes them.

        Args:
            frame: frame number of the plate.
            time_code: of this frame, where it is known.
            more: further `smite/` entries by their names, such as `part`.
        """
        found: dict[str, Any] = {
            f"smite/{name}": _text(value)
            for name, value in (
                ("shot", self.shot),
                ("version", self.version),
                ("model", self.model),
                ("modelHash", self.model_hash),
                ("engineVersion", self.engine_version),
                ("settingsHash", self.settings_hash),
                ("sourcePlate", self.source_plate),
                ("job", self.job),
                ("frame", frame),
                *more.items(),
            )
            if value not in ("", None)
        }
        if self.frames_per_second is not None and 0 < self.frames_per_second < math.inf:
            found["framesPerSecond"] = exact_rate(self.frames_per_second)
        if time_code is not None:
            found["timeCode"] = _packed(time_code)
        if self.owner:
            found["owner"] = _text(self.owner)
        if self.comments:
            found["comments"] = _text(self.comments)
        return found


def settings_hash(settings: Mapping[str, Any]) -> str:
    """16 hex digits that are the same for the same settings, in whatever order they stand.

    Args:
        settings: what JSON can say; other values count by their text.
    """
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _text(value: object) -> str:
    """A value as UTF-8 can say it: a path of other bytes has `?` for them."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _packed(code: TimeCode) -> Any:
    """OpenEXR's own time code, flags and user data included."""
    word, user_data = code.words()

    def flag(bit: int) -> bool:
        return bool(word >> bit & 1)

    # Drop frame, colour frame, field phase, binary group flags 0 to 2; then eight groups.
    flags = [flag(bit) for bit in (6, 7, 15, 23, 30, 31)]
    groups = [user_data >> 4 * index & 15 for index in range(8)]
    return OpenEXR.TimeCode(code.hours, code.minutes, code.seconds, code.frame, *flags, *groups)
