"""Overlapping windows over a shot of unknown length, and their joins (SMITE appendix 7.4).

A frame is final once no later window touches it. A window is full except for the last one, which
is shorter rather than reaching further back: what it would reach back to is final already. With
an overlap the last window still joins ``overlap + 1`` frames or more; without one it may hold a
single frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import torch

from smite_engine.errors import SettingsError, ShapeError

T = TypeVar("T")


@dataclass(frozen=True)
class Window(Generic[T]):
    """Frames that are segmented together.

    Attributes:
        frames: In the shot's order.
        overlap: The first so many were the last of the window before.
        held: The last so many are in the next window too; 0 for the last window.
        last: Whether the shot ends here.
    """

    frames: tuple[T, ...]
    overlap: int
    held: int
    last: bool

    @property
    def final(self) -> tuple[T, ...]:
        """The frames that no later window touches."""
        return self.frames[: len(self.frames) - self.held]


def windows(
    frames: Iterable[T], length: int, overlap: int, already: Sequence[T] = ()
) -> Iterator[Window[T]]:
    """Windows over ``frames``, which are read one frame further than the window that is yielded.

    Holds the overlap and that one frame between windows, so memory does not grow with the shot.
    The ``final`` frames of all windows, joined, are ``already`` and ``frames``, each once. Every
    window brings at least one new frame; no new frames, no window.

    Args:
        frames: The shot, or what is left of it.
        length: Most frames of a window, at least 1.
        overlap: Frames that a window shares with the one before, 0 to ``length - 1``.
        already: To resume: the ``held`` frames of the last window that was finished; they are
            the overlap of the first window, and the windows fall where they would have fallen.

    Raises:
        SettingsError: If ``length``, ``overlap`` or ``already`` do not fit each other.
    """
    if length < 1:
        raise SettingsError(f"A window holds at least 1 frame, not {length}.")
    if not 0 <= overlap < length:
        raise SettingsError(
            f"The overlap of windows of {length} frames lies between 0 and {length - 1}, "
            f"not {overlap}."
        )
    if len(already) >= length:
        raise SettingsError(
            f"A window of {length} frames takes at most {length - 1} frames from the window "
            f"before, not {len(already)}."
        )
    return _windows(iter(frames), length, overlap, tuple(already))


def _windows(
    stream: Iterator[T], length: int, overlap: int, carried: tuple[T, ...]
) -> Iterator[Window[T]]:
    ahead = tuple(islice(stream, 1))
    while ahead:
        joined = (*carried, *ahead)
        joined += tuple(islice(stream, length - len(joined)))
        ahead = tuple(islice(stream, 1))
        window = Window(
            frames=joined,
            overlap=len(carried),
            held=overlap if ahead else 0,
            last=not ahead,
        )
        carried = joined[len(joined) - window.held :]
        del joined
        yield window
        del window  # The next window is read while only its overlap is held.


def join_weights(overlap: int) -> torch.Tensor:
    """Weights of the new window over the overlap: i / (overlap + 1), i = 1 .. overlap.

    Never 0 or 1: both windows count in every frame of the overlap.

    Returns:
        float32 [overlap].
    """
    return torch.arange(1, overlap + 1, dtype=torch.float32) / (overlap + 1)


def blend(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """Cross-fades two windows' probabilities of the frames that they share.

    Args:
        old: [V, K, h, w] of the window before, sums over K of 1.
        new: Likewise of this window.

    Returns:
        (1 - a_v) old_v + a_v new_v with a = :func:`join_weights`; sums over K stay 1.

    Raises:
        ShapeError: If the two differ in shape.
    """
    if old.shape != new.shape:
        raise ShapeError("The new window's overlap", str(list(old.shape)), tuple(new.shape))
    weights = join_weights(len(new)).to(device=new.device, dtype=new.dtype)
    return torch.lerp(old, new, weights[:, None, None, None])
