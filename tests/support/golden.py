"""Reference tensors of another implementation: where they lie, and how close is close."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

_SHARED = Path(os.environ.get("SMITE_SHARED") or Path(__file__).parents[3] / "shared")
FOLDER = Path(os.environ.get("SMITE_GOLDEN") or _SHARED / "golden")

TOLERANCE = 1e-4
"""Largest error allowed; the files come from float32 on another machine."""


def golden_arrays(name: str) -> dict[str, np.ndarray]:
    """The arrays of ``FOLDER / name`` by their name; skips the test where the file is absent."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no reference tensors at {path}; set SMITE_GOLDEN to their folder")
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def golden_tensors(name: str) -> dict[str, torch.Tensor]:
    """The same as tensors of the same types; whole numbers and flags stay what they are."""
    return {key: torch.from_numpy(value) for key, value in golden_arrays(name).items()}


def assert_close(
    actual: torch.Tensor, expected: torch.Tensor, tolerance: float = TOLERANCE
) -> None:
    """Same shape; no element is off by more than the tolerance, relative where it exceeds 1."""
    assert actual.shape == expected.shape
    error = (actual.double() - expected.double()).abs() / expected.double().abs().clamp_min(1)
    assert float(error.max()) <= TOLERANCE
