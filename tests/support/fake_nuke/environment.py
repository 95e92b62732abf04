"""nuke.env: what Nuke says about itself.

Keys: developers guide, "Getting Information on the NUKE Environment You Are Running".
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from .versions import Version


class GlobalsEnvironment:
    """A read-only mapping; KeyError for what Nuke does not say."""

    def __init__(self, version: Version, gui: bool, nc: bool, indie: bool) -> None:
        major, minor, release = version.fact("version")
        self._values: dict[str, Any] = {
            "gui": gui,
            "interactive": gui,
            "nc": nc,
            "indie": indie,
            "ple": False,
            "assist": False,
            "nukex": False,
            "studio": False,
            "hiero": False,
            "NukeVersionMajor": major,
            "NukeVersionMinor": minor,
            "NukeVersionRelease": release,
            "NukeVersionPhase": "",
            "NukeVersionDate": "Jan 1 2025",
            "NukeVersionString": version.string,
            "ExecutablePath": f"/usr/local/Nuke{version.string}/Nuke{major}.{minor}",
            "PluginExtension": "so",
            "PathListSeparator": ":",
            "LINUX": True,
            "WIN32": False,
            "MACOS": False,
            "threads": 8,
            "numCPUs": 8,
        }

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def keys(self) -> KeysView[str]:
        return self._values.keys()

    def values(self) -> ValuesView[Any]:
        return self._values.values()

    def items(self) -> ItemsView[str, Any]:
        return self._values.items()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
