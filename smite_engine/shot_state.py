"""What one window of a shot hands to the next, in memory or in a file to resume from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from smite_engine.boxes import Box
from smite_engine.errors import ShotStateError

_FORMAT = "smite-shot-state-1"


@dataclass(frozen=True)
class Region:
    """One region of the picture, in the frames that the next window shares.

    Attributes:
        boxes: Where it lies in each of the V frames.
        maps: S, [V, K, h, w] on the region's latent grid: the next window's reference maps.
    """

    boxes: tuple[Box, ...]
    maps: torch.Tensor


@dataclass(frozen=True)
class ShotState:
    """All that the window after a finished one needs besides the frames.

    Attributes:
        after: Number of the last frame that is final; the frames after it are read again.
        focus: How regions are chosen, once a subject was seen; else "".
        held: Numbers of the V frames that the next window shares.
        probabilities: float32 [V, K, h, w], for the blended join: of the crop where the focus
            is one, else of the picture.
        regions: See :class:`Region`.
    """

    after: int
    focus: str
    held: tuple[int, ...]
    probabilities: torch.Tensor
    regions: tuple[Region, ...]

    def shortened(self, most: int) -> ShotState:
        """With at most the first ``most`` held frames, for windows that take no more.

        The frames that are let go are segmented anew, like those that come after them.
        """
        return replace(
            self,
            held=self.held[:most],
            probabilities=self.probabilities[:most],
            regions=tuple(Region(each.boxes[:most], each.maps[:most]) for each in self.regions),
        )

    def save(
        self,
        path: Path,
        also: Mapping[str, np.ndarray] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Writes a safetensors file; another name first, so that what is there is whole.

        Args:
            path: The file.
            also: Arrays of the caller's to keep with the state, under names of their own.
            notes: Likewise texts, in the file's metadata.
        """
        tensors = {name: torch.from_numpy(array) for name, array in (also or {}).items()}
        tensors["probabilities"] = self.probabilities.cpu().contiguous()
        for index, region in enumerate(self.regions):
            tensors[f"region.{index}"] = region.maps.cpu().contiguous()
        about = {
            "format": _FORMAT,
            "after": self.after,
            "focus": self.focus,
            "held": self.held,
            "regions": [[astuple(box) for box in region.boxes] for region in self.regions],
        }
        partial = path.with_name(path.name + ".part")
        save_file(tensors, partial, metadata={**(notes or {}), "state": json.dumps(about)})
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> ShotState:
        """Reads what :meth:`save` wrote.

        Raises:
            ShotStateError: If the file is missing, damaged or of another kind.
        """
        try:
            with safe_open(path, framework="pt", device=str(device)) as file:
                about = json.loads((file.metadata() or {})["state"])
                if about["format"] != _FORMAT:
                    raise ShotStateError(
                        f"{path} is of the format {about['format']}, not {_FORMAT}; "
                        "start the shot from its first frame."
                    )
                regions = tuple(
                    Region(_boxes(boxes), file.get_tensor(f"region.{index}"))
                    for index, boxes in enumerate(about["regions"])
                )
                return cls(
                    after=int(about["after"]),
                    focus=str(about["focus"]),
                    held=tuple(int(number) for number in about["held"]),
                    probabilities=file.get_tensor("probabilities"),
                    regions=regions,
                )
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ShotStateError(
                f"The state of the shot in {path} cannot be read ({error}); "
                "start the shot from its first frame."
            ) from error


def _boxes(values: list[list[float]]) -> tuple[Box, ...]:
    return tuple(Box(*value) for value in values)
