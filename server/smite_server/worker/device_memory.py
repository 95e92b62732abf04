"""Memory of the device that a worker computes on, as torch tells it."""

from __future__ import annotations

import sys


def device_memory(device: str) -> tuple[int, int] | None:
    """Return the bytes in use on a CUDA device, by whoever, and those it has.

    None for other devices, and while the engine has not begun to use it: looking must not be what
    loads the library or takes memory. ``device`` is the worker's, "auto" the first.
    """
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is None or not device.startswith(("auto", "cuda")) or not cuda.is_initialized():
        return None
    free, total = cuda.mem_get_info(None if device == "auto" else device)
    return int(total - free), int(total)
