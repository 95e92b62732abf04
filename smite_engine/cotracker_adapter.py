"""CoTracker 3 offline (Karaev et al. 2024) as a tracker. Its licence forbids most paid work.

Written against the source of :data:`REVISION`; never run with real weights. The package is the
user's to install, and the checkpoint is a local file: the repository's own ways to load it
(``torch.hub``, ``CoTrackerPredictor(checkpoint=...)``) download or unpickle, so the predictor is
made without a checkpoint and given the tensors that :func:`read_state` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from smite_engine.point_trackers import (
    PointTracker,
    chunk_size,
    in_chunks,
    own_randomness,
    resized,
)
from smite_engine.tracker_description import TrackerDescription, read_state

REVISION = "82e02e8029753ad4ef13cf06be7f4fc5facdda4d"

DESCRIPTION = TrackerDescription(
    name="cotracker",
    title="CoTracker 3",
    licence="CC-BY-NC 4.0, code and weights: not for paid work without Meta's permission",
    packages=("cotracker",),
    install=f"pip install git+https://github.com/facebookresearch/co-tracker@{REVISION}",
    variable="SMITE_COTRACKER_WEIGHTS",
    weights="https://huggingface.co/facebook/cotracker3/resolve/main/scaled_offline.pth",
)

SIDE = 512
"""Longer side of the pictures; the predictor itself works at 384 x 512."""

BYTES_PER_PAIR = 96 * 1024
"""Of a query in a frame, from the layer sizes: 7 x 7 features of 128 channels twice (49 KiB), the
49 x 49 correlations and the layers over them (about 25 KiB), tokens and their layers (22 KiB)."""

BYTES_PER_QUERY = 100 * 1024
"""Of a query: 7 x 7 features of 128 channels at 4 levels."""

Predictor = Callable[..., tuple[torch.Tensor, torch.Tensor]]
"""``predictor(video, queries=..., backward_tracking=True)``: video float32 [1, T, 3, H, W] in
0..255, queries float32 [1, N, 3] (t, x, y) -> tracks [1, T, N, 2] (x, y), visibility bool
[1, T, N]. Pixel centres are at whole numbers."""


class CoTrackerModel:
    """A :class:`smite_engine.point_trackers.PointModel` around the predictor.

    Queries of all frames go in one call, or in as few as ``memory`` allows: with F frames, the
    share of N queries is taken for N * (F * BYTES_PER_PAIR + BYTES_PER_QUERY). The features of the
    video, some 0.1 GB a frame, come on top. The points of a call inform each other, so other
    ``memory`` can mean slightly other tracks.
    """

    def __init__(self, predictor: Predictor, device: torch.device, memory: int) -> None:
        self._predictor = predictor
        self._device = device
        self._memory = memory

    def prepare(self, frames: Sequence[np.ndarray]) -> torch.Tensor:
        """float32 [1, F, 3, h, w] in 0..255, longer side at most :data:`SIDE`, aspect kept."""
        height, width = frames[0].shape[:2]
        scale = min(1.0, SIDE / max(height, width))
        # at least 2 pixels: the predictor divides by a side less 1
        size = (max(2, round(height * scale)), max(2, round(width * scale)))
        video = resized(frames, size).to(self._device)
        return (video * 255.0).permute(0, 3, 1, 2)[None].contiguous()

    def follow(
        self, video: torch.Tensor, queries: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See :class:`smite_engine.point_trackers.PointModel`."""
        frames, _, height, width = video.shape[1:]
        sides = torch.tensor([width, height], dtype=torch.float32)

        def pass_of(some: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            asked = torch.cat([some[:, :1], some[:, 1:] * sides - 0.5], dim=1)
            tracks, seen = self._predictor(
                video, queries=asked[None].to(self._device), backward_tracking=True
            )
            places = (tracks[0].cpu().float() + 0.5) / sides
            return places.transpose(0, 1), seen[0].bool().transpose(0, 1)

        return in_chunks(
            queries, chunk_size(self._memory, frames, BYTES_PER_PAIR, BYTES_PER_QUERY), pass_of
        )


def make(weights: Path, device: torch.device, memory: int) -> PointTracker:
    """The tracker; raises TrackerError if package or weights are of another kind."""
    return PointTracker(DESCRIPTION.name, CoTrackerModel(_load(weights, device), device, memory))


def _load(weights: Path, device: torch.device) -> Predictor:
    try:
        with own_randomness():  # importing the model resets torch's generator
            from cotracker.predictor import CoTrackerPredictor

            predictor = CoTrackerPredictor(checkpoint=None, offline=True, v2=False, window_len=60)
        predictor.model.load_state_dict(read_state(weights))
        return predictor.to(device).eval()  # type: ignore[no-any-return]
    except Exception as problem:  # strangers' code and files raise what they like
        raise DESCRIPTION.broken(problem) from problem
