"""What mattes become when they are stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_server.matte_values import positive, ready_mattes, round_down

KINDS = [np.float16, np.float32]


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_clamped(kind: type) -> None:
    given_values = np.array([-1, -0.0, 0, 0.25, 1, 2, np.nan, np.inf, -np.inf], np.float32)
    found = ready_mattes(given_values.reshape(1, 1, -1), kind)
    assert found.dtype == kind
    assert found.flat[:].tolist() == [0, 0, 0, 0.25, 1, 1, 0, 1, 0]
    assert not np.signbit(found).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [1, 3])
def test_any_memory_layout(kind: type, threads: int) -> None:
    base = np.random.default_rng(0).random((50, 140, 8), np.float32) / 8
    mattes = base.transpose(2, 1, 0)[::2, ::-1, 3:]
    np.testing.assert_array_equal(ready_mattes(mattes, kind, threads), mattes.astype(kind))


@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_parts_that_share_a_pixel_stay_at_one(parts: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mattes = random.random((parts, 40, 9), np.float32) ** 4
    mattes /= mattes.sum(axis=0)
    stored = ready_mattes(mattes, np.float16)
    assert (stored.sum(axis=0, dtype=np.float64) <= 1).all()
    error = stored.astype(np.float64) - mattes
    step = np.spacing(mattes.astype(np.float16)).astype(np.float64)
    assert (np.abs(error) <= step).all()
    nearest = mattes.astype(np.float16)
    fits = nearest.sum(axis=0, dtype=np.float64) <= 1
    np.testing.assert_array_equal(stored[:, fits], nearest[:, fits])
    assert not fits.all()


def test_parts_that_overlap_on_purpose_stay_as_they_are() -> None:
    mattes = np.random.default_rng(0).random((3, 40, 9), np.float32)
    mattes[1] = np.maximum(mattes[1], 1.001 - mattes[0])
    np.testing.assert_array_equal(ready_mattes(mattes, np.float16), mattes.astype(np.float16))


def test_bad_pixels_next_to_shared_ones() -> None:
    mattes = np.array([1 / 3, 2 / 3, np.nan, -np.inf, -0.2], np.float32).reshape(5, 1, 1)
    assert ready_mattes(mattes, np.float16).sum(dtype=np.float64) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_positive(kind: type) -> None:
    tiny = np.finfo(kind).smallest_subnormal
    values = np.array([0, -0.0, tiny, 0.5, 1], kind)
    assert positive(values).tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("kind", KINDS)
@given(value=st.floats(0, 1))
@settings(deadline=None)
def test_rounding_down(kind: type, value: float) -> None:
    found = round_down(np.array([value]), kind)[0]
    assert float(found) <= value < float(np.nextafter(found, kind(2)))
