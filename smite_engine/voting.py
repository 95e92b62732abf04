"""Temporal voting: along its track, a point takes the label that most frames see (SMITE alg. 1).

Axis names: F frames, K tokens (index 0 is background), h x w the maps' grid, P = h*w points,
row-major. Everything is gathers and sums: no loop over points, no read back from the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from smite_engine.errors import SettingsError, ShapeError

# Track steps that are worked on at once. A CPU is fastest where they fit its cache, a GPU where
# they are many; both keep the working memory far below that of all the vectors side by side.
_STEPS_IN_CACHE = 1 << 18
_STEPS_ON_DEVICE = 1 << 23


@torch.no_grad()
def vote(
    was: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, window: int
) -> torch.Tensor:
    """S_tracked of S: each point's vector becomes the mean of those that hold its voted label.

    For each point p of frame i, over the frames of :func:`window_of` where p is visible: take
    the K-vectors at its positions; the vote is the label that most of them have their maximum at
    (ties: the lowest label); the mean of the vectors with that label is written at
    ``positions[i, i, p]``. A pixel that no visible point is written at keeps its vector. Where
    several points of one frame are written at one pixel, the last p wins, on every device.

    Args:
        was: S, [F, K, h, w], floating point, finite.
        positions: [F, F, P, 2] of any real type; ``positions[i, j, p]`` is the (x, y) in frame j,
            in grid cells with cell centres at integers, of the point that starts at cell p of
            frame i. Rounded to the nearest cell.
        visible: bool [F, F, P]. Positions outside the grid are invisible whatever it says.
        window: Frames that vote, odd or even, at least 1; more than F are F.

    Returns:
        [F, K, h, w] of the type of ``was``, without a gradient: the targets of the guidance.

    Raises:
        ShapeError: If the tracks are not those of ``was``.
        SettingsError: If the window holds no frame.
    """
    _check(was, positions, visible, window)
    frames, tokens, height, width = was.shape
    points = height * width
    tables = _tables(was)
    at_once = _STEPS_ON_DEVICE if was.is_cuda else _STEPS_IN_CACHE
    most = max(1, at_once // (min(window, frames) * points))
    voted = []
    for these, seen in _spans(frames, window, most):
        offsets = torch.arange(seen.start, seen.stop, device=was.device) * points
        cells = _cells(positions[these, seen], visible[these, seen], (height, width))
        rows = torch.where(cells >= 0, cells + offsets.int()[:, None], frames * points)
        means, voters = _elect(rows, tables)
        own = positions[these, these].diagonal().permute(2, 0, 1)
        old = tables.vectors[these.start * points : these.stop * points].view(-1, points, tokens)
        voted.append(_write(old, means, _cells(own, voters > 0, (height, width))))
    return torch.cat(voted).transpose(1, 2).reshape(was.shape).to(was.dtype)


def window_of(frame: int, frames: int, window: int) -> slice:
    """Frames that vote on frame i: i - window // 2 .. i - window // 2 + window - 1, shifted.

    The window is shifted to stay inside the clip, and spans it where it is longer. An even one
    has one frame more before i than after it.
    """
    length = min(window, frames)
    start = min(max(frame - window // 2, 0), frames - length)
    return slice(start, start + length)


def _spans(frames: int, window: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Runs of at most ``most`` frames that share a window, and that window."""
    start = 0
    for stop in range(1, frames + 1):
        seen = window_of(start, frames, window)
        if stop == frames or stop - start == most or window_of(stop, frames, window) != seen:
            yield slice(start, stop), seen
            start = stop


@dataclass(frozen=True)
class _Tables:
    """The maps as rows, frame-major; one row more, where tracks point that see nothing.

    Attributes:
        vectors: [F*P + 1, K]; the last row is 0.
        ballots: One-hot labels, [F*P + 1, K]; the last row is 0.
        labels: int32 [F*P + 1]; the last is no label.
    """

    vectors: torch.Tensor
    ballots: torch.Tensor
    labels: torch.Tensor


def _tables(was: torch.Tensor) -> _Tables:
    tokens = was.shape[1]
    dtype = torch.promote_types(was.dtype, torch.float32)
    vectors = was.permute(0, 2, 3, 1).reshape(-1, tokens).to(dtype)
    labels = vectors.argmax(dim=1)
    ballots = torch.zeros_like(vectors).scatter_(1, labels[:, None], 1)
    return _Tables(
        functional.pad(vectors, (0, 0, 0, 1)),
        functional.pad(ballots, (0, 0, 0, 1)),
        functional.pad(labels.int(), (0, 1), value=tokens),
    )


def _cells(positions: torch.Tensor, visible: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Row-major cells int32 [...] nearest to positions [..., 2]; -1 where nothing is seen."""
    height, width = size
    if positions.is_floating_point():
        positions = positions.round()
    x, y = positions.unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & visible
    return torch.where(inside, y.int() * width + x.int(), -1)


def _elect(rows: torch.Tensor, tables: _Tables) -> tuple[torch.Tensor, torch.Tensor]:
    """The vote of each point: the mean of the vectors that won, and how many they are.

    Sums over a track are bags of table rows, so the vectors are never laid side by side.

    Args:
        rows: int32 [C, n, P], rows of the tables; the last row stands for nothing.
        tables: The maps.

    Returns:
        Means [C, P, K], and counts [C, P], 0 where the point was seen nowhere.
    """
    shape = (len(rows), rows.shape[2])
    bags = rows.transpose(1, 2).flatten(0, 1).contiguous()
    counts = functional.embedding_bag(bags, tables.ballots, mode="sum")
    voters, winner = counts.max(dim=1)
    labels = tables.labels.index_select(0, bags.flatten()).view_as(bags)
    won = torch.where(labels == winner.int()[:, None], bags, len(tables.labels) - 1)
    sums = functional.embedding_bag(won, tables.vectors, mode="sum")
    means = sums / voters.clamp_min(1)[:, None]
    return means.view(*shape, -1), voters.view(shape)


def _write(old: torch.Tensor, means: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """``old`` [C, P, K] with ``means`` [C, P, K] written at ``cells`` [C, P], where not -1.

    Scattering with repeated cells keeps any of the values on a GPU; so each cell first finds the
    last point that is written to it, a maximum, which has no order.
    """
    frames, points, tokens = old.shape
    order = torch.arange(points, dtype=torch.int32, device=old.device).expand(frames, -1)
    order = torch.where(cells >= 0, order, -1)
    writer = torch.full_like(order, -1)
    writer = writer.scatter_reduce(1, cells.clamp_min(0).long(), order, reduce="amax")
    taken = means.gather(1, writer.clamp_min(0)[..., None].expand(-1, -1, tokens))
    return torch.where(writer[..., None] >= 0, taken, old)


def _check(was: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, window: int) -> None:
    if was.ndim != 4 or 0 in was.shape or not was.is_floating_point():
        raise ShapeError(
            "the maps to vote on", "[F, K, h, w], floating point, not empty", was.shape
        )
    frames, _, height, width = was.shape
    points = height * width
    if positions.shape != (frames, frames, points, 2):
        raise ShapeError("the tracks", f"[{frames}, {frames}, {points}, 2]", positions.shape)
    if visible.shape != (frames, frames, points) or visible.dtype != torch.bool:
        raise ShapeError("their visibility", f"bool [{frames}, {frames}, {points}]", visible.shape)
    if window < 1:
        raise SettingsError(f"The voting window holds at least 1 frame, not {window}.")
