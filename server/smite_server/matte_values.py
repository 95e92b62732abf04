"""The values of mattes as they are stored: 0..1, half or float, together at most 1."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from smite_server.geometry import Floats

__all__ = ["Kind", "Mattes", "positive", "ready_mattes", "round_down"]

Mattes = npt.NDArray[np.float16 | np.float32]
"""Half or float, one type for the whole array."""
Kind = type[np.float16 | np.float32]

_ROWS = 32
"""Rows in work at a time: what is touched twice stays in the processor's cache."""
_MEANT_AS_ONE = 1.0 + 1e-5
"""A sum up to here is 1 and the rounding of float32; above it parts overlap."""


def ready_mattes(mattes: Floats, kind: Kind, threads: int = 1) -> Mattes:
    """`mattes` [K, H, W] clamped to 0..1, NaN as 0, contiguous, as `kind`.

    To the nearest half, parts that share a pixel can come to a little more than 1, and a union of
    the mattes with them. Such pixels are rounded down instead, so that all together stay at 1 and
    every style stores the same values. Parts that overlap on purpose are left as they are.

    Args:
        mattes: any float type and memory layout.
        kind: half or float.
        threads: bands of rows in work at once.
    """
    ready: Mattes = np.empty(mattes.shape, kind)

    def fill_band(top: int) -> None:
        rows = slice(top, top + _ROWS)
        _clamp(mattes[:, rows], ready[:, rows])
        if kind is np.float16:
            _keep_at_one(mattes[:, rows], ready[:, rows])

    with ThreadPoolExecutor(max(1, threads)) as pool:
        for _ in pool.map(fill_band, range(0, mattes.shape[1], _ROWS)):
            pass
    return ready


def _clamp(mattes: Floats, into: Mattes) -> None:
    """Fills `into` part by part; both are [K, rows, W] views."""
    for matte, target in zip(mattes, into, strict=True):
        found = np.fmax(matte, np.float32(0))  # Of NaN and 0, this one takes 0.
        np.minimum(found, np.float32(1), out=found)
        target[:] = found


def _keep_at_one(mattes: Floats, ready: Mattes) -> None:
    """Rounds down, in `ready`, pixels of several parts that rounding took above 1."""
    several = np.nonzero(positive(ready).sum(axis=0, dtype=np.uint16) > 1)
    over = ready[:, several[0], several[1]].sum(axis=0, dtype=np.float64) > 1.0
    rows, columns = several[0][over], several[1][over]
    exact = np.clip(np.nan_to_num(mattes[:, rows, columns].astype(np.float64)), 0.0, 1.0)
    meant = exact.sum(axis=0) <= _MEANT_AS_ONE
    ready[:, rows[meant], columns[meant]] = round_down(exact[:, meant], np.float16)


def positive(mattes: Mattes) -> npt.NDArray[np.bool_]:
    """Where `mattes` is above 0.

    The bits of a positive float are a positive whole number; for half, comparing those is many
    times as fast as comparing the values.
    """
    whole = mattes.view(np.int16 if mattes.dtype == np.float16 else np.int32)
    found: npt.NDArray[np.bool_] = np.greater(whole, 0)
    return found


def round_down(exact: npt.NDArray[np.float64], kind: np.dtype[Any] | Kind) -> Mattes:
    """The largest half or float not above each of `exact`, which are 0 or more."""
    nearest = exact.astype(kind)
    below: Mattes = np.where(nearest > exact, np.nextafter(nearest, nearest.dtype.type(0)), nearest)
    return below
