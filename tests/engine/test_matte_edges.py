"""Edges at plate resolution: partitions, blocks, and cases whose alpha is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from smite_engine import FrameMaps
from smite_engine.alphas import partition
from smite_engine.cell_means import Growth, cell_means, overlaps
from smite_engine.edge_settings import EDGES, EdgeSettings
from smite_engine.edges import ShotEdges
from smite_engine.errors import SettingsError, ShapeError
from smite_engine.local_linear import ColourStatistics, applied, box_mean, crispness
from smite_engine.matte_edges import alphas_on, level_sizes, unknown_cells

COLOURS = torch.tensor([[0.2, 0.3, 0.5], [0.9, 0.2, 0.1], [0.1, 0.8, 0.2], [0.9, 0.9, 0.3]])


def disc(size: tuple[int, int], centre: tuple[float, float], radius: float) -> torch.Tensor:
    """Coverage [H, W] of a disc, sampled 8 x 8 times a pixel."""
    y, x = ((torch.arange(8 * side) + 0.5) / 8 for side in size)
    inside = (y[:, None] - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    return functional.avg_pool2d(inside.float()[None], 8)[0]


def painted(alphas: torch.Tensor) -> torch.Tensor:
    """The plate [3, H, W] of alphas [K, H, W] over each other, each part of one colour."""
    return torch.einsum("khw,kc->chw", alphas, COLOURS[: len(alphas)])


def scene(size: tuple[int, int] = (96, 128)) -> tuple[torch.Tensor, torch.Tensor]:
    """(plate, alphas): two discs of two parts on a background, one before the other."""
    near = disc(size, (0.45 * size[0], 0.4 * size[1]), 0.3 * min(size))
    far = disc(size, (0.6 * size[0], 0.65 * size[1]), 0.28 * min(size)) * (1 - near)
    alphas = torch.stack([1 - near - far, near, far])
    return painted(alphas), alphas


def noisy_maps(parts: int, grid: tuple[int, int], seed: int = 0) -> torch.Tensor:
    """Random soft maps [parts, h, w] with wide regions."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.randn(1, parts, 4, 5, generator=generator)
    return functional.interpolate(4 * rough, size=grid, mode="bicubic")[0].softmax(dim=0)


@pytest.mark.parametrize("edges", EDGES)
def test_alphas_are_a_partition(edges: str) -> None:
    plate = torch.rand(3, 61, 83, generator=torch.Generator().manual_seed(1))
    alphas = alphas_on(noisy_maps(5, (9, 12)), plate, EdgeSettings(edges=edges))
    assert alphas.shape == (5, 61, 83)
    assert float(alphas.min()) >= 0
    assert float(alphas.max()) <= 1
    assert torch.allclose(alphas.sum(dim=0), torch.ones(61, 83), atol=1e-5)
    if edges == "hard":
        assert set(alphas.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("edges", ["soft", "fine"])
@pytest.mark.parametrize("block", [32, 48, 75])
def test_blocks_change_nothing(edges: str, block: int) -> None:
    """To the last bit: sums over cells are of the whole picture, windows do not know of blocks."""
    plate, truth = scene((150, 170))
    plate = plate + 0.02 * torch.randn(plate.shape, generator=torch.Generator().manual_seed(2))
    maps = cell_means(truth, (9, 11))
    whole = alphas_on(maps, plate, EdgeSettings(edges=edges, block=1024))
    assert torch.equal(alphas_on(maps, plate, EdgeSettings(edges=edges, block=block)), whole)


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("part", [0, 2])
def test_a_constant_map_stays_constant(edges: str, part: int) -> None:
    plate = torch.rand(3, 70, 50, generator=torch.Generator().manual_seed(3))
    maps = functional.one_hot(torch.full((8, 6), part), 3).movedim(-1, 0).float()
    alphas = alphas_on(maps, plate, EdgeSettings(edges=edges))
    assert torch.equal(alphas[part], torch.ones(70, 50))


def test_a_map_that_is_undecided_everywhere_stays_so_in_soft() -> None:
    plate = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(4))
    maps = torch.tensor([0.7, 0.3])[:, None, None].expand(2, 8, 8)
    assert torch.allclose(
        alphas_on(maps, plate, EdgeSettings())[1], torch.full((64, 64), 0.3), atol=1e-4
    )


@pytest.mark.parametrize("edges", ["soft", "fine"])
def test_a_disc_of_one_colour_comes_back(edges: str) -> None:
    """Anti-aliased coverage, known exactly: alpha is linear in the plate's colour."""
    plate, truth = scene()
    maps = cell_means(truth, (12, 16))
    alphas = alphas_on(maps, plate, EdgeSettings(edges=edges))
    bilinear = Growth((12, 16), (96, 128), plate.device)(maps)
    error, before = ((found - truth).abs()[1:].sum() for found in (alphas, bilinear))
    assert error < (0.06 if edges == "fine" else 0.3) * before


