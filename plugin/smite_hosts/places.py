"""Where a host's plugin keeps its things: preferences, jobs it remembers, logs, rendered stills."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional

HOME_VARIABLE = "SMITE_HOST_HOME"


@dataclass(frozen=True)
class Places:
    """This user's folders; none of them need exist yet.

    ``config`` is kept for good, ``state`` may be lost without harm, ``cache`` may be emptied.
    """

    config: Path
    state: Path
    cache: Path

    @property
    def preferences(self) -> Path:
        """The file of this user's preferences."""
        return self.config / "preferences.json"

    @property
    def jobs(self) -> Path:
        """The file of the jobs that are remembered."""
        return self.state / "jobs.json"

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.state / "logs"


def find_places(
    environment: Optional[Mapping[str, str]] = None,
    platform: str = sys.platform,
    home: Optional[Path] = None,
) -> Places:
    """Return this user's places.

    ``SMITE_HOST_HOME`` puts all of them below one folder; else they lie where the system wants
    them (the XDG folders, ``~/Library`` or ``%APPDATA%``).
    """
    given = os.environ if environment is None else environment
    chosen = given.get(HOME_VARIABLE)
    if chosen:
        root = Path(chosen).expanduser()
        return Places(root, root, root / "cache")
    user = Path.home() if home is None else home
    if platform == "win32":
        roaming = Path(given.get("APPDATA") or user / "AppData" / "Roaming")
        local = Path(given.get("LOCALAPPDATA") or user / "AppData" / "Local")
        return Places(roaming / "smite", local / "smite", local / "smite" / "cache")
    if platform == "darwin":
        support = user / "Library" / "Application Support" / "smite"
        return Places(support, support, user / "Library" / "Caches" / "smite")
    return Places(
        Path(given.get("XDG_CONFIG_HOME") or user / ".config") / "smite",
        Path(given.get("XDG_STATE_HOME") or user / ".local" / "state") / "smite",
        Path(given.get("XDG_CACHE_HOME") or user / ".cache") / "smite",
    )
