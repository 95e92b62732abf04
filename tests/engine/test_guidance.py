"""Guidance: the energies of eq. 5 to 7, the descent of appendix 7.4, and what it does to maps."""

from __future__ import annotations

import math

import pytest
import torch

from smite_engine.guidance import Energy, LatentDescent, energy, tracking_energy


def random_logits(frames: int = 2, tokens: int = 3, side: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(frames, tokens, side, side, generator=generator, dtype=torch.float64)


def test_the_tracking_energy_is_the_weighted_cross_entropy_by_hand() -> None:
    logits = torch.tensor([[[[2.0, 0.0, 1.0]], [[0.0, 3.0, 0.0]], [[1.0, 0.0, 0.0]]]])
    labels = torch.tensor([[[0, 1, 0]]])
    # Background weighs 1, the only part N_foreground / N_1 = 1.
    probabilities = logits.softmax(dim=1)[0, :, 0]
    expected = -sum(math.log(probabilities[k, i]) for i, k in enumerate([0, 1, 0])) / 3
    assert float(tracking_energy(logits, labels)) == pytest.approx(expected, rel=1e-6)


def test_a_part_with_few_cells_weighs_as_much_as_one_with_many() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.int64)
    labels[0, 0, :3], labels[0, 3, 3] = 1, 2
    wrong_small, wrong_large = (torch.zeros(1, 3, 4, 4) for _ in range(2))
    wrong_small[0, 0, 3, 3] = 5
    wrong_large[0, 0, 0, :3] = 5
    small, large = (float(tracking_energy(x, labels)) for x in (wrong_small, wrong_large))
    assert small == pytest.approx(large, rel=1e-5)


def test_each_energy_alone_and_both_together() -> None:
    logits, other = random_logits(), random_logits().flip(0)
    labels = other.argmax(dim=1)
    maps, reference = logits.softmax(dim=1), other.softmax(dim=1)
    track = energy(Energy(0.5, 0, 0.4), maps, logits, labels, reference)
    keep = energy(Energy(0, 8, 0.4), maps, logits, labels, reference)
    both = energy(Energy(0.5, 8, 0.4), maps, logits, labels, reference)
    assert float(track) == pytest.approx(0.5 * float(tracking_energy(logits, labels)))
    assert float(both) == pytest.approx(float(track + keep))
    assert float(energy(Energy(1, 8, 0.4), maps, logits, None, maps)) == 0


def test_the_energy_is_differentiable() -> None:
    logits = random_logits(side=4).requires_grad_(True)
    labels = random_logits(side=4).flip(0).argmax(dim=1)
    reference = random_logits(side=4).roll(1, 1).softmax(dim=1)

    def total(x: torch.Tensor) -> torch.Tensor:
        return energy(Energy(1, 8, 0.6), x.softmax(dim=1), x, labels, reference)

    assert torch.autograd.gradcheck(total, logits)


def test_descent_takes_the_steps_of_appendix_7_4() -> None:
    alpha = 0.9986
    descent = LatentDescent(alpha, 10.0, torch.Size([1]), torch.device("cpu"))
    assert descent.rate == pytest.approx(0.0140, abs=1e-4)
    gradients, z, first, second = [0.5, -0.2, 0.1], 1.0, 0.0, 0.0
    latents = torch.tensor([z])
    for count, gradient in enumerate(gradients, start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        mean, spread = first / (1 - 0.9**count), math.sqrt(second / (1 - 0.999**count))
        z -= 10 * (1 - alpha) / alpha * mean / (spread + 1e-5)
        latents = descent.update(latents, torch.tensor([gradient]))
        assert float(latents) == pytest.approx(z, rel=1e-5)
    still = LatentDescent(alpha, 10.0, torch.Size([1]), torch.device("cpu"))
    assert float(still.update(torch.tensor([1.0]), torch.zeros(1))) == 1
