"""One machine as parameters, so that any system's rules can be followed on any other."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LINUX, MACOS, WINDOWS = "linux", "macos", "windows"


@dataclass(frozen=True)
class System:
    """A machine: ``name`` is linux, macos or windows; absolute places start at ``root``."""

    name: str
    home: Path
    environment: Mapping[str, str]
    root: Path = Path("/")

    def variable(self, name: str, otherwise: Path) -> Path:
        """Return the folder that an environment variable names, else ``otherwise``."""
        value = self.environment.get(name, "").strip()
        return Path(value) if value else otherwise

    @property
    def platforms(self) -> tuple[str, ...]:
        """Return the kinds of wheels that programs here may want.

        On macOS both kinds: Nuke 14 is an Intel program, later ones are for Apple's chips.
        """
        return {
            LINUX: ("linux-x86_64",),
            MACOS: ("macos-arm64", "macos-x86_64"),
            WINDOWS: ("windows-x86_64",),
        }[self.name]


def this_system() -> System:
    """Return the machine that this runs on."""
    name = {"Darwin": MACOS, "Windows": WINDOWS}.get(platform.system(), LINUX)
    return System(name, Path.home(), os.environ)
