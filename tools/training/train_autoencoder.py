"""Trains the embedded backbone's autoencoder on packed photographs.

    python tools/training/train_autoencoder.py --data DIR --out DIR --minutes 8

Starts from the optimal linear map (principal components of 8x8 patches) and trains the residual
convolutions on top. Prints reconstruction PSNR on pictures left out of the training.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from packed import Source, ViewRanges, crop_view, read_source
from torch.nn import functional

from smite_engine.tiny_autoencoder import PATCH, TinyAutoencoder

LATENT_RANGE = 0.6  # Exponent of the whitening: 0 keeps the variances, 1 makes all of them 1.
HELD_OUT_EVERY = 16


def batch(
    sources: list[Source], size: int, side: int, rng: np.random.Generator, held_out: bool
) -> torch.Tensor:
    """Crops [size, 3, side, side] in -1..1 from the training or the held-out pictures."""
    views = []
    while len(views) < size:
        source = sources[rng.integers(len(sources))]
        index = int(rng.integers(len(source.images)))
        if (index % HELD_OUT_EVERY == 0) != held_out:
            continue
        # From one source pixel a pixel to two: never a blurred enlargement, which is easy.
        native = side / max(source.images.shape[1:3])
        ranges = ViewRanges(zoom=(native, 2 * native), rotation=5, stretch=0.1)
        views.append(crop_view(source, index, side, rng, ranges)[0])
    return torch.stack(views) * 2 - 1


def start_from_principal_components(model: TinyAutoencoder, images: torch.Tensor) -> None:
    """Sets the linear maps to the tempered principal components of the images' patches."""
    patches = functional.pixel_unshuffle(images, PATCH).permute(0, 2, 3, 1).flatten(0, 2)
    mean = patches.mean(dim=0)
    _, _, basis = torch.pca_lowrank(patches - mean, q=model.config.latent_channels, niter=6)
    deviation = ((patches - mean) @ basis).std(dim=0)
    # Tempered: noise of a late timestep must not drown the weak components, nor must they be
    # blown up to the strength of the strong ones.
    scale = deviation.pow(LATENT_RANGE) * deviation.mean().pow(1 - LATENT_RANGE) / 1.0
    with torch.no_grad():
        model.linear_in.weight.copy_((basis / scale).T[:, :, None, None])
        model.linear_in.bias.copy_(-(mean @ basis) / scale)
        model.linear_out.weight.copy_((basis * scale)[:, :, None, None])
        model.linear_out.bias.copy_(mean)


def psnr(model: TinyAutoencoder, images: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB, of reconstructions clamped to the display range."""
    with torch.no_grad():
        error = (model.decode(model.encode(images)).clamp(-1, 1) - images).pow(2)
    per_image = error.mean(dim=(1, 2, 3)) / 4
    return float((-10 * per_image.log10()).mean())


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    sources = [read_source(args.data, name) for name in args.sources]
    model = TinyAutoencoder(latent_channels=args.latent_channels)
    start_from_principal_components(model, batch(sources, 256, 128, rng, held_out=False))
    unseen = batch(sources, 64, 256, np.random.default_rng(1), held_out=True)
    print(f"linear start: {psnr(model, unseen):.2f} dB", flush=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=args.rate)
    started, step = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < 60 * args.minutes:
        for group in optimiser.param_groups:  # Cosine over the time that was given.
            group["lr"] = args.rate * (
                0.02 + 0.98 * np.cos(np.pi / 2 * elapsed / (60 * args.minutes)) ** 2
            )
        images = batch(sources, args.batch, 128, rng, held_out=False)
        latents = model.encode(images)
        restored = model.decode(latents + 0.02 * torch.randn_like(latents))
        loss = (restored - images).pow(2).mean() + 0.02 * (restored - images).abs().mean()
        loss = loss + 1e-3 * functional.relu(latents.abs() - 4).pow(2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step} {elapsed:.0f} s: {psnr(model, unseen):.2f} dB", flush=True)
    with torch.no_grad():
        spread = float(model.encode(unseen).std())
        model.linear_in.weight.div_(spread), model.linear_in.bias.div_(spread)
        model.encoder[-1].weight.div_(spread), model.encoder[-1].bias.div_(spread)
        model.linear_out.weight.mul_(spread), model.decoder[0].weight.mul_(spread)
        per_channel = model.encode(unseen).std(dim=(0, 2, 3))
    print(
        f"final {psnr(model, unseen):.2f} dB; latent deviations "
        f"{[round(float(v), 2) for v in per_channel]}",
        flush=True,
    )
    model.to(torch.float16).save_pretrained(args.out / "vae")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sources", nargs="+", default=["ccp", "ccp_unlabelled", "davis"])
    parser.add_argument("--latent-channels", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
