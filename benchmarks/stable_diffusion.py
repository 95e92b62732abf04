"""How fast, and in how much memory, does full-size Stable Diffusion 2.1 segment?

Builds UNet and autoencoder at their published sizes with random weights: nothing is downloaded,
and speed and memory do not depend on what the weights are. Segments a moving texture in the
quality presets.

    python -m benchmarks.stable_diffusion --json benchmarks/results/stable_diffusion.json
    python -m benchmarks.stable_diffusion --frames 1 --quality draft --sizes 512x512   # on a CPU

The text encoder is left out: it runs once for each shot.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.nn import functional

from benchmarks.peak_memory import peak_memory
from benchmarks.timing import machine, report, synchronise
from smite_engine import Backbone, Frame, PartModel, PartSet, SegmentSettings, segment
from smite_engine.backbone import Networks
from smite_engine.loading import pick_device
from smite_engine.noise import alphas_cumprod
from smite_engine.profiles import STABLE_DIFFUSION
from smite_engine.sizing import BLOCK, working_size

TEXT_ROWS, TEXT_WIDTH = 77, 1024
PARTS = ("one", "two", "three", "four", "five", "six")
SEED = 0
TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


@dataclass(frozen=True)
class Row:
    """One quality at one size; memory in bytes, the weights included.

    The seconds of the processor are those of all threads: what others run beside does not count.
    """

    quality: str
    picture: str
    canvas: str
    frames: int
    seconds_per_frame: float
    processor_seconds_per_frame: float
    forward_passes_per_frame: float
    backward_passes_per_frame: float
    peak_bytes: int


@dataclass(frozen=True)
class Result:
    """What was measured; bytes and parameters of what was built."""

    unet_parameters: int
    weight_bytes: int
    type: str
    device: str
    tracker: str
    focus: str
    warmed_up: bool
    rows: list[Row]
    machine: str


class RandomText:
    """A text side of the right size that knows no words."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(SEED)
        self._rows = torch.randn(TEXT_ROWS, TEXT_WIDTH, generator=generator)

    def base(self, names: Sequence[str]) -> torch.Tensor:  # noqa: ARG002
        """The context [77, 1024]."""
        return self._rows

    def initial(self, names: Sequence[str]) -> torch.Tensor:
        """Embeddings [P, 1024] of the names."""
        return self._rows[1 : 1 + len(names)].clone()


def full_size_unet() -> UNet2DConditionModel:
    """The UNet of Stable Diffusion 2.1 base, 866 million parameters, random."""
    return UNet2DConditionModel(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        attention_head_dim=(5, 10, 20, 20),
        cross_attention_dim=TEXT_WIDTH,
        use_linear_projection=True,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    )


def full_size_autoencoder() -> AutoencoderKL:
    """The autoencoder of Stable Diffusion, random."""
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        scaling_factor=0.18215,
    )


def build(device: torch.device, dtype: torch.dtype) -> tuple[Backbone, int]:
    """The backbone, made on the device it runs on, and the bytes of its weights."""
    torch.manual_seed(SEED)
    with torch.device(device):
        unet, autoencoder = full_size_unet().to(dtype), full_size_autoencoder().to(dtype)
    backbone = Backbone(
        identity="stable-diffusion-2-1-random",
        digest="random",
        networks=Networks(unet, autoencoder, RandomText(), None, alphas_cumprod()),
        profile=STABLE_DIFFUSION,
        device=device,
    )
    weights = [*unet.parameters(), *autoencoder.parameters()]
    return backbone, sum(each.numel() * each.element_size() for each in weights)


def part_model(backbone: Backbone) -> PartModel:
    """A part model that was never learned."""
    parts = PartSet.from_names(PARTS)
    embeddings = backbone.text.initial(parts.names)
    return PartModel(parts, embeddings, {}, backbone.id, backbone.hash)


