"""How many spans of frames go through the UNet at once: one on a CPU, what fits on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

SHARE_OF_FREE = 0.7  # The rest is left for the allocator's fragments and other processes.


def chunks(frames: int, span: int, at_once: int) -> Iterator[slice]:
    """Slices that cover ``frames``, each of whole spans; a shorter last span comes alone.

    Args:
        frames: F.
        span: Frames of a span.
        at_once: Most spans of a slice.
    """
    whole = frames // span
    for start in range(0, whole, at_once):
        yield slice(start * span, min(start + at_once, whole) * span)
    if frames % span:
        yield slice(whole * span, frames)


class ChunkSize:
    """Spans at once for one kind of pass, found from the memory that the first one takes.

    On a CPU it stays 1: batches there are no faster, and results stay the same bit for bit
    whatever memory is free.

    Attributes:
        spans: Spans that fit, at least 1.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        free: Callable[[torch.device], int] = lambda device: torch.cuda.mem_get_info(device)[0],
        allocated: Callable[[torch.device], int] = torch.cuda.memory_allocated,
        peak: Callable[[torch.device], int] = torch.cuda.max_memory_allocated,
        reset: Callable[[torch.device], None] = torch.cuda.reset_peak_memory_stats,
    ) -> None:
        self.spans = 1
        self._device = device
        self._known = device.type != "cuda"
        self._free, self._allocated, self._peak, self._reset = free, allocated, peak, reset

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Around a pass of one span: the first time, how much memory it takes is noted."""
        if self._known:
            yield
            return
        self._reset(self._device)
        before = self._allocated(self._device)
        yield
        taken = max(1, self._peak(self._device) - before)
        self.spans = max(1, int(SHARE_OF_FREE * self._free(self._device)) // taken)
        self._known = True
