"""Scripts of the fake Nuke: saved in Nuke's form, and opened again, also without the plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_nuke import Session, running
from tests.support.fake_nuke.tcl_report import read_tcl

GIZMO = r"""
Gizmo {
 addUserKnob {20 smite l SMITE}
 addUserKnob {2 smite_file}
 addUserKnob {3 smite_first}
 smite_first 1001
 addUserKnob {4 smite_style M {parts layers}}
 addUserKnob {26 smite_state l "" T idle}
}
 Input {
  inputs 0
  name Input1
 }
 Read {
  inputs 0
  file "\[value parent.smite_file]"
  first {{parent.smite_first}}
  last {{"parent.smite_first + 1"}}
  raw true
  name Layers
 }
 Output {
  name Output1
 }
end_group
"""


@pytest.fixture
def session() -> Iterator[Session]:
    with running(16) as made:
        yield made


@pytest.fixture
def gizmos(tmp_path: Path) -> Path:
    folder = tmp_path / "gizmos"
    folder.mkdir()
    (folder / "SMITE_Test.gizmo").write_text(GIZMO)
    return folder


def test_a_new_script_has_no_name(session: Session) -> None:
    import nuke

    assert nuke.root().name() == "Root"
    assert nuke.root()["project_directory"].value() == ""
    with pytest.raises(RuntimeError, match="no name yet"):
        nuke.scriptSave()


def test_what_is_saved_is_what_differs(session: Session, gizmos: Path, tmp_path: Path) -> None:
    import nuke

    session.add_plugin_path(str(gizmos))
    node = nuke.createNode("SMITE_Test")
    node["smite_file"].setValue("/p/a b.####.exr")
    node["smite_state"].setValue("changed, but text is not saved")
    nuke.scriptSave(str(tmp_path / "a.nk"))
    [_, made] = read_tcl(tmp_path / "a.nk").nodes
    assert made.class_name == "SMITE_Test"
    assert dict(made.knobs) == {
        "name": "SMITE_Test1",
        "selected": "true",
        "smite_file": "/p/a b.####.exr",
    }
    assert made.users == []
    assert made.inside == []


def test_the_tree_comes_back(session: Session, tmp_path: Path) -> None:
    import nuke

    plate = nuke.nodes.Constant(color=[0.1, 0.2, 0.3, 1])
    soft = nuke.nodes.Blur(inputs=[plate], size=[2, 3])
    merge = nuke.nodes.Merge2(inputs=[plate, soft], operation="max")
    merge.setInput(2, None)
    group = nuke.nodes.Group(name="G")
    group.addKnob(nuke.String_Knob("words", "some words", 'with "quotes" [and] {braces} $x \\n'))
    group.addKnob(nuke.Enumeration_Knob("pick", "pick", ["one two", "three"]))
    group["pick"].setValue("three")
    with group:
        inside = nuke.nodes.Input(name="Input1")
        nuke.nodes.Output(inputs=[nuke.nodes.Multiply(inputs=[inside])])
    group.setInput(0, merge)
    nuke.toNode("G.Multiply1")["value"].setExpression("parent.pick + 1")
    text = (tmp_path / "a.nk", tmp_path / "b.nk")
    nuke.scriptSave(str(text[0]))
    nuke.scriptOpen(str(text[0]))
    with pytest.raises(ValueError, match="not attached"):
        plate.name()
    again = nuke.toNode("G")
    assert again["words"].value() == 'with "quotes" [and] {braces} $x \\n'
    assert again["pick"].value() == "three"
    assert nuke.toNode("G.Multiply1")["value"].value() == 2.0
    assert again.input(0).Class() == "Merge2"
    assert [node.Class() for node in nuke.dependencies(again.input(0))] == ["Constant", "Blur"]
    assert nuke.toNode("Blur1")["size"].value() == [2.0, 3.0]
    assert nuke.root().name() == str(text[0])
    assert not nuke.modified()
    nuke.scriptSave(str(text[1]))
    assert text[0].read_text() == text[1].read_text().replace("b.nk", "a.nk")


@pytest.mark.parametrize("gui", [True, False], ids=["gui", "terminal"])
def test_a_gizmo_drives_its_inner_read_without_the_plugin(
    gizmos: Path, tmp_path: Path, gui: bool
) -> None:
    with running() as session:
        import nuke

        session.add_plugin_path(str(gizmos))
        plate = nuke.nodes.Constant(
            channels="rgba", color=[0, 0, 0, 0.75], format=nuke.addFormat("32 16 small")
        )
        write = nuke.nodes.Write(file=f"{tmp_path}/x.%04d.exr", channels="rgba", inputs=[plate])
        nuke.execute(write, 1001, 1002)
        node = nuke.createNode("SMITE_Test")
        node["smite_file"].setValue(f"{tmp_path}/x.####.exr")
        nuke.scriptSave(str(tmp_path / "a.nk"))
    with running(gui=gui) as session:
        import nuke

        session.add_plugin_path(str(gizmos))
        nuke.scriptOpen(str(tmp_path / "a.nk"))
        node = nuke.toNode("SMITE_Test1")
        nuke.frame(1002)
        assert (node.firstFrame(), node.lastFrame()) == (1001, 1002)
        assert node.sample("alpha", 3, 3) == 0.75
        assert node.width() == 32


def test_without_the_gizmo_the_script_does_not_open(gizmos: Path, tmp_path: Path) -> None:
    with running() as session:
        import nuke

        session.add_plugin_path(str(gizmos))
        nuke.createNode("SMITE_Test")
        nuke.scriptSave(str(tmp_path / "a.nk"))
    with running():
        import nuke

        with pytest.raises(RuntimeError, match="SMITE_Test: Unknown command"):
            nuke.scriptOpen(str(tmp_path / "a.nk"))


def test_a_script_that_is_no_tcl_leaves_the_open_one(session: Session, tmp_path: Path) -> None:
    import nuke

    kept = nuke.nodes.Dot()
    (tmp_path / "bad.nk").write_text("Blur {\n size 3\n")
    with pytest.raises(RuntimeError, match="missing close-brace"):
        nuke.scriptOpen(str(tmp_path / "bad.nk"))
    assert nuke.allNodes() == [kept]


def test_a_gizmo_as_a_group_keeps_its_values(session: Session, gizmos: Path) -> None:
    import nuke

    session.add_plugin_path(str(gizmos))
    node = nuke.createNode("SMITE_Test")
    node["smite_first"].setValue(7)
    group = node.makeGroup()
    assert group.Class() == "Group"
    assert group["smite_first"].value() == 7
    assert group.node("Layers")["last"].value() == 8


def test_a_group_made_of_a_gizmo_is_saved_whole(
    session: Session, gizmos: Path, tmp_path: Path
) -> None:
    import nuke

    session.add_plugin_path(str(gizmos))
    nuke.delete(nuke.createNode("SMITE_Test").makeGroup().parent().node("SMITE_Test1"))
    nuke.scriptSave(str(tmp_path / "a.nk"))
    with_plugin = nuke.toNode("Group1")["smite_first"].value()
    session.plugin_path.clear()
    session.gizmos.clear()
    nuke.scriptOpen(str(tmp_path / "a.nk"))
    assert nuke.toNode("Group1")["smite_first"].value() == with_plugin == 1001
    assert nuke.toNode("Group1.Layers")["last"].value() == 1002


@pytest.mark.parametrize(("licence", "ending"), [("nc", "gznc"), ("indie", "gzind")])
def test_endings_of_gizmos_by_licence(tmp_path: Path, licence: str, ending: str) -> None:
    (tmp_path / f"SMITE_Other.{ending}").write_text(GIZMO)
    with running(nc=licence == "nc", indie=licence == "indie") as session:
        import nuke

        session.add_plugin_path(str(tmp_path))
        assert nuke.createNode("SMITE_Other").Class() == "SMITE_Other"
    with running() as session:
        import nuke

        session.add_plugin_path(str(tmp_path))
        with pytest.raises(RuntimeError, match="Unknown command"):
            nuke.createNode("SMITE_Other")


def test_callbacks_of_a_scripts_life(session: Session, tmp_path: Path) -> None:
    import nuke

    told: list[Any] = []
    nuke.addOnScriptSave(told.append, "save")
    nuke.addOnScriptLoad(told.append, "load")
    nuke.addOnScriptClose(told.append, "close")
    nuke.addOnCreate(lambda: told.append(nuke.thisNode().name()), nodeClass="Blur")
    nuke.addOnDestroy(told.append, "destroy", nodeClass="Blur")
    nuke.delete(nuke.nodes.Blur())
    nuke.nodes.Blur(name="B")
    nuke.scriptSave(str(tmp_path / "a.nk"))
    nuke.scriptOpen(str(tmp_path / "a.nk"))
    assert told == ["Blur1", "destroy", "B", "save", "close", "B", "load"]


def test_start_up_goes_through_the_path_from_its_end(tmp_path: Path) -> None:
    for name in ("a", "b", "b/more"):
        (tmp_path / name).mkdir()
        for file in ("init.py", "menu.py"):
            (tmp_path / name / file).write_text(f"nuke.tprint('{name} {file}')\n")
    with (tmp_path / "b" / "init.py").open("a") as file:
        file.write("nuke.pluginAddPath('more')\n")
    with running() as session:
        session.start_up(tmp_path / "a", tmp_path / "b")
        # `more` came first in the path when b's init.py added it, so its menu comes last.
        assert session.printed == [
            *("b init.py", "b/more init.py", "a init.py"),
            *("b menu.py", "a menu.py", "b/more menu.py"),
        ]


def test_menus_in_an_init_file_raise(tmp_path: Path) -> None:
    (tmp_path / "init.py").write_text("nuke.menu('Nuke').addMenu('SMITE')\n")
    with running() as session, session.rules.expected("menus are for menu.py"):
        session.start_up(tmp_path)


def test_start_up_runs_init_and_with_a_gui_menu(tmp_path: Path) -> None:
    (tmp_path / "gizmos").mkdir()
    (tmp_path / "init.py").write_text("import nuke\nnuke.pluginAddPath('./gizmos')\n")
    (tmp_path / "menu.py").write_text(
        "nuke.menu('Nuke').addMenu('SMITE').addCommand('Say', lambda: nuke.message('hello'))\n"
    )
    with running(gui=True) as session:
        session.start_up(tmp_path)
        import nuke

        assert nuke.pluginPath() == [f"{tmp_path}/gizmos", str(tmp_path)]
        session.choose("SMITE/Say")
        assert session.messages == ["hello"]
    with running(gui=False) as session:
        session.start_up(tmp_path)
        assert session.menus == {}


def test_links_of_a_gizmo_are_saved_with_it(session: Session, tmp_path: Path) -> None:
    import nuke

    (tmp_path / "SMITE_Links.gizmo").write_text(
        "Gizmo {\n addUserKnob {41 smite_format T Size.format}\n"
        " addUserKnob {41 smite_pick T Pick.from0}\n}\n"
        " Input {\n  inputs 0\n  name Input1\n }\n Reformat {\n  name Size\n }\n"
        " Copy {\n  from0 none\n  name Pick\n }\n Output {\n  name Output1\n }\nend_group\n"
    )
    session.add_plugin_path(str(tmp_path))
    told: list[str] = []
    node = nuke.createNode("SMITE_Links")
    nuke.scriptSave(str(tmp_path / "a.nk"))
    assert "smite" not in (tmp_path / "a.nk").read_text()
    nuke.addKnobChanged(lambda: told.append(nuke.thisKnob().name()), nodeClass="SMITE_Links")
    node["smite_format"].setValue(nuke.addFormat("64 48 small"))
    node["smite_pick"].setValue("red")
    assert told == ["smite_format", "smite_pick"]
    nuke.scriptSave(str(tmp_path / "a.nk"))
    nuke.scriptOpen(str(tmp_path / "a.nk"))
    again = nuke.toNode("SMITE_Links1")
    assert again["smite_format"].value().width() == 64
    assert again.node("Size")["format"].value().name() == "small"
    assert again.node("Pick")["from0"].value() == "red"


def test_layers_are_saved_with_the_script(session: Session, tmp_path: Path) -> None:
    import nuke

    nuke.Layer("left_eye", ["left_eye.alpha"])
    nuke.nodes.Copy(name="C", from0="left_eye.alpha")
    nuke.scriptSave(str(tmp_path / "a.nk"))
    nuke.scriptClear()
    assert "left_eye" not in nuke.layers()
    nuke.scriptOpen(str(tmp_path / "a.nk"))
    assert "left_eye" in nuke.layers()
    assert nuke.toNode("C")["from0"].value() == "left_eye.alpha"


def test_layers_of_a_gizmo_come_with_it(session: Session, gizmos: Path) -> None:
    import nuke

    path = gizmos / "SMITE_Test.gizmo"
    path.write_text("add_layer {mane mane.alpha}\n" + path.read_text())
    session.add_plugin_path(str(gizmos))
    nuke.createNode("SMITE_Test")
    assert "mane.alpha" in nuke.channels()
