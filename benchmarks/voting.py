"""Does temporal voting cost little more than fetching the vectors that it looks at?

Votes on 64x64 maps of 7 parts in a window of 15 over 16 frames, and in turns with it fetches the
same [F, window, P, K] elements with one torch.gather, laid out so that the gather is fastest.

    python -m benchmarks.voting --json benchmarks/results/voting.json

The exit status says whether the ratio of the medians is at most 5.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.timing import Timing, machine, report, time_together
from smite_engine.voting import vote, window_of

ALLOWED_RATIO = 5.0


@dataclass(frozen=True)
class Result:
    """What was measured; times in seconds. `ratio`: voting to the fastest of the gathers."""

    frames: int
    parts: int
    side: int
    window: int
    device: str
    voting: Timing
    gathers: dict[str, Timing]
    ratio: float
    allowed_ratio: float
    machine: str


def moving_tracks(frames: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tracks with the locality of real ones: the picture drifts, and every point jitters.

    About a fifth is hidden: what left the grid, and a random rest.
    """
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    grid = torch.stack([x, y], dim=-1).reshape(-1, 2).float()
    frame = torch.arange(frames).float()
    drift = (frame - frame[:, None])[..., None, None] * torch.tensor([0.8, -0.3])
    jitter = torch.randn(frames, frames, side * side, 2, generator=generator)
    jitter[range(frames), range(frames)] = 0
    positions = grid + drift + jitter
    inside = ((positions > -0.5) & (positions < side - 0.5)).all(dim=-1)
    visible = inside & (torch.rand(inside.shape, generator=generator) < 0.9)
    return positions, visible


def rows_of(positions: torch.Tensor, side: int, window: int) -> torch.Tensor:
    """int64 [F * window * P]: the rows of [F * P, K] that voting looks at, clamped to the grid."""
    frames = len(positions)
    cells = positions.round().long().clamp(0, side - 1)
    index = cells[..., 1] * side + cells[..., 0]
    index += torch.arange(frames, device=index.device)[:, None] * side * side
    return torch.stack([index[i, window_of(i, frames, window)] for i in range(frames)]).flatten()


def measure(options: argparse.Namespace) -> Result:
    """Voting and the gathers, in turns."""
    frames, parts, side, window = options.frames, options.parts, options.side, options.window
    device = options.device
    generator = torch.Generator().manual_seed(1)
    was = torch.randn(frames, parts, side, side, generator=generator).to(device)
    positions, visible = (each.to(device) for each in moving_tracks(frames, side))
    rows = rows_of(positions, side, window)
    vectors = was.permute(0, 2, 3, 1).reshape(-1, parts).contiguous()
    channels = vectors.T.contiguous()
    works = {
        "voting": lambda: vote(was, positions, visible, window),
        "vectors": lambda: torch.gather(vectors, 0, rows[:, None].expand(-1, parts)),
        "channels": lambda: torch.gather(channels, 1, rows.expand(parts, -1)),
    }
    times = time_together(works, runs=options.runs, device=device)
    voting = times.pop("voting")
    ratio = voting.median / min(each.median for each in times.values())
    return Result(
        frames, parts, side, window, device, voting, times, ratio, ALLOWED_RATIO, machine(device)
    )


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--parts", type=int, default=7, help="K, background included")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--window", type=int, default=15)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="torch's threads; all cores if left out")
    parser.add_argument("--json", type=Path, help="also write the result here")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark; the exit status says whether the ratio is allowed."""
    options = read_options()
    if options.threads:
        torch.set_num_threads(options.threads)
    result = measure(options)
    report(result, options.json)
    return 0 if result.ratio <= ALLOWED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
