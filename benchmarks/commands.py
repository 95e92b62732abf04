"""The same figures through the commands: `smite learn` and `smite evaluate`, as people run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.footage import Material, clip_labels, copy_short
from smite_server.frame_ranges import format_frames

Settings = Mapping[str, Any]
COMPARED = ("miou_foreground", "miou", "f_measure", "flicker", "frames")


def through_commands(
    material: Material, backbone: str, seed: int, learning: Settings, segmenting: Settings
) -> dict[str, Any]:
    """What `smite evaluate --json` prints for a shot; the references are not scored.

    Raises SystemExit with the command's own sentence where one fails.
    """
    skipped = [picture.number for picture in material.pictures if picture.truth is None]
    chosen = {"quality": "standard", **segmenting}
    with tempfile.TemporaryDirectory(prefix="smite-quality-") as name:
        work = Path(name)
        stills, clip = copy_short(material.row, len(material.pictures), work)
        shared = [f"--seed={seed}", f"--backbone={backbone}"]
        _run(work, "learn", "measured", f"--refs={stills}", *shared, *_set(learning))
        return _run(
            work,
            "evaluate",
            "--model=measured",
            f"--clip={clip}",
            *(f"--labels={value}={part}" for value, part in clip_labels(material.row).items()),
            *([f"--skip-frames={format_frames(skipped)}"] if skipped else []),
            f"--quality={chosen.pop('quality')}",
            *shared,
            *_set(chosen),
        )


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Sentences about the figures that are not the same, bit for bit."""
    return [
        f"{name}: {one[name]} in process, {other[name]} through the commands"
        for name in COMPARED
        if one[name] != other[name]
    ]


def _set(settings: Settings) -> list[str]:
    return [f"--set={name}={json.dumps(value)}" for name, value in settings.items()]


def _run(work: Path, *arguments: str) -> dict[str, Any]:
    """Runs ``smite ... --json`` with a home folder of its own; returns what it printed."""
    environment = {**os.environ, "SMITE_HOME": str(work / "home"), "NO_COLOR": "1"}
    environment.pop("SMITE_SERVER", None)
    done = subprocess.run(
        [sys.executable, "-m", "smite_server.cli", *arguments, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise SystemExit(f"smite {arguments[0]}: {said[-1]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told
