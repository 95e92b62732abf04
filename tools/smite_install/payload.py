"""Which of our own files a host gets, taken from what lies in the repository now."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from .problems import InstallProblem


@dataclass(frozen=True)
class HostFiles:
    """What one host gets: its own package, files beside it, and whether the gizmos."""

    package: str
    files: tuple[str, ...] = ()
    gizmos: bool = False


HOSTS = {
    "nuke": HostFiles("smite_nuke", files=("init.py", "menu.py"), gizmos=True),
    "blender": HostFiles("smite_blender"),
}
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def shared_packages(repository: Path) -> list[str]:
    """Return the packages in `plugin/` that every host gets: all that are not one host's own."""
    own = {host.package for host in HOSTS.values()}
    found = (repository / "plugin").glob("smite_*/__init__.py")
    return sorted(file.parent.name for file in found if file.parent.name not in own)


def check(repository: Path, host: str) -> None:
    """Raise InstallProblem where the repository lacks what a host needs."""
    wanted = HOSTS[host]
    needed = [f"plugin/{wanted.package}/__init__.py", "plugin/smite_protocol/__init__.py"]
    needed += [f"plugin/{name}" for name in wanted.files]
    missing = [name for name in needed if not (repository / name).is_file()]
    if wanted.gizmos and not any((repository / "gizmos").glob("*.gizmo")):
        missing.append("gizmos/*.gizmo")
    if missing:
        raise InstallProblem(
            f"This copy of SMITE has no {', no '.join(missing)}; get a whole one ({repository})."
        )


def copy_packages(repository: Path, names: list[str], folder: Path) -> None:
    """Copy packages of `plugin/` into a folder."""
    for name in names:
        shutil.copytree(repository / "plugin" / name, folder / name, ignore=_LEFT_OUT)


def copy_nuke_files(repository: Path, folder: Path) -> None:
    """Copy what Nuke gets into a folder that can be an entry of Nuke's plug-in path."""
    wanted = HOSTS["nuke"]
    copy_packages(repository, [*shared_packages(repository), wanted.package], folder)
    for name in wanted.files:
        shutil.copy(repository / "plugin" / name, folder / name)
    shutil.copytree(repository / "gizmos", folder / "gizmos", ignore=_LEFT_OUT)


def copy_blender_files(repository: Path, folder: Path) -> None:
    """Copy the add-on itself into a folder that becomes its package."""
    source = repository / "plugin" / HOSTS["blender"].package
    shutil.copytree(source, folder, ignore=_LEFT_OUT, dirs_exist_ok=True)
