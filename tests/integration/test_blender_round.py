"""The round in a real Blender without a window, over a real server with the real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from smite_hosts.mattes_on_disk import file_of
from tests.plugin.blender_stage import channel, in_blender
from tests.support import footage
from tests.support.command import REPO
from tests.support.hosts import bpy_python
from tests.support.servers import ServerUnderTest, running_server

ROCKET = REPO / "examples" / "rocket"
PARTS = ("hull", "nose", "fins", "window")
QUICK = "embedding_steps=0 weight_steps=20"


def references(folder: Path) -> list[dict[str, Any]]:
    """The demo's stills, with a matte file for each part."""
    names = json.loads((ROCKET / "references" / "labels.json").read_text())
    made = []
    for still in sorted((ROCKET / "references" / "images").glob("*.png")):
        labels = np.asarray(Image.open(ROCKET / "references" / "masks" / still.name))
        parts = {}
        for value, name in sorted(names.items()):
            if int(value) and (labels == int(value)).any():
                matte = folder / f"{still.stem}_{value}.png"
                footage.write_labels(matte, np.uint8(labels == int(value)) * 255)
                parts[name] = str(matte)
        made.append({"image": str(still), "parts": parts})
    return made


def task_of(folder: Path, **changes: Any) -> dict[str, Any]:
    """Learn from the demo's stills, and make mattes of its plate."""
    with OpenEXR.File(str(ROCKET / "plate" / "rocket.1001.exr")) as file:
        height, width = next(iter(file.channels().values())).pixels.shape[:2]
    given = {
        "file": str(folder / "RKT_010_v001.blend"),
        "plate": str(ROCKET / "plate" / "rocket.1001.exr"),
        "references": references(folder / "painted"),
        "size": (width, height),
        "learn_settings": QUICK,
        "render": (1, 3),
    }
    return {**given, **changes}


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the server may touch."""
    return tmp_path_factory.mktemp("show")


@pytest.fixture(scope="module")
def server(show: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    home = tmp_path_factory.mktemp("home")
    with running_server(home, engine="smite_engine", roots=(show, ROCKET), private=False) as found:
        yield found


def check_rendered(told: dict[str, Any]) -> None:
    """What the compositor renders is what the files hold, to the last bit."""
    assert {key.split()[0] for key in told["rendered"]} == set(PARTS)
    layers = told["files"]["layers"]["layers"]
    for key, rendered in told["rendered"].items():
        slug, scene_frame = key.split()
        written = channel(file_of(layers, 1000 + int(scene_frame)), f"{slug}.A")
        assert np.abs(channel(rendered, "R") - written).max() == 0, key
    hull = channel(file_of(layers, 1001), "hull.A") > 0.5
    truth = channel(str(ROCKET / "truth" / "hull" / "rocket_hull.1001.exr"), "A") > 0.5
    assert (hull & truth).sum() / (hull | truth).sum() > 0.5


@pytest.mark.slow
def test_the_round_on_the_demo_shot(show: Path, server: ServerUnderTest) -> None:
    bpy_python()
    folder = show / "layers"
    folder.mkdir()
    task = task_of(
        folder,
        name="whole_round",
        frames="1001-1012",
        matte_settings="window=6",
        cancel_after=7,
        show_as="layers",
        seconds=240,
    )
    told = in_blender(folder, server.live.endpoint, task, 560)
    assert told["problems"] == [""] * 5
    assert "hull: " in told["report"]
    assert told["cancelled"].startswith("cancelled; ")
    assert told["same_job"]
    assert len(told["kept"]) >= 4
    assert told["done"].startswith("done: ")
    assert told["nodes"]["SMITE layers"] == sorted(PARTS)
    assert told["longest"] < 0.05, told["longest_of"]
    assert set(told["reopened"].split()) == set(PARTS)
    check_rendered(told)


@pytest.mark.slow
def test_cryptomattes_of_the_demo_reach_the_compositor(show: Path, server: ServerUnderTest) -> None:
    bpy_python()
    folder = show / "crypto"
    folder.mkdir()
    task = task_of(
        folder, name="scripted", frames="1001-1003", matte_settings="", show_as="cryptomatte"
    )
    told = in_blender(folder, server.live.endpoint, task, 500)
    assert told["done"] == [["FINISHED"], ["FINISHED"]]
    check_rendered(told)