def test_a_blurred_edge_stays_blurred() -> None:
    """An edge 24 pixels wide, as motion blur leaves it, over cells of 8."""
    ramp = ((torch.arange(128) - 52) / 24).clamp(0, 1).expand(96, 128)
    truth = torch.stack([1 - ramp, ramp])
    alphas = alphas_on(cell_means(truth, (12, 16)), painted(truth), EdgeSettings(edges="fine"))
    assert float((alphas - truth).abs().max()) < 0.12
    assert float((alphas - truth).abs().mean()) < 0.01


def test_motion_blur_over_detail_stays_blurred() -> None:
    """The plate is crisp all over, its edge is not: nothing is taken off partial alphas."""
    ramp = ((torch.arange(192) - 64) / 60).clamp(0, 1).expand(128, 192)
    truth = torch.stack([1 - ramp, ramp])
    y, x = torch.meshgrid(torch.arange(128), torch.arange(192), indexing="ij")
    checks = 0.06 * (((x // 3 + y // 3) % 2) - 0.5)
    plate = painted(truth) + (1 - ramp) * checks
    maps = cell_means(truth, (8, 12))
    fine = alphas_on(maps, plate, EdgeSettings(edges="fine"))
    assert float((fine - truth)[:, :, 16:-16].abs().mean()) < 0.005
    assert float((fine[1] - ramp)[(ramp > 0.1) & (ramp < 0.9)].abs().mean()) < 0.01


def test_exact_maps_are_kept_where_colour_agrees() -> None:
    plate, truth = scene()
    maps = cell_means(truth, (12, 16))
    fine = alphas_on(maps, plate, EdgeSettings(edges="fine"))
    assert float((cell_means(fine, (12, 16)) - maps).abs().max()) < 0.06


def test_a_wrong_map_is_corrected_by_colour_in_fine_alone() -> None:
    """The maps are one cell off, as a draft's may be."""
    plate, truth = scene()
    maps = cell_means(truth, (12, 16)).roll(1, dims=2)
    errors = {
        edges: float((alphas_on(maps, plate, EdgeSettings(edges=edges)) - truth).abs().sum())
        for edges in ("soft", "fine")
    }
    assert errors["fine"] < 0.85 * errors["soft"]


def test_parts_of_one_colour_are_no_worse_in_fine_than_bilinear() -> None:
    """Where colour tells nothing, the maps decide."""
    _, truth = scene()
    plate = torch.full((3, 96, 128), 0.4)
    maps = cell_means(truth, (12, 16))
    bilinear = Growth((12, 16), (96, 128), plate.device)(maps)
    soft = alphas_on(maps, plate, EdgeSettings())
    fine = alphas_on(maps, plate, EdgeSettings(edges="fine"))
    error = {
        name: float((found - truth).abs().sum())
        for name, found in (("bilinear", bilinear), ("soft", soft), ("fine", fine))
    }
    assert error["fine"] <= error["soft"] * 1.01
    assert error["fine"] <= error["bilinear"]


def test_far_from_edges_a_pixel_belongs_to_one_part_in_fine() -> None:
    plate = torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(5))
    maps = torch.zeros(2, 16, 16)
    maps[1, :, :8], maps[0, :, 8:] = 1, 1
    alphas = alphas_on(maps, plate, EdgeSettings(edges="fine", band=2.0))
    assert torch.equal(alphas[1, :, : 5 * 8], torch.ones(128, 40))
    assert torch.equal(alphas[1, :, 11 * 8 :], torch.zeros(128, 40))


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize(
    ("parts", "grid", "size"),
    [
        (1, (6, 8), (48, 64)),
        (2, (7, 5), (101, 57)),
        (3, (8, 8), (3, 5)),
        (2, (1, 1), (9, 9)),
        (2, (5, 7), (1, 1)),
        (4, (16, 9), (128, 72)),
    ],
    ids=["one part", "odd portrait", "tiny", "one cell", "one pixel", "portrait"],
)
def test_any_size_and_number_of_parts(
    edges: str, parts: int, grid: tuple[int, int], size: tuple[int, int]
) -> None:
    plate = torch.rand(3, *size, generator=torch.Generator().manual_seed(6))
    alphas = alphas_on(noisy_maps(parts, grid), plate, EdgeSettings(edges=edges))
    assert alphas.shape == (parts, *size)
    assert bool(alphas.isfinite().all())
    assert torch.allclose(alphas.sum(dim=0), torch.ones(size), atol=1e-5)


@pytest.mark.parametrize("edges", EDGES)
def test_bad_pixels_do_not_spread(edges: str) -> None:
    plate, truth = scene()
    maps = cell_means(truth, (12, 16))
    broken = plate.clone()
    broken[:, 3, 4], broken[:, 90, 100], broken[0, 50, 60] = math.nan, math.inf, -math.inf
    maps[:, 0, 0] = math.nan
    alphas = alphas_on(maps, broken, EdgeSettings(edges=edges))
    assert bool(alphas.isfinite().all())
    assert torch.allclose(alphas.sum(dim=0), torch.ones(96, 128), atol=1e-5)


def test_no_gradient_is_left_on() -> None:
    plate, truth = scene((32, 32))
    maps = cell_means(truth, (4, 4)).requires_grad_()
    assert not alphas_on(maps, plate, EdgeSettings(edges="fine")).requires_grad
    assert torch.is_grad_enabled()


def test_wrong_shapes_are_told() -> None:
    with pytest.raises(ShapeError, match=r"\[K, h, w\]"):
        alphas_on(torch.zeros(4, 4), torch.zeros(3, 8, 8), EdgeSettings())
    with pytest.raises(ShapeError, match=r"\[3, H, W\]"):
        alphas_on(torch.zeros(2, 4, 4), torch.zeros(8, 8, 3), EdgeSettings())
    with pytest.raises(ShapeError, match=r"\[H, W, 3\]"):
        ShotEdges(EdgeSettings()).mattes(FrameMaps(1, np.zeros((2, 4, 4)), 1), np.zeros((3, 8, 8)))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"edges": "sharp"}, 'one of hard, soft, fine, not "sharp"'),
        ({"band": 0.1}, "between 0.5 and 16"),
        ({"block": 100.5}, "number"),
        ({"bands": 2.0}, "did you mean band"),
    ],
)
def test_wrong_settings_are_told(values: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        EdgeSettings.from_dict(values)


def test_a_partition_of_nothing_is_background() -> None:
    found = partition(torch.tensor([[0.0, -1.0, 0.2], [0.0, 0.5, 0.6]]))
    assert torch.allclose(found, torch.tensor([[1.0, 0.0, 0.25], [0.0, 1.0, 0.75]]))


def test_the_band_reaches_as_far_as_asked() -> None:
    maps = torch.zeros(2, 5, 12)
    maps[0, :, :6], maps[1, :, 6:] = 1, 1
    assert unknown_cells(maps, 1)[2].nonzero().flatten().tolist() == [5, 6]
    assert unknown_cells(maps, 3)[2].nonzero().flatten().tolist() == [3, 4, 5, 6, 7, 8]
    assert not unknown_cells(torch.ones(1, 4, 4), 4).any()


def test_levels_halve_from_the_plate_to_the_grid() -> None:
    assert level_sizes((32, 56), (1080, 1920)) == [
        (68, 120), (135, 240), (270, 480), (540, 960), (1080, 1920),
    ]  # fmt: skip
    assert level_sizes((8, 8), (3, 5)) == [(3, 5)]


def test_cells_share_the_pixels_on_their_borders() -> None:
    planes = torch.tensor([[[1.0, 2.0, 6.0]]])
    # Two cells of 1.5 pixels each.
    assert torch.allclose(cell_means(planes, (1, 2)), torch.tensor([[[4 / 3, 14 / 3]]]))
    assert torch.allclose(overlaps(7, 3).sum(dim=1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize(("grid", "size"), [((5, 7), (33, 20)), ((4, 4), (3, 9)), ((1, 2), (5, 5))])
def test_growth_is_bilinear_and_knows_no_blocks(
    grid: tuple[int, int], size: tuple[int, int]
) -> None:
    planes = torch.rand(2, *grid, generator=torch.Generator().manual_seed(7))
    growth = Growth(grid, size, planes.device)
    whole = growth(planes)
    expected = functional.interpolate(planes[None], size=size, mode="bilinear")[0]
    assert torch.allclose(whole, expected, atol=1e-6)
    rows, columns = slice(1, size[0]), slice(2, size[1] - 1)
    assert torch.equal(growth(planes, rows, columns), whole[:, rows, columns])


def test_box_means_repeat_the_border() -> None:
    plane = torch.arange(12.0).reshape(1, 3, 4)
    expected = functional.avg_pool2d(functional.pad(plane[None], (1,) * 4, "replicate"), 3, 1)[0]
    assert torch.allclose(box_mean(plane, 1), expected)


def test_steps_are_crisp_and_slopes_are_not() -> None:
    step = (torch.arange(64) >= 32).float().expand(3, 40, 64)
    slope = ((torch.arange(64) - 20) / 24).clamp(0, 1).expand(3, 40, 64)
    assert float(crispness(step, 8, 1e-4)[20, 32]) > 0.15
    assert float(crispness(slope, 6, 1e-4)[20, 32]) < 0.02
    assert float(crispness(torch.full((3, 40, 64), 0.3), 8, 1e-4).max()) < 1e-6


def test_a_grey_plate_is_no_trouble() -> None:
    """Its colours lie on a line: the windows' covariances are singular but for eps."""
    grey = torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(9)).expand(3, 40, 40)
    alpha = grey[:1] * 0.5 + 0.25
    model = ColourStatistics.of(grey, 1, 1e-6).fit(alpha)
    assert torch.allclose(applied(model, grey), alpha, atol=5e-3)


def test_alphas_linear_in_colour_are_fitted_exactly() -> None:
    guide = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(8))
    alpha = (0.2 * guide[0] - 0.1 * guide[1] + 0.5 * guide[2] + 0.1)[None]
    model = ColourStatistics.of(guide, 2, 1e-7).fit(alpha)
    assert torch.allclose(applied(model, guide), alpha, atol=1e-3)
    # Away from the border, where windows are whole, the model is the one that was put in.
    expected = torch.tensor([0.2, -0.1, 0.5, 0.1])
    assert torch.allclose(model[0, :, 10, 12], expected, atol=2e-3)
