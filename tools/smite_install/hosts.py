"""Which versions of Nuke and Blender are on a machine, and which Python each of them has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .problems import InstallProblem
from .systems import LINUX, MACOS, WINDOWS, System

Python = tuple[int, int]

OLDEST_NUKE = 14
# VFX Reference Platform CY2022 to CY2026; for 17 both are taken where its folder does not say.
NUKE_PYTHONS: dict[int, tuple[Python, ...]] = {
    14: ((3, 9),),
    15: ((3, 10),),
    16: ((3, 11),),
    17: ((3, 11), (3, 13)),
}
OLDEST_BLENDER = (4, 2)  # the first with extensions that bring wheels
BLENDER_PYTHON_313 = (5, 1)  # its manual, "Python Wheels", asks for 3.11 up to 5.0, then for 3.13

_NUKE_NAME = re.compile(r"Nuke(\d+)\.(\d+)(?:v\d+)?")
_BLENDER_NUMBER = re.compile(r"(\d+)\.(\d+)")
_PYTHON_FILES = re.compile(r"(?:libpython|python)(3)\.?(\d{1,2})(?:\.so.*|\.dylib|\.dll|\.zip)?")


@dataclass(frozen=True)
class Nuke:
    """One installed Nuke: its version, where it is, the Pythons that it has or may have."""

    version: tuple[int, int]
    folder: Path
    pythons: tuple[Python, ...]


@dataclass(frozen=True)
class Blender:
    """One Blender: its version, the user's folder for it, and its Python."""

    version: tuple[int, int]
    user_folder: Path
    python: Python


def nuke_home(system: System) -> Path:
    """Return the user's `.nuke`: below HOME, on Windows else below USERPROFILE (Nuke's manual)."""
    home = system.home
    if system.name == WINDOWS:
        home = system.variable("HOME", system.variable("USERPROFILE", home))
    return home / ".nuke"


def nuke_places(system: System) -> list[Path]:
    """Return the folders in which Nuke's installers put it, or people unpack it."""
    if system.name == WINDOWS:
        return [system.variable("ProgramFiles", system.root / "Program Files")]
    if system.name == MACOS:
        return [system.root / "Applications", system.home / "Applications"]
    usual = (system.root / place for place in ("usr/local", "opt", "opt/foundry"))
    return [*usual, system.home]


def find_nukes(system: System, named: Sequence[Path] = ()) -> list[Nuke]:
    """Return the Nukes at ``named`` places, or, without any, those in the usual ones.

    Raises InstallProblem where none is found, or a named place has none.
    """
    if named:
        found = [_nuke_at(place) for place in named]
    else:
        found = [
            Nuke(version, folder, _nuke_pythons(version, folder))
            for place in nuke_places(system)
            for folder in _folders(place)
            if (version := _nuke_version(folder.name)) and version[0] >= OLDEST_NUKE
        ]
    if not found:
        places = ", ".join(str(place) for place in nuke_places(system))
        raise InstallProblem(
            f"No Nuke {OLDEST_NUKE} or later was found in {places}; name its folder with"
            " --host PATH, or install for a share with --prefix DIR."
        )
    return sorted(found, key=lambda nuke: (nuke.version, str(nuke.folder)))


def _nuke_at(place: Path) -> Nuke:
    if not place.exists():
        raise InstallProblem(f"--host {place} does not exist; give the folder of a Nuke.")
    for folder in (place, *place.parents):
        version = _nuke_version(folder.name)
        if version and folder.is_dir():
            if version[0] < OLDEST_NUKE:
                raise InstallProblem(
                    f"{folder} is Nuke {version[0]}.{version[1]}; SMITE needs Nuke {OLDEST_NUKE} or"
                    " later."
                )
            return Nuke(version, folder, _nuke_pythons(version, folder))
    raise InstallProblem(
        f"--host {place} is no Nuke: the name of its folder begins like Nuke15.1v3."
    )


def _nuke_version(name: str) -> tuple[int, int] | None:
    found = _NUKE_NAME.match(name)
    return (int(found[1]), int(found[2])) if found else None


