"""`install.py nuke`: the plug-in in the user's `.nuke`, or in a folder for `NUKE_PATH`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from . import payload
from .hosts import find_nukes, nuke_home
from .placing import Plan
from .systems import WINDOWS, System
from .wheels import Target, WheelSource, all_targets, unpack, version_of

FOLDER = "smite"
VENDOR = "vendor"
# Nuke runs init.py and menu.py of every folder in its plug-in path ("Start-up Scripts", its Python
# developer's guide), so this line is enough for nodes and menu alike.
INIT_LINES = ("import nuke", f"nuke.pluginAddPath('./{FOLDER}')")
# Only says what is wrong; the menu itself comes from the folder's own menu.py.
MENU_LINES = (
    "try:",
    "    import smite_nuke",
    "except Exception as problem:",
    "    print('SMITE does not load (%s); run `install.py nuke` again.' % problem)",
)


def plan_nuke(
    repository: Path,
    system: System,
    source: WheelSource,
    *,
    named: Sequence[Path] = (),
    prefix: Path | None = None,
    targets: Sequence[Target] = (),
) -> Plan:
    """Return what installing for Nuke does. Raises InstallProblem.

    With ``prefix`` nothing of the user's is touched. ``targets`` are the Pythons and machines to
    bring wheels for: by default those of the Nukes that are found or ``named``; with ``prefix``
    and none named, all.
    """
    payload.check(repository, "nuke")
    home = nuke_home(system)
    lines: dict[Path, Sequence[str]] = {}
    if prefix is None:
        lines = {home / "init.py": INIT_LINES, home / "menu.py": MENU_LINES}
    if prefix is None or named:
        pythons = {python for nuke in find_nukes(system, named) for python in nuke.pythons}
        usual = [Target(python, platform) for python in pythons for platform in system.platforms]
    else:
        usual = all_targets()
    wanted = sorted(targets or usual)

    def fill(folder: Path) -> None:
        payload.copy_nuke_files(repository, folder)
        for target in wanted:
            unpack(source.wheels(target), folder / VENDOR / target.name)

    names = ", ".join(target.name for target in wanted)
    contents = f"plug-in, gizmos, {VENDOR} for {names}"
    destination = (home if prefix is None else prefix) / FOLDER
    return Plan("nuke", version_of(repository), destination, fill, contents, lines)


def what_to_add(system: System, prefix: Path) -> list[str]:
    """Return what a studio sets so that Nuke finds a share."""
    folder = prefix / FOLDER
    if system.name == WINDOWS:
        line = f"set NUKE_PATH={folder};%NUKE_PATH%"
    else:
        line = f"export NUKE_PATH={shlex.quote(str(folder))}" + '"${NUKE_PATH:+:$NUKE_PATH}"'
    return ["Add this line where Nuke's environment is set:", f"  {line}"]
