"""Between the plate's pixels and the cells of a map: area means down, bilinear growth up.

Both take any sizes, cells that are no whole number of pixels among them; a cell or pixel is an
equal share of the picture, and the centre of pixel i of n lies at (i + 0.5) / n.
"""

from __future__ import annotations

from functools import lru_cache

import torch


def cell_means(planes: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Means over the area of each cell: float32 [C, H, W] -> [C, h, w].

    A pixel that lies across a border counts for both cells, by its share in each.
    """
    return _means_along(_means_along(planes, -2, grid[0]), -1, grid[1])


def _means_along(planes: torch.Tensor, axis: int, cells: int) -> torch.Tensor:
    """Means along one axis; pixel by pixel of each cell, since a cell has few of all pixels."""
    pixels = planes.shape[axis]
    if pixels == cells:
        return planes
    if pixels == 2 * cells:
        pairs = planes.unflatten(axis, (cells, 2))
        return (pairs.select(axis, 0) + pairs.select(axis, 1)).mul_(0.5)
    found = None
    for pixel, share in _steps(pixels, cells):
        weights = share.to(planes)[:, None] if axis == -2 else share.to(planes)
        near = planes.index_select(axis, pixel.to(planes.device))
        found = near.mul_(weights) if found is None else found.addcmul_(near, weights)
    assert found is not None  # A cell has a pixel.
    return found


@lru_cache(maxsize=64)
def _steps(pixels: int, cells: int) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    """(pixel, its share) of each cell, for the first pixel of every cell, the second and so on."""
    shares = overlaps(pixels, cells)
    first = (shares > 0).to(torch.uint8).argmax(dim=1)
    found = []
    for step in range(int((shares > 0).sum(dim=1).max())):
        pixel = (first + step).clamp_max(pixels - 1)
        share = shares.gather(1, pixel[:, None])[:, 0] * (first + step < pixels)
        found.append((pixel, share.float()))
    return tuple(found)


def overlaps(pixels: int, cells: int) -> torch.Tensor:
    """float64 [cells, pixels]: the share of each cell that each pixel fills; rows sum to 1."""
    borders = torch.arange(cells + 1, dtype=torch.float64) * (pixels / cells)
    left = torch.arange(pixels, dtype=torch.float64)
    begin = torch.maximum(borders[:-1, None], left)
    end = torch.minimum(borders[1:, None], left + 1)
    return (end - begin).clamp_min(0) * (cells / pixels)


class Growth:
    """Bilinear growth from a grid to a size, any block of which can be had alone.

    The same as ``functional.interpolate`` with ``align_corners=False``; a pixel's value does not
    depend on the block that it is asked for in.
    """

    def __init__(self, grid: tuple[int, int], size: tuple[int, int], device: torch.device) -> None:
        self._rows = _between(grid[0], size[0])
        self._columns = _between(grid[1], size[1])
        self._size, self._device = size, device

    def cells(self, rows: slice, columns: slice) -> tuple[slice, slice]:
        """Rows and columns of the grid that the pixels of a block are between."""
        return tuple(  # type: ignore[return-value]
            slice(int(first[part.start]), int(second[part.stop - 1]) + 1)
            for (first, second, _), part in ((self._rows, rows), (self._columns, columns))
        )

    def __call__(
        self, planes: torch.Tensor, rows: slice | None = None, columns: slice | None = None
    ) -> torch.Tensor:
        """[..., h, w] -> [..., H', W'], the pixels of ``rows`` and ``columns``."""
        rows, columns = rows or slice(0, self._size[0]), columns or slice(0, self._size[1])
        return self.grown(planes[(..., *self.cells(rows, columns))], rows, columns)

    def grown(self, near: torch.Tensor, rows: slice, columns: slice) -> torch.Tensor:
        """The same, where the planes are those of :meth:`cells` alone."""
        top, bottom, down = self._of(self._rows, rows)
        left, right, along = self._of(self._columns, columns)
        wide = torch.lerp(near.index_select(-1, left), near.index_select(-1, right), along)
        return torch.lerp(wide.index_select(-2, top), wide.index_select(-2, bottom), down[:, None])

    def _of(self, axis: tuple[torch.Tensor, ...], part: slice) -> tuple[torch.Tensor, ...]:
        """(first, second, share) of a block's pixels, cells counted from its own first."""
        first, second, share = (values[part] for values in axis)
        moved = (first - first[0], second - first[0], share)
        return tuple(values.to(self._device) for values in moved)


def _between(cells: int, pixels: int) -> tuple[torch.Tensor, ...]:
    """(first, second, share of the second) of the cells around each pixel's centre."""
    centres = (torch.arange(pixels, dtype=torch.float64) + 0.5) * (cells / pixels) - 0.5
    centres = centres.clamp(0, cells - 1)
    first = centres.floor().long()
    second = (first + 1).clamp_max(cells - 1)
    share = (centres - first).float()
    return first, second, share


def whole_blocks(size: tuple[int, int], side: int) -> list[tuple[slice, slice]]:
    """(rows, columns) of the blocks of at most ``side`` x ``side`` pixels that fill a picture."""
    return [
        (slice(top, min(top + side, size[0])), slice(left, min(left + side, size[1])))
        for top in range(0, size[0], side)
        for left in range(0, size[1], side)
    ]


def with_halo(span: slice, halo: int, most: int) -> tuple[slice, slice]:
    """(the span widened by ``halo`` inside 0..most, where the span lies in that)."""
    wide = slice(max(0, span.start - halo), min(most, span.stop + halo))
    return wide, slice(span.start - wide.start, span.stop - wide.start)
