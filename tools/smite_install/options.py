"""The options of `install.py` that concern hosts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Options:
    """What the command line says; paths as they were typed."""

    host: tuple[str, ...] = ()
    prefix: str | None = None
    python: str | None = None
    vendor: tuple[str, ...] = ()
    offline: str | None = None
    dry_run: bool = False

    @classmethod
    def of(cls, given: argparse.Namespace) -> Options:
        """Return those of a command line; a command without an option has its default."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in vars(given).items() if name in names})


def add_options(commands: Mapping[str, argparse.ArgumentParser]) -> None:
    """Add the options of `nuke`, `blender` and `uninstall` to their parsers."""
    for name in ("nuke", "blender"):
        add = commands[name].add_argument
        add(
            "--host",
            metavar="PATH",
            action="append",
            default=[],
            help="where a host is installed; may be given again (else: the usual places)",
        )
        add("--offline", metavar="WHEEL_DIR", help="take wheels from this folder only")
    commands["nuke"].add_argument(
        "--vendor",
        metavar="NAME",
        action="append",
        default=[],
        help="bring wheels for this Python and machine, such as cp310-linux-x86_64; may be given"
        " again (else: for the Nukes found; with --prefix, for all)",
    )
    for name in ("nuke", "uninstall"):
        commands[name].add_argument(
            "--prefix", metavar="DIR", help="a studio's folder, for NUKE_PATH; no home is touched"
        )
    for name in ("blender", "uninstall"):
        commands[name].add_argument(
            "--python", metavar="EXE", help="a Python that has Blender as the module bpy"
        )
    for name in ("nuke", "blender", "uninstall"):
        commands[name].add_argument(
            "--dry-run", action="store_true", help="only say what would be done"
        )
    uninstall = commands["uninstall"].add_argument
    uninstall(
        "what",
        nargs="?",
        choices=["all", "nuke", "blender"],
        default="all",
        help="take SMITE out of this host only (else: everything, environments too)",
    )
    uninstall("--yes", action="store_true", help="uninstall without asking")
