"""References: stills with painted parts, and the augmented views that learning sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from smite_engine.errors import BadReferenceError
from smite_engine.part_set import PartSet
from smite_engine.sizing import LATENT_STEP, to_canvas, working_size


@dataclass(frozen=True)
class Reference:
    """One still.

    Attributes:
        image: float32 [H, W, 3], display sRGB 0..1.
        labels: uint8 [H, W]; 0 background, i the part i - 1 of the part set.
        name: File stem, for messages.
    """

    image: np.ndarray
    labels: np.ndarray
    name: str


@dataclass(frozen=True)
class View:
    """What one learning step sees: image [3, H, W] in 0..1, coverage [K, h, w], known [h, w].

    ``known`` is 1 where the coverage says something, 0 beyond the picture's edge.
    """

    image: torch.Tensor
    coverage: torch.Tensor
    known: torch.Tensor


@dataclass(frozen=True)
class Augmentation:
    """How views differ from the reference.

    Attributes:
        zoom: Smallest and largest share of the picture's sides that a view spans; above 1 the
            picture is smaller than the view (zoom-out).
        rotation: Largest turn, degrees.
        flip: Whether half of the views are mirrored; wrong where parts are left and right.
        colour: Strength of brightness, contrast and saturation changes, 0 for none.
        hue: Largest turn of the hues, as a share of the colour circle.
        blur: Largest standard deviation of a blur, pixels.
        cut_out: Largest side of a grey rectangle laid over the view, share of the view's side.
    """

    zoom: tuple[float, float] = (0.6, 1.2)
    rotation: float = 30.0
    flip: bool = True
    colour: float = 0.3
    hue: float = 0.04
    blur: float = 1.0
    cut_out: float = 0.3


def check_references(references: Sequence[Reference], parts: PartSet) -> None:
    """Raises BadReferenceError unless shapes fit and every part is painted somewhere."""
    if not references:
        raise BadReferenceError("Learning needs at least one reference with a painted part.")
    seen: set[int] = set()
    for reference in references:
        height, width = reference.image.shape[:2]
        if reference.labels.shape != (height, width):
            raise BadReferenceError(
                f"The mask of reference {reference.name} is "
                f"{reference.labels.shape[1]}x{reference.labels.shape[0]}, but its image is "
                f"{width}x{height}; both must have the same size."
            )
        present = set(np.unique(reference.labels).tolist())
        if max(present) > len(parts):
            raise BadReferenceError(
                f"The mask of reference {reference.name} holds index {max(present)}, but the part "
                f"set ends at {len(parts)}."
            )
        seen |= present
    unpainted = [name for i, name in enumerate(parts.names, 1) if i not in seen]
    if unpainted:
        raise BadReferenceError(
            f"No reference shows {', '.join(unpainted)}; paint it on one, or leave it out."
        )


def whole_view(reference: Reference, parts: int, area: int) -> View:
    """The reference as it is, on its canvas."""
    image = torch.from_numpy(np.ascontiguousarray(reference.image)).permute(2, 0, 1)[None]
    size = working_size(*reference.labels.shape, area)
    one_hot = _one_hot(reference.labels, parts)[None]
    fitted = functional.interpolate(one_hot, size=size.grid, mode="area")
    below = size.canvas_height // LATENT_STEP - size.grid[0]
    right = size.canvas_width // LATENT_STEP - size.grid[1]
    known = functional.pad(torch.ones(size.grid), (0, right, 0, below))
    coverage = functional.pad(fitted, (0, right, 0, below))[0]
    return View(to_canvas(image.float(), size)[0], coverage, known)


def augmented_view(
    reference: Reference,
    parts: int,
    area: int,
    augmentation: Augmentation,
    generator: torch.Generator,
) -> View:
    """A random similarity crop of the reference with changed colours, on the same canvas size."""
    size = working_size(*reference.labels.shape, area)
    canvas = (size.canvas_height, size.canvas_width)
    image = torch.from_numpy(np.ascontiguousarray(reference.image)).permute(2, 0, 1)[None].float()
    labels = torch.from_numpy(reference.labels.astype(np.float32))[None, None]
    grid = _similarity(canvas, labels.shape[2:], augmentation, generator)
    shrink = max(1, round(min(labels.shape[2] / canvas[0], labels.shape[3] / canvas[1])))
    if shrink > 1:  # A plain bilinear sample of a much larger picture would alias.
        image = functional.avg_pool2d(image, shrink)
    view = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
    picked = functional.grid_sample(
        labels, grid, mode="nearest", padding_mode="border", align_corners=False
    )
    inside = (grid.abs() <= 1).all(dim=-1)[None].float()
    one_hot = _one_hot(picked[0, 0].numpy().astype(np.uint8), parts)[None] * inside
    coverage = functional.avg_pool2d(one_hot, LATENT_STEP)[0]
    known = (functional.avg_pool2d(inside, LATENT_STEP)[0, 0] > 0.99).float()
    changed = _change_pixels(view[0], augmentation, generator)
    return View(changed, coverage, known)


def _one_hot(labels: np.ndarray, parts: int) -> torch.Tensor:
    """float32 [parts + 1, H, W]."""
    return torch.stack([torch.from_numpy(labels == i) for i in range(parts + 1)]).float()


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _similarity(
    canvas: tuple[int, int],
    picture: tuple[int, int],
    augmentation: Augmentation,
    generator: torch.Generator,
) -> torch.Tensor:
    """Sampling grid [1, H, W, 2] of a random zoom, turn, flip and shift; aspect kept."""
    zoom = _uniform(generator, *augmentation.zoom)
    turn = torch.deg2rad(
        torch.tensor(_uniform(generator, -augmentation.rotation, augmentation.rotation))
    )
    mirror = -1.0 if augmentation.flip and _uniform(generator, 0, 1) < 0.5 else 1.0
    # Half extents of the view in source pixels: the canvas' shape around the picture.
    reach = zoom * max(picture[0] / canvas[0], picture[1] / canvas[1]) / 2
    half_height, half_width = reach * canvas[0], reach * canvas[1]
    cosine, sine = float(torch.cos(turn)), float(torch.sin(turn))
    slack = [
        max(0.0, extent / 2 - half)
        for extent, half in zip(picture, (half_height, half_width), strict=True)
    ]
    middle_y = picture[0] / 2 + _uniform(generator, -1, 1) * slack[0]
    middle_x = picture[1] / 2 + _uniform(generator, -1, 1) * slack[1]
    to_x, to_y = 2 / picture[1], 2 / picture[0]
    matrix = torch.tensor(
        [
            [
                mirror * cosine * half_width * to_x,
                -sine * half_height * to_x,
                middle_x * to_x - 1,
            ],
            [mirror * sine * half_width * to_y, cosine * half_height * to_y, middle_y * to_y - 1],
        ]
    )
    return functional.affine_grid(matrix[None], [1, 1, *canvas], align_corners=False)


def _change_pixels(
    image: torch.Tensor, augmentation: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Colour, blur and cut-out of an image [3, H, W] in 0..1."""
    strength = augmentation.colour

    def gain() -> float:
        return _uniform(generator, 1 - strength, 1 + strength)

    image = turn_hue(image, _uniform(generator, -augmentation.hue, augmentation.hue))
    grey = image.mean(dim=0, keepdim=True)
    image = grey + (image - grey) * gain()
    mean = image.mean()
    image = ((mean + (image - mean) * gain()) * gain()).clamp(0, 1)
    sigma = _uniform(generator, 0, augmentation.blur)
    if sigma > 0.3:
        image = _blur(image, sigma)
    height, width = image.shape[1:]
    tall = int(_uniform(generator, 0, augmentation.cut_out) * height)
    wide = int(_uniform(generator, 0, augmentation.cut_out) * width)
    if tall > 8 and wide > 8 and _uniform(generator, 0, 1) < 0.3:
        top = int(_uniform(generator, 0, height - tall))
        left = int(_uniform(generator, 0, width - wide))
        image = image.clone()
        image[:, top : top + tall, left : left + wide] = mean
    return image


def turn_hue(image: torch.Tensor, share: float) -> torch.Tensor:
    """Colours [3, H, W] turned about the grey axis by ``share`` of the full circle."""
    angle = torch.tensor(2 * torch.pi * share)
    cosine, root = torch.cos(angle), torch.sin(angle) / 3**0.5
    third = (1 - cosine) / 3
    rows = [
        [cosine + third, third - root, third + root],
        [third + root, cosine + third, third - root],
        [third - root, third + root, cosine + third],
    ]
    matrix = torch.stack([torch.stack([value.reshape(()) for value in row]) for row in rows])
    return torch.einsum("ij,jhw->ihw", matrix, image)


def _blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Separable Gaussian blur of [3, H, W]."""
    radius = max(1, round(2.5 * sigma))
    offsets = torch.arange(-radius, radius + 1).float()
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, -1)
    padded = functional.pad(image[None], (radius, radius, radius, radius), mode="replicate")
    across = functional.conv2d(padded, kernel[:, :, None, :], groups=3)
    return functional.conv2d(across, kernel[:, :, :, None], groups=3)[0]
