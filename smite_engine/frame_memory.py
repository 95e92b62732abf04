"""What the edges of a frame need of the frame before, in memory and in a checkpoint.

Alphas and picture are kept as half floats while a shot runs, too, so that a shot that goes on from
a checkpoint finds the same bits as one that was never stopped, at half the memory. Steadied alphas
change by less than such a rounding then, and are written as half floats in the end.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

FAST = 1
"""Level of compression. Alphas are 0 or 1 nearly everywhere: the least work shrinks them well."""


@dataclass(frozen=True)
class FrameMemory:
    """A finished frame.

    Attributes:
        number: Its number.
        alphas: float16 [K, H, W] in 0..1, background first, steadied, not yet decided.
        image: float16 [3, H, W], display-referred 0..1.
        small: uint8 [h, w, 3], the picture that flow is computed on.
    """

    number: int
    alphas: torch.Tensor
    image: torch.Tensor
    small: np.ndarray

    def packed(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """(notes for JSON, arrays): the alphas are packed, the image is not, as grain defies it."""
        notes = {"number": self.number, "shape": list(self.alphas.shape)}
        raw = self.alphas.cpu().contiguous().numpy()
        return notes, {
            "alphas": np.frombuffer(bytearray(zlib.compress(raw.data, FAST)), np.uint8),
            "image": self.image.cpu().contiguous().numpy(),
            "small": self.small,
        }

    @classmethod
    def unpacked(
        cls, notes: Mapping[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device
    ) -> FrameMemory:
        """What :meth:`packed` returned, on a device.

        Raises:
            KeyError: If something is missing.
            ValueError: If something is damaged.
        """
        shape = tuple(int(side) for side in notes["shape"])
        image, small = arrays["image"], arrays["small"]
        if image.shape != (3, *shape[1:]) or image.dtype != np.float16:
            raise ValueError(f"the picture is {image.dtype} {image.shape}, the alphas are {shape}")
        if small.ndim != 3 or small.dtype != np.uint8:
            raise ValueError(f"the small picture is {small.dtype} {small.shape}")
        try:
            raw = bytearray(zlib.decompress(arrays["alphas"].tobytes()))
        except zlib.error as error:
            raise ValueError(f"the alphas cannot be unpacked ({error})") from error
        alphas = np.frombuffer(raw, np.float16).reshape(shape)
        return cls(
            int(notes["number"]),
            torch.from_numpy(alphas).to(device),
            torch.from_numpy(np.array(image)).to(device),
            np.array(small),
        )
