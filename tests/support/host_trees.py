"""Stand-ins for what installing into hosts meets: machines, programs, wheels, a copy of SMITE."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from smite_install.commands import Installer
from smite_install.systems import LINUX, MACOS, WINDOWS, System
from smite_install.wheels import PLATFORMS, Target, WheelSource

REQUIREMENTS = ("msgpack>=1.0.7", "pyzmq>=25.1.2")
MODULES = {"msgpack": "msgpack", "pyzmq": "zmq"}


def machine(name: str, root: Path, **environment: str) -> System:
    """A machine of one system below ``root``; its home has a space and letters of three scripts."""
    users = {LINUX: "home", MACOS: "Users", WINDOWS: "Users"}[name]
    home = root / users / "Zoë 影 Müller"
    home.mkdir(parents=True)
    usual = {}
    if name == WINDOWS:
        usual = {
            "USERPROFILE": str(home),
            "APPDATA": str(home / "AppData" / "Roaming"),
            "ProgramFiles": str(root / "Program Files"),
        }
    return System(name, home, usual | environment, root)


def add_nuke(system: System, name: str, python_file: str = "") -> Path:
    """Put an empty Nuke where its installer puts it."""
    place = {LINUX: "usr/local", MACOS: "Applications", WINDOWS: "Program Files"}[system.name]
    folder = system.root / place / name
    folder.mkdir(parents=True)
    (folder / python_file if python_file else folder / "readme.txt").touch()
    return folder


def add_blender(system: System, version: str) -> Path:
    """Put the folder that Blender makes for its user when it first runs."""
    place = {
        LINUX: ".config/blender",
        MACOS: "Library/Application Support/Blender",
        WINDOWS: "AppData/Roaming/Blender Foundation/Blender",
    }[system.name]
    folder = system.home / place / version
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "bookmarks.txt").write_text("[Bookmarks]\n", encoding="utf-8")
    return folder


def write_copy(folder: Path) -> Path:
    """A small whole copy of SMITE: the least that each host is given."""
    files = {
        "pyproject.toml": '[project]\nversion = "0.1.0"\ndependencies = '
        + str([*REQUIREMENTS]).replace("'", '"'),
        "plugin/init.py": "import nuke\n",
        "plugin/menu.py": "import smite_nuke\n",
        "plugin/smite_protocol/__init__.py": "import msgpack, zmq\n",
        "plugin/smite_protocol/PROTOCOL.md": "# The wire\n",
        "plugin/smite_hosts/__init__.py": "import smite_protocol\n",
        "plugin/smite_nuke/__init__.py": "",
        "plugin/smite_nuke/host.py": "import nuke\n",
        "plugin/smite_nuke/__pycache__/host.cpython-311.pyc": "not to be copied",
        "plugin/smite_blender/__init__.py": "import smite_hosts\nfrom . import panel\n"
        "def register():\n    print('registered as', __package__)\n"
        "def unregister():\n    pass\n",
        "plugin/smite_blender/panel.py": "",
        "gizmos/SMITE_Mattes.gizmo": "Group {\n name SMITE_Mattes\n}\nend_group\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_wheel(folder: Path, name: str, version: str, tags: str, module: str) -> Path:
    """Write a wheel of one module that knows its own tags."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": f"TAGS = {tags!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tags}\n",
    }
    record = "".join(f"{each},,\n" for each in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-{tags}.whl"
    with zipfile.ZipFile(path, "w") as file:
        for each, text in {**files, f"{info}/RECORD": record}.items():
            file.writestr(each, text)
    return path


def write_wheels(folder: Path, targets: Sequence[Target]) -> Path:
    """Write wheels of everything that SMITE needs for some targets into one folder."""
    for target in targets:
        python = f"cp{target.python[0]}{target.python[1]}"
        for name, module in MODULES.items():
            tags = f"{python}-{python}-{PLATFORMS[target.platform][0][0]}"
            write_wheel(folder, name, "30.1", tags, module)
    return folder


@dataclass
class FakePip:
    """Stands where pip would be started: records what it is asked, gives what wheels it has."""

    has: Mapping[str, Sequence[str]] = field(default_factory=dict)  # platform -> Pythons, all if {}
    said: str = "ERROR: No matching distribution found for pyzmq"
    calls: list[list[str]] = field(default_factory=list)

    def __call__(
        self, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(arguments))
        values = dict(pairwise(arguments))
        python = "cp" + values["--python-version"].replace(".", "")
        platforms = [b for a, b in pairwise(arguments) if a == "--platform"]
        fitting = [
            each for each in platforms if not self.has or values["--python-version"]
            in self.has.get(each, ())
        ]  # fmt: skip
        if not fitting:
            return subprocess.CompletedProcess(arguments, 1, "", self.said)
        for name, module in MODULES.items():
            tags = f"{python}-{python}-{fitting[0]}"
            write_wheel(Path(values["--dest"]), name, "30.1", tags, module)
        return subprocess.CompletedProcess(arguments, 0, "", "")


@dataclass
class Bench:
    """A copy of SMITE, a machine, and what installs from the one to the other."""

    system: System
    copy: Path
    pip: FakePip = field(default_factory=FakePip)
    lines: list[str] = field(default_factory=list)

    @property
    def installer(self) -> Installer:
        source = WheelSource(self.copy / ".wheels", REQUIREMENTS, run=self.pip)
        return Installer(self.copy, self.lines.append, self.system, source)

    @property
    def said(self) -> str:
        return "\n".join(self.lines)


def snapshot(folder: Path) -> dict[str, tuple[str, str]]:
    """Everything below a folder: name -> (rights, SHA-256 of contents or where a link leads)."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            what = f"-> {path.readlink()}"
        elif path.is_dir():
            what = "folder"
        else:
            what = hashlib.sha256(path.read_bytes()).hexdigest()
        found[path.relative_to(folder).as_posix()] = (stat.filemode(status.st_mode), what)
    return found
