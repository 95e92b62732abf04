"""Augmented views: what learning sees instead of the same still again and again.

A view is a similarity crop of a reference (zoom, turn, flip, shift; with ``stretch`` also another
aspect) whose pixels are changed after that. Geometry moves image and coverage together; colours,
blur and cut-out change the image alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
import torch
from torch.nn import functional

from smite_engine.references import Reference, View, one_hot
from smite_engine.sizing import LATENT_STEP, working_size


@dataclass(frozen=True)
class Augmentation:
    """How views differ from the reference; the defaults change nothing.

    Attributes:
        zoom: Smallest and largest share of the picture's sides that a view spans; above 1 the
            picture is smaller than the view (zoom-out).
        rotation: Largest turn, degrees.
        flip: Whether half of the views are mirrored; wrong where parts are left and right.
        stretch: Largest change of the aspect, 0.2 for up to 1.2 times as wide or as tall.
        colour: Strength of brightness, contrast and saturation changes.
        hue: Largest turn of the hues, as a share of the colour circle.
        blur: Largest standard deviation of a blur, pixels; below 0.3 nothing is blurred.
        cut_out: Largest side of a grey rectangle laid over three in ten views, share of the view's
            side. The coverage below it stays: what is hidden is to be told from its surroundings.
    """

    zoom: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    flip: bool = False
    stretch: float = 0.0
    colour: float = 0.0
    hue: float = 0.0
    blur: float = 0.0
    cut_out: float = 0.0


@dataclass(frozen=True)
class Still:
    """A reference, ready for views: what needs to be done once however many views are made.

    Attributes:
        image: float32 [1, 3, H', W'], shrunk by a whole factor where the reference is larger than
            the canvas, so that a bilinear sample does not alias.
        labels: uint8 [1, 1, H, W].
        parts: Parts of the part set.
        canvas: (height, width) of a view in pixels.
    """

    image: torch.Tensor
    labels: torch.Tensor
    parts: int
    canvas: tuple[int, int]

    @classmethod
    def of(cls, reference: Reference, parts: int, area: int) -> Still:
        """The still of a reference whose views have at most ``area`` pixels."""
        size = working_size(*reference.labels.shape, area)
        canvas = (size.canvas_height, size.canvas_width)
        image = torch.from_numpy(np.ascontiguousarray(reference.image)).permute(2, 0, 1)[None]
        height, width = reference.labels.shape
        shrink = max(1, round(min(height / canvas[0], width / canvas[1])))
        image = functional.avg_pool2d(image.float(), shrink) if shrink > 1 else image.float()
        labels = torch.from_numpy(np.ascontiguousarray(reference.labels))[None, None]
        return cls(image, labels, parts, canvas)


def augmented_view(still: Still, augmentation: Augmentation, generator: torch.Generator) -> View:
    """A random view of a still, on a canvas of the size that the whole still has."""
    grid = _crop(still.canvas, tuple(still.labels.shape[2:]), augmentation, generator)
    view = functional.grid_sample(still.image, grid, padding_mode="border", align_corners=False)
    picked = functional.grid_sample(
        still.labels.float(), grid, mode="nearest", padding_mode="border", align_corners=False
    )
    inside = (grid.abs() <= 1).all(dim=-1)[None].float()
    painted = one_hot(picked[0, 0].numpy().astype(np.uint8), still.parts)[None] * inside
    coverage = functional.avg_pool2d(painted, LATENT_STEP)[0]
    known = (functional.avg_pool2d(inside, LATENT_STEP)[0, 0] > 0.99).float()
    return View(_change_pixels(view[0], augmentation, generator), coverage, known)


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _crop(
    canvas: tuple[int, int],
    picture: tuple[int, ...],
    augmentation: Augmentation,
    generator: torch.Generator,
) -> torch.Tensor:
    """Sampling grid [1, H, W, 2] of a random zoom, turn, flip, stretch and shift."""
    zoom = _uniform(generator, *augmentation.zoom)
    turn = torch.deg2rad(
        torch.tensor(_uniform(generator, -augmentation.rotation, augmentation.rotation))
    )
    mirror = -1.0 if augmentation.flip and _uniform(generator, 0, 1) < 0.5 else 1.0
    # Half extents of the view in source pixels: the canvas' shape around the picture.
    reach = zoom * max(picture[0] / canvas[0], picture[1] / canvas[1]) / 2
    half_height, half_width = reach * canvas[0], reach * canvas[1]
    if augmentation.stretch:
        most = log(1 + augmentation.stretch)
        half_width *= exp(_uniform(generator, -most, most))
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
