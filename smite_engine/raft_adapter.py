"""RAFT (Teed and Deng 2020) of torchvision as the flow of a :class:`FlowTracker`.

Run with random weights only, in both sizes; never with the trained ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from smite_engine.flow_tracker import FlowTracker
from smite_engine.point_trackers import failures, own_randomness
from smite_engine.tracker_description import TrackerDescription, read_state

DESCRIPTION = TrackerDescription(
    name="raft",
    title="RAFT optical flow",
    licence="BSD-3-Clause (torchvision)",
    packages=("torchvision",),
    install="pip install torchvision",
    variable="SMITE_RAFT_WEIGHTS",
    weights=(
        "https://download.pytorch.org/models/raft_large_C_T_SKHT_V2-ff5fadd5.pth or "
        "https://download.pytorch.org/models/raft_small_C_T_V2-01064c6d.pth"
    ),
)

SHORTEST_SIDE = 128
STEP = 8
"""RAFT's pictures have sides of at least 128 pixels, in multiples of 8."""

FIRST_LAYER = "feature_encoder.convnormrelu.0.weight"
CHANNELS = {32: "raft_small", 64: "raft_large"}
"""Which of the two models a checkpoint is of: by the channels of its first layer."""

Model = Callable[[torch.Tensor, torch.Tensor], Sequence[torch.Tensor]]
"""Two pictures float32 [1, 3, H, W] in -1..1 -> flows [1, 2, H, W] in pixels, (x, y), each better
than the one before."""


class RaftFlow:
    """A :data:`smite_engine.flow_tracker.FlowFunction` around RAFT."""

    def __init__(self, model: Model, device: torch.device) -> None:
        self._model = model
        self._device = device

    @torch.inference_mode()
    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Pictures are padded by their edge to a size that RAFT takes, and the flow is cropped."""
        height, width = a.shape[:2]
        with failures(DESCRIPTION.name):
            flow = self._model(self._picture(a), self._picture(b))[-1][0, :, :height, :width]
        return flow.permute(1, 2, 0).float().cpu().contiguous().numpy()

    def _picture(self, picture: np.ndarray) -> torch.Tensor:
        values = torch.from_numpy(picture).to(self._device).permute(2, 0, 1)[None]
        below, right = (
            max(SHORTEST_SIDE, -(-side // STEP) * STEP) - side for side in picture.shape[:2]
        )
        return functional.pad(values / 127.5 - 1.0, (0, right, 0, below), mode="replicate")


def make(weights: Path, device: torch.device, _memory: int) -> FlowTracker:
    """The tracker; raises TrackerError if package or weights are of another kind."""
    return FlowTracker(DESCRIPTION.name, RaftFlow(_load(weights, device), device))


def _load(weights: Path, device: torch.device) -> Model:
    try:
        from torchvision.models import optical_flow

        state = read_state(weights)
        with own_randomness():
            model = getattr(optical_flow, CHANNELS[len(state[FIRST_LAYER])])(weights=None)
        model.load_state_dict(state)
        return model.to(device).eval()  # type: ignore[no-any-return]
    except Exception as problem:  # strangers' code and files raise what they like
        raise DESCRIPTION.broken(problem) from problem
