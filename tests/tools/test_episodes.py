"""Training views and episodes: pixels and labels stay together, parts are what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from episodes import choose_parts, coverage, draw, random_regions, shared_labels
from packed import IGNORED, Source, ViewRanges, crop_view, read_source


def disc_source(count: int = 4) -> Source:
    """Red discs (label 3) on blue, in the top-left 96x128 of a canvas of 160."""
    rows, cols = np.ogrid[:96, :128]
    images = np.zeros((count, 160, 160, 3), np.uint8)
    labels = np.full((count, 160, 160), IGNORED, np.uint8)
    for index in range(count):
        disc = (rows - 48) ** 2 + (cols - 50 - 8 * index) ** 2 < 24**2
        images[index, :96, :128] = np.where(disc[..., None], (255, 0, 0), (0, 0, 255))
        labels[index, :96, :128] = np.where(disc, 3, 0)
    sizes, groups = np.tile([96, 128], (count, 1)), np.zeros(count, int)
    return Source("ccp", images, labels, sizes, groups, labelled=True, label_names={3: "disc"})


def test_views_move_pixels_and_labels_together() -> None:
    rng = np.random.default_rng(0)
    seen = 0
    for index in range(12):
        image, labels = crop_view(disc_source(), index % 4, 64, rng, ViewRanges())
        assert image.shape == (3, 64, 64)
        assert labels.shape == (64, 64)
        inside = labels == 3
        seen += int(inside.sum())
        if inside.any():
            assert float(image[0][inside].mean()) > 0.9
        if (labels == 0).any():
            assert float(image[2][labels == 0].mean()) > 0.9
    assert seen > 500


def test_coverage_sums_to_one_where_labels_are_known() -> None:
    labels = torch.zeros(32, 32, dtype=torch.long)
    labels[:, :12], labels[:, 24:] = 5, IGNORED
    parts, known = coverage(labels, [[5], [6, 7]])
    assert parts.shape == (3, 4, 4)
    assert parts[1, 0].tolist() == [1, 0.5, 0, 0]
    assert parts[:, :, :3].sum(dim=0).eq(1).all()
    assert known[0, 0].tolist() == [1, 1, 1, 0]


def test_parts_are_a_partition_of_some_labels() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        parts = choose_parts([1, 2, 5, 9], 3, rng)
        flat = [label for part in parts for label in part]
        assert 1 <= len(parts) <= 3
        assert all(parts)
        assert len(flat) == len(set(flat))
        assert set(flat) <= {1, 2, 5, 9}


def test_only_labels_in_both_views_count() -> None:
    first = torch.zeros(40, 40, dtype=torch.long)
    second = first.clone()
    first[:10], second[:10], first[20:30], second[39, 39] = 1, 1, 2, 2
    assert shared_labels(first, second) == [1]


def test_regions_follow_the_colours() -> None:
    image = np.zeros((96, 96, 3), np.uint8)
    image[:, 48:] = 255
    regions = random_regions(image, np.random.default_rng(0))
    left, right = set(regions[:, :40].ravel()), set(regions[:, 56:].ravel())
    assert left.isdisjoint(right)


def test_an_episode_shows_its_parts_in_both_pictures() -> None:
    rng = np.random.default_rng(2)
    for _ in range(5):
        episode = draw({"ccp": disc_source()}, 64, 4, rng)
        assert episode.reference.shape == episode.target.shape == (3, 64, 64)
        assert float(episode.reference_parts[1].sum()) > 0
        assert float(episode.target_parts[1].sum()) > 0
        assert episode.names == (("disc",),)


def test_a_packed_source_is_read_as_it_was_written(tmp_path: Path) -> None:
    source = disc_source(2)
    np.save(tmp_path / "ccp.images.npy", source.images)
    np.save(tmp_path / "ccp.labels.npy", source.labels)
    meta = {"sizes": [[96, 128]] * 2, "groups": [0, 0], "labelled": True,
            "label_names": {"3": "disc"}}  # fmt: skip
    (tmp_path / "ccp.meta.json").write_text(json.dumps(meta))
    read = read_source(tmp_path, "ccp")
    assert np.array_equal(read.images, source.images)
    assert read.label_names == {3: "disc"}
    with pytest.raises(FileNotFoundError):
        read_source(tmp_path, "other")
