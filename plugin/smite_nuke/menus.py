"""What menu.py draws: the nodes, the preferences, the server, the log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, List, Tuple

from smite_hosts import Answer
from smite_hosts.session import job_lines

from . import host, knobs, panel
from .app import app

MENU = "SMITE"


def add() -> None:
    """Add the menus; called once, by menu.py."""
    create: List[Tuple[str, Callable[[], object]]] = [
        (f"{MENU}/{name}", lambda name=name: _create(name))  # type: ignore[misc]
        for name in knobs.CLASSES.values()
    ]
    host.add_commands("Nodes", create)
    host.add_commands(
        "Nuke",
        [
            *create,
            (f"{MENU}/Preferences...", panel.show),
            (f"{MENU}/Server...", show_server),
            (f"{MENU}/Jobs...", show_jobs),
            (f"{MENU}/Open log", open_log),
        ],
    )


def _create(class_name: str) -> None:
    made = host.create(class_name)
    if made.has(knobs.FRAME):
        made.set(knobs.FRAME, host.current_frame())


def show_server() -> None:
    """Tell whether the server is there, in plain words."""
    app().session.check(_told)


def show_jobs() -> None:
    """Tell which jobs the server has, the newest first."""

    def shown(answer: Answer) -> None:
        lines = job_lines(answer)
        host.tell("\n".join(lines) if lines else answer.message or "The server has no jobs.")

    app().session.jobs(shown)


def _told(answer: Answer) -> None:
    host.tell(str(answer.value) if answer.good else answer.message)


def open_log() -> None:
    """Open the log file in the system's own program."""
    path = app().log_path
    if not path.is_file():
        host.tell(f"There is no log yet; it will be {path}.")
        return
    open_file(path)


def open_file(path: Path) -> None:
    """Open a file in the system's own program; tell where it is when that fails."""
    try:
        if sys.platform == "win32":
            os.startfile(str(path))
        else:
            program = "open" if sys.platform == "darwin" else "xdg-open"
            subprocess.Popen([program, str(path)])
    except OSError:
        host.tell(f"The log is {path}.")
