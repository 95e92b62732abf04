"""Blocks on threads: the same results in the same order, and torch's own threads as they were."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from smite_engine import FrameMaps
from smite_engine.block_threads import blocks_on_threads, each_block
from smite_engine.edge_settings import EdgeSettings
from smite_engine.edges import ShotEdges

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_two_blocks_run_at_once_with_one_thread_of_torch_each() -> None:
    meeting = threading.Barrier(2, timeout=20)  # Passed only if both are there.

    def work(block: int) -> tuple[int, int]:
        meeting.wait()
        return block, torch.get_num_threads()

    with blocks_on_threads(CPU):
        assert each_block(work, [5, 7]) == [(5, 1), (7, 1)]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_an_error_comes_through_and_leaves_torchs_threads_alone() -> None:
    def work(block: int) -> int:
        return 1 // block

    with pytest.raises(ZeroDivisionError), blocks_on_threads(CPU):
        each_block(work, [1, 0, 2])
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_outside_blocks_follow_each_other() -> None:
    names = each_block(lambda _: threading.current_thread(), [1, 2, 3])
    assert names == [threading.current_thread()] * 3
    with blocks_on_threads(torch.device("meta")):
        assert each_block(lambda _: torch.get_num_threads(), [1, 2]) == [2, 2]


@pytest.mark.parametrize("edges", ["hard", "soft", "fine"])
def test_threads_change_no_bit(edges: str) -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(90, 150, 3, generator=generator).numpy()
    maps = [
        FrameMaps(n, torch.randn(4, 9, 15, generator=generator).softmax(dim=0).numpy(), 1.0)
        for n in (1, 2)
    ]
    found = []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            shot = ShotEdges(EdgeSettings(edges=edges, block=32))
            found.append(np.stack([shot.mattes(each, image) for each in maps]))
        finally:
            torch.set_num_threads(before)
    assert np.array_equal(*found)
