"""SMITE_Reference and SMITE_Learn in the strict fake Nuke, over a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.nuke_stage import learn_node, nuke_with_plugin, reference, status, write_alpha
from tests.support import footage
from tests.support.servers import ServerUnderTest

VERSIONS = (14, 15, 16, 17)


@pytest.mark.parametrize("version", VERSIONS)
def test_learn_from_rendered_references(
    version: int, server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(
        monkeypatch, tmp_path / "home", server.live.endpoint, version=version
    ) as session:
        node = learn_node(tmp_path / "stills")
        node["smite_name"].setValue(f"cart{version}")
        session.press(node, "smite_learn")
        session.pump(lambda: node["smite_model"].value() != "" or session.messages, 60)
        assert session.messages == []
        assert node["smite_model"].value() == f"cart{version}_v001"
        assert status(node) == "done"
        assert node["smite_report"].value() == "body: 100 %\nleft wheel: 100 %"
        assert session.clock.frames == 4, "stills that are files are not rendered"
        session.ui.assert_one_frame_a_slice()
        session.ui.assert_never_blocked(0.05)
        import nuke

        assert nuke.allNodes("Write") == []
        (bar,) = session.progress.bars
        assert bar.closed
        assert bar.title == "SMITE: rendering references"
    with server.client() as client:
        (model,) = [found for found in client.models() if found.name == f"cart{version}_v001"]
        assert model.parts == footage.PARTS


def test_every_learn_is_a_new_version(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = learn_node(tmp_path / "stills", 1)
        node["smite_name"].setValue("again")
        for version in ("again_v001", "again_v002"):
            session.press(node, "smite_learn")
            session.pump(lambda wanted=version: node["smite_model"].value() == wanted, 60)
        session.answers.append(0)
        session.press(node, "smite_models")
        session.pump(lambda: bool(session.messages), 30)
        assert "again_v002\nagain_v001" in session.messages[0]


def test_a_learn_is_found_again_when_the_script_is_reopened(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (tmp_path / "SEQ_010.nk").as_posix()
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        node = learn_node(tmp_path / "stills", 1)
        node["smite_name"].setValue("reopened")
        node["smite_settings"].setValue("steps=20 delay=0.2")
        nuke.scriptSaveAs(script)
        session.press(node, "smite_learn")
        session.pump(lambda: "learning" in status(node), 60)
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        nuke.scriptOpen(script)
        node = nuke.toNode("SMITE_Learn1")
        session.pump(lambda: node["smite_model"].value() == "reopened_v001", 60)
        assert session.messages == []


def test_cancel_while_references_are_rendered(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = learn_node(tmp_path / "stills")
        session.progress.cancel_when = lambda bar: bar.progress >= 50
        session.press(node, "smite_learn")
        session.pump(lambda: bool(session.messages), 30)
        assert session.messages == ["Rendering was cancelled; nothing was sent to the server."]
        assert session.clock.frames == 2
        assert node["smite_model"].value() == ""


def test_an_upstream_error_names_node_and_frame(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = learn_node(tmp_path / "stills", 1)
        node.input(0).input(1)["file"].setValue("/nowhere/at_all.exr")
        session.press(node, "smite_learn")
        session.pump(lambda: bool(session.messages), 30)
        (sentence,) = session.messages
        assert sentence.startswith("SMITE_Reference1 could not be rendered at frame 1: ")
        import nuke

        assert nuke.allNodes("Write") == []
        assert nuke.modified()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            lambda node: node.setInput(0, None),
            "SMITE_Learn1 has no references: connect at least one SMITE_Reference to it.",
            id="no reference",
        ),
        pytest.param(
            lambda node: node.input(0).setInput(0, None),
            "SMITE_Reference1 has no picture: connect the still to its image input.",
            id="no picture",
        ),
        pytest.param(
            lambda node: node.input(0)["smite_part1"].setValue(""),
            "SMITE_Reference1 has a roto without a name at input part1: name the part on the node.",
            id="no name",
        ),
        pytest.param(
            lambda node: node.input(0)["smite_part2"].setValue("Body"),
            "SMITE_Reference1 has the part 'Body' twice: give every part a name of its own.",
            id="twice",
        ),
        pytest.param(
            lambda node: node.input(0)["smite_part2"].setValue("rgb"),
            "The part name 'rgb' cannot be used: begin with a letter from a to z and use letters,"
            " digits and spaces; background, rgb, rgba, alpha, depth, mask, motion are taken.",
            id="reserved",
        ),
        pytest.param(
            lambda node: node["smite_name"].setValue("a/b"),
            "'a/b_v001' cannot name a part model: use letters, digits, '_', '-' and '.', at most"
            " 64.",
            id="model name",
        ),
    ],
)
def test_what_is_wrong_is_told_at_once(
    change: object,
    sentence: str,
    server: ServerUnderTest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        node = learn_node(tmp_path / "stills", 1)
        change(node)  # type: ignore[operator]
        session.press(node, "smite_learn")
        session.pump(lambda: bool(session.messages), 30)
        assert session.messages == [sentence]
        assert status(node) == sentence


def test_a_layer_of_the_picture_can_be_a_part(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint) as session:
        import nuke

        made = reference(tmp_path / "stills", 0)
        made.setInput(2, None)
        nuke.Layer("id", ["id.wheel"])
        wheel = footage.cart(8, seed=100)[1] == 2
        alpha = made.input(1)
        alpha["file"].setValue(write_alpha(tmp_path / "w.exr", wheel).as_posix())
        body = write_alpha(tmp_path / "b.exr", footage.cart(8, seed=100)[1] == 1)
        from tests.plugin.nuke_stage import read

        with_layer = nuke.nodes.Copy(from0="alpha", to0="id.wheel", inputs=[made.input(0), alpha])
        made.setInput(0, with_layer)
        made.setInput(1, read(body.as_posix(), raw=True))
        made["smite_layer2"].setValue("id.wheel")
        node = nuke.createNode("SMITE_Learn", inpanel=False)
        node.setInput(0, made)
        node["smite_name"].setValue("layers")
        session.press(node, "smite_learn")
        session.pump(lambda: node["smite_model"].value() != "" or session.messages, 60)
        assert session.messages == []
    with server.client() as client:
        (model,) = [found for found in client.models() if found.name == "layers_v001"]
        assert model.parts == footage.PARTS
