"""Backbones: a latent diffusion UNet, its autoencoder and its text side, behind one interface.

Two kinds of folders are read, both by diffusers' own loading code: the embedded backbone that
comes with the package, and a local Stable Diffusion folder (2.1 base, 1.5). Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from smite_engine.attention_maps import joined_queries, merge_layers, pool_queries
from smite_engine.errors import BackboneError, OutOfDeviceMemoryError, ShapeError
from smite_engine.inflation import MapsComplete, cross_sizes, inflate
from smite_engine.noise import add_noise
from smite_engine.profiles import BackboneProfile
from smite_engine.text_sides import TextSide
from smite_engine.tuned_parameters import is_tuned

if TYPE_CHECKING:
    from smite_engine.reference_encoder import ReferenceEncoder


@dataclass(frozen=True)
class AttentionRead:
    """What one UNet pass left.

    Attributes:
        cross: R of eq. 1, logits [F, K, h, w] on the latent grid.
        selves: (query, key), each [F, H, h*w, d], of the layers that accumulate R.
        queries: Cross-attention queries [F, n_i, C_i] of the layers that R is read from.
        scale: Logit scale of the self-attention.
        own_share: See :class:`BackboneProfile`.
        noise: Predicted noise [F, C, h, w], or None where the pass stopped early.
    """

    cross: torch.Tensor
    selves: Sequence[tuple[torch.Tensor, torch.Tensor]]
    queries: Sequence[torch.Tensor]
    scale: float
    own_share: float
    noise: torch.Tensor | None


@dataclass
class PassCounter:
    """Frames that went through the UNet since it was loaded, forwards and backwards."""

    forward_frames: int = 0
    backward_frames: int = 0


class Backbone:
    """The loaded networks. Everything is in evaluation mode and frozen unless said otherwise.

    Attributes:
        id: Name for people, for example ``smite-mini``.
        hash: SHA-256 over the weight files, hexadecimal.
        profile: What learning and segmenting use on this backbone unless told otherwise.
        counter: Passes of the UNet so far; what a benchmark reads.
    """

    def __init__(
        self,
        *,
        identity: str,
        digest: str,
        networks: Networks,
        profile: BackboneProfile,
        device: torch.device,
    ) -> None:
        self.id = identity
        self.hash = digest
        self.profile = profile
        self.device = device
        self.text = networks.text
        self.counter = PassCounter()
        self._networks = networks
        self._tap = inflate(networks.unet, profile.cross_layers)
        for module in (networks.unet, networks.vae, networks.encoder):
            if module is not None:
                module.to(device).eval().requires_grad_(False)
        networks.unet.to(memory_format=torch.channels_last)

    @property
    def unet(self) -> nn.Module:
        return self._networks.unet

    @property
    def has_reference_encoder(self) -> bool:
        return self._networks.encoder is not None

    @torch.no_grad()
    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Latents float32 [F, C, H/8, W/8] of images [F, 3, H, W] in 0..1 (display sRGB)."""
        scaled = (images.to(self.device, self._dtype) * 2 - 1).contiguous()
        encoded = self._networks.vae.encode(scaled)
        if hasattr(encoded, "latent_dist"):
            encoded = encoded.latent_dist.mode()
        return encoded.float() * self._networks.vae.config.scaling_factor

    def step_down(
        self, noisy: torch.Tensor, noise: torch.Tensor, timestep: int, lower: int
    ) -> torch.Tensor:
        """z at the timestep ``lower`` from z at ``timestep`` and its predicted noise (DDIM)."""
        alpha = self._networks.alphas[timestep].to(noisy.device)
        clean = (noisy - (1 - alpha).sqrt() * noise) / alpha.sqrt()
        return self.noisy(clean, noise, lower)

    def signal(self, timestep: int) -> float:
        """alpha_t = 1 - beta_t of one step of the schedule, ``timestep`` of 1..999."""
        alphas = self._networks.alphas
        return float(alphas[timestep] / alphas[timestep - 1])

    def noisy(self, latents: torch.Tensor, noise: torch.Tensor, timestep: int) -> torch.Tensor:
        """z_t of the latents [F, C, h, w], ``timestep`` of 0..999."""
        alpha = self._networks.alphas[timestep].to(latents.device)
        return add_noise(latents, noise.to(latents.device), alpha)

    def read(
        self,
        noisy: torch.Tensor,
        timestep: int,
        context: torch.Tensor,
        tokens: int,
        *,
        span: int | None = None,
        want_noise: bool = False,
    ) -> AttentionRead:
        """One UNet pass over frames of a window, read for its maps.

        Args:
            noisy: Latents [F, C, h, w], h and w multiples of 8.
            timestep: 0..999.
            context: [T, D], the same for every frame.
            tokens: K, the leading rows of the context that are part tokens, background first.
            span: Consecutive frames that self-attention joins, a divisor of F; None joins all.
            want_noise: Off, the pass stops after the last attention that is read.

        Raises:
            ShapeError: If the latents do not fit the UNet's levels or the span.
            OutOfDeviceMemoryError: If the device has no room for this window.
        """
        height, width = noisy.shape[2:]
        if height % 8 or width % 8:
            raise ShapeError("the latents", "[F, C, 8a, 8b]", noisy.shape)
        span = span or len(noisy)
        if len(noisy) % span:
            raise ShapeError("the latents", f"[a * {span}, C, h, w]", noisy.shape)
        self._tap.frames = span
        prediction = self._run(noisy, timestep, context, tokens, want_noise=want_noise)
        try:
            sizes = cross_sizes(height, width, self._tap.layers)
            cross = merge_layers(
                [layer.float() for layer in self._tap.cross], sizes, (height, width)
            )
            selves = list(self._tap.selves)
            return AttentionRead(
                cross=cross,
                selves=selves,
                queries=list(self._tap.queries),
                scale=selves[0][0].shape[-1] ** -0.5,
                own_share=self.profile.own_share,
                noise=prediction,
            )
        finally:
            self._tap.clear()

    @torch.no_grad()
    def reference_embeddings(
        self, noisy: torch.Tensor, timestep: int, masks: torch.Tensor
    ) -> torch.Tensor | None:
        """Embeddings [F, P, D] of the parts under ``masks`` [F, P, h, w] in 0..1.

        None where the backbone has no reference encoder.
        """
        encoder = self._networks.encoder
        if encoder is None:
            return None
        height, width = noisy.shape[2:]
        self._tap.frames = 1
        self._run(noisy, timestep, self.text.base(()), 1, want_noise=False)
        sizes = cross_sizes(height, width)
        pooled = pool_queries(self._tap.queries[: len(sizes)], sizes, masks.to(self.device))
        self._tap.clear()
        return encoder(pooled.float())

    def _run(
        self,
        noisy: torch.Tensor,
        timestep: int,
        context: torch.Tensor,
        tokens: int,
        *,
        want_noise: bool,
    ) -> torch.Tensor | None:
        self._tap.clear()
        self._tap.listening, self._tap.tokens = True, tokens
        self._tap.stop_early = not want_noise
        self.counter.forward_frames += len(noisy)
        spread = context.to(self.device, self._dtype).expand(len(noisy), -1, -1)
        latents = noisy.to(self._dtype).contiguous(memory_format=torch.channels_last)
        try:
            with suppress(MapsComplete):
                return self.unet(latents, timestep, encoder_hidden_states=spread).sample.float()
            return None
        except torch.OutOfMemoryError as error:
            raise OutOfDeviceMemoryError(_no_room(len(noisy), noisy.shape)) from error
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise OutOfDeviceMemoryError(_no_room(len(noisy), noisy.shape)) from error
            raise
        finally:
            self._tap.listening = False

    def read_layers(self) -> dict[str, Any]:
        """The cross-attention modules that R is read from, by name in the UNet, in their order."""
        names = [f"{layer}.transformer_blocks.0.attn2" for layer in self._tap.layers]
        return {name: self.unet.get_submodule(name) for name in names}

    def joined_queries(self, read: AttentionRead) -> torch.Tensor:
        """Queries [F, h*w, C] of :meth:`read_layers`, whose product with joined keys is R."""
        size = (int(read.cross.shape[2]), int(read.cross.shape[3]))
        sizes = cross_sizes(*size, self._tap.layers)
        heads = [layer.heads for layer in self.read_layers().values()]
        return joined_queries(read.queries, sizes, size, heads)

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.unet.parameters()).dtype

    def tunable_parameters(self, tune: str) -> dict[str, nn.Parameter]:
        """What learning changes in the UNet, by name there; see :func:`is_tuned`."""
        return {
            name: parameter
            for name, parameter in self.unet.named_parameters()
            if is_tuned(name, tune)
        }

    @contextmanager
    def tuned(self, weights: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Within the block the UNet has these weights; afterwards its own again.

        Raises:
            BackboneError: If a name or a shape is not the UNet's.
        """
        parameters = dict(self.unet.named_parameters())
        for name, value in weights.items():
            if name not in parameters or parameters[name].shape != value.shape:
                raise BackboneError(
                    f"The part model changes the weight {name} {list(value.shape)}, which the "
                    f"backbone {self.id} does not have; learn it again on this backbone."
                )
        kept = {name: parameters[name].detach().clone() for name in weights}
        try:
            with torch.no_grad():
                for name, value in weights.items():
                    parameters[name].copy_(value)
            yield
        finally:
            with torch.no_grad():
                for name, value in kept.items():
                    parameters[name].copy_(value)


@dataclass
class Networks:
    """What a folder holds, before it becomes a :class:`Backbone`."""

    unet: nn.Module
    vae: nn.Module
    text: TextSide
    encoder: ReferenceEncoder | None
    alphas: torch.Tensor


def _no_room(frames: int, shape: tuple[int, ...]) -> str:
    return (
        f"No memory is left for a window of {frames} frames at latents of "
        f"{shape[3]}x{shape[2]}; use a smaller window or a smaller working area."
    )


def weights_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the safetensors files under ``folder``."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()
