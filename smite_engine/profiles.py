"""What learning and segmenting use on each kind of backbone, unless a setting says otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """One quality preset.

    Attributes:
        area: Most pixels of the canvas that the backbone sees.
        window: Frames that self-attention joins.
    """

    area: int
    window: int


@dataclass(frozen=True)
class BackboneProfile:
    """Rates, lengths and sizes that suit a backbone.

    Attributes:
        learn_area: Most pixels of a reference view in learning.
        embedding_steps: Optimiser steps of the first phase (embeddings alone).
        weight_steps: Steps of the second phase (embeddings and cross-attention keys and values).
        embedding_rate: Adam's rate of the embeddings in the first phase.
        weight_rate: Adam's rate of the weights in the second.
        late_embedding_rate: Rate of the embeddings in the second phase.
        timestep: Noise of segmenting, of 1000.
        contrast: Power that WAS probabilities are raised to before they become mattes.
        draft, standard: The quality presets.
    """

    learn_area: int
    embedding_steps: int
    weight_steps: int
    embedding_rate: float
    weight_rate: float
    late_embedding_rate: float
    timestep: int
    contrast: float
    draft: Quality
    standard: Quality


# Found on held-out views of references; a network this small wants its attention tuned hard.
EMBEDDED = BackboneProfile(
    learn_area=384 * 384,
    embedding_steps=30,
    weight_steps=150,
    embedding_rate=0.02,
    weight_rate=3e-3,
    late_embedding_rate=0.005,
    timestep=100,
    contrast=4.0,
    draft=Quality(area=256 * 256, window=4),
    standard=Quality(area=448 * 448, window=4),
)

# Rates of the method's authors for Stable Diffusion; untried here for want of the weights.
STABLE_DIFFUSION = BackboneProfile(
    learn_area=512 * 512,
    embedding_steps=100,
    weight_steps=100,
    embedding_rate=0.1,
    weight_rate=1e-6,
    late_embedding_rate=0.001,
    timestep=100,
    contrast=2.0,
    draft=Quality(area=512 * 512, window=4),
    standard=Quality(area=640 * 512, window=8),
)
