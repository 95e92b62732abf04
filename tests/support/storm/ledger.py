"""What a client of the storm has seen, on disk before it goes on, so that it may be killed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Seen:
    """What was seen of one shot: the job that makes it, its mattes, and how it ended.

    ``mattes`` has the path of each matte with the CRC-32 of its bytes, where they came along;
    ``full_disks`` is how often it failed for one.
    """

    job: str = ""
    mattes: dict[str, int | None] = field(default_factory=dict)
    full_disks: int = 0
    state: str = ""
    message: str = ""


class Ledger:
    """A file of one JSON line for each thing that was seen."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, shot: str, what: str, **more: Any) -> None:
        """Note something; it is on disk when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"shot": shot, "what": what, **more}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> dict[str, Seen]:
        """Return what was seen, by shot; a last line that was cut off does not count."""
        found: dict[str, Seen] = {}
        if not self.path.exists():
            return found
        for line in self.path.read_text("utf-8").split("\n")[:-1]:
            entry = json.loads(line)
            seen = found.setdefault(entry["shot"], Seen())
            if entry["what"] == "job":
                seen.job = entry["job"]
            elif entry["what"] == "full":
                seen.full_disks += 1
            elif entry["what"] == "matte":
                seen.mattes[entry["path"]] = entry["crc"]
            else:
                seen.state, seen.message = entry["state"], entry["message"]
        return found
