"""What this machine offers the engine, in plain values for reports."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch


def describe_devices() -> list[dict[str, Any]]:
    """One entry for each device: name, ok, detail."""
    threads = torch.get_num_threads()
    found: list[dict[str, Any]] = [
        {"name": "cpu", "ok": True, "detail": f"{threads} threads, torch {torch.__version__}"}
    ]
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        detail = f"{torch.cuda.get_device_name(index)}, {memory:.0f} GiB"
        found.append({"name": f"cuda:{index}", "ok": True, "detail": detail})
    if torch.backends.mps.is_available():
        found.append({"name": "mps", "ok": True, "detail": "Apple GPU"})
    return found


def describe_trackers() -> list[dict[str, Any]]:
    """Point trackers, whether they are installed, their licences, and how to get them.

    This version segments without tracking; the list says what later ones can use.
    """
    cotracker = importlib.util.find_spec("cotracker") is not None
    return [
        {
            "name": "OpenCV DIS flow",
            "ok": importlib.util.find_spec("cv2") is not None,
            "licence": "Apache-2.0",
            "remedy": "pip install opencv-python-headless",
        },
        {
            "name": "CoTracker 3",
            "ok": cotracker,
            "licence": "CC-BY-NC 4.0: not for paid work without Meta's permission",
            "remedy": "pip install git+https://github.com/facebookresearch/co-tracker",
        },
    ]
