"""Is the memory of WAS maps linear in pixels?

Runs `reference_was` (forward) and `accumulate` with its backward at several latent sides, each in
a fresh process, and reports the peak above the queries, keys and logits that go in: resident
memory on a CPU, allocated memory on CUDA. A materialised self-attention would take side**4.

    python -m benchmarks.was_memory --json benchmarks/results/was_memory.json

The exit status says whether bytes per pixel at the largest side are at most 1.25 times those at
the smallest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.peak_memory import peak_memory
from benchmarks.timing import machine, report
from smite_engine.attention_maps import accumulate, reference_was

REPO = Path(__file__).resolve().parents[1]
HEADS, WIDTH, LAYERS = 5, 64, 3
"""Of the highest-resolution self-attention of Stable Diffusion 2.1."""
ALLOWED_RATIO = 1.25
PASSES = ("forward", "forward and backward")


@dataclass(frozen=True)
class Figure:
    """Bytes at one side; a pixel is one cell of the latents of one frame."""

    side: int
    work: str
    input_bytes: int
    peak_bytes: int
    peak_bytes_per_pixel: float
    materialised_bytes: int


@dataclass(frozen=True)
class Result:
    """What was measured. `ratios`: bytes per pixel at the largest side to those at the smallest."""

    frames: int
    parts: int
    device: str
    peaks: list[Figure]
    ratios: dict[str, float]
    allowed_ratio: float
    machine: str


def inputs(frames: int, parts: int, side: int, device: str) -> list[torch.Tensor]:
    """Queries and keys of each layer, and the logits of the parts last."""
    points = side * side
    layers = [torch.randn(frames, HEADS, points, WIDTH, device=device) for _ in range(2 * LAYERS)]
    return [*layers, torch.randn(frames, parts, side, side, device=device)]


def forward(tensors: list[torch.Tensor]) -> torch.Tensor:
    """The WAS maps of inference."""
    *flat, cross = tensors
    return reference_was(list(zip(flat[::2], flat[1::2], strict=True)), cross, WIDTH**-0.5)


def forward_and_backward(tensors: list[torch.Tensor]) -> None:
    """Gradients to queries, keys and logits, as guidance needs them."""
    for tensor in tensors:
        tensor.requires_grad_()
    *flat, cross = tensors
    was = accumulate(list(zip(flat[::2], flat[1::2], strict=True)), cross, WIDTH**-0.5)
    was.square().mean().backward()


def measure_here(options: argparse.Namespace) -> int:
    """One pass at one side in this process; the peak in bytes."""
    run = forward if options.work == PASSES[0] else forward_and_backward
    small = inputs(1, options.parts, 8, options.device)
    run(small)  # Libraries load their kernels on the first call.
    tensors = inputs(options.frames, options.parts, options.side, options.device)

    def work() -> None:
        with torch.set_grad_enabled(run is forward_and_backward):
            run(tensors)

    return peak_memory(work, options.device).growth


def measure_apart(options: argparse.Namespace, side: int, work: str) -> Figure:
    """The same in a fresh process, where nothing is left over from another size."""
    command = [sys.executable, "-m", "benchmarks.was_memory", "--frames", str(options.frames)]
    command += ["--parts", str(options.parts), "--device", options.device]
    command += ["--side", str(side), "--work", work]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=REPO)
    peak = int(json.loads(done.stdout))
    pixels = options.frames * side * side
    return Figure(
        side=side,
        work=work,
        input_bytes=4 * pixels * (2 * LAYERS * HEADS * WIDTH + options.parts),
        peak_bytes=peak,
        peak_bytes_per_pixel=round(peak / pixels, 1),
        materialised_bytes=4 * pixels * side * side * HEADS,
    )


def measure(options: argparse.Namespace) -> Result:
    """Every side, every pass."""
    peaks, ratios = [], {}
    for work in PASSES:
        each = [measure_apart(options, side, work) for side in sorted(options.sides)]
        ratios[work] = round(each[-1].peak_bytes_per_pixel / each[0].peak_bytes_per_pixel, 3)
        peaks += each
    return Result(
        options.frames,
        options.parts,
        options.device,
        peaks,
        ratios,
        ALLOWED_RATIO,
        machine(options.device),
    )


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 64, 96])
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--parts", type=int, default=7, help="K, background included")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the result here")
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--work", choices=PASSES, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run the benchmark; the exit status says whether memory is linear."""
    options = read_options()
    if options.side:
        print(measure_here(options))
        return 0
    result = measure(options)
    report(result, options.json)
    return 0 if max(result.ratios.values()) <= ALLOWED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
