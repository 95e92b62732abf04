"""Learning's settings: what they refuse, and what they come to."""

from __future__ import annotations

import pytest

from smite_engine import LearnSettings, PartSet
from smite_engine.errors import SettingsError
from smite_engine.learn_settings import Plan, names_a_side
from smite_engine.profiles import EMBEDDED, STABLE_DIFFUSION


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sed": 1}, "did you mean seed"),
        ({"seed": "one"}, "of type int"),
        ({"timesteps": [5, 2000]}, "between 0 and 999"),
        ({"timesteps": [100, 5]}, "between 0 and 5, not 100"),
        ({"zoom": [0.5]}, "two numbers, lowest first"),
        ({"zoom": ["small", "large"]}, "is a number, not 'small'"),
        ({"rotation": 400}, "between 0 and 180"),
        ({"embedding_steps": "many"}, "is a number, not 'many'"),
        ({"area": 100}, "between 4096 and"),
        ({"colour": -0.1}, "between 0 and 1"),
        ({"tune": "everything"}, "embeddings, cross-attention, self-attention, not 'everything'"),
        ({"hold_out": "videos"}, "views, references, auto, not 'videos'"),
        ({"tune": "embeddings", "weight_steps": 5}, "leaves no weights to learn in 5"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value),
)
def test_settings_are_checked(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        LearnSettings.from_dict(values)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("left eye", True),
        ("Right wheel", True),
        ("left_eye", True),
        ("eye_L", True),
        ("R-wing", True),
        ("leftEye", True),
        ("wheelR", True),
        ("leftover", False),
        ("bright light", False),
        ("lorry", False),
        ("hull", False),
        ("USB", False),
    ],
)
def test_names_that_say_a_side(name: str, side: bool) -> None:
    assert names_a_side(name) is side


def test_flipping_stops_where_a_name_has_a_side() -> None:
    sided, plain = PartSet.from_names(["hull", "left_wing"]), PartSet.from_names(["hull"])
    assert not LearnSettings().augmentation(sided).flip
    assert LearnSettings().augmentation(plain).flip
    assert LearnSettings(flip=True).augmentation(sided).flip
    assert not LearnSettings(flip=False).augmentation(plain).flip


def test_augmentations_are_settings() -> None:
    values = {
        "zoom": (0.6, 1.0),
        "rotation": 10.0,
        "stretch": 0.1,
        "colour": 0.2,
        "hue": 0.01,
        "blur": 0.5,
        "cut_out": 0.1,
        "flip": True,
    }
    made = LearnSettings.from_dict(values).augmentation(PartSet.from_names(["hull"]))
    assert vars(made) == values


def test_steps_and_rates_are_the_backbones_unless_set() -> None:
    assert LearnSettings().plan(EMBEDDED, 4) == Plan(20, 60)
    assert LearnSettings().plan(EMBEDDED, 5) == Plan(20, 80)
    assert LearnSettings().view_area(EMBEDDED, 5) > LearnSettings().view_area(EMBEDDED, 4)
    assert LearnSettings(area=9000).view_area(EMBEDDED, 5) == 9000
    assert LearnSettings(tune="embeddings").plan(EMBEDDED, 1) == Plan(20, 0)
    assert LearnSettings(embedding_steps=0, weight_steps=7).plan(STABLE_DIFFUSION, 1) == Plan(0, 7)
    rates = LearnSettings(embedding_rate=0.5).rates(STABLE_DIFFUSION)
    assert rates.embeddings == 0.5
    assert rates.cross_attention == rates.self_attention == 1e-6
