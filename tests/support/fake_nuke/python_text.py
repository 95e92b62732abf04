"""Runs Python that is text: of buttons, menus, callback knobs, init.py and menu.py."""

from __future__ import annotations

import sys
from importlib.abc import InspectLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path


class _Text(InspectLoader):
    """A loader of one text, so that nothing is written beside a file that is run."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file

    def get_source(self, fullname: str) -> str:
        return self._text

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        return self.source_to_code(self._text, self._file)


def run_text(text: str, name: str) -> None:
    """Run the code of a button, a menu or a knob, called `name` in tracebacks; it knows nuke."""
    _run(text, f"<{name}>", "__main__")


def run_file(path: Path) -> None:
    """Run a start-up file, with `__file__`."""
    _run(path.read_text(encoding="utf-8"), str(path), path.stem)


def _run(text: str, file: str, name: str) -> None:
    loader = _Text(text, file)
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    module.__dict__.update(__file__=file, nuke=sys.modules["nuke"])
    loader.exec_module(module)