def _nuke_pythons(version: tuple[int, int], folder: Path) -> tuple[Python, ...]:
    """Return the Python of a Nuke, by its files if they tell, else by the table."""
    known = NUKE_PYTHONS.get(version[0], NUKE_PYTHONS[max(NUKE_PYTHONS)])
    depths = ("*", "*/*", "*.app/Contents/*/*")
    names = {path.name for depth in depths for path in folder.glob(depth)}
    seen = {(int(m[1]), int(m[2])) for name in names if (m := _PYTHON_FILES.fullmatch(name))}
    return tuple(sorted(seen)) or known


def blender_user_folders(system: System) -> list[Path]:
    """Return where the user's folders of Blender lie, one level above the versions."""
    if system.name == WINDOWS:
        roaming = system.variable("APPDATA", system.home / "AppData/Roaming")
        return [roaming / "Blender Foundation/Blender"]
    if system.name == MACOS:
        return [system.home / "Library/Application Support/Blender"]
    config = system.variable("XDG_CONFIG_HOME", system.home / ".config")
    flatpak = system.home / ".var/app/org.blender.Blender/config/blender"
    return [config / "blender", flatpak]


def blender_programs(system: System) -> Iterator[Path]:
    """Yield folders of installed Blenders: those that have one called like `4.5` in them."""
    if system.name == WINDOWS:
        programs = system.variable("ProgramFiles", system.root / "Program Files")
        yield from _folders(programs / "Blender Foundation")
    elif system.name == MACOS:
        for place in (system.root / "Applications", system.home / "Applications"):
            yield from place.glob("[Bb]lender*.app/Contents/Resources")
    else:
        yield from (system.root / "usr/share/blender", system.root / "snap/blender/current")
        for place in (system.root / "opt", system.root / "usr/local", system.home):
            yield from (folder for folder in _folders(place) if "blender" in folder.name.lower())


def find_blenders(system: System, named: Sequence[Path] = ()) -> list[Blender]:
    """Return the Blenders at ``named`` places, or, without any, all that are or were used here.

    Raises InstallProblem where none is found, or a named place has none.
    """
    own = blender_user_folders(system)[0]
    if named:
        return sorted((_blender_at(place, own) for place in named), key=lambda one: one.version)
    folders = {
        folder
        for place in blender_user_folders(system)
        for folder in _folders(place)
        if _blender_version(folder.name)
    }
    for program in blender_programs(system):
        folders |= {own / folder.name for folder in _version_folders(program)}
    found = [_blender(folder) for folder in folders]
    if not found:
        raise InstallProblem(
            f"No Blender 4.2 or later was found (looked for versions in {own} and in the usual"
            " places of programs); name its folder with --host PATH."
        )
    return sorted(found, key=lambda one: (one.version, str(one.user_folder)))


def _blender_at(place: Path, own: Path) -> Blender:
    if not place.exists():
        raise InstallProblem(f"--host {place} does not exist; give the folder of a Blender.")
    starts = [place if place.is_dir() else place.parent]
    starts += [place / "Contents/Resources", place.parent.parent / "Resources"]
    for start in starts:
        for folder in _version_folders(start):
            portable = start / "portable"
            return _blender(portable if portable.is_dir() else own / folder.name, folder.name)
    if place.is_dir() and _blender_version(place.name):
        return _blender(place)
    raise InstallProblem(
        f"--host {place} is no Blender 4.2 or later: its folder has one called like 4.5 in it."
    )


def _blender(user_folder: Path, name: str = "") -> Blender:
    version = _blender_version(name or user_folder.name)
    assert version is not None
    python = (3, 13) if version >= BLENDER_PYTHON_313 else (3, 11)
    return Blender(version, user_folder, python)


def _blender_version(name: str) -> tuple[int, int] | None:
    found = _BLENDER_NUMBER.fullmatch(name)
    version = (int(found[1]), int(found[2])) if found else None
    return version if version and version >= OLDEST_BLENDER else None


def _version_folders(place: Path) -> list[Path]:
    return [folder for folder in _folders(place) if _blender_version(folder.name)]


def _folders(place: Path) -> Iterable[Path]:
    """Return the folders in a place; none where it is missing or closed to this user."""
    try:
        return sorted(folder for folder in place.iterdir() if folder.is_dir())
    except OSError:
        return []


__all__ = [
    "LINUX",
    "Blender",
    "Nuke",
    "Python",
    "find_blenders",
    "find_nukes",
    "nuke_home",
]
