"""The mattes of a shot, frame by frame: edges from the plate, steadied along its motion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from smite_engine.alphas import most_of
from smite_engine.block_threads import blocks_on_threads
from smite_engine.edge_settings import EdgeSettings
from smite_engine.errors import ShapeError
from smite_engine.flow_tracker import FLOW_SIDE, DisFlow, FlowFunction, small_picture
from smite_engine.frame_maps import FrameMaps
from smite_engine.frame_memory import FrameMemory
from smite_engine.matte_edges import alphas_on
from smite_engine.steady_edges import steadied


class ShotEdges:
    """Makes the mattes of a shot's frames, in order; keeps one frame.

    A frame whose number does not follow that of the last, or of another size, starts anew. A shot
    that was stopped goes on to the same bits from :meth:`state`.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        device: torch.device | str = "cpu",
        flow: Callable[[], FlowFunction] = DisFlow,
    ) -> None:
        self._settings = settings
        self._device = torch.device(device)
        self._flow = flow()
        self._last: FrameMemory | None = None

    def mattes(self, maps: FrameMaps, image: np.ndarray) -> np.ndarray:
        """Mattes float32 [K - 1, H, W] in 0..1, sums at most 1.

        Args:
            maps: Of the frame.
            image: float32 [H, W, 3], display-referred 0..1, on the pixels that mattes are wanted
                on. These need not be square, as the engine's are: maps cover the same picture.

        Raises:
            ShapeError: If the image is not [H, W, 3].
        """
        if image.ndim != 3 or image.shape[2] != 3:
            raise ShapeError("The plate", "[H, W, 3]", image.shape)
        plate = torch.tensor(image.transpose(2, 0, 1), dtype=torch.float32, device=self._device)
        plate = plate.nan_to_num_(0.0).clamp_(0.0, 1.0)
        soft = torch.from_numpy(np.ascontiguousarray(maps.probabilities)).to(self._device)
        with blocks_on_threads(self._device):
            alphas = alphas_on(soft, plate, self._settings, decided=False)
            if self._settings.steadiness:
                alphas = self._steadied(maps.number, alphas, plate, image)
        if self._settings.edges == "hard":
            alphas = most_of(alphas)
        return alphas[1:].cpu().numpy()

    def _steadied(
        self, number: int, alphas: torch.Tensor, plate: torch.Tensor, image: np.ndarray
    ) -> torch.Tensor:
        """The alphas held to the last frame's, where there is one."""
        last, small = self._last, small_picture(image, FLOW_SIDE)
        if last is not None and last.number + 1 == number and last.alphas.shape == alphas.shape:
            field = torch.from_numpy(self._flow(small, last.small)).to(self._device)
            alphas = steadied(
                alphas,
                last.alphas,
                (plate, last.image),
                field.permute(2, 0, 1),
                self._settings.steadiness,
            )
        self._last = FrameMemory(number, alphas.half(), plate.half(), small)
        return alphas

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What :meth:`restore` needs to go on after the last frame: notes for JSON, and arrays.

        Empty before the first frame, and where frames are not steadied.
        """
        return self._last.packed() if self._last is not None else ({}, {})

    def restore(self, notes: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what :meth:`state` returned; arrays of other names are not looked at.

        Raises:
            KeyError: If something is missing.
            ValueError: If something is damaged; nothing is changed then.
        """
        self._last = FrameMemory.unpacked(notes, arrays, self._device) if notes else None
