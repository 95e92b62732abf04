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
        _copy_tree(repository / "plugin" / name, folder / name)


def copy_nuke_files(repository: Path, folder: Path) -> None:
    """Copy what Nuke gets into a folder that can be an entry of Nuke's plug-in path."""
    wanted = HOSTS["nuke"]
    copy_packages(repository, [*shared_packages(repository), wanted.package], folder)
    for name in wanted.files:
        shutil.copy(repository / "plugin" / name, folder / name)
    _copy_tree(repository / "gizmos", folder / "gizmos")


def copy_blender_files(repository: Path, folder: Path) -> None:
    """Copy the add-on itself into a folder that becomes its package."""
    _copy_tree(repository / "plugin" / HOSTS["blender"].package, folder)


def files_of(folder: Path) -> list[Path]:
    """Return a folder's files, in order, without hidden ones and what Python compiled."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and "__pycache__" not in path.parts
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _copy_tree(source: Path, target: Path) -> None:
    for file in files_of(source):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
