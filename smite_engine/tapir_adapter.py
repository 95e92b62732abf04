"""TAPIR and BootsTAPIR (Doersch et al. 2023, 2024) as a tracker, by the torch code of ``tapnet``.

Written against the source of :data:`REVISION`; never run with real weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smite_engine.point_trackers import PointTracker, chunk_size, own_randomness, resized
from smite_engine.tracker_description import TrackerDescription, read_state

REVISION = "148b2c4090eb2e34551c46cf079be258ea41d175"

INSTALL = (
    'pip install --no-deps "tapnet @ git+https://github.com/google-deepmind/tapnet@'
    f'{REVISION}" and pip install einops einshape dm-tree torchvision'
)

DESCRIPTION = TrackerDescription(
    name="tapir",
    title="BootsTAPIR",
    licence="Apache-2.0, weights too",
    packages=("tapnet",),
    install=INSTALL,
    variable="SMITE_TAPIR_WEIGHTS",
    weights="https://storage.googleapis.com/dm-tapnet/bootstap/bootstapir_checkpoint_v2.pt",
)

SIDE = 256
"""The model takes square pictures: its sampling divides both coordinates by one side. 256 is what
it was trained and is evaluated at, with the aspect given up."""

BYTES_PER_PAIR = 192 * 1024
"""Of a query in a frame, from the layer sizes: the 32 x 32 cost volume with 16 channels (64 KiB)
and what is made of it (12 KiB), 7 x 7 features of 256 channels twice (98 KiB), the mixer."""

Model = Callable[..., Mapping[str, torch.Tensor]]
"""``model(video, query_points, query_chunk_size=n)``: video float32 [1, T, H, W, 3] in -1..1,
query_points float32 [1, N, 3] (t, y, x) -> ``tracks`` [1, N, T, 2] (x, y), and logits
``occlusion`` and ``expected_dist`` [1, N, T]. The picture's outer edges are at 0 and H or W."""


class SquareModel:
    """What the models of ``tapnet`` share: the pictures they take.

    Args:
        model: The network; see its adapter's ``Model``.
        device: Where it runs.
        memory: Bytes for the queries of one pass.
    """

    def __init__(self, model: Callable[..., Any], device: torch.device, memory: int) -> None:
        self._model = model
        self._device = device
        self._memory = memory

    def prepare(self, frames: Sequence[np.ndarray]) -> torch.Tensor:
        """float32 [1, F, 256, 256, 3] in -1..1."""
        return (resized(frames, (SIDE, SIDE)).to(self._device) * 2.0 - 1.0)[None]


class TapirModel(SquareModel):
    """A :class:`smite_engine.point_trackers.PointModel` around TAPIR.

    All queries go in one call; the model itself parts them into pieces of n queries, with
    n * F * BYTES_PER_PAIR <= ``memory``.
    """

    def follow(
        self, video: torch.Tensor, queries: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See :class:`smite_engine.point_trackers.PointModel`."""
        found = self._model(
            video,
            to_tyx(queries).to(self._device),
            query_chunk_size=chunk_size(self._memory, video.shape[1], BYTES_PER_PAIR),
        )
        hidden, doubt = (found[name][0].sigmoid() for name in ("occlusion", "expected_dist"))
        return found["tracks"][0].cpu().float() / SIDE, ((1 - hidden) * (1 - doubt) > 0.5).cpu()


def to_tyx(queries: torch.Tensor) -> torch.Tensor:
    """float32 [1, N, 3] (t, y, x) in pixels of the square picture, of [N, 3] (t, u, v)."""
    return torch.stack([queries[:, 0], queries[:, 2] * SIDE, queries[:, 1] * SIDE], dim=1)[None]


def make(weights: Path, device: torch.device, memory: int) -> PointTracker:
    """The tracker; raises TrackerError if package or weights are of another kind."""
    return PointTracker(DESCRIPTION.name, TapirModel(_load(weights, device), device, memory))


def _load(weights: Path, device: torch.device) -> Model:
    """TAPIR with the layers that the checkpoint has: BootsTAPIR's, or the first model's.

    A causal checkpoint has the same layers and is not told apart; it tracks badly here.
    """
    try:
        with own_randomness():
            from tapnet.torch import tapir_model

            state = read_state(weights)
            # 4 + 128 + 256 inputs, and 7 x 7 correlations at pyramid_level + 2 sizes
            levels = (state["torch_pips_mixer.linear.weight"].shape[1] - 388) // 49
            model = tapir_model.TAPIR(
                pyramid_level=levels - 2,
                extra_convs=any(name.startswith("extra_convs.") for name in state),
            )
        model.load_state_dict(state)
        return model.to(device).eval()  # type: ignore[no-any-return]
    except Exception as problem:  # strangers' code and files raise what they like
        raise DESCRIPTION.broken(problem) from problem
