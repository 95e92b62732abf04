"""Reads the arrays that ``pack.py`` wrote, and cuts augmented training views out of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

IGNORED = 255


@dataclass(frozen=True)
class Source:
    """One packed source, memory-mapped.

    Attributes:
        name: For example ``ccp``.
        images: uint8 [N, S, S, 3], sRGB; the picture lies in the top-left corner.
        labels: uint8 [N, S, S]; 0 background, 255 outside of the picture.
        sizes: int [N, 2], height and width of each picture.
        groups: int [N]; pictures of one group can be reference and target of each other.
        labelled: Whether ``labels`` say anything.
        label_names: Names of the labels, where they have the same ones in all groups.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
    groups: np.ndarray
    labelled: bool
    label_names: dict[int, str]


def read_source(folder: Path, name: str) -> Source:
    """The packed source ``name`` of ``folder``; raises FileNotFoundError where it is absent."""
    meta = json.loads((folder / f"{name}.meta.json").read_text())
    return Source(
        name=name,
        images=np.load(folder / f"{name}.images.npy", mmap_mode="r"),
        labels=np.load(folder / f"{name}.labels.npy", mmap_mode="r"),
        sizes=np.asarray(meta["sizes"]),
        groups=np.asarray(meta["groups"]),
        labelled=bool(meta["labelled"]),
        label_names={int(k): v for k, v in (meta.get("label_names") or {}).items()},
    )


@dataclass(frozen=True)
class ViewRanges:
    """How strongly a view is changed."""

    zoom: tuple[float, float] = (0.45, 1.15)
    rotation: float = 20.0
    stretch: float = 0.2
    flip: bool = True
    colour: float = 0.4
    hue: float = 0.08


def crop_view(
    source: Source, index: int, side: int, rng: np.random.Generator, ranges: ViewRanges
) -> tuple[torch.Tensor, torch.Tensor]:
    """A random similarity crop: image float [3, side, side] in 0..1, labels int64 [side, side]."""
    height, width = (int(v) for v in source.sizes[index])
    image = torch.from_numpy(np.array(source.images[index, :height, :width])).permute(2, 0, 1)
    labels = torch.from_numpy(np.array(source.labels[index, :height, :width]))
    zoom = np.exp(rng.uniform(*np.log(ranges.zoom)))
    radius = 0.5 * zoom * min(max(height, width), 1.5 * min(height, width))
    angle = np.deg2rad(rng.uniform(-ranges.rotation, ranges.rotation))
    stretch = np.exp(rng.uniform(-ranges.stretch, ranges.stretch))
    mirror = -1.0 if ranges.flip and rng.random() < 0.5 else 1.0

    def centre(extent: int) -> float:
        slack = max(extent / 2 - 0.7 * radius, 0.0)
        return extent / 2 + rng.uniform(-slack, slack)

    middle = (centre(width), centre(height))
    axes = np.array(
        [
            [np.cos(angle) * stretch * mirror, -np.sin(angle) / stretch],
            [np.sin(angle) * stretch * mirror, np.cos(angle) / stretch],
        ]
    )
    to_grid = np.array([2 * radius / width, 2 * radius / height])
    matrix = np.concatenate(
        [
            axes * to_grid[:, None],
            [[2 * middle[0] / width - 1], [2 * middle[1] / height - 1]],
        ],
        axis=1,
    )
    theta = torch.tensor(matrix, dtype=torch.float32)[None]
    grid = functional.affine_grid(theta, [1, 1, side, side], align_corners=False)
    shrink = 2 * radius / side
    pixels = image[None].float() / 255
    if shrink > 1.5:  # A plain bilinear sample of a much larger picture would alias.
        pixels = functional.avg_pool2d(pixels, round(shrink), ceil_mode=True)
    view = functional.grid_sample(
        pixels, grid, mode="bilinear", padding_mode="border", align_corners=False
    )[0]
    inside = (grid.abs() <= 1).all(dim=-1)
    picked = functional.grid_sample(
        labels[None, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False
    )[0, 0].long()
    return view.clamp(0, 1), torch.where(inside[0], picked, torch.full_like(picked, IGNORED))


def jitter_colour(
    image: torch.Tensor, rng: np.random.Generator, ranges: ViewRanges
) -> torch.Tensor:
    """Brightness, contrast, saturation, hue rotation, gamma of an image [3, H, W] in 0..1."""
    strength = ranges.colour
    grey = image.mean(dim=0, keepdim=True)
    image = grey + (image - grey) * float(rng.uniform(1 - strength, 1 + strength))
    angle = rng.uniform(-ranges.hue, ranges.hue) * 2 * np.pi
    third, root = (1 - np.cos(angle)) / 3, np.sin(angle) / np.sqrt(3)
    base = np.cos(angle) + third
    turn = torch.tensor(
        [
            [base, third - root, third + root],
            [third + root, base, third - root],
            [third - root, third + root, base],
        ],
        dtype=torch.float32,
    )
    image = torch.einsum("ij,jhw->ihw", turn, image)
    mean = image.mean()
    image = mean + (image - mean) * float(rng.uniform(1 - strength, 1 + strength))
    image = image * float(rng.uniform(1 - strength, 1 + strength))
    gain = torch.tensor(rng.uniform(1 - strength / 4, 1 + strength / 4, (3, 1, 1))).float()
    return (image * gain).clamp(1e-4, 1) ** float(np.exp(rng.uniform(-strength, strength)))
