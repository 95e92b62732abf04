"""The commands of `install.py` that concern hosts, from its options to what is done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from .blender import PLACE, plan_blender
from .bpy_environment import bpy_folder, plan_bpy
from .hosts import blender_user_folders, nuke_home
from .nuke import FOLDER, plan_nuke, what_to_add
from .options import Options
from .placing import Plan, Say, describe, place
from .problems import InstallProblem
from .removal import describe_removal, installed, remove
from .systems import System, this_system
from .wheels import WheelSource, core_requirements, named_target

WHEELS = ".wheels"
PLACES = ".installed-hosts.json"


class Installer:
    """What installs from one copy of SMITE into the hosts of one machine."""

    def __init__(
        self,
        repository: Path,
        say: Say,
        system: System | None = None,
        source: WheelSource | None = None,
    ) -> None:
        self._repository = repository
        self._say = say
        self._system = system or this_system()
        self._source = source or WheelSource(
            repository / WHEELS, core_requirements(repository), say=say
        )

    def nuke(self, options: Options) -> None:
        """Install for Nuke. Raises InstallProblem."""
        prefix = _path(options.prefix)
        plan = plan_nuke(
            self._repository,
            self._system,
            self._wheels(options),
            named=[path for name in options.host if (path := _path(name))],
            prefix=prefix,
            targets=[named_target(name) for name in options.vendor],
        )
        self._carry_out([plan], options)
        if prefix is not None:
            for line in what_to_add(self._system, prefix):
                self._say(line)
        elif not options.dry_run:
            self._say("Start Nuke again to see it.")

    def blender(self, options: Options) -> None:
        """Install for Blender, or into a Python with `bpy`. Raises InstallProblem."""
        python = _path(options.python)
        source = self._wheels(options)
        if python is not None and options.host:
            raise InstallProblem("--python and --host name different places; give one of them.")
        if python is not None:
            self._carry_out([plan_bpy(self._repository, source, python)], options)
            return
        named = [path for name in options.host if (path := _path(name))]
        plans = plan_blender(self._repository, self._system, source, named=named)
        self._carry_out(plans, options)
        if not options.dry_run:
            self._say("In Blender: Edit > Preferences > Add-ons, and tick SMITE for compositors.")

    def installations(self, what: str, options: Options) -> list[Path]:
        """Return the folders that hold an installation for ``what``: nuke, blender or all.

        Named places, or else the usual ones and those that this copy of SMITE has installed to.
        Raises InstallProblem.
        """
        prefix, python = _path(options.prefix), _path(options.python)
        if prefix is not None or python is not None:
            named = [prefix / FOLDER] if prefix is not None else []
            named += [bpy_folder(python)] if python is not None else []
            found = installed(named)
            if not found:
                raise InstallProblem(f"Nothing is installed in {named[0]}.")
            return found
        known = self._remembered()
        places = [nuke_home(self._system) / FOLDER] if what in ("nuke", "all") else []
        if what in ("blender", "all"):
            for folder in blender_user_folders(self._system):
                places += [entry / PLACE for entry in _entries(folder)]
        places += [place for place, host in known.items() if what in ("all", host)]
        return installed(places)

    def describe_removal(self, folders: Sequence[Path]) -> list[str]:
        """Return what `remove` would take out."""
        return describe_removal(folders)

    def remove(self, folders: Sequence[Path]) -> None:
        """Take out installations. Raises InstallProblem, and then nothing was changed."""
        remove(folders, self._say)
        kept = {place: host for place, host in self._remembered().items() if place not in folders}
        self._remember(kept)

    def _wheels(self, options: Options) -> WheelSource:
        offline = _path(options.offline)
        return replace(self._source, offline=offline) if offline else self._source

    def _carry_out(self, plans: Sequence[Plan], options: Options) -> None:
        if options.dry_run:
            describe(plans, self._say)
            return
        place(plans, self._say)
        names = {plan.destination: "nuke" if plan.host == "nuke" else "blender" for plan in plans}
        self._remember(self._remembered() | names)

    def _remembered(self) -> dict[Path, str]:
        """Return the folders that this copy of SMITE has installed to, and for which host."""
        try:
            found = json.loads((self._repository / PLACES).read_text(encoding="utf-8"))
            return {Path(place): str(host) for place, host in found.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _remember(self, places: dict[Path, str]) -> None:
        """Keep the list of folders beside `install.py`, where this user may write there."""
        file = self._repository / PLACES
        with suppress(OSError):
            if places:
                text = json.dumps({str(place): host for place, host in places.items()}, indent=1)
                file.write_text(text + "\n", encoding="utf-8")
            else:
                file.unlink(missing_ok=True)


def _path(typed: str | None) -> Path | None:
    return Path(typed).expanduser().absolute() if typed else None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
