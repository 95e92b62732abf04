"""The names of Nuke's Python API as the stubs of types-nuke (Nuke 13.2) have them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path


@dataclass
class Stubs:
    """Names of the module, and of each class its own names and those of its bases."""

    names: set[str] = field(default_factory=set)
    classes: dict[str, set[str]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)

    def members(self, cls: str) -> set[str]:
        """The names of a class, inherited ones included."""
        found = set(self.classes.get(cls, ()))
        for base in self.bases.get(cls, ()):
            found |= self.members(base)
        return found


def stub_folder() -> Path | None:
    """Where the stubs are installed; None: they are not."""
    try:
        files = metadata.files("types-nuke") or []
    except metadata.PackageNotFoundError:
        return None
    found = [file.locate() for file in files if file.name == "_nuke.pyi"]
    return Path(str(found[0])).parent if found else None


def read_stubs(folder: Path) -> Stubs:
    """All that `from nuke import *` would give."""
    stubs = Stubs()
    for name in ("_nuke", "utils", "callbacks", "colorspaces", "executeInMain", "overrides"):
        _read(folder / f"{name}.pyi", stubs)
    _read(folder / "__init__.pyi", stubs)
    return stubs


def _read(path: Path, stubs: Stubs) -> None:
    for item in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(item, ast.ClassDef):
            stubs.names.add(item.name)
            stubs.classes[item.name] = set(_names(item.body))
            stubs.bases[item.name] = [base.id for base in item.bases if isinstance(base, ast.Name)]
        else:
            stubs.names |= set(_names([item]))


def _names(body: list[ast.stmt]) -> list[str]:
    found: list[str] = []
    for item in body:
        if isinstance(item, ast.FunctionDef):
            found.append(item.name)
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found.append(item.target.id)
        elif isinstance(item, ast.Assign):
            found += [target.id for target in item.targets if isinstance(target, ast.Name)]
        elif isinstance(item, ast.ImportFrom):
            found += [alias.asname or alias.name for alias in item.names]
    return found
