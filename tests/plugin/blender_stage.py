"""A real Blender with the add-on, in a process of its own, and pictures of the cart for it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from tests.support import footage
from tests.support.hosts import bpy_python
from tests.support.servers import REPOSITORY

SCRIPT = REPOSITORY / "tests" / "support" / "blender_round.py"


def in_blender(folder: Path, endpoint: str, task: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Run a task of `tests.support.blender_round`; return its answer."""
    told = folder / "task.json"
    told.write_text(json.dumps(task), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.update(SMITE_HOST_HOME=str(folder / "user"), HOME=str(folder / "user"))
    if endpoint:
        environment["SMITE_SERVER"] = endpoint
    done = subprocess.run(
        [bpy_python(), str(SCRIPT), str(told)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def references(folder: Path, count: int = 2) -> list[dict[str, Any]]:
    """Stills of the cart and a matte file for each part, as tasks name them."""
    made = []
    for number in range(count):
        image, labels = footage.cart(8 + 20 * number, seed=100 + number)
        still = folder / f"still_{number}.png"
        footage.write_png(still, image)
        parts = {}
        for index, part in enumerate(footage.PARTS, start=1):
            matte = folder / f"matte_{number}_{index}.png"
            footage.write_labels(matte, np.uint8(labels == index) * 255)
            parts[part] = str(matte)
        made.append({"image": str(still), "parts": parts})
    return made


def channel(path: str, name: str) -> npt.NDArray[np.float32]:
    """One channel of an EXR file, [H, W]."""
    with OpenEXR.File(path, separate_channels=True) as file:
        return np.float32(file.channels()[name].pixels)
