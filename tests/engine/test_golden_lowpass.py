"""The low-pass loss against reference tensors of another implementation (SMITE eq. 6)."""

from __future__ import annotations

import pytest
import torch

from smite_engine.lowpass import lowpass, lowpass_loss
from tests.support.golden import assert_close, golden_tensors


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    return golden_tensors("lowpass.npz")


def thresholds(golden: dict[str, torch.Tensor], kind: str) -> list[str]:
    """The T of the file's ``loss_T`` or ``low_T``, as they are written there."""
    found = [name.removeprefix(kind) for name in golden if name.startswith(kind)]
    assert found, f"the file holds no {kind}T"
    return found


def test_losses(golden: dict[str, torch.Tensor]) -> None:
    for written in thresholds(golden, "loss_"):
        loss = lowpass_loss(golden["was"], golden["reference"], float(written))
        assert_close(loss, golden[f"loss_{written}"])


def test_low_passed_maps(golden: dict[str, torch.Tensor]) -> None:
    for written in thresholds(golden, "low_"):
        assert_close(lowpass(golden["was"], float(written)), golden[f"low_{written}"])
