"""What a tracker needs before it runs, and under which licence: said before it is chosen."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from smite_engine.errors import TrackerError


@dataclass(frozen=True)
class TrackerDescription:
    """A tracker's name, licence and needs.

    Attributes:
        name: What settings call it.
        title: What people call it.
        licence: Of code and weights, with what follows from it for paid work.
        packages: Modules that must be importable.
        install: Commands that install them, with the revision pinned.
        variable: Environment variable that names the weights file; empty if it needs none.
        weights: Where that file comes from.
    """

    name: str
    title: str
    licence: str
    packages: tuple[str, ...]
    install: str
    variable: str = ""
    weights: str = ""

    @property
    def remedy(self) -> str:
        """What to do to get it."""
        if not self.variable:
            return self.install
        return f"{self.install}; download {self.weights} and set {self.variable} to that file"

    def describe(self) -> dict[str, Any]:
        """``name``, ``ok``, ``licence`` and ``remedy``, for reports."""
        return {
            "name": f"{self.title} ({self.name})",
            "ok": not self.missing(None),
            "licence": self.licence,
            "remedy": self.remedy,
        }

    def missing(self, weights: str | Path | None) -> str:
        """What is not there, as a clause; empty if nothing."""
        absent = [package for package in self.packages if not _importable(package)]
        if absent:
            return f"the package {absent[0]} is not installed"
        path = self._weights_path(weights)
        if self.variable and path is None:
            return "no weights file is given"
        if path is not None and not path.is_file():
            return f"there is no weights file at {path}"
        return ""

    def require(self, weights: str | Path | None) -> Path:
        """The weights file, after everything was found; ``Path()`` where none is needed.

        Raises:
            TrackerError: If anything is missing; the message has the licence and the remedy.
        """
        clause = self.missing(weights)
        if clause:
            raise TrackerError(
                f'The tracker "{self.name}" ({self.title}; {self.licence}) cannot be used, because '
                f"{clause}: {self.remedy}."
            )
        return self._weights_path(weights) or Path()

    def broken(self, problem: BaseException) -> TrackerError:
        """The error for a package or weights that are there but do not work."""
        reason = " ".join(str(problem).split())[:300] or type(problem).__name__
        return TrackerError(
            f'The tracker "{self.name}" ({self.title}) cannot be loaded ({reason}); the versions '
            f"this adapter was written for: {self.remedy}."
        )

    def _weights_path(self, given: str | Path | None) -> Path | None:
        if not self.variable:
            return None
        chosen = str(given or os.environ.get(self.variable, ""))
        return Path(chosen).expanduser() if chosen else None


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint, on the CPU; nothing in the file is executed.

    A ``.safetensors`` file is read as such. Anything else is read by ``torch.load`` with
    ``weights_only=True``, which builds tensors and plain containers and refuses every other class.
    Files that keep the tensors under ``model`` or ``state_dict`` are unwrapped.

    Raises:
        ValueError: If the file holds something else than named tensors.
    """
    if path.suffix == ".safetensors":
        return load_file(path)
    found = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("model", "state_dict"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{path} is no checkpoint of named tensors")
    if not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise ValueError(f"{path} holds more than named tensors")
    return dict(found)


def _importable(package: str) -> bool:
    """Whether a module is there, without importing it."""
    if sys.modules.get(package) is not None:
        return True
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
