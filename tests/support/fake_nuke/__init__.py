"""A strict fake of Nuke's Python, versions 14 to 17, with and without a GUI.

    with running(version=16, gui=True) as nuke_session:
        nuke_session.start_up(plugin_folder)
        ...

Inside the block `import nuke` gives the fake. README.md tells what is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from . import state
from .module import forget_modules, make_nuke
from .panels import PythonPanel, make_nukescripts, user_presses, user_sets
from .rules import RuleBrokenError
from .script import Script
from .session import Session
from .versions import DIFFERENCES, VERSIONS

__all__ = [
    "DIFFERENCES",
    "VERSIONS",
    "PythonPanel",
    "RuleBrokenError",
    "Session",
    "running",
    "user_presses",
    "user_sets",
]

_MODULES = ("nuke", "nukescripts")


@contextmanager
def running(
    version: int = 16,
    *,
    gui: bool = True,
    nc: bool = False,
    indie: bool = False,
    forget: tuple[str, ...] = ("smite_nuke",),
) -> Iterator[Session]:
    """A Nuke that runs in this process; the caller's thread is its main thread.

    `forget`: top-level modules that are dropped before and after, since they import nuke. At the
    end broken rules and errors in slices raise, unless the block raised by itself.
    """
    session = Session(version, gui, nc, indie)
    before_path = list(sys.path)
    forget_modules((*_MODULES, *forget))
    state.enter(session)
    sys.modules["nuke"] = make_nuke(session)
    scripts = make_nukescripts()
    sys.modules["nukescripts"] = scripts
    sys.modules["nukescripts.panels"] = scripts.panels
    session.script = Script()
    session.script.begin()
    try:
        yield session
        session.rules.check()
        assert not session.main.errors, "Errors in slices:\n" + "\n".join(session.main.errors)
    finally:
        session.main.end()
        state.leave()
        forget_modules((*_MODULES, *forget))
        sys.path[:] = before_path
