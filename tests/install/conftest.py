"""A copy of install.py in a folder of its own, with every process that it starts recorded."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from smite_install.systems import LINUX
from tests.support.host_trees import Bench, machine, write_copy

REPO = Path(__file__).resolve().parents[2]


@dataclass
class Processes:
    """Stands where processes would be started: records them, makes what `venv` makes.

    ``fail`` says which commands end with status 1.
    """

    commands: list[list[str]] = field(default_factory=list)
    fail: Callable[[Sequence[str]], bool] = lambda command: False

    def run(
        self, command: Sequence[str], *, cwd: Path, check: bool
    ) -> subprocess.CompletedProcess[str]:
        """Take the place of `subprocess.run`."""
        assert cwd.is_dir()
        assert not check
        self.commands.append(list(command))
        if self.fail(command):
            return subprocess.CompletedProcess(command, 1)
        if command[1:3] == ["-m", "venv"]:
            folder = Path(command[-1])
            python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
            python.parent.mkdir(parents=True)
            python.touch()
            (folder / "pyvenv.cfg").touch()
        return subprocess.CompletedProcess(command, 0)

    def pip(self) -> list[list[str]]:
        """Return the arguments of each `pip install`."""
        return [
            command[command.index("install") + 1 :]
            for command in self.commands
            if command[1:4] == ["-m", "pip", "install"]
        ]


@pytest.fixture
def folder_with_spaces(tmp_path: Path) -> Path:
    """A project folder whose path has spaces and no plain letters only."""
    folder = tmp_path / "my shows & dép" / "smite comp"
    folder.mkdir(parents=True)
    for name in ("install.py", "pyproject.toml"):
        shutil.copy(REPO / name, folder / name)
    package = "tools/smite_install"
    shutil.copytree(REPO / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def fresh_home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody whose home is empty: no test looks into the real one."""
    home = tmp_path / "fresh home"
    home.mkdir()
    dropped = ("XDG_CONFIG_HOME", "APPDATA", "SMITE_VENV", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "HOME": str(home), "USERPROFILE": str(home), "PATH": os.defpath}


@pytest.fixture
def installer(
    folder_with_spaces: Path, fresh_home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The copy of install.py as a module; no network, no driver, Linux, an empty home."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, fresh_home[name])
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("APPDATA", raising=False)
    monkeypatch.delenv("SMITE_VENV", raising=False)
    spec = importlib.util.spec_from_file_location("install_copy", folder_with_spaces / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "install_copy", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "answers", lambda url: False)
    monkeypatch.setattr(module, "has_nvidia_driver", lambda system: False)
    monkeypatch.setattr(module.platform, "system", lambda: "Linux")
    return module


@pytest.fixture
def processes(installer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Processes:
    """The processes that install.py starts, recorded instead of run."""
    found = Processes()
    monkeypatch.setattr(installer.subprocess, "run", found.run)
    return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A Linux machine with no host yet, and a copy of SMITE to install from."""
    return Bench(machine(LINUX, tmp_path / "disk"), write_copy(tmp_path / "a copy of SMITE"))