def moving_texture(count: int, width: int, height: int) -> list[Frame]:
    """Frames of a smooth random picture that drifts: trackers find their way in it."""
    generator = torch.Generator().manual_seed(SEED)
    spots = torch.rand(1, 3, height // 16 + 8, width // 16 + 8, generator=generator)
    wide = functional.interpolate(spots, scale_factor=16, mode="bicubic").clamp(0, 1)[0]
    picture = wide.permute(1, 2, 0).numpy()
    starts = [(2 * (i % 32), 3 * (i % 32)) for i in range(count)]
    return [
        Frame(1001 + i, np.ascontiguousarray(picture[y : y + height, x : x + width]))
        for i, (y, x) in enumerate(starts)
    ]


def canvas_area(width: int, height: int) -> int:
    """Pixels of the smallest canvas that holds the picture at its own size."""
    return -(-width // BLOCK) * BLOCK * -(-height // BLOCK) * BLOCK


def measure_one(
    backbone: Backbone, options: argparse.Namespace, quality: str, size: tuple[int, int]
) -> Row:
    """One quality at one size. The timed run and the watched run are the same run."""
    width, height = size
    area = canvas_area(width, height)
    settings = SegmentSettings(
        quality=quality, area=area, tracker=options.tracker, focus=options.focus, seed=SEED
    )
    model, frames = part_model(backbone), moving_texture(options.frames, width, height)
    device = str(backbone.device)

    def run() -> None:
        for maps in segment(backbone, model, frames, settings):
            if not np.isfinite(maps.probabilities).all():
                raise SystemExit(f"{quality} at {width}x{height}: the maps are not finite")
        synchronise(device)

    if options.warm_up:
        run()
    counted = backbone.counter.forward_frames, backbone.counter.backward_frames
    seconds: list[tuple[float, float]] = []
    peak = peak_memory(lambda: seconds.append(timed(run)), device)
    wall, processor = seconds[0]
    forward = backbone.counter.forward_frames - counted[0]
    backward = backbone.counter.backward_frames - counted[1]
    canvas = working_size(height, width, area)
    return Row(
        quality=quality,
        picture=f"{width}x{height}",
        canvas=f"{canvas.canvas_width}x{canvas.canvas_height}",
        frames=options.frames,
        seconds_per_frame=round(wall / options.frames, 4),
        processor_seconds_per_frame=round(processor / options.frames, 4),
        forward_passes_per_frame=round(forward / options.frames, 2),
        backward_passes_per_frame=round(backward / options.frames, 2),
        peak_bytes=peak.most,
    )


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall and processor seconds of the work, which waits for the device itself."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used


def measure(options: argparse.Namespace) -> Result:
    """Every quality at every size."""
    device = pick_device(options.device)
    kind = options.type or ("float32" if device.type == "cpu" else "bfloat16")
    backbone, weight_bytes = build(device, TYPES[kind])
    rows = []
    for quality in options.quality:
        for size in options.sizes:
            rows.append(measure_one(backbone, options, quality, size))
            print(rows[-1], file=sys.stderr, flush=True)
    return Result(
        unet_parameters=sum(p.numel() for p in backbone.unet.parameters()),
        weight_bytes=weight_bytes,
        type=kind,
        device=str(device),
        tracker=options.tracker,
        focus=options.focus,
        warmed_up=options.warm_up,
        rows=rows,
        machine=machine(str(device)),
    )


def read_size(text: str) -> tuple[int, int]:
    """(width, height) of ``768x432``."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quality", nargs="+", default=["draft", "standard", "paper"])
    parser.add_argument("--sizes", nargs="+", type=read_size, default=[(512, 512), (768, 432)])
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--type", choices=TYPES, help="bfloat16, on a CPU float32")
    parser.add_argument("--tracker", default="dis")
    parser.add_argument("--focus", default="whole", help="random maps have no subject to crop to")
    parser.add_argument("--warm-up", action="store_true", help="run each row once before")
    parser.add_argument("--json", type=Path, help="also write the result here")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark."""
    options = read_options()
    report(measure(options), options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
