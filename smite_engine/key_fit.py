"""A fit of the cross-attention's keys to queries that were read once.

R of eq. 1 is linear in the queries (see :func:`joined_queries`), so that embeddings and the
projections ``to_k`` that make keys of them can be fitted like a softmax regression, thousands of
times cheaper than through the UNet. What the new keys do to the queries of later layers is left to
the steps of learning that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from smite_engine.references import View
from smite_engine.text_sides import with_parts

CELLS_OF_VIEW = 512
_BATCH = 1024
_NOISE = 0.1  # Of the queries' own spread; keeps many channels from fitting few cells.


@dataclass(frozen=True)
class Cells:
    """Cells of views: joined queries float32 [N, C] and coverage of the parts [N, K]."""

    queries: torch.Tensor
    coverage: torch.Tensor

    @classmethod
    def joined(cls, some: Sequence[Cells]) -> Cells:
        """All cells of several."""
        return cls(torch.cat([c.queries for c in some]), torch.cat([c.coverage for c in some]))


def balanced_cells(view: View, queries: torch.Tensor, generator: torch.Generator) -> Cells:
    """Cells of a view, with repeats; a part is drawn as often as the root of its area says.

    Args:
        view: With K parts, background first, on h x w cells; some are known.
        queries: Joined queries [h * w, C].
        generator: On the CPU.
    """
    coverage = view.coverage.flatten(1).T
    labels = coverage.argmax(dim=1)
    known = view.known.flatten() > 0
    counts = torch.bincount(labels[known], minlength=coverage.shape[1]).clamp_min(1)
    chances = counts.float().rsqrt()[labels] * known
    drawn = chances.multinomial(CELLS_OF_VIEW, replacement=True, generator=generator)
    return Cells(queries[drawn.to(queries.device)], coverage[drawn].to(queries.device))


def fit_keys(
    cells: Cells,
    base: torch.Tensor,
    embeddings: torch.Tensor,
    projections: Sequence[torch.Tensor],
    steps: int,
    rate: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Embeddings and projections after ``steps`` steps of Adam on the cross-entropy of R.

    Args:
        cells: What is fitted.
        base: The context [T, D] before the parts' rows are replaced.
        embeddings: [P, D], where they start.
        projections: ``to_k`` weights [C_i, D] in the order of the joined queries.
        steps: Steps, each on some cells.
        rate: Adam's rate of both.
        generator: On the CPU; chooses cells and noise.

    Returns:
        New tensors: embeddings [P, D], and the projections.
    """
    device = cells.queries.device
    embeddings = embeddings.detach().float().clone().requires_grad_(True)
    weights = [weight.detach().float().clone().requires_grad_(True) for weight in projections]
    optimiser = torch.optim.Adam([embeddings, *weights], lr=rate)
    spread = _NOISE * cells.queries.std(dim=0)
    tokens = cells.coverage.shape[1]
    for _ in range(steps):
        drawn = torch.randint(len(cells.queries), (_BATCH,), generator=generator).to(device)
        noise = torch.randn(_BATCH, len(spread), generator=generator).to(device)
        context = with_parts(base.float(), embeddings)[:tokens]
        keys = torch.cat([context @ weight.T for weight in weights], dim=1)
        logits = (cells.queries[drawn] + spread * noise) @ keys.T
        loss = functional.cross_entropy(logits, cells.coverage[drawn])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return embeddings.detach(), [weight.detach() for weight in weights]
