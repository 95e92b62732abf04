"""Baselines without learning: each cell takes the label of the most similar reference cell.

Similarity is the plain cosine, one neighbour, background included. (Taking the references' mean off
first changes single rows a little both ways and no baseline's mean for the better.) Cells are those
of the latent grid, 8x8 pixels of the canvas that `standard` works on; the labels are enlarged to
the picture as the engine enlarges its maps.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.footage import Material
from smite_engine import Backbone, FrameMaps, Reference, load_backbone
from smite_engine.attention_maps import on_one_grid
from smite_engine.inflation import CROSS_LAYERS, cross_sizes
from smite_engine.noise import frame_noise
from smite_engine.sizing import LATENT_STEP, WorkingSize, on_picture, to_canvas, working_size

Features = Callable[[Backbone, torch.Tensor, int, int], torch.Tensor]
"""(backbone, canvas [1, 3, H, W], seed, number of the noise) -> features [C, H/8, W/8]."""

NOISE_OF_REFERENCES = 900_000
_ROWS_AT_ONCE = 512


def colours(backbone: Backbone, canvas: torch.Tensor, seed: int, number: int) -> torch.Tensor:
    """Mean RGB of a cell and of its eight neighbours: [27, h, w]."""
    del backbone, seed, number
    means = functional.avg_pool2d(canvas, LATENT_STEP)
    around = functional.pad(means, (1, 1, 1, 1), mode="replicate")
    return functional.unfold(around, 3)[0].reshape(-1, *means.shape[2:])


def latents(backbone: Backbone, canvas: torch.Tensor, seed: int, number: int) -> torch.Tensor:
    """What the autoencoder makes of the picture: [C, h, w]."""
    del seed, number
    return backbone.encode(canvas)[0].cpu()


@torch.no_grad()
def queries(backbone: Backbone, canvas: torch.Tensor, seed: int, number: int) -> torch.Tensor:
    """Queries of the cross-attention layers that maps are read from, side by side: [sum C, h, w].

    One pass at the profile's timestep, with the context that names no part.
    """
    clean = backbone.encode(canvas)
    timestep = backbone.profile.timestep
    noise = frame_noise(seed, number, tuple(clean.shape[1:]))[None]
    context = backbone.text.base(()).to(backbone.device)
    read = backbone.read(backbone.noisy(clean, noise, timestep), timestep, context, 1)
    grid = (int(clean.shape[2]), int(clean.shape[3]))
    heard = [query.float() for query in read.queries[: len(CROSS_LAYERS)]]
    return torch.cat(list(on_one_grid(heard, cross_sizes(*grid), grid)), dim=1)[0].cpu()


def transfer(
    features: Features, backbone: Backbone, material: Material, seed: int
) -> Iterator[FrameMaps]:
    """The label transfer of every picture, as maps that are 0 or 1."""
    area = backbone.profile.standard.area
    found, labels = [], []
    for index, reference in enumerate(material.references):
        canvas, size = _canvas(reference.image, area)
        grid = on_picture(features(backbone, canvas, seed, NOISE_OF_REFERENCES + index), size)
        found.append(grid.flatten(1).T)
        labels.append(cell_labels(reference, len(material.parts), size).flatten())
    cells, cell_parts = torch.cat(found), torch.cat(labels)
    for picture in material.pictures:
        canvas, size = _canvas(picture.image, area)
        target = on_picture(features(backbone, canvas, seed, picture.number), size)
        nearest = nearest_labels(target.flatten(1).T, cells, cell_parts).reshape(size.grid)
        hot = functional.one_hot(nearest, len(material.parts) + 1).permute(2, 0, 1)
        yield FrameMaps(picture.number, hot.float().numpy(), 1.0)


def nearest_labels(
    target: torch.Tensor, references: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Labels int64 [N] of the most similar of ``references`` [M, C], for each of ``target`` [N, C].

    ``labels`` is int64 [M]. Of equally similar references any may be taken.
    """
    known = functional.normalize(references, dim=1)
    picked = [
        (functional.normalize(rows, dim=1) @ known.T).argmax(dim=1)
        for rows in target.split(_ROWS_AT_ONCE)
    ]
    return labels[torch.cat(picked)]


def cell_labels(reference: Reference, parts: int, size: WorkingSize) -> torch.Tensor:
    """The label with the largest share of each cell, int64 [h, w]."""
    hot = functional.one_hot(torch.from_numpy(reference.labels).long(), parts + 1)
    shares = functional.interpolate(hot.permute(2, 0, 1)[None].float(), size=size.grid, mode="area")
    return shares[0].argmax(dim=0)


def copied(material: Material) -> Iterator[FrameMaps]:
    """The first reference's labels on every frame, unchanged: what moves not at all."""
    hot = functional.one_hot(
        torch.from_numpy(material.references[0].labels).long(), len(material.parts) + 1
    )
    probabilities = np.ascontiguousarray(hot.permute(2, 0, 1).float().numpy())
    for picture in material.pictures:
        yield FrameMaps(picture.number, probabilities, 1.0)


def untrained(folder: Path, seed: int) -> Backbone:
    """The backbone of ``folder`` with a UNet of the same configuration and random weights."""
    from diffusers import UNet2DConditionModel

    config = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_config(config)
    with tempfile.TemporaryDirectory(prefix="smite-untrained-") as name:
        copy = Path(name) / folder.name
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("unet", "*.png"))
        unet.save_pretrained(copy / "unet")
        return load_backbone(str(copy))


def _canvas(image: np.ndarray, area: int) -> tuple[torch.Tensor, WorkingSize]:
    """The picture on its canvas, [1, 3, H, W], and how it lies there."""
    height, width = image.shape[:2]
    size = working_size(height, width, area)
    return to_canvas(torch.from_numpy(image).permute(2, 0, 1)[None].float(), size), size
