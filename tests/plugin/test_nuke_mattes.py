"""SMITE_Mattes in the strict fake Nuke: generate, watch, cancel, go on, fix, version up, reopen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.nuke_stage import (
    learn_node,
    mattes_node,
    nuke_with_plugin,
    read,
    status,
    write_alpha,
)
from tests.support import footage
from tests.support.servers import ServerUnderTest

VERSIONS = (14, 15, 16, 17)
FRAMES = range(1001, 1009)


def saved_as(path: Path) -> None:
    import nuke

    path.parent.mkdir(parents=True, exist_ok=True)
    nuke.scriptSaveAs(path.as_posix())


@pytest.mark.parametrize("version", VERSIONS)
def test_generate_shows_the_mattes_while_they_arrive(
    version: int,
    server: ServerUnderTest,
    stage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nuke_with_plugin(
        monkeypatch, tmp_path / "home", server.live.endpoint, version=version
    ) as session:
        saved_as(stage / f"nuke{version}" / "SEQ_010_v002.nk")
        import nuke

        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008)
        node["smite_settings"].setValue("delay=0.2")
        nuke.frame(1001)
        session.press(node, "smite_generate")
        session.pump(lambda: node["smite_ready"].value() == 1 or session.messages, 60)
        assert session.messages == []
        assert "mattes" in status(node)
        session.pump(lambda: node.sample("body.alpha", 60, 40) > 0.5, 30)
        assert "done" not in status(node)
        session.pump(lambda: "done" in status(node), 60)
        out = stage / f"nuke{version}" / "smite" / "SEQ_010"
        pattern = (out / "layers" / "SEQ_010_layers_v001.%04d.exr").as_posix()
        assert node["smite_layers"].value() == pattern
        assert node["smite_parts"].value() == "body left_wheel"
        for number in FRAMES:
            nuke.frame(number)
            labels = footage.cart(45 - 2 * (number - 1001), seed=number - 1001)[1]
            rows, cols = (labels == 1).nonzero()
            x, y = float(cols.mean()), float(footage.HEIGHT - 1 - rows.mean())
            assert node.sample("body.alpha", x, y) > 0.5
        assert not (out / "body").exists()
        assert session.clock.frames == 0, "a plain Read is read by the server"
        session.ui.assert_never_blocked(0.05)


def test_styles_version_and_knobs_reach_the_server(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = mattes_node(str(stage / "plate" / "cart.####.png"), 1001, 1008)
        node["smite_shot"].setValue("typed")
        node["smite_frames"].setValue("1002-1004")
        node["smite_out"].setValue((stage / "knobs").as_posix())
        node["smite_quality"].setValue("draft")
        node["smite_edges"].setValue("hard")
        node["smite_style_parts"].setValue(True)
        node["smite_style_cryptomatte"].setValue(True)
        for _ in range(2):
            session.press(node, "smite_generate")
            session.pump(lambda: "done" not in status(node))
            session.pump(lambda: "done" in status(node) or session.messages, 60)
        assert session.messages == []
        place = json.loads(node["smite_job"].value())
        assert place["version"] == 2
        node["smite_overwrite"].setValue(True)
        session.press(node, "smite_generate")
        session.pump(lambda: "done" not in status(node))
        session.pump(lambda: "done" in status(node) or session.messages, 60)
        assert session.messages == []
        out = stage / "knobs" / "typed"
        assert sorted(path.name for path in (out / "layers").iterdir()) == [
            f"typed_layers_v{version:03d}.{number}.exr"
            for version in (1, 2)
            for number in (1002, 1003, 1004)
        ]
        assert (out / "cryptomatte" / "typed_cryptomatte_v002.1002.exr").is_file()
        assert (out / "body" / "typed_body_v002.1004.exr").is_file()
        report = json.loads((out / "typed_smite_v002.json").read_text())
        assert report["settings"]["quality"] == "draft"
        session.press(node, "smite_version_down")
        assert node["smite_layers"].value().endswith("typed_layers_v001.%04d.exr")
        session.press(node, "smite_version_up")
        assert node["smite_layers"].value().endswith("typed_layers_v002.%04d.exr")
        session.press(node, "smite_version_up")
        assert session.messages == ["SMITE_Mattes1 has no higher version on the disk."]


def test_cancel_and_generate_again_goes_on(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "nuke_windows.log"
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        saved_as(stage / "cancel" / "SEQ_020.nk")
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008)
        node["smite_settings"].setValue(f"delay=0.4 window=2 log={log}")
        session.press(node, "smite_generate")
        layers = stage / "cancel" / "smite" / "SEQ_020" / "layers"
        session.pump(lambda: layers.is_dir() and len(list(layers.glob("*.exr"))) >= 4, 60)
        session.press(node, "smite_cancel")
        session.pump(lambda: status(node).startswith("cancelled"), 30)
        first = json.loads(node["smite_job"].value())["job"]
        before = log.read_text().splitlines()
        session.press(node, "smite_generate")
        session.pump(lambda: "done" in status(node) or session.messages, 60)
        assert session.messages == []
        assert json.loads(node["smite_job"].value())["job"] == first
        redone = log.read_text().splitlines()[len(before) :]
        assert 0 < len(redone) < 4, redone
        assert [path.name for path in sorted(layers.iterdir())] == [
            f"SEQ_020_layers_v001.{number}.exr" for number in FRAMES
        ]
        session.press(node, "smite_cancel")
        assert session.messages == ["SMITE_Mattes1 has no job to cancel."]
        session.ui.assert_never_blocked(0.05)


def test_a_script_closed_while_its_job_runs_finds_it_again(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = stage / "reopen" / "SEQ_030.nk"
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008)
        node["smite_settings"].setValue("delay=0.4")
        saved_as(script)
        session.press(node, "smite_generate")
        session.pump(lambda: "mattes" in status(node), 60)
        # Not saved again: the place is remembered beside the script.
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        nuke.scriptOpen(script.as_posix())
        node = nuke.toNode("SMITE_Mattes1")
        session.pump(lambda: "done" in status(node) or session.messages, 60)
        assert session.messages == []
        assert node["smite_ready"].value() == 1
        nuke.frame(1003)
        assert "body.alpha" in node.channels()
        assert node["smite_parts"].value() == "body left_wheel"
        session.ui.assert_never_blocked(0.05)


def test_a_rendered_plate_one_frame_a_slice(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        saved_as(stage / "rendered" / "SEQ_040.nk")
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008)
        node.setInput(0, nuke.nodes.Blur(size=0.1, inputs=[node.input(0)]))
        node["smite_frames"].setValue("1001-1003")
        session.press(node, "smite_generate")
        session.pump(lambda: "done" in status(node) or session.messages, 60)
        assert session.messages == []
        assert session.clock.frames == 3
        session.ui.assert_one_frame_a_slice()
        session.ui.assert_never_blocked(0.05)
        nuke.frame(1002)
        assert node.sample("body.alpha", 60, 40) > 0.5
        assert nuke.allNodes("Write") == []


def test_a_plate_that_the_server_cannot_see_is_sent(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = footage.write_plate(tmp_path / "away" / "plate", 3)
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        saved_as(tmp_path / "away" / "SEQ_050.nk")
        node = mattes_node(plate, 1001, 1003)
        for version in (1, 2):
            session.press(node, "smite_generate")
            session.pump(lambda: "done" not in status(node))
            session.pump(lambda: "done" in status(node) or session.messages, 60)
            assert session.messages == []
            name = f"SEQ_050_layers_v{version:03d}.%04d.exr"
            layers = tmp_path / "away" / "smite" / "SEQ_050" / "layers" / name
            assert node["smite_layers"].value() == layers.as_posix()
        nuke.frame(1002)
        assert node.sample("body.alpha", 60, 40) > 0.5
        session.ui.assert_never_blocked(0.05)


def test_learn_generate_and_fix_a_frame(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMITE_HOST_FIX_LEARN", "steps=2")
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        saved_as(stage / "fix" / "SEQ_060.nk")
        learn = learn_node(tmp_path / "stills")
        learn["smite_name"].setValue("fixed")
        session.press(learn, "smite_learn")
        session.pump(lambda: learn["smite_model"].value() == "fixed_v001", 60)
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008, model="")
        node.setInput(1, learn)
        session.press(node, "smite_generate")
        session.pump(lambda: "done" in status(node) or session.messages, 60)
        assert session.messages == []
        labels = footage.cart(45 - 2 * 3, seed=3)[1]
        roto = write_alpha(tmp_path / "fix.exr", labels == 1)
        node.setInput(2, read(roto.as_posix(), raw=True))
        nuke.frame(1004)
        session.answers.append(0)
        session.press(node, "smite_choose_part")
        assert node["smite_fix_part"].value() == "body"
        node["smite_fix_reach"].setValue(1)
        frames = session.clock.frames
        session.press(node, "smite_fix")
        wanted = "SEQ_060_layers_v002.%04d.exr"
        session.pump(
            lambda: (
                session.messages
                or ("done" in status(node) and node["smite_layers"].value().endswith(wanted))
            ),
            90,
        )
        assert session.messages == []
        assert node["smite_model"].value() == "fixed_v002"
        assert session.clock.frames == frames + 2
        folder = stage / "fix" / "smite" / "SEQ_060" / "layers"
        old, new = (
            {n: (folder / f"SEQ_060_layers_v{v:03d}.{n}.exr").read_bytes() for n in FRAMES}
            for v in (1, 2)
        )
        assert [n for n in FRAMES if old[n] == new[n]] == [1001, 1002, 1006, 1007, 1008]
        references = tmp_path / "home" / "cache" / "references" / "fixed_v002"
        assert len(list(references.glob("[!.]*"))) == 9
        session.ui.assert_one_frame_a_slice()
        session.ui.assert_never_blocked(0.05)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            lambda node: node.setInput(0, None),
            "SMITE_Mattes1 has no plate: connect the shot's Read node to it.",
            id="no plate",
        ),
        pytest.param(
            lambda node: node["smite_model"].setValue(""),
            "SMITE_Mattes1 has no part model: choose one, or learn it with SMITE_Learn.",
            id="no model",
        ),
        pytest.param(
            lambda node: node["smite_shot"].setValue(""),
            "The script has no name yet, so the shot has none either: save the script, or type"
            " the shot's name on the node.",
            id="unsaved script",
        ),
        pytest.param(
            lambda node: node["smite_shot"].setValue("a/b"),
            "The shot's name 'a/b' cannot be part of file names: use letters, digits, '_', '-'"
            " and '.'.",
            id="shot name",
        ),
        pytest.param(
            lambda node: node["smite_out"].setValue(""),
            "SMITE_Mattes1 has no folder for the mattes: fill in the output knob, or save the"
            " script.",
            id="no output folder",
        ),
        pytest.param(
            lambda node: node["smite_frames"].setValue("1-8"),
            "There is no frame to work on: the range 1-8 lies outside the plate, which has"
            " 1001-1008.",
            id="0-based range",
        ),
        pytest.param(
            lambda node: (node.input(0)["last"].setValue(1000), None)[1],
            "There is no frame to work on: the plate's range 1001-1000 is empty.",
            id="0 frames",
        ),
        pytest.param(
            lambda node: (node.input(0)["last"].setValue(11000), None)[1],
            "The range 1001-11000 has 10,000 frames, and 5,000 are the most of one job here: give"
            " a shorter range, or raise most_frames in the SMITE preferences.",
            id="10,000 frames",
        ),
    ],
)
def test_what_is_wrong_is_told_at_once(
    change: Any,
    sentence: str,
    server: ServerUnderTest,
    stage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008)
        node["smite_shot"].setValue("typed")
        node["smite_out"].setValue((stage / "wrong").as_posix())
        change(node)
        session.press(node, "smite_generate")
        assert session.messages == [sentence]
        assert status(node) == sentence
        assert not (stage / "wrong").exists()
        session.ui.assert_never_blocked(0.05)


def test_failures_of_the_job_are_told_once(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1012)
        node["smite_shot"].setValue("gaps")
        node["smite_out"].setValue((stage / "gaps").as_posix())
        session.press(node, "smite_generate")
        session.pump(lambda: bool(session.messages), 60)
        (sentence,) = session.messages
        assert sentence.startswith("The plate cannot be used: ")
        assert "1009" in sentence
        assert status(node) == sentence


def test_a_plate_that_nobody_can_read(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = mattes_node("/nowhere/x.%04d.png", 1001, 1008)
        node["smite_shot"].setValue("typed")
        node["smite_out"].setValue((stage / "nowhere").as_posix())
        session.press(node, "smite_generate")
        session.pump(lambda: bool(session.messages), 30)
        assert session.messages == [
            (
                "Neither this machine nor the SMITE server can read /nowhere/x.%04d.png: see"
                " whether it exists, and whether the path map in the SMITE preferences covers it."
            )
        ]


@pytest.mark.parametrize("edition", ["nc", "indie"])
def test_editions_with_a_limit_of_nodes(
    edition: str,
    server: ServerUnderTest,
    stage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nuke_with_plugin(
        monkeypatch, tmp_path / "home", server.live.endpoint, **{edition: True}
    ) as session:
        import nuke

        learn = learn_node(tmp_path / "stills")
        learn["smite_name"].setValue(edition)
        session.press(learn, "smite_learn")
        session.pump(lambda: learn["smite_model"].value() or session.messages, 60)
        assert session.messages == []
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008, model="")
        node.setInput(1, learn)
        node["smite_shot"].setValue(edition)
        node["smite_out"].setValue((stage / edition).as_posix())
        session.press(node, "smite_generate")
        session.pump(lambda: "done" in status(node) or session.messages, 60)
        assert session.messages == []
        for index in range(2, 6):
            copy = nuke.createNode("SMITE_Reference", inpanel=False)
            copy.setInput(0, learn.input(0).input(0))
            copy.setInput(1, learn.input(0).input(1))
            copy["smite_part1"].setValue("body")
            learn.setInput(index, copy)
        session.press(learn, "smite_learn")
        session.pump(lambda: bool(session.messages), 60)
        assert session.messages[0].startswith("This edition of Nuke lets Python reach 10 nodes")


def test_the_farm_is_not_there_yet(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008)
        assert not node["smite_farm"].enabled()
        session.press(node, "smite_farm")
        assert session.messages[0].startswith("Sending to the farm is not possible in this")


def test_a_deleted_node_does_not_disturb_its_job(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008)
        node["smite_shot"].setValue("deleted")
        node["smite_out"].setValue((stage / "deleted").as_posix())
        session.press(node, "smite_generate")
        nuke.delete(node)
        last = stage / "deleted" / "deleted" / "layers" / "deleted_layers_v001.1008.exr"
        session.pump(last.is_file, 60)
    assert session.main.errors == []
