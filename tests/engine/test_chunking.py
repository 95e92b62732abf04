"""Chunks of whole spans, and how many fit a device."""

from __future__ import annotations

import pytest
import torch

from smite_engine.chunking import ChunkSize, chunks


@pytest.mark.parametrize("frames", [1, 2, 7, 15, 16, 17])
@pytest.mark.parametrize("span", [1, 2, 4])
@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_chunks_cover_every_frame_once_in_whole_spans(frames: int, span: int, at_once: int) -> None:
    found = list(chunks(frames, span, at_once))
    assert [i for chunk in found for i in range(frames)[chunk]] == list(range(frames))
    for chunk in found:
        size = chunk.stop - chunk.start
        assert size <= at_once * span
        assert size % span == 0 or (size < span and chunk.stop == frames)
        assert chunk.start % span == 0


def test_a_cpu_takes_one_span_at_once() -> None:
    size = ChunkSize(torch.device("cpu"))
    with size.measured():
        pass
    assert size.spans == 1


def test_a_gpu_takes_as_many_spans_as_fit_its_free_memory() -> None:
    measured = []
    size = ChunkSize(
        torch.device("cuda"),
        free=lambda _: 1000,
        allocated=lambda _: 50,
        peak=lambda _: 150,
        reset=lambda _: measured.append(1),
    )
    assert size.spans == 1
    for _ in range(3):
        with size.measured():
            pass
    assert size.spans == 7  # 70 percent of 1000 bytes, 100 a span.
    assert len(measured) == 1


def test_a_span_larger_than_what_is_free_still_goes_alone() -> None:
    size = ChunkSize(
        torch.device("cuda"),
        free=lambda _: 10,
        allocated=lambda _: 0,
        peak=lambda _: 100,
        reset=lambda _: None,
    )
    with size.measured():
        pass
    assert size.spans == 1
