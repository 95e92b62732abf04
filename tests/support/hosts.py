"""Hosts that tests run for real: a test is skipped where one is missing, unless it must be there.

`install.py test --hosts`, and CI with it, sets SMITE_REQUIRE_HOSTS=1: what would be skipped fails.
"""

from __future__ import annotations

import importlib
import os
import shutil
from types import ModuleType
from typing import NoReturn

import pytest

REQUIRED = "SMITE_REQUIRE_HOSTS"


def missing_host(reason: str) -> NoReturn:
    """Skip the test for this reason, or fail it where hosts are required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def bpy_python() -> str:
    """Return the Python that has Blender as a module."""
    found = os.environ.get("SMITE_BPY_PYTHON")
    if not found:
        missing_host(
            "no Blender: SMITE_BPY_PYTHON names a Python that has bpy 4.5 (install.py test --hosts)"
        )
    return found


def tclsh() -> str:
    """Return the interpreter that gizmos are sourced in."""
    found = shutil.which("tclsh")
    if found is None:
        missing_host("no tclsh is installed (Debian: apt-get install tcl)")
    return found


def reader(name: str) -> ModuleType:
    """Return a module of the extra `[readers]`."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing_host(f"no {name}: pip install -e '.[readers]' (install.py test --hosts)")
