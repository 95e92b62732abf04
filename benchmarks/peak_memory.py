"""How much memory a piece of work takes at the most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import torch

SAMPLE_SECONDS = 0.001


@dataclass(frozen=True)
class Peak:
    """Bytes: resident memory of this process on a CPU, memory of tensors on CUDA.

    Attributes:
        before: What was taken when the work began, weights and inputs included.
        most: The most while it ran.
    """

    before: int
    most: int

    @property
    def growth(self) -> int:
        return self.most - self.before


def peak_memory(work: Callable[[], object], device: str) -> Peak:
    """Runs the work once and watches."""
    return _on_cuda(work, device) if device.startswith("cuda") else _on_cpu(work)


def _on_cuda(work: Callable[[], object], device: str) -> Peak:
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    work()
    torch.cuda.synchronize(device)
    return Peak(before, torch.cuda.max_memory_allocated(device))


def _on_cpu(work: Callable[[], object]) -> Peak:
    """Sampled in a thread: the system's own peak also holds what was before the work."""
    process = psutil.Process()
    before = most = process.memory_info().rss
    done = threading.Event()

    def sample() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, process.memory_info().rss)
            time.sleep(SAMPLE_SECONDS)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        work()
    finally:
        done.set()
        sampler.join()
    return Peak(before, max(most, process.memory_info().rss))
