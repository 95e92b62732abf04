"""Runs a script or gizmo in a real tclsh and gives what it makes as Python objects."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.hosts import tclsh

REPORTER = Path(__file__).with_name("report.tcl")


class TclError(ValueError):
    """The file is no Tcl that Nuke could read: one sentence with file and line."""


@dataclass
class Made:
    """One node that the file makes, and those inside it."""

    id: str
    class_name: str
    inputs: list[str] = field(default_factory=list)  # ids; "0": nothing
    users: list[list[str]] = field(default_factory=list)  # the words of addUserKnob
    knobs: list[tuple[str, str]] = field(default_factory=list)
    order: list[list[str]] = field(default_factory=list)  # both as they came: kind, then words
    inside: list[Made] = field(default_factory=list)


@dataclass
class Report:
    layers: list[list[str]] = field(default_factory=list)
    nodes: list[Made] = field(default_factory=list)


def read_tcl(path: Path) -> Report:
    """What the file at `path` makes. TclError where tclsh, or Nuke's stack, refuses it."""
    done = subprocess.run(
        [tclsh(), str(REPORTER), str(path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise TclError(f"{path.name}: {done.stderr.strip()}")
    report, groups = Report(), [Made("", "")]
    for line in done.stdout.splitlines():
        kind, words = json.loads(line)
        if kind == "error":
            where = f", line {words[0]}" if words[0] else ""
            raise TclError(f"{path.name}{where}: {words[1]}.")
        _take(kind, words, report, groups)
    report.nodes = groups[0].inside
    return report


def _take(kind: str, words: list[str], report: Report, groups: list[Made]) -> None:
    """One line of the report; `groups` are the open groups, each with its last node."""
    if kind == "layer":
        report.layers.append(words)
    elif kind == "end":
        groups.pop()
    elif kind == "node":
        groups[-1].inside.append(Made(words[0], words[1]))
    else:
        node = groups[-1].inside[-1]
        if kind == "inputs":
            node.inputs = words
        elif kind == "user":
            node.users.append(words)
            node.order.append(["user", *words])
        elif kind == "knob":
            node.knobs.append((words[0], words[1]))
            node.order.append(["knob", *words])
        elif kind == "made" and node.class_name in ("Group", "Gizmo"):
            groups.append(node)
