"""Training episodes: a reference and a target picture with parts that both of them show.

An episode asks what a compositor asks: here is a still with painted parts, find the same parts in
another picture. Parts are random subsets and merges of the labels at hand, so that no granularity
is preferred; pictures without labels lend random regions, found again in another view of the same
picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from packed import IGNORED, Source, ViewRanges, crop_view, jitter_colour
from torch.nn import functional

LATENT_STEP = 8
CLASS_BLOCKS = {
    "ccp": (0, 1, 64),
    "davis": (64, 32, 2),
    "stamps": (128, 256, 2),
    "renders": (640, 256, 8),
}
"""Source -> (first class, most groups, most labels of a group)."""
CLASSES = max(first + groups * width for first, groups, width in CLASS_BLOCKS.values())


@dataclass(frozen=True)
class Episode:
    """Images float [3, S, S] in 0..1; coverage float [P + 1, S/8, S/8], background first.

    ``names`` holds the label names merged into each part where the source has names, else ().
    ``classes`` int64 [S/8, S/8] says what lies in the reference's cells, before labels were chosen
    and merged: 0 background, -1 unknown, else a number for each (source, group, label).
    """

    reference: torch.Tensor
    reference_parts: torch.Tensor
    target: torch.Tensor
    target_parts: torch.Tensor
    target_known: torch.Tensor
    names: tuple[tuple[str, ...], ...]
    classes: torch.Tensor


@dataclass(frozen=True)
class SourcePolicy:
    """How pairs are drawn from a source."""

    weight: float
    same_picture: float
    ranges: ViewRanges


POLICIES = {
    "ccp": SourcePolicy(0.32, 0.25, ViewRanges()),
    "renders": SourcePolicy(0.36, 0.2, ViewRanges(zoom=(0.6, 1.2), rotation=25)),
    "davis": SourcePolicy(0.16, 0.15, ViewRanges(zoom=(0.4, 1.1), colour=0.25, hue=0.04)),
    "stamps": SourcePolicy(0.06, 0.3, ViewRanges(zoom=(0.6, 1.2))),
    "ccp_unlabelled": SourcePolicy(0.10, 1.0, ViewRanges(zoom=(0.35, 0.9))),
}


def class_numbers(labels: torch.Tensor, name: str, group: int) -> torch.Tensor:
    """Classes [S/8, S/8] of a view's labels [S, S]: those at the cells' middles.

    Sources without labels know nothing.
    """
    middles = labels[LATENT_STEP // 2 :: LATENT_STEP, LATENT_STEP // 2 :: LATENT_STEP]
    if name not in CLASS_BLOCKS:
        return torch.full_like(middles, -1)
    first, groups, width = CLASS_BLOCKS[name]
    numbers = first + group % groups * width + middles.clamp(max=width - 1)
    numbers = torch.where(middles == 0, torch.zeros_like(numbers), numbers)
    return torch.where(middles == IGNORED, torch.full_like(numbers, -1), numbers)


def random_regions(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 [H, W] of 3 to 7 regions of like colour and place (k-means), from uint8 [H, W, 3]."""
    height, width = image.shape[:2]
    small = functional.interpolate(
        torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255,
        size=(height // 6, width // 6),
        mode="area",
    )[0]
    rows, cols = torch.meshgrid(
        torch.linspace(0, height / max(height, width), small.shape[1]),
        torch.linspace(0, width / max(height, width), small.shape[2]),
        indexing="ij",
    )
    place = float(rng.uniform(0.4, 1.5))
    points = torch.cat([small, place * torch.stack([rows, cols])]).flatten(1).T
    count = int(rng.integers(3, 8))
    centres = points[torch.from_numpy(rng.choice(len(points), count, replace=False))]
    for _ in range(6):
        nearest = torch.cdist(points, centres).argmin(dim=1)
        one_hot = functional.one_hot(nearest, count).float()
        centres = (one_hot.T @ points) / one_hot.sum(dim=0)[:, None].clamp_min(1)
    grid = nearest.reshape(1, 1, *small.shape[1:]).float()
    return functional.interpolate(grid, size=(height, width))[0, 0].byte().numpy()


def coverage(labels: torch.Tensor, parts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Coverage [P + 1, S/8, S/8] of each part, background first, and where labels are known."""
    masks = torch.stack([torch.isin(labels, torch.tensor(part)) for part in parts]).float()
    known = (labels != IGNORED).float()[None]
    parts_small = functional.avg_pool2d(masks, LATENT_STEP)
    background = (functional.avg_pool2d(known, LATENT_STEP) - parts_small.sum(0, True)).clamp_min(0)
    known_small = (functional.avg_pool2d(known, LATENT_STEP) > 0.99).float()
    return torch.cat([background, parts_small]), known_small


def choose_parts(labels: list[int], most: int, rng: np.random.Generator) -> list[list[int]]:
    """A random partition of some of the labels into 1 to ``most`` parts."""
    order = [int(v) for v in rng.permutation(labels)]
    kept = order[: max(1, round(len(order) * float(rng.choice([1.0, 1.0, 0.8, 0.5]))))]
    count = int(rng.integers(1, min(most, len(kept)) + 1))
    parts: list[list[int]] = [[label] for label in kept[:count]]
    for label in kept[count:]:
        parts[int(rng.integers(count))].append(label)
    return parts


def shared_labels(a: torch.Tensor, b: torch.Tensor) -> list[int]:
    """Labels above 0 that cover at least 0.8 percent of both views."""

    def present(labels: torch.Tensor) -> set[int]:
        values, counts = labels.unique(return_counts=True)
        return {
            int(v)
            for v, c in zip(values, counts, strict=True)
            if c >= 0.008 * labels.numel() and int(v) not in (0, IGNORED)
        }

    return sorted(present(a) & present(b))


def _pair(source: Source, policy: SourcePolicy, rng: np.random.Generator) -> tuple[int, int]:
    first = int(rng.integers(len(source.images)))
    if rng.random() < policy.same_picture:
        return first, first
    group = np.flatnonzero(source.groups == source.groups[first])
    return first, int(rng.choice(group))


def draw(sources: dict[str, Source], side: int, most: int, rng: np.random.Generator) -> Episode:
    """One episode; pictures whose views share no part are drawn again."""
    names = list(sources)
    weights = np.array([POLICIES[name].weight for name in names])
    while True:
        source = sources[names[rng.choice(len(names), p=weights / weights.sum())]]
        policy = POLICIES[source.name]
        first, second = _pair(source, policy, rng)
        group = int(source.groups[first])
        if not source.labelled:
            height, width = (int(v) for v in source.sizes[first])
            regions = random_regions(source.images[first, :height, :width], rng) + 1
            source = replace(
                source,
                images=source.images[first : first + 1],
                labels=regions[None],
                sizes=source.sizes[first : first + 1],
            )
            first = second = 0
        views = [crop_view(source, i, side, rng, policy.ranges) for i in (first, second)]
        labels = shared_labels(views[0][1], views[1][1])
        if labels:
            break
    parts = choose_parts(labels, most, rng)
    reference_parts, _ = coverage(views[0][1], parts)
    target_parts, known = coverage(views[1][1], parts)
    named = tuple(
        tuple(source.label_names.get(v, "") for v in part) if source.name == "ccp" else ()
        for part in parts
    )
    images = [jitter_colour(view[0], rng, policy.ranges) for view in views]
    classes = class_numbers(views[0][1], source.name, group)
    return Episode(images[0], reference_parts, images[1], target_parts, known, named, classes)
