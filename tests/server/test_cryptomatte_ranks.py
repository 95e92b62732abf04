"""Ranking mattes: order, sums, what is kept bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_server.cryptomatte_ids import id_as_float, name_ids
from smite_server.cryptomatte_ranks import rank_mattes

IDS = name_ids(["nose", "hull", "fins", "window"])
FLOATS = [id_as_float(number) for number in IDS]


def rank_one(*values: float, ranks: int = 6, kind: type = np.float32) -> list[tuple[float, float]]:
    """(ID, coverage) of one pixel, largest first."""
    mattes = np.array(values, kind).reshape(-1, 1, 1)
    ids, coverages = rank_mattes(mattes, IDS[: len(values)], ranks)
    return [(float(i), float(c)) for i, c in zip(ids.flat, coverages.flat, strict=True)]


def test_the_largest_comes_first() -> None:
    assert rank_one(0.25, 0.0, 0.5) == [(FLOATS[2], 0.5), (FLOATS[0], 0.25), (0, 0)]


def test_one_part_alone() -> None:
    assert rank_one(0, 1, 0) == [(FLOATS[1], 1), (0, 0), (0, 0)]


def test_no_part_is_id_zero() -> None:
    assert rank_one(0, 0) == [(0, 0), (0, 0)]


def test_equal_coverages_are_in_the_order_of_the_parts() -> None:
    assert [number for number, _ in rank_one(0.25, 0.25, 0.5, 0.25)] == [
        FLOATS[2],
        FLOATS[0],
        FLOATS[1],
        FLOATS[3],
    ]


def test_overlapping_mattes_are_divided_by_their_sum() -> None:
    assert rank_one(1, 1, 0) == [(FLOATS[0], 0.5), (FLOATS[1], 0.5), (0, 0)]


def test_what_does_not_fit_is_the_smallest() -> None:
    assert rank_one(0.0625, 0.5, 0.125, 0.25, ranks=2) == [(FLOATS[1], 0.5), (FLOATS[3], 0.25)]


@st.composite
def pictures(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Mattes of any count, size and type, sparse or dense, overlapping or not; and ranks."""
    parts = draw(st.sampled_from([1, 2, 3, 7, 12, 40]))
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 9))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mattes = random.random((parts, height, width), dtype=np.float32)
    mattes *= random.random(mattes.shape) < draw(st.sampled_from([0.05, 0.5, 1.0]))
    if draw(st.booleans()):
        mattes /= parts
    if draw(st.booleans()):
        mattes[random.integers(parts)] = 0
    kind = draw(st.sampled_from([np.float16, np.float32]))
    return mattes.astype(kind), draw(st.sampled_from([2, 6, 8]))


@given(pictures(), st.sampled_from([1, 3]))
@settings(deadline=None, max_examples=80)
def test_ranking_any_picture(picture: tuple[np.ndarray, int], threads: int) -> None:
    mattes, ranks = picture
    before = mattes.copy()
    names = [f"part_{index}" for index in range(len(mattes))]
    numbers = name_ids(names)
    ids, coverages = rank_mattes(mattes, numbers, ranks, threads)
    np.testing.assert_array_equal(mattes, before)

    assert ids.dtype == coverages.dtype == np.float32
    assert len(ids) == len(coverages) == min(len(mattes), ranks)
    assert (np.diff(coverages, axis=0) <= 0).all()
    assert (coverages >= 0).all()
    assert (coverages.sum(axis=0, dtype=np.float64) <= 1).all()
    np.testing.assert_array_equal(ids == 0, coverages == 0)

    total = mattes.sum(axis=0, dtype=np.float64)
    fits = np.count_nonzero(mattes, axis=0) <= ranks
    for matte, number in zip(mattes, numbers, strict=True):
        value = np.float32(id_as_float(number))
        found = np.where(ids == value, coverages, 0).sum(axis=0)
        assert (np.count_nonzero(ids == value, axis=0) <= 1).all()
        kept = fits & (total <= 1)
        np.testing.assert_array_equal(found[kept], matte[kept].astype(np.float32))
        shared = fits & (total > 1)
        exact = matte[shared] / total[shared]
        step = np.spacing(exact.astype(mattes.dtype)).astype(np.float64)
        assert (found[shared] <= exact).all()
        assert (found[shared] >= exact - step).all()


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_against_sorting(kind: type) -> None:
    random = np.random.default_rng(3)
    mattes = (random.random((9, 130, 11)) / 9).astype(kind)
    ids, coverages = rank_mattes(mattes, name_ids([str(k) for k in range(9)]), 6)
    order = np.argsort(-mattes, axis=0, kind="stable")[:6]
    np.testing.assert_array_equal(coverages, np.take_along_axis(mattes, order, 0))
    floats = np.array([id_as_float(number) for number in name_ids([str(k) for k in range(9)])])
    np.testing.assert_array_equal(ids, floats.astype(np.float32)[order])
