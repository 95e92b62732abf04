"""Held-out views: what the optimiser never sees, and how well a state does on them.

Latents, noise and masks of the views never change, so they are made once; a check is one UNet pass
for each batch of them, which ends after the last self-attention.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from smite_engine.augmentation import Augmentation, Still, augmented_view
from smite_engine.backbone import Backbone
from smite_engine.losses import training_was
from smite_engine.noise import frame_noise
from smite_engine.references import View

MOST_VIEWS = 6
_TRIES = 8
_TOGETHER = 4
_FIRST_NUMBER = 2_000_000  # Noise of held-out views is that of no optimiser step.


@dataclass(frozen=True)
class Tally:
    """Cells of each part over views, as counts [K], background first.

    Attributes:
        both: Cells that are the part and were taken for it.
        either: Cells that are the part or were taken for it.
        painted: Cells that are the part.
    """

    both: torch.Tensor
    either: torch.Tensor
    painted: torch.Tensor

    @classmethod
    def empty(cls, tokens: int) -> Tally:
        return cls(*(torch.zeros(tokens) for _ in range(3)))

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.both + other.both, self.either + other.either, self.painted + other.painted
        )

    def ious(self) -> list[float | None]:
        """IoU of each part, background left out; None where a part is in no view."""
        return [
            float(both / either) if painted else None
            for both, either, painted in zip(self.both, self.either, self.painted, strict=True)
        ][1:]

    @property
    def score(self) -> float | None:
        """Mean IoU of the parts; None where no view shows any."""
        found = [value for value in self.ious() if value is not None]
        return sum(found) / len(found) if found else None


def count_cells(guess: torch.Tensor, truth: torch.Tensor, tokens: int) -> Tally:
    """The tally of labels ``guess`` [...] against ``truth`` [...]; truth below 0 does not count."""
    known = truth >= 0
    guess, truth = guess[known], truth[known]
    painted = torch.bincount(truth, minlength=tokens).float()
    taken = torch.bincount(guess, minlength=tokens).float()
    both = torch.bincount(truth[guess == truth], minlength=tokens).float()
    return Tally(both, painted + taken - both, painted)


def true_labels(view: View) -> torch.Tensor:
    """int64 [h, w]: the part that covers most of each cell, -1 where nothing is known."""
    return view.coverage.argmax(dim=0).masked_fill(view.known == 0, -1)


class HeldOut:
    """Views that a state of learning is measured on, ready for the UNet."""

    def __init__(
        self,
        backbone: Backbone,
        views: Sequence[View],
        tokens: int,
        seed: int,
        learnable: Collection[int] | None = None,
    ) -> None:
        """Encodes the views.

        Args:
            backbone: What measures.
            views: The held-out views.
            tokens: K, background included.
            seed: Of the noise.
            learnable: Parts that the references learned from show, background aside; cells of
                others do not count. None counts all.
        """
        self._backbone = backbone
        self._tokens = tokens
        unlearnable = set() if learnable is None else set(range(1, tokens)) - set(learnable)
        ready = []
        for index, view in enumerate(views):
            latents = backbone.encode(view.image[None])
            noise = frame_noise(seed, _FIRST_NUMBER + index, tuple(latents.shape[1:]))[None]
            truth = true_labels(view)
            for part in unlearnable:
                truth[truth == part] = -1
            ready.append((backbone.noisy(latents, noise, backbone.profile.timestep), truth))
        self._batches = _batches(ready)

    @torch.no_grad()
    def measure(self, context: torch.Tensor) -> Tally:
        """How the maps of the context [T, D], and the UNet as it is, do on the views."""
        total = Tally.empty(self._tokens)
        for noisy, truth in self._batches:
            read = self._backbone.read(
                noisy, self._backbone.profile.timestep, context, self._tokens, span=1
            )
            guess = training_was(read).argmax(dim=1).cpu()
            total = total + count_cells(guess, truth, self._tokens)
        return total


def _batches(
    ready: Sequence[tuple[torch.Tensor, torch.Tensor]],
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(noisy [F, C, h, w], truth [F, h, w]) of views of one size, a few together."""
    by_size: dict[torch.Size, list[tuple[torch.Tensor, torch.Tensor]]] = {}
    for noisy, truth in ready:
        by_size.setdefault(noisy.shape, []).append((noisy, truth))
    found = []
    for same in by_size.values():
        for first in range(0, len(same), _TOGETHER):
            some = same[first : first + _TOGETHER]
            noisy = torch.cat([noisy for noisy, _ in some])
            found.append((noisy, torch.stack([truth for _, truth in some])))
    return found


def held_out_views(
    stills: Sequence[Still],
    whole: Sequence[View],
    shown: Sequence[frozenset[int]],
    augmentation: Augmentation,
    generator: torch.Generator,
) -> list[View]:
    """Augmented views of at most :data:`MOST_VIEWS` stills that between them show every part.

    A view that misses a part of its still is drawn again, a few times: a part that no view shows
    cannot be measured.

    Args:
        stills: The references learned from.
        whole: Each whole.
        shown: The parts of each.
        augmentation: How views are made.
        generator: One that no optimiser step draws from.
    """
    views = []
    for index in spread_over_parts(shown, MOST_VIEWS):
        wanted = _labels_in(whole[index])
        best = augmented_view(stills[index], augmentation, generator)
        for _ in range(_TRIES):
            if wanted <= _labels_in(best):
                break
            other = augmented_view(stills[index], augmentation, generator)
            best = max(best, other, key=lambda view: len(_labels_in(view) & wanted))
        views.append(best if _labels_in(best) & wanted or not wanted else whole[index])
    return views


def _labels_in(view: View) -> set[int]:
    return set(true_labels(view).unique().tolist()) - {-1, 0}


def spread_over_parts(shown: Sequence[frozenset[int]], most: int) -> list[int]:
    """Indices of at most ``most`` references, rising, that show as many parts as can be.

    Where all fit, all; else first those that add parts, then the first ones.
    """
    if len(shown) <= most:
        return list(range(len(shown)))
    chosen: list[int] = []
    seen: set[int] = set()
    while len(chosen) < most:
        rest = [index for index in range(len(shown)) if index not in chosen]
        pick = max(rest, key=lambda index: (len(shown[index] - seen), -index))
        chosen.append(pick)
        seen |= shown[pick]
    return sorted(chosen)


def left_out_references(shown: Sequence[frozenset[int]], folds: int, seed: int) -> list[int]:
    """Indices of at most ``folds`` references to leave out in turn.

    Only references that share a part with another come into question. Those come first that show
    parts no earlier one has shown, then those that take the fewest parts away from learning, then
    as the seed has it. Empty where no two references share a part.
    """
    others = [
        frozenset[int]().union(*(parts for i, parts in enumerate(shown) if i != index))
        for index in range(len(shown))
    ]
    order = torch.randperm(len(shown), generator=torch.Generator().manual_seed(seed)).tolist()
    open_ones = [index for index in order if shown[index] & others[index]]
    chosen: list[int] = []
    measured: set[int] = set()
    while open_ones and len(chosen) < folds:
        pick = max(
            open_ones,
            key=lambda i: (
                len((shown[i] & others[i]) - measured),
                -len(shown[i] - others[i]),
            ),
        )
        open_ones.remove(pick)
        chosen.append(pick)
        measured |= shown[pick] & others[pick]
    return chosen
