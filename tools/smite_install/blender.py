"""`install.py blender`: an extension in the user's folder of each Blender.

An extension, and not an add-on in `scripts/addons`: Blender then chooses and unpacks the wheels for
its own Python, shares them with other extensions, and takes them away again; an add-on would have
to change `sys.path`, which Blender names as a violation of its rules.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from . import payload
from .blender_wheels import write_own_wheel
from .hosts import Blender, find_blenders
from .placing import Plan
from .systems import System
from .wheels import Target, WheelSource, version_of

NAME = "smite_blender"
PLACE = f"extensions/user_default/{NAME}"
MANIFEST = "blender_manifest.toml"
# Where the add-on brings no manifest of its own; fields: "Getting Started", Blender's manual.
DEFAULT_MANIFEST = """\
schema_version = "1.0.0"
id = "{name}"
version = "{version}"
name = "SMITE for compositors"
tagline = "One steady matte per part, learned from a few painted stills"
maintainer = "The SMITE developers"
type = "add-on"
tags = ["Compositing"]
blender_version_min = "4.2.0"
license = ["SPDX:Apache-2.0"]

[permissions]
network = "Talk to the SMITE server that makes the mattes"
files = "Read plates and references, write mattes"
"""


def plan_blender(
    repository: Path, system: System, source: WheelSource, *, named: Sequence[Path] = ()
) -> list[Plan]:
    """Return what installing for each Blender does. Raises InstallProblem."""
    payload.check(repository, "blender")
    return [_plan(repository, system, source, blender) for blender in find_blenders(system, named)]


def _plan(repository: Path, system: System, source: WheelSource, blender: Blender) -> Plan:
    version = version_of(repository)
    targets = [Target(blender.python, platform) for platform in system.platforms]

    def fill(folder: Path) -> None:
        payload.copy_blender_files(repository, folder)
        wheels = folder / "wheels"
        wheels.mkdir()
        for target in targets:
            for wheel in source.wheels(target):
                shutil.copy(wheel, wheels / wheel.name)
        write_own_wheel(repository, version, wheels)
        manifest = folder / MANIFEST
        told = (
            manifest.read_text(encoding="utf-8")
            if manifest.exists()
            else DEFAULT_MANIFEST.format(name=NAME, version=version)
        )
        manifest.write_text(_wheel_list(wheels) + told, encoding="utf-8", newline="\n")

    number = ".".join(str(part) for part in blender.version)
    contents = f"extension for Blender {number}, wheels for {', '.join(t.name for t in targets)}"
    return Plan("blender", version, blender.user_folder / PLACE, fill, contents)


def _wheel_list(folder: Path) -> str:
    """Return the manifest's list of wheels; it stands first, where no table has begun."""
    names = sorted(wheel.name for wheel in folder.glob("*.whl"))
    return "wheels = [\n" + "".join(f'  "./wheels/{name}",\n' for name in names) + "]\n"
