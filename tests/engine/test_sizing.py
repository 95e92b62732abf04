"""Working sizes: aspect kept, blocks whole, area bounded, on sizes that plates have."""

from __future__ import annotations

import pytest
import torch

from smite_engine.sizing import on_picture, to_canvas, working_size

PLATES = {
    "hd": (1080, 1920),
    "uhd": (2160, 3840),
    "demo": (360, 640),
    "davis": (480, 854),
    "portrait": (1920, 1080),
    "square": (512, 512),
    "scope": (858, 2048),
    "odd": (333, 777),
    "tiny": (24, 40),
    "strip": (100, 1600),
}


@pytest.mark.parametrize("area", [256 * 256, 448 * 448])
@pytest.mark.parametrize(("height", "width"), PLATES.values(), ids=PLATES.keys())
def test_sizes(height: int, width: int, area: int) -> None:
    size = working_size(height, width, area)
    assert size.canvas_height % 64 == 0
    assert size.canvas_width % 64 == 0
    assert size.canvas_height * size.canvas_width <= area
    assert size.height <= size.canvas_height
    assert size.width <= size.canvas_width
    # The sides are whole latent cells, so the aspect is kept to within half a cell a side.
    slack = 4 / size.height + 4 / size.width
    assert size.width / size.height == pytest.approx(width / height, rel=slack * 1.2)


def test_the_picture_lies_top_left_and_its_edge_repeats() -> None:
    size = working_size(360, 640, 448 * 448)
    images = torch.rand(1, 3, 360, 640, generator=torch.Generator().manual_seed(0))
    canvas = to_canvas(images, size)
    assert canvas.shape == (1, 3, size.canvas_height, size.canvas_width)
    if size.canvas_height > size.height:
        assert torch.equal(canvas[:, :, size.height], canvas[:, :, size.height - 1])
    maps = on_picture(torch.zeros(2, 4, size.canvas_height // 8, size.canvas_width // 8), size)
    assert maps.shape[2:] == (size.height // 8, size.width // 8)
