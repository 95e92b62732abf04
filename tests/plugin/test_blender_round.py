"""The add-on in a real Blender without a window, over a real server with the fake engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smite_hosts.mattes_on_disk import file_of
from tests.plugin.blender_stage import channel, in_blender, references
from tests.support import footage
from tests.support.hosts import bpy_python
from tests.support.servers import ServerUnderTest, free_endpoint

pytestmark = pytest.mark.slow
UI_SECONDS = 0.05


def task(stage: Path, tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """A whole round on the plate of eight frames."""
    given = {
        "name": "whole_round",
        "file": str(stage / tmp_path.name / "SEQ_020_v001.blend"),
        "plate": str(stage / "plate" / "cart.1001.png"),
        "references": references(tmp_path / "painted"),
        "size": (footage.WIDTH, footage.HEIGHT),
        "frames": "1002-1007",
        "matte_settings": "window=2 delay=0.3",
        "cancel_after": 3,
        "show_as": "layers",
        "render": (2, 7),
        "seconds": 60,
    }
    Path(str(given["file"])).parent.mkdir(exist_ok=True)
    return {**given, **changes}


@pytest.mark.parametrize("show_as", ["layers", "parts", "cryptomatte"])
def test_the_round_ends_in_the_mattes_that_are_on_the_disk(
    show_as: str, server: ServerUnderTest, stage: Path, tmp_path: Path
) -> None:
    bpy_python()
    told = in_blender(tmp_path, server.live.endpoint, task(stage, tmp_path, show_as=show_as), 120)
    assert told["problems"] == [""] * 5
    assert told["learned"] == "done"
    assert "body: 100 %" in told["report"]
    assert told["cancelled"].startswith("cancelled; ")
    assert told["same_job"]
    assert len(told["kept"]) >= 2
    assert told["done"].startswith("done: ")
    assert told["reopened"].split() == ["body", "left_wheel"]
    assert told["longest"] < UI_SECONDS, told["longest_of"]
    assert len(told["rendered"]) == 4
    for key, rendered in told["rendered"].items():
        slug, scene_frame = key.split()
        number = 1000 + int(scene_frame)
        written = channel(file_of(told["files"]["layers"]["layers"], number), f"{slug}.A")
        assert written.any()
        assert np.abs(channel(rendered, "R") - written).max() == 0, key
    if show_as == "layers":
        assert told["nodes"]["SMITE layers"] == ["body", "left_wheel"]


def test_a_script_waits_for_each_button(
    server: ServerUnderTest, stage: Path, tmp_path: Path
) -> None:
    wanted = task(
        stage, tmp_path, name="scripted", plate_kind="IMAGE", matte_settings="", frames="1001-1002"
    )
    told = in_blender(tmp_path, server.live.endpoint, {**wanted, "render": (1,)}, 120)
    assert told["done"] == [["FINISHED"], ["FINISHED"]]
    assert told["model"] == "SEQ_020_v001"
    layers = told["files"]["layers"]["layers"]
    for key, rendered in told["rendered"].items():
        slug = key.split()[0]
        assert np.array_equal(channel(rendered, "R"), channel(file_of(layers, 1001), f"{slug}.A"))


def test_what_an_artist_reads(server: ServerUnderTest, stage: Path, tmp_path: Path) -> None:
    good = {"shot": "SEQ_010", "out": str(stage / "said"), "model": "cart", "frames": ""}
    (tmp_path / "shot.mov").touch()
    movie = {**good, "plate_kind": "FILE", "plate_path": str(tmp_path / "shot.mov")}
    steps = [
        {"name": "unsaved", "settings": {"model": "cart"}, "press": "generate"},
        {"name": "no range", "settings": {**good, "frames": "2001-2000"}, "press": "generate"},
        {"name": "no number", "settings": {**good, "frames": "first"}, "press": "generate"},
        {"name": "outside", "settings": {**good, "frames": "1-9"}, "press": "generate"},
        {"name": "long", "settings": {**good, "frames": "1-10000"}, "press": "generate"},
        {"name": "model", "settings": {**good, "model": ""}, "press": "generate"},
        {"name": "other model", "settings": {**good, "model": "none"}, "press": "generate"},
        {"name": "empty part", "settings": {"model_name": "cart"}, "press": "learn"},
        {"name": "nothing", "press": "cancel"},
        {"name": "movie", "settings": movie, "press": "generate"},
        {"name": "very long", "settings": {**movie, "frames": "1-10000"}, "press": "generate"},
        {
            "name": "plate",
            "settings": {"plate_kind": "FILE", "plate_path": str(stage / "no" / "x.1.png")},
            "press": "generate",
        },
    ]
    painted = references(tmp_path / "painted", 1)
    empty = tmp_path / "empty.png"
    footage.write_labels(empty, np.zeros((footage.HEIGHT, footage.WIDTH), np.uint8))
    painted[0]["parts"] = {"body": str(empty)}
    plate = str(stage / "plate" / "cart.1001.png")
    found = in_blender(
        tmp_path,
        server.live.endpoint,
        {"name": "sentences", "plate": plate, "references": painted, "steps": steps},
        120,
    )
    told = found["told"]
    assert told["unsaved"].startswith("The Blender file has no name yet")
    assert "There is no frame to work on: the range 2001-2000" in told["no range"]
    assert told["no number"].startswith("'first' is no frame range: write for example")
    assert "the range 1-9 lies outside the plate, which has 1001-1008" in told["outside"]
    assert "is not in the plate, which has 1001-1008" in told["long"]
    assert "the plate is a movie; write its frame range" in told["movie"]
    assert told["very long"].startswith("The range 1-10000 has 10,000 frames, and 5,000 are the")
    assert told["model"].startswith("The scene Scene has no part model: choose one in the SMITE")
    assert told["other model"].startswith("The server does not have this part model")
    assert told["empty part"].startswith("A part is not painted where it should be")
    assert told["nothing"] == "Scene has no job to cancel."
    assert "cannot be seen from this machine: its folder does not exist." in told["plate"]
    assert found["longest"] < UI_SECONDS, found["longest_of"]
    nukes = ("Read node", "SMITE_", "knob", "script")
    assert not [text for text in told.values() if any(word in text for word in nukes)]


def test_no_server_and_a_server_elsewhere_without_a_key(stage: Path, tmp_path: Path) -> None:
    ready = {"shot": "SEQ_010", "out": str(stage / "said"), "model": "cart"}
    steps = [
        {"name": "dead", "settings": ready, "press": "generate"},
        {"name": "dead learn", "settings": {"model_name": "cart"}, "press": "learn"},
    ]
    told = in_blender(
        tmp_path,
        free_endpoint(),
        {
            "name": "sentences",
            "plate": str(stage / "plate" / "cart.1001.png"),
            "references": references(tmp_path / "painted", 1),
            "steps": steps[1:],
        },
        120,
    )["told"]
    assert told["dead learn"].startswith("No SMITE server answers at tcp://127.0.0.1:")
    key = {"name": "key", "press": "learn", "settings": {"model_name": "cart"}}
    told = in_blender(
        tmp_path,
        "tcp://render01:5571",
        {"name": "sentences", "references": references(tmp_path / "painted", 1), "steps": [key]},
        120,
    )["told"]
    assert "is on another machine and needs a key file" in told["key"]


def test_every_panel_can_be_drawn(tmp_path: Path) -> None:
    told = in_blender(tmp_path, "", {"name": "panels"}, 60)
    drawn = told["drawn"]
    assert {"plate_clip", "plate_kind"} <= set(drawn["CLIP SMITE_PT_clip_plate"])
    assert "plate_path" in drawn["FILE SMITE_PT_node_plate"]
    assert {"image", "mask"} & set(drawn["CLIP SMITE_PT_node_references"])
    assert {"smite.generate", "smite.reload"} <= set(drawn["CLIP SMITE_PT_clip_mattes"])
    assert (told["model"], told["references"]) == ("cart_v002", 0)
    assert told["longest"] < UI_SECONDS


def test_a_mask_is_drawn_where_it_lies(tmp_path: Path) -> None:
    size = 64
    footage.write_png(tmp_path / "still.png", np.zeros((size, size, 3), np.float32))
    out = tmp_path / "still.body.exr"
    corners = [(0.25, 0.125), (0.75, 0.125), (0.75, 0.5), (0.25, 0.5)]
    wanted = {
        "name": "mask_matte",
        "image": str(tmp_path / "still.png"),
        "out": str(out),
        "corners": corners,
    }
    told = in_blender(tmp_path, "", wanted, 60)
    assert not [name for name in told["left"] if "SMITE" in name or "mask" in name]
    expected = np.zeros((size, size), np.float32)
    expected[32:56, 16:48] = 1  # rows from the top; the mask's y is from the bottom
    matte = channel(str(out), "A")
    assert np.abs(matte - expected).mean() < 0.01
