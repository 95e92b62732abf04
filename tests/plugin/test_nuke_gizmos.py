"""The gizmos themselves: valid Tcl, live without the plugin, parts combined as they should be."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.plugin.nuke_stage import (
    GIZMOS,
    PLUGIN,
    mattes_node,
    nuke_with_plugin,
    show_layers,
    write_layers,
)
from tests.support import footage
from tests.support.fake_nuke import running
from tests.support.gizmos import gizmo_problems

FILES = sorted(GIZMOS.glob("*.gizmo"))
NOWHERE = "tcp://127.0.0.1:9"
PARTS = {"body": 0.6, "left_wheel": 0.5, "sky": 0.25}


def test_there_are_four() -> None:
    assert [file.stem for file in FILES] == [
        "SMITE_Learn",
        "SMITE_Mattes",
        "SMITE_Pick",
        "SMITE_Reference",
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_gizmos_are_valid(file: Path) -> None:
    assert gizmo_problems(file) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_knobs_have_the_prefix_and_buttons_a_guard(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for number, name in re.findall(r"addUserKnob \{(\d+) (\S+)", text):
        assert name.startswith("smite_") or (number == "26" and name == '""'), name
    for script in re.findall(r'addUserKnob \{22 .* T "((?:[^"\\]|\\.)*)"', text):
        assert script.startswith("try:")
        assert "except ImportError" in script
        called = re.search(r"buttons\.press\('(\w+)'\)", script)
        assert called, script
    assert "convert to Group" in text


def test_every_button_calls_something_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = {
        name
        for file in FILES
        for name in re.findall(r"buttons\.press\('(\w+)'\)", file.read_text(encoding="utf-8"))
    }
    with nuke_with_plugin(monkeypatch, tmp_path / "home", NOWHERE):
        from smite_nuke import buttons

        assert called == set(buttons.ACTIONS)


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script with a SMITE_Mattes that shows layers, and a SMITE_Pick below it."""
    plate = footage.write_plate(tmp_path / "plate", 3)
    pattern = write_layers(tmp_path / "mattes", range(1001, 1004), PARTS)
    with nuke_with_plugin(monkeypatch, tmp_path / "home", NOWHERE):
        import nuke

        node = mattes_node(plate, 1001, 1003)
        show_layers(node, pattern, range(1001, 1004), tuple(PARTS))
        pick = nuke.createNode("SMITE_Pick", inpanel=False)
        pick.setInput(0, node)
        for slug in PARTS:
            nuke.Layer(slug, [f"{slug}.alpha"])
        from smite_nuke import pick as picking
        from smite_nuke.host import Node

        assert picking.parts_above(Node(pick)) == list(PARTS)
        picking.set_picks(Node(pick), ["body", "left_wheel"])
        nuke.scriptSaveAs((tmp_path / "shot.nk").as_posix())
    return tmp_path / "shot.nk"


@pytest.mark.parametrize("gui", [True, False], ids=["window", "terminal"])
def test_a_reopened_script_shows_the_mattes_without_the_plugin(saved: Path, gui: bool) -> None:
    with running(gui=gui) as session:
        session.add_plugin_path(str(GIZMOS))
        import nuke

        nuke.scriptOpen(str(saved))
        nuke.frame(1002)
        node = nuke.toNode("SMITE_Mattes1")
        assert {f"{slug}.alpha" for slug in PARTS} <= set(node.channels())
        assert node.sample("sky.alpha", 5, 5) == 0.25
        image = footage.cart(5 + 2, seed=1)[0]
        plate = nuke.toNode("Read1")
        assert node.sample("rgba.red", 12, 40) == plate.sample("rgba.red", 12, 40)
        assert image.shape == (footage.HEIGHT, footage.WIDTH, 3)
        pick = nuke.toNode("SMITE_Pick1")
        assert pick.sample("rgba.alpha", 5, 5) == pytest.approx(0.6, abs=1e-3)


def test_a_button_without_the_plugin_says_so(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as session:
        monkeypatch.setitem(sys.modules, "smite_nuke", None)
        session.add_plugin_path(str(GIZMOS))
        import nuke

        nuke.scriptOpen(str(saved))
        session.press(nuke.toNode("SMITE_Mattes1"), "smite_generate")
        assert session.messages == ["The SMITE plugin is not installed here: run install.py nuke."]


def test_frames_that_are_not_there_are_black(saved: Path) -> None:
    (saved.parent / "mattes" / "s_layers_v001.1002.exr").unlink()
    with running() as session:
        session.add_plugin_path(str(GIZMOS))
        import nuke

        nuke.scriptOpen(str(saved))
        nuke.frame(1002)
        node = nuke.toNode("SMITE_Mattes1")
        assert not node.hasError()
        assert node.sample("body.alpha", 5, 5) == 0.0
        assert node.sample("rgba.green", 5, 5) > 0.0


def test_before_there_are_mattes_the_plate_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = footage.write_plate(tmp_path / "plate", 2)
    with nuke_with_plugin(monkeypatch, tmp_path / "home", NOWHERE):
        node = mattes_node(plate, 1001, 1002)
        import nuke

        nuke.frame(1001)
        assert not node.hasError()
        assert node.sample("rgba.red", 3, 3) == node.input(0).sample("rgba.red", 3, 3)


@pytest.mark.parametrize(
    ("combine", "picked", "alpha"),
    [
        pytest.param("max", ["body"], 0.6, id="one"),
        pytest.param("max", ["left_wheel", "body", "sky"], 0.6, id="max"),
        pytest.param("over", ["left_wheel", "body"], 0.8, id="over"),
        pytest.param("over", ["sky", "left_wheel", "body"], 0.85, id="over of three"),
        pytest.param("max", [], 0.0, id="none"),
    ],
)
def test_pick_combines(
    combine: str,
    picked: list[str],
    alpha: float,
    saved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home2", NOWHERE) as session:
        import nuke

        nuke.scriptOpen(str(saved))
        nuke.frame(1001)
        pick = nuke.toNode("SMITE_Pick1")
        from smite_nuke import pick as picking
        from smite_nuke.host import Node

        picking.set_picks(Node(pick), picked)
        pick["smite_combine"].setValue(combine)
        assert pick.sample("rgba.alpha", 40, 40) == pytest.approx(alpha, abs=1e-3)
        assert pick.sample("rgba.red", 3, 3) == nuke.toNode("Read1").sample("rgba.red", 3, 3)
        assert session.messages == []


def test_pick_chooses_from_the_parts_above(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home2", NOWHERE) as session:
        import nuke

        nuke.scriptOpen(str(saved))
        pick = nuke.toNode("SMITE_Pick1")
        session.answers.append(0)
        session.press(pick, "smite_choose")
        assert pick["smite_pick3"].value() == "sky.alpha"
        session.answers.append(0)
        session.press(pick, "smite_choose")
        assert pick["smite_pick1"].value() == "none"
        pick.setInput(0, None)
        session.press(pick, "smite_choose")
        (sentence,) = session.messages
        assert sentence.startswith("SMITE_Pick1 has no parts to pick from: connect it below")


def test_plugin_starts_from_its_folder() -> None:
    assert (PLUGIN / "init.py").is_file()
    assert (PLUGIN / "menu.py").is_file()
