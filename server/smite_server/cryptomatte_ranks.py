"""Mattes as Cryptomatte stores them: per pixel the IDs of the parts, largest coverage first.

Source: Friedman and Jones, "Cryptomatte", specification 1.2.0 (Psyop, 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from smite_server.cryptomatte_ids import id_as_float
from smite_server.geometry import Floats
from smite_server.matte_values import Mattes, positive, round_down

__all__ = ["rank_mattes"]

_ROWS = 64
"""Rows that are ranked at a time: what is in work stays in the processor's cache."""


def rank_mattes(
    mattes: Mattes, ids: Sequence[int], ranks: int, threads: int = 1
) -> tuple[Floats, Floats]:
    """The IDs and coverages of every rank.

    Where mattes overlap to more than 1 they are divided by their sum, and rounded down to the
    type of `mattes`, so that no pixel holds more than 1; elsewhere a coverage is the matte's value,
    bit for bit. What does not fit into `ranks` is left out, the smallest first.

    Args:
        mattes: float16 or float32 [K, H, W], 0..1, finite.
        ids: of the K parts (`name_ids`).
        ranks: 1 or more.
        threads: bands of rows that are ranked at once.

    Returns:
        IDs as float32 [R, H, W] and coverages as float32 [R, H, W], R = min(K, ranks): no pixel
        has more. Coverage falls with the rank; where it is 0, so is the ID. Equal coverages are in
        the order of the parts.
    """
    parts, height, width = mattes.shape
    used = min(parts, ranks)
    id_planes = np.zeros((used, height, width), np.float32)
    coverages = np.zeros((used, height, width), np.float32)
    numbers = np.array([id_as_float(number) for number in ids], np.float32)

    def rank_band(top: int) -> None:
        rows = slice(top, top + _ROWS)
        _rank_band(mattes[:, rows], numbers, id_planes[:, rows], coverages[:, rows])

    with ThreadPoolExecutor(max(1, threads)) as pool:
        for _ in pool.map(rank_band, range(0, height, _ROWS)):
            pass
    return id_planes, coverages


def _rank_band(band: Mattes, numbers: Floats, id_planes: Floats, coverages: Floats) -> None:
    """Fills the planes of one band; all are [.., rows, W] views."""
    there = positive(band)
    count = there.sum(axis=0, dtype=np.uint16)
    single = count == 1
    # Nearly every pixel holds one part or none: it needs no sorting.
    for number, matte, here in zip(numbers, band, there, strict=True):
        alone = here & single
        np.copyto(coverages[0], matte, where=alone)
        np.copyto(id_planes[0], number, where=alone)
    several = np.nonzero(count > 1)
    if several[0].size == 0:
        return
    shared = _at_most_one(band[:, several[0], several[1]])
    for rank, (part, value) in enumerate(_largest(shared, len(coverages))):
        coverages[rank][several] = value
        id_planes[rank][several] = np.where(value > 0, numbers[part], np.float32(0))


def _largest(values: Mattes, most: int) -> Iterator[tuple[npt.NDArray[np.intp], Mattes]]:
    """Yields (index, value), each [N], of the largest of `values` [K, N], the next largest, ...

    The bits of floats that are not negative are in the order of their values. So value and index
    go into one whole number, and `most` rounds of exchanges bring the largest to the front, in
    operations on whole rows: a third of the time of sorting pixel by pixel.
    """
    bits, wide = (np.uint16, np.uint32) if values.dtype == np.float16 else (np.uint32, np.uint64)
    width, last = 8 * values.dtype.itemsize, len(values) - 1
    backwards = np.arange(last, -1, -1, dtype=wide)[:, np.newaxis]  # The first of equals wins.
    keys = np.left_shift(np.abs(values).view(bits).astype(wide), wide(width)) | backwards
    for rank in range(most):
        for below in range(last, rank, -1):
            smaller = np.minimum(keys[below - 1], keys[below])
            np.maximum(keys[below - 1], keys[below], out=keys[below - 1])
            keys[below] = smaller
        found = keys[rank]
        index = last - (found & wide(0xFFFF)).astype(np.intp)
        yield index, (found >> wide(width)).astype(bits).view(values.dtype)


def _at_most_one(values: Mattes) -> Mattes:
    """`values` [K, N], each column divided by its sum where that is above 1, rounded down."""
    total = values.sum(axis=0, dtype=np.float64)
    over = total > 1.0
    if not over.any():
        return values
    values[:, over] = round_down(values[:, over] / total[over], values.dtype)
    return values
