"""A copy of install.py in a folder of its own, with every process that it starts recorded."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

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
    return folder


@pytest.fixture
def installer(folder_with_spaces: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The copy of install.py as a module; no network, no driver, Linux."""
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
