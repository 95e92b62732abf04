"""Blocks of a picture on several cores, each block on one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREADS: ContextVar[int] = ContextVar("threads for blocks", default=1)


@contextmanager
def blocks_on_threads(device: torch.device) -> Iterator[None]:
    """Inside, :func:`each_block` has the threads that torch has outside, and torch has one.

    Blocks are too small for torch's own threads: those wait for each other after every operation,
    and where other programs want the cores too that takes many times as long as the work. On other
    devices than a CPU nothing changes.
    """
    if device.type != "cpu":
        yield
        return
    threads = torch.get_num_threads()
    before = _THREADS.set(threads)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        _THREADS.reset(before)


def each_block(work: Callable[[Item], Result], blocks: Sequence[Item]) -> list[Result]:
    """What ``work`` returns for each block, in order.

    Args:
        work: Reads what no other block writes; it may run in a thread of its own, with gradients
            on.
        blocks: What it is called with.
    """
    threads = min(_THREADS.get(), len(blocks))
    if threads < 2:
        return [work(block) for block in blocks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, blocks))
