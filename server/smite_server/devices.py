"""The devices of a server's workers, one worker each, found without an array library."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from smite_protocol.errors import BadInput

AUTO = "auto"
NVIDIA_FOLDER = Path("/proc/driver/nvidia/gpus")
VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
LIST_SECONDS = 10.0


def check_devices(device: str) -> None:
    """Raise BadInput unless ``device`` is "auto", a name, or names with commas between."""
    names = _names(device)
    if not all(names) or (AUTO in names and len(names) > 1):
        raise BadInput(
            f"device is {device!r}; give 'auto', a name like 'cpu' or 'cuda:0', or several with"
            " commas: one worker each."
        )


def worker_devices(device: str) -> tuple[str, ...]:
    """Return the device of each worker.

    "auto" is every CUDA device where there are several; otherwise one worker, whose engine takes
    CUDA, else MPS, else the CPU by itself: only a process with the library knows.
    """
    names = _names(device)
    if names != (AUTO,):
        return names
    count = _cuda_devices()
    return tuple(f"cuda:{index}" for index in range(count)) if count > 1 else (AUTO,)


def _names(device: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in device.split(","))


def _cuda_devices() -> int:
    """Return how many CUDA devices the workers will see, by NVIDIA's driver."""
    if VISIBLE_VARIABLE in os.environ:
        names = os.environ[VISIBLE_VARIABLE].split(",")
        shown = [name.strip() for name in names]
        # As CUDA reads it: the list ends at the first entry that is none.
        ends = (n for n, name in enumerate(shown) if not name or name.startswith("-"))
        return next(ends, len(shown))
    if NVIDIA_FOLDER.is_dir():
        return sum(1 for _ in NVIDIA_FOLDER.iterdir())
    if os.name != "nt":
        return 0
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=LIST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
