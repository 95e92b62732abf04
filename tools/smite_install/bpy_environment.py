"""`install.py blender --python EXE`: the add-on into a Python that has the module `bpy`.

Everything lies in one folder of `site-packages`, and a `.pth` file puts that folder at the end of
`sys.path`: nothing that pip put there is touched, and what it has goes first.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from . import payload
from .placing import Plan
from .problems import InstallProblem
from .wheels import PLATFORMS, Target, WheelSource, unpack, version_of

FOLDER = "smite_for_bpy"
_ASK = """
import importlib.util, json, platform, sys, sysconfig
print(json.dumps({
    "bpy": importlib.util.find_spec("bpy") is not None,
    "python": sys.version_info[:2],
    "machine": platform.machine().lower(),
    "system": platform.system(),
    "folder": sysconfig.get_path("platlib"),
}))
"""
_MACHINES = {"amd64": "x86_64", "aarch64": "arm64"}
_SYSTEMS = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}


def plan_bpy(repository: Path, source: WheelSource, python: Path) -> Plan:
    """Return what installing into the environment of ``python`` does. Raises InstallProblem."""
    payload.check(repository, "blender")
    target, site = _ask(python)
    packages = [*payload.shared_packages(repository), payload.HOSTS["blender"].package]

    def fill(folder: Path) -> None:
        payload.copy_packages(repository, packages, folder)
        unpack(source.wheels(target), folder)

    return Plan(
        "bpy",
        version_of(repository),
        site / FOLDER,
        fill,
        f"add-on, wheels for {target.name}",
        beside={site / f"{FOLDER}.pth": f"{FOLDER}\n".encode()},
    )


def bpy_folder(python: Path) -> Path:
    """Return the folder in which the add-on of an environment lies. Raises InstallProblem."""
    return _ask(python)[1] / FOLDER


def _ask(python: Path) -> tuple[Target, Path]:
    """Return the target of a Python and its folder of packages."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=60, check=False
        )
        told = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        raise InstallProblem(f"--python {python} cannot be run as a Python.") from problem
    if not told["bpy"]:
        raise InstallProblem(
            f"--python {python} has no module bpy; put it there first, for instance with pip"
            " install 'bpy==4.5.*'."
        )
    machine = _MACHINES.get(told["machine"], told["machine"])
    platform = f"{_SYSTEMS.get(told['system'], told['system'])}-{machine}"
    major, minor = told["python"]
    if platform not in PLATFORMS:
        raise InstallProblem(
            f"--python {python} runs on {platform}; there are wheels for {', '.join(PLATFORMS)}."
        )
    return Target((major, minor), platform), Path(told["folder"])
