"""Preferences: layers over one another, and a sentence for everything that is wrong in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smite_hosts import HostProblem, Places, Preferences, load_preferences, save_preferences
from smite_hosts.preferences import (
    BUILT_IN,
    STUDIO_VARIABLE,
    parse_path_map,
    parse_settings,
    says,
    variable,
)
from smite_protocol.path_maps import Rule


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config", tmp_path / "state", tmp_path / "cache")


def write(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return path


def test_each_layer_is_over_the_one_before(places: Places, tmp_path: Path) -> None:
    studio = {"server": "tcp://127.0.0.1:1", "quality": "paper", "most_frames": 10}
    write(tmp_path / "plugin" / "smite_studio.json", studio)
    write(places.preferences, {"quality": "draft", "most_frames": 20})
    loaded = load_preferences(places, {"SMITE_HOST_MOST_FRAMES": "30"}, tmp_path / "plugin")
    values = loaded.values
    assert (values.server, values.quality, values.most_frames) == (
        "tcp://127.0.0.1:1",
        "draft",
        30,
    )
    assert loaded.sources["server"] == str(tmp_path / "plugin" / "smite_studio.json")
    assert loaded.sources["quality"] == str(places.preferences)
    assert loaded.sources["most_frames"] == "SMITE_HOST_MOST_FRAMES"
    assert loaded.sources["out"] == BUILT_IN
    assert loaded.problems == ()


def test_the_studio_may_name_its_file(places: Places, tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere.json", {"quality": "draft"})
    loaded = load_preferences(places, {STUDIO_VARIABLE: str(path)})
    assert loaded.values.quality == "draft"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("{", "is not JSON", id="no JSON"),
        pytest.param("[1]", "must hold one JSON object", id="no object"),
        pytest.param({"sever": "x"}, "did you mean server?", id="unknown name"),
        pytest.param({"most_frames": "10"}, "most_frames must be a whole number", id="type"),
        pytest.param({"server": "localhost"}, "write it like tcp://127.0.0.1:5771", id="address"),
        pytest.param({"quality": "best"}, "one of draft, standard, paper", id="quality"),
        pytest.param({"path_map": [["a", "/b"]]}, "which is not absolute", id="path map"),
        pytest.param({"shot_pattern": "("}, "shot_pattern cannot be used", id="pattern"),
        pytest.param({"fix_learn": "steps"}, "write pairs like steps=40", id="settings"),
    ],
)
def test_a_wrong_file_is_said_and_left_out(places: Places, content: Any, sentence: str) -> None:
    write(places.preferences, content)
    loaded = load_preferences(places, {})
    assert loaded.values == Preferences()
    (problem,) = loaded.problems
    assert sentence in problem
    assert str(places.preferences) in problem


def test_environment_that_is_no_number(places: Places) -> None:
    loaded = load_preferences(places, {"SMITE_HOST_PATIENCE": "long"})
    assert loaded.problems == (
        "The SMITE preferences cannot be used: SMITE_HOST_PATIENCE is 'long'; write a number.",
    )


def test_saving_changes_only_what_is_said(places: Places) -> None:
    write(places.preferences, {"quality": "draft", "most_frames": 7})
    save_preferences(places, {"quality": None, "key": "/k"})
    assert json.loads(places.preferences.read_text()) == {"most_frames": 7, "key": "/k"}
    with pytest.raises(HostProblem, match="must be 1 or more"):
        save_preferences(places, {"most_frames": 0})
    assert json.loads(places.preferences.read_text()) == {"most_frames": 7, "key": "/k"}


def test_path_maps_as_text() -> None:
    pairs = parse_path_map("P:\\shows=/mnt/shows; /Volumes/x = /mnt/x", "here")
    assert pairs == (("P:\\shows", "/mnt/shows"), ("/Volumes/x", "/mnt/x"))
    assert Preferences(path_map=pairs).rules[0] == Rule("P:\\shows", "/mnt/shows")


def test_settings_as_text() -> None:
    assert parse_settings("a=1 b=0.5, c=true; d=views", "x") == {
        "a": 1,
        "b": 0.5,
        "c": True,
        "d": "views",
    }


def test_every_preference_has_words_and_a_variable() -> None:
    names = list(Preferences.__dataclass_fields__)
    assert len({variable(name) for name in names}) == len(names)
    assert all(says(name) for name in names)
