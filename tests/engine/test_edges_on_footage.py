"""Edges on real footage: annotated masks, averaged to the engine's grid, come back sharper."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from smite_engine import FrameMaps, mattes_at
from smite_engine.cell_means import cell_means
from smite_engine.edge_settings import EdgeSettings
from smite_engine.edges import ShotEdges
from smite_engine.sizing import working_size

AREA = 384 * 384


def first_frame(clip: str) -> tuple[np.ndarray, np.ndarray]:
    """(picture float32 [H, W, 3] in 0..1, mask float32 [H, W]); skips where there is no footage."""
    shared = Path(os.environ.get("SMITE_SHARED", Path(__file__).parents[3] / "shared"))
    folder = shared / "clips" / "davis" / clip
    if not folder.is_dir():
        pytest.skip(f"no footage at {folder} (SMITE_SHARED names the folder)")
    picture = cv2.imread(str(sorted((folder / "JPEGImages").iterdir())[0]))
    mask = cv2.imread(str(sorted((folder / "Annotations").iterdir())[0]), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert mask is not None
    return picture[..., ::-1].astype(np.float32) / 255, (mask > 0).astype(np.float32)


@pytest.mark.parametrize("clip", ["blackswan", "horsejump-high", "parkour"])
def test_a_mask_of_cells_gets_its_edge_back(clip: str) -> None:
    """The masks are painted by hand, and hard: an error of half of bilinear growth's is near."""
    image, mask = first_frame(clip)
    grid = working_size(*mask.shape, AREA).grid
    subject = cell_means(torch.from_numpy(mask)[None], grid)
    maps = FrameMaps(1, torch.cat([1 - subject, subject]).numpy(), 1.0)
    bilinear = np.abs(mattes_at(maps, *mask.shape)[0] - mask).sum()
    for edges, share in (("fine", 0.5), ("soft", 0.6)):
        matte = ShotEdges(EdgeSettings(edges=edges)).mattes(maps, image)[0]
        assert np.abs(matte - mask).sum() < share * bilinear
