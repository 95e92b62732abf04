"""Trackers that follow query points through the whole window at once: what their adapters share.

Query points and answers are in shares of the picture, (u, v) in 0..1 from its outer edges, so that
each adapter knows its model's conventions and nothing of the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import cv2
import numpy as np
import torch

from smite_engine.errors import OutOfDeviceMemoryError, TrackerError
from smite_engine.tracks import Tracks, cell_centres, check_window, distances, inside, start


class PointModel(Protocol):
    """A loaded point tracking model, with its conventions for pictures and coordinates."""

    def prepare(self, frames: Sequence[np.ndarray]) -> torch.Tensor:
        """The video as the model takes it, of float32 frames [H, W, 3] in 0..1."""
        ...

    def follow(
        self, video: torch.Tensor, queries: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Where points are in every frame, before and after their own.

        Args:
            video: What :meth:`prepare` gave.
            queries: float32 [N, 3], (t, u, v): frame number, and place in shares of the picture.

        Returns:
            float32 [N, F, 2] (u, v), and bool [N, F] whether they are seen there.
        """
        ...


class PointTracker:
    """A :class:`smite_engine.tracks.Tracker` from a point model.

    The model sees the whole window. Query points are those of the frames that have a pair which is
    not known; all of them go to the model in one call, which parts them as its memory asks.
    """

    def __init__(self, name: str, model: PointModel) -> None:
        self.name = name
        self._model = model

    def track(
        self,
        frames: Sequence[np.ndarray],
        grid: tuple[int, int],
        reach: int,
        known: Tracks | None = None,
    ) -> Tracks:
        """See :class:`smite_engine.tracks.Tracker`."""
        count = check_window(frames, grid, reach, known)
        tracks = start(len(frames), grid, known)
        wanted = _unknown_pairs(len(frames), reach, count)
        asked = wanted.any(dim=1).nonzero().flatten()
        if len(asked) == 0:
            return tracks
        positions, seen = self._ask(frames, grid, asked)
        chosen = wanted[asked][..., None]
        seen &= inside(positions, grid) & chosen
        where = chosen[..., None] & torch.isfinite(positions)
        tracks.positions[asked] = torch.where(where, positions, tracks.positions[asked])
        tracks.visible[asked] = torch.where(chosen, seen, tracks.visible[asked])
        return tracks

    def _ask(
        self, frames: Sequence[np.ndarray], grid: tuple[int, int], asked: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions float32 [n, F, P, 2] in cells, and bool [n, F, P], of frames ``asked`` [n]."""
        cells = cell_centres(grid)
        size = torch.tensor([grid[1], grid[0]], dtype=torch.float32)
        times = asked.float().repeat_interleave(len(cells))
        places = ((cells + 0.5) / size).repeat(len(asked), 1)
        queries = torch.cat([times[:, None], places], dim=1)
        with torch.inference_mode(), own_randomness(), failures(self.name):
            video = self._model.prepare(frames)
            shares, seen = self._model.follow(video, queries)
        expected = (len(queries), len(frames))
        if shares.shape != (*expected, 2) or seen.shape != expected:
            raise TrackerError(
                f'The tracker "{self.name}" gave positions {list(shares.shape)} and visibility '
                f"{list(seen.shape)} where [N, F, 2] and [N, F] = {list(expected)} are right: it "
                "is of another version than the adapter was written for."
            )
        parted = (len(asked), len(cells), len(frames))
        # clone: what inference mode made may not be written to by others
        positions = (shares.cpu().float() * size - 0.5).reshape(*parted, 2).transpose(1, 2).clone()
        return positions, seen.cpu().reshape(parted).transpose(1, 2).clone()


def _unknown_pairs(frames: int, reach: int, known: int) -> torch.Tensor:
    """bool [F, F]: pairs within reach that must be computed: neither known nor of one frame."""
    wanted = (distances(frames) <= reach) & ~torch.eye(frames, dtype=torch.bool)
    wanted[:known, :known] = False
    return wanted


def chunk_size(memory: int, frames: int, per_pair: int, per_query: int = 0) -> int:
    """Queries of one pass: the most with queries * (frames * per_pair + per_query) <= memory.

    Args:
        memory: Bytes for the queries' share of a pass.
        frames: Of the window.
        per_pair: Bytes that a model keeps for each query in each frame.
        per_query: Bytes that it keeps for each query.

    Returns:
        At least 1: a single query is tried, whatever the memory.
    """
    return max(1, memory // (frames * per_pair + per_query))


def in_chunks(
    queries: torch.Tensor,
    size: int,
    follow: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
) -> tuple[torch.Tensor, torch.Tensor]:
    """``follow`` over pieces of ``queries`` [N, 3] of at most ``size``, joined, on the CPU.

    The pieces differ in size by at most one.
    """
    pieces = torch.tensor_split(queries, -(-len(queries) // size))
    answers = [tuple(part.cpu() for part in follow(piece)) for piece in pieces]
    return torch.cat([where for where, _ in answers]), torch.cat([seen for _, seen in answers])


def resized(frames: Sequence[np.ndarray], size: tuple[int, int]) -> torch.Tensor:
    """float32 [F, height, width, 3] in 0..1 of frames [H, W, 3]; ``size`` is (height, width)."""
    height, width = size
    video = np.empty((len(frames), height, width, 3), np.float32)
    for index, frame in enumerate(frames):
        picture = np.ascontiguousarray(frame, dtype=np.float32)
        if frame.shape[:2] != size:
            shrinks = height * width < frame.shape[0] * frame.shape[1]
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            picture = cv2.resize(picture, (width, height), interpolation=how)
        video[index] = np.clip(np.nan_to_num(picture, nan=0.0), 0.0, 1.0)
    return torch.from_numpy(video)


@contextmanager
def own_randomness() -> Iterator[None]:
    """The models draw from torch's generator, and reset it: here from a fixed seed, in a copy."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(0)
        yield


@contextmanager
def failures(name: str) -> Iterator[None]:
    """Turns what a model raises into the engine's errors."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfDeviceMemoryError(
            f'The device has no memory left for the tracker "{name}"; use a smaller window, or the '
            'tracker "dis".'
        ) from error
    except (RuntimeError, AssertionError, ValueError, TypeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise TrackerError(f'The tracker "{name}" failed: {reason}') from error
