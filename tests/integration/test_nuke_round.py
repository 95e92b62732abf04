"""The whole round in the strict fake Nuke, over a real server with the real engine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR
import pytest
from PIL import Image

from tests.plugin.nuke_stage import nuke_with_plugin, read, status, write_alpha
from tests.support.command import REPO
from tests.support.servers import ServerUnderTest, running_server

ROCKET = REPO / "examples" / "rocket"
FRAMES = range(1001, 1025)
PARTS = ("hull", "nose", "fins", "window")
FIX = "embedding_steps=0 weight_steps=20"
DRAFT = "window=6"


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the server may touch."""
    return tmp_path_factory.mktemp("show")


@pytest.fixture(scope="module")
def server(show: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    home = tmp_path_factory.mktemp("home")
    with running_server(home, engine="smite_engine", roots=(show, ROCKET), private=False) as found:
        yield found


def references(folder: Path) -> list[Any]:
    """SMITE_Reference nodes with the demo's stills, a roto for each part."""
    import nuke

    names = json.loads((ROCKET / "references" / "labels.json").read_text())
    names = {value: name for value, name in names.items() if int(value)}
    made = []
    for still in sorted((ROCKET / "references" / "images").glob("*.png")):
        labels = np.asarray(Image.open(ROCKET / "references" / "masks" / still.name))
        node = nuke.createNode("SMITE_Reference", inpanel=False)
        node.setInput(0, read(still.as_posix()))
        for index, (value, name) in enumerate(sorted(names.items()), start=1):
            roto = write_alpha(folder / f"{still.stem}_{value}.exr", labels == int(value))
            node.setInput(index, read(roto.as_posix(), raw=True))
            node[f"smite_part{index}"].setValue(name)
        made.append(node)
    return made


def truth(part: str, frame: int) -> npt.NDArray[np.float32]:
    path = ROCKET / "truth" / part / f"rocket_{part}.{frame}.exr"
    with OpenEXR.File(str(path)) as file:
        return np.float32(next(iter(file.channels().values())).pixels)


def matte(pattern: str, slug: str, frame: int) -> npt.NDArray[np.float32]:
    with OpenEXR.File(pattern % frame) as file:
        return np.float32(file.channels()[f"{slug}.A"].pixels)


def iou(found: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    a, b = found > 0.5, wanted > 0.5
    return float((a & b).sum() / max(1, (a | b).sum()))


@pytest.mark.slow
def test_the_round(
    show: Path, server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMITE_HOST_FIX_LEARN", FIX)
    script = show / "comp" / "RKT_010_v001.nk"
    script.parent.mkdir()
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        learn = nuke.createNode("SMITE_Learn", inpanel=False)
        for index, node in enumerate(references(tmp_path / "rotos")):
            learn.setInput(index, node)
        learn["smite_name"].setValue("rocket")
        session.press(learn, "smite_learn")
        session.pump(lambda: learn["smite_model"].value() or session.messages, 240)
        assert session.messages == []
        assert "hull: " in learn["smite_report"].value()

        mattes = nuke.createNode("SMITE_Mattes", inpanel=False)
        mattes.setInput(0, read((ROCKET / "plate" / "rocket.%04d.exr").as_posix(), 1001, 1040))
        mattes.setInput(1, learn)
        mattes["smite_frames"].setValue(f"{FRAMES[0]}-{FRAMES[-1]}")
        mattes["smite_quality"].setValue("draft")
        mattes["smite_settings"].setValue(DRAFT)
        nuke.scriptSaveAs(script.as_posix())
        session.press(mattes, "smite_generate")
        layers = show / "comp" / "smite" / "RKT_010" / "layers"
        session.pump(lambda: len(list(layers.glob("*.exr"))) >= 7 or session.messages, 240)
        assert session.messages == []
        session.press(mattes, "smite_cancel")
        session.pump(lambda: status(mattes).startswith("cancelled"), 60)
        kept = {file.name: file.stat().st_mtime_ns for file in layers.glob("*.exr")}
        assert 6 <= len(kept) < 24
        begun = time.monotonic()
        session.press(mattes, "smite_generate")
        session.pump(lambda: "done" in status(mattes) or session.messages, 240)
        assert session.messages == []
        assert len(list(layers.glob("*_v001.*.exr"))) == 24
        first_window = [f"RKT_010_layers_v001.{n}.exr" for n in FRAMES[:4]]
        assert all((layers / name).stat().st_mtime_ns == kept[name] for name in first_window)
        assert time.monotonic() - begun < 240

        pattern = mattes["smite_layers"].value()
        scores = [iou(matte(pattern, "hull", n), truth("hull", n)) for n in FRAMES]
        assert np.mean(scores) > 0.5, scores
        nuke.frame(1010)
        rows, cols = np.nonzero(matte(pattern, "hull", 1010) > 0.9)
        x, y = float(cols[0]), float(mattes.height() - 1 - rows[0])
        assert mattes.sample("hull.alpha", x, y) > 0.9

        roto = write_alpha(tmp_path / "fix.exr", truth("fins", 1010))
        mattes.setInput(2, read(roto.as_posix(), raw=True))
        mattes["smite_fix_part"].setValue("fins")
        mattes["smite_fix_reach"].setValue(2)
        session.press(mattes, "smite_fix")
        second = pattern.replace("_v001", "_v002")
        session.pump(
            lambda: (
                session.messages
                or ("done" in status(mattes) and mattes["smite_layers"].value() == second)
            ),
            400,
        )
        assert session.messages == []
        assert mattes["smite_model"].value() == "rocket_v002"
        changed = [
            n for n in FRAMES if Path(pattern % n).read_bytes() != Path(second % n).read_bytes()
        ]
        assert changed == [1008, 1009, 1010, 1011, 1012]
        session.press(mattes, "smite_version_down")
        assert mattes["smite_layers"].value() == pattern
        session.press(mattes, "smite_version_up")
        nuke.scriptSave("")
        session.ui.assert_one_frame_a_slice()
        session.ui.assert_never_blocked(0.05)

    with nuke_with_plugin(
        monkeypatch, tmp_path / "home", server.live.endpoint, gui=False
    ) as session:
        import nuke

        nuke.scriptOpen(script.as_posix())
        nuke.frame(1010)
        mattes = nuke.toNode("SMITE_Mattes1")
        assert mattes["smite_layers"].value() == second
        assert {f"{part}.alpha" for part in PARTS} <= set(mattes.channels())
        from smite_nuke import batch

        mattes["smite_frames"].setValue("1001-1002")
        assert batch.generate("SMITE_Mattes1") == 0, session.printed
        assert mattes["smite_layers"].value() == pattern.replace("_v001", "_v003")
