"""The folder with the libraries for this interpreter and machine, as `install.py` puts them."""

from __future__ import annotations

import platform
import sys
from pathlib import Path


def folder_name(
    version: tuple[int, int] = (sys.version_info[0], sys.version_info[1]),
    system: str = sys.platform,
    machine: str = "",
) -> str:
    """Return the name of an interpreter's folder, such as ``cp310-linux-x86_64``."""
    name = (machine or platform.machine()).lower()
    names = {"win32": "windows", "darwin": "macos"}
    known = {"amd64": "x86_64", "aarch64": "arm64" if system == "darwin" else "aarch64"}
    return f"cp{version[0]}{version[1]}-{names.get(system, 'linux')}-{known.get(name, name)}"


def add(plugin: str) -> bool:
    """Put the folder below ``plugin``/vendor on the path, behind what is there; False: none."""
    found = Path(plugin) / "vendor" / folder_name()
    if not found.is_dir():
        return False
    if str(found) not in sys.path:
        sys.path.append(str(found))
    return True
