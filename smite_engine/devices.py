"""What this machine offers the engine, in plain values for reports."""

from __future__ import annotations

from typing import Any

import torch

from smite_engine import tracking


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
    """Point trackers, the default first: ``name``, ``ok``, ``licence`` and ``remedy`` of each."""
    return tracking.describe()
