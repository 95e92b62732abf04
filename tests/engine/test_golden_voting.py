"""Voting against reference tensors of another implementation (SMITE algorithm 1)."""

from __future__ import annotations

import pytest
import torch

from smite_engine import voting
from smite_engine.voting import vote
from tests.support.golden import assert_close, golden_tensors


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    return golden_tensors("voting.npz")


def voted(golden: dict[str, torch.Tensor]) -> torch.Tensor:
    visible = golden["visible"].bool()
    return vote(golden["was"], golden["tracks"], visible, int(golden["window"]))


def test_voted_maps(golden: dict[str, torch.Tensor]) -> None:
    assert_close(voted(golden), golden["voted"])


def test_the_size_of_a_chunk_changes_nothing(
    golden: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = voted(golden)
    monkeypatch.setattr(voting, "_STEPS_IN_CACHE", 1)
    assert torch.equal(voted(golden), whole)
