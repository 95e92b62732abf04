"""What learning and segmenting use on each kind of backbone, unless a setting says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from smite_engine.inflation import CROSS_LAYERS, FINE_CROSS_LAYERS


@dataclass(frozen=True)
class Quality:
    """One quality preset.

    Attributes:
        area: Most pixels of the canvas that the backbone sees.
        window: Most frames that are guided together.
        overlap: Frames that a window shares with the one before.
        span: Frames that self-attention joins; one gradient covers whole spans.
        timesteps: Noise levels of the denoising steps, of 1000, falling.
        guided: How many of the steps, the first ones, have guidance.
        updates: Updates of the latents in each guided step.
        step: Factor of an update's size; 10 is the authors'.
        vote_last: Whether the maps after the last step are voted along the tracks once more.
    """

    area: int
    window: int
    overlap: int
    span: int
    timesteps: tuple[int, ...]
    guided: int
    updates: int
    step: float = 10.0
    vote_last: bool = False


@dataclass(frozen=True)
class Subject:
    """Weights of the guidance for a kind of subject (eq. 7).

    Attributes:
        tracking: lambda_tracking.
        regular: lambda_reg.
        voting_window: Frames that vote on a point (algorithm 1).
    """

    tracking: float
    regular: float
    voting_window: int


# lambda_tracking and voting windows: SMITE, appendix 7.4 (cars: 0.2 or 1). lambda_reg is not in the
# paper; the authors' code suggests 8. On smite-mini 8, 3, 1, 0.3 and 0 were tried beside a tracking
# weight of 1, on ten frames each of two DAVIS clips that it was trained on (goat, bmx-trees): 8 and
# 3 undo the tracking (flicker of one pass), 1 keeps nearly all of its steadiness and the best
# contours. The other presets have the same for want of footage of their kind; no Stable Diffusion
# weights were at hand to choose on.
SUBJECTS = {
    "default": Subject(tracking=1.0, regular=1.0, voting_window=15),
    "faces": Subject(tracking=0.5, regular=1.0, voting_window=15),
    "horses": Subject(tracking=1.0, regular=1.0, voting_window=7),
    "cars": Subject(tracking=0.2, regular=1.0, voting_window=15),
}


@dataclass(frozen=True)
class Course:
    """How far and on how large views a set of references is learned.

    Attributes:
        area: Most pixels of a view.
        weight_steps: Optimiser steps of the second phase (embeddings and cross-attention keys and
            values).
    """

    area: int
    weight_steps: int


@dataclass(frozen=True)
class BackboneProfile:
    """Rates, lengths and sizes that suit a backbone.

    Attributes:
        cross_layers: Cross-attention layers that R of eq. 1 is read from.
        own_share: Share of its own probabilities that a cell keeps when they are accumulated, 0..1.
        few, many: How few references are learned, and :data:`MANY` or more.
        embedding_steps: Optimiser steps of the first phase (embeddings alone).
        key_views: Views that the keys are fitted on before the second phase.
        key_steps: Steps of that fit, each far cheaper than one of the phases; 0 leaves it out.
        embedding_rate: Adam's rate of the embeddings in the first phase.
        key_rate: Adam's rate of the fit of keys.
        weight_rate: Adam's rate of the weights in the second.
        late_embedding_rate: Rate of the embeddings in the second phase.
        self_attention_rate: Rate of self-attention's queries and keys, where they are tuned.
        timestep: Noise of reading references, of 1000.
        rescaled_maps: Whether S is the rescaled WAS maps (the authors' inference), or the
            accumulated probabilities that learning trains.
        contrast: Power that probabilities are raised to before they become mattes.
        draft, standard, paper: The quality presets.
        looks_closer: Whether the focus ``auto`` may choose crops or tiles.
        good_for: What to expect of the backbone, for people; empty where that is well known.
    """

    cross_layers: tuple[str, ...]
    own_share: float
    few: Course
    many: Course
    embedding_steps: int
    key_views: int
    key_steps: int
    embedding_rate: float
    key_rate: float
    weight_rate: float
    late_embedding_rate: float
    self_attention_rate: float
    timestep: int
    rescaled_maps: bool
    contrast: float
    draft: Quality
    standard: Quality
    paper: Quality
    looks_closer: bool = True
    good_for: str = ""

    def course(self, references: int) -> Course:
        """How so many references are learned."""
        return self.many if references >= MANY else self.few


MANY = 5

# A network this small wants its attention tuned at a large rate. From few references it soon learns
# one pose by heart: fewer, gentler steps on smaller views took a clip of a dancer from 0.39 to 0.50
# mean IoU over 20 frames, but ten references of faces from 0.39 to 0.33.
EMBEDDED = BackboneProfile(
    cross_layers=FINE_CROSS_LAYERS,
    own_share=0.5,
    few=Course(320 * 320, 60),
    many=Course(384 * 384, 80),
    embedding_steps=20,
    key_views=40,
    key_steps=1000,
    embedding_rate=0.02,
    key_rate=5e-3,
    weight_rate=1.5e-3,
    late_embedding_rate=0.005,
    self_attention_rate=3e-4,
    timestep=50,
    rescaled_maps=False,
    contrast=4.0,
    draft=Quality(384 * 384, 4, 0, 2, (50,), 0, 0),
    # Six large updates and a last vote come near to what the authors' 45 small ones do.
    standard=Quality(384 * 384, 16, 4, 2, (53, 52, 51, 50), 3, 2, step=60.0, vote_last=True),
    paper=Quality(384 * 384, 16, 8, 2, (54, 53, 52, 51), 3, 15),
    # Enlarged beyond the views of learning a subject is not known again: automatic crops took a
    # clip of a small surfer from 0.48 IoU to 0.20.
    looks_closer=False,
    good_for=(
        "good for trying things out, and for large parts of subjects that stand out; small parts, "
        "and subjects like their surroundings, want Stable Diffusion 2.1"
    ),
)

# Rates of the method's authors for Stable Diffusion; untried here for want of the weights.
STABLE_DIFFUSION = BackboneProfile(
    cross_layers=CROSS_LAYERS,
    own_share=0.0,
    few=Course(512 * 512, 100),
    many=Course(512 * 512, 100),
    embedding_steps=100,
    key_views=40,
    key_steps=0,
    embedding_rate=0.1,
    key_rate=5e-3,
    weight_rate=1e-6,
    late_embedding_rate=0.001,
    self_attention_rate=1e-6,
    timestep=100,
    rescaled_maps=True,
    contrast=2.0,
    draft=Quality(512 * 512, 4, 0, 4, (100,), 0, 0),
    standard=Quality(640 * 512, 16, 4, 4, (104, 103, 102, 101), 3, 2, step=60.0, vote_last=True),
    paper=Quality(640 * 512, 16, 8, 4, (104, 103, 102, 101), 3, 15),
)
