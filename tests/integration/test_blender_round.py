"""The round in a real Blender without a window, over a real server with the real engine."""

from __future__ import annotations

import json
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
from tests.support.servers import running_server

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


@pytest.mark.slow
@pytest.mark.parametrize("show_as", ["layers", "cryptomatte"])
def test_mattes_of_the_demo_reach_the_compositor(
    show_as: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bpy_python()
    with OpenEXR.File(str(ROCKET / "plate" / "rocket.1001.exr")) as file:
        height, width = next(iter(file.channels().values())).pixels.shape[:2]
    task = {
        "name": "scripted",
        "file": str(tmp_path / "RKT_010_v001.blend"),
        "plate": str(ROCKET / "plate" / "rocket.1001.exr"),
        "references": references(tmp_path / "painted"),
        "size": (width, height),
        "frames": "1001-1003",
        "learn_settings": QUICK,
        "matte_settings": "",
        "show_as": show_as,
        "render": (1, 3),
    }
    home = tmp_path_factory.mktemp("home")
    roots = (tmp_path, ROCKET)
    with running_server(home, engine="smite_engine", roots=roots, private=False) as server:
        told = in_blender(tmp_path, server.live.endpoint, task, 500)
    assert told["done"] == [["FINISHED"], ["FINISHED"]]
    assert {key.split()[0] for key in told["rendered"]} == set(PARTS)
    layers = told["files"]["layers"]["layers"]
    for key, rendered in told["rendered"].items():
        slug, scene_frame = key.split()
        written = channel(file_of(layers, 1000 + int(scene_frame)), f"{slug}.A")
        assert np.abs(channel(rendered, "R") - written).max() == 0, key
    hull = channel(file_of(layers, 1001), "hull.A") > 0.5
    truth = channel(str(ROCKET / "truth" / "hull" / "rocket_hull.1001.exr"), "A") > 0.5
    assert (hull & truth).sum() / (hull | truth).sum() > 0.5
