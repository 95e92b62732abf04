"""The embedded backbone's autoencoder: images to latents, 8 times smaller on each side.

A patch transform (8x8 pixels to channels) carries the signal; a few residual convolutions at
latent resolution add what a linear map cannot. All work happens on the small grid, so encoding a
640x360 frame takes hundredths of a second on a CPU, where a convolutional encoder that starts at
full resolution takes seconds.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

PATCH = 8


class _Residual(nn.Module):
    """Pre-activation residual block at latent resolution: [B, C, h, w] to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(functional.silu(self.first(functional.silu(self.norm(x)))))


class TinyAutoencoder(ModelMixin, ConfigMixin):
    """Deterministic autoencoder with 8x8 patches.

    Images are [B, 3, H, W] in -1..1 with H and W multiples of 8; latents are [B, C, H/8, W/8],
    about unit variance (``config.scaling_factor`` is 1).
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        width: int = 128,
        encoder_blocks: int = 3,
        decoder_blocks: int = 4,
        scaling_factor: float = 1.0,  # noqa: ARG002 - kept in config
    ) -> None:
        super().__init__()
        values = 3 * PATCH * PATCH
        self.linear_in = nn.Conv2d(values, latent_channels, 1)
        self.encoder = nn.Sequential(
            nn.Conv2d(values, width, 1),
            *[_Residual(width) for _ in range(encoder_blocks)],
            nn.Conv2d(width, latent_channels, 1),
        )
        self.linear_out = nn.Conv2d(latent_channels, values, 1)
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, width, 3, padding=1),
            *[_Residual(width) for _ in range(decoder_blocks)],
            nn.Conv2d(width, values, 1),
        )
        for last in (self.encoder[-1], self.decoder[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Latents [B, C, H/8, W/8] of images [B, 3, H, W] in -1..1."""
        patches = functional.pixel_unshuffle(images, PATCH)
        return self.linear_in(patches) + self.encoder(patches)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Images [B, 3, 8h, 8w], about -1..1, of latents [B, C, h, w]."""
        return functional.pixel_shuffle(self.linear_out(latents) + self.decoder(latents), PATCH)
