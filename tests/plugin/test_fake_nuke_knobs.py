"""Knobs of the fake Nuke: values, expressions, and what scripts say of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fake_nuke import Session, running


@pytest.fixture
def session() -> Iterator[Session]:
    with running(16) as made:
        yield made


@pytest.fixture
def group(session: Session) -> Any:
    """A group with knobs, and a Read inside."""
    import nuke

    made = nuke.nodes.Group(name="G")
    made.addKnob(nuke.File_Knob("smite_file", "file"))
    made.addKnob(nuke.Int_Knob("smite_first"))
    made.addKnob(nuke.Enumeration_Knob("smite_style", "style", ["parts", "layers"]))
    made.addKnob(nuke.Boolean_Knob("smite_on", "on", True))
    with made:
        nuke.nodes.Read(name="Layers")
    return made


FILES = {
    "hashes": ("/p/x.####.exr", "/p/x.%04d.exr", "/p/x.1001.exr"),
    "printf": ("/p/x.%05d.exr", "/p/x.%05d.exr", "/p/x.01001.exr"),
    "a view": ("/p/%V/x.exr", "/p/%V/x.exr", "/p/main/x.exr"),
    "an expression": ("[file dirname [value root.name]]/x.exr", "./x.exr", "./x.exr"),
    "no frame": ("/p/x.mov", "/p/x.mov", "/p/x.mov"),
    "a backslash is eaten": (r"C:\new\x.exr", "C:\newx.exr", "C:\newx.exr"),
}


@pytest.mark.parametrize(("text", "kept", "at_frame"), FILES.values(), ids=FILES)
def test_file_knobs(session: Session, text: str, kept: str, at_frame: str) -> None:
    import nuke

    nuke.frame(1001)
    knob = nuke.nodes.Read()["file"]
    knob.setValue(text)
    assert knob.getEvaluatedValue() == kept
    assert knob.evaluate() == at_frame


USER_TEXTS = {
    "a range": ("/p/x.####.exr 1001-1100", "/p/x.%04d.exr", (1001, 1100)),
    "one frame": ("/p/x.%04d.exr 7", "/p/x.%04d.exr", (7, 7)),
    "negative frames": ("/p/x.####.exr -8--5", "/p/x.%04d.exr", (-8, -5)),
    "Windows": ("C:\\a shot\\x.####.exr 1-5", "C:/a shot/x.%04d.exr", (1, 5)),
    "no range": ("/p/x.exr", "/p/x.exr", (1, 1)),
}


@pytest.mark.parametrize(("text", "file", "ends"), USER_TEXTS.values(), ids=USER_TEXTS)
def test_from_user_text(session: Session, text: str, file: str, ends: tuple[int, int]) -> None:
    import nuke

    read = nuke.nodes.Read()
    read["file"].fromUserText(text)
    assert read["file"].value() == file
    assert (read["first"].value(), read["last"].value()) == ends
    assert (read["origfirst"].value(), read["origlast"].value()) == ends


def test_an_inner_knob_follows_the_knobs_of_its_group(group: Any) -> None:
    import nuke

    read = nuke.toNode("G.Layers")
    read["file"].setValue("[value parent.smite_file]")
    read["first"].setExpression("parent.smite_first")
    read["last"].setExpression("parent.smite_first + 9")
    read["disable"].setExpression("!parent.smite_on || parent.smite_style == 1")
    group["smite_file"].setValue("/p/x.####.exr")
    group["smite_first"].setValue(1001)
    assert read["file"].getEvaluatedValue() == "/p/x.%04d.exr"
    assert (read["first"].value(), read["last"].value()) == (1001, 1010)
    assert read["disable"].value() is False
    group["smite_style"].setValue("layers")
    assert read["disable"].value() is True
    assert read["first"].hasExpression()


NUMBERS = {
    "precedence": ("1 + 2 * 3", 7.0),
    "brackets": ("(1 + 2) * 3", 9.0),
    "a choice": ("smite_first > 5 ? 1 : 2", 2.0),
    "functions": ("clamp(smite_first - 3, 0, 10) + max(1, 2)", 2.0),
    "tcl inside": ("[value smite_first] + 1", 2.0),
    "the frame": ("frame + 0.5", 5.5),
    "the root": ("root.first_frame", 1.0),
    "this": ("this.smite_first", 1.0),
    "a node inside": ("Layers.first", 1.0),
    "a check box": ("smite_on", 1.0),
    "not": ("!smite_on", 0.0),
}


@pytest.mark.parametrize(("text", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_numeric_expressions(group: Any, text: str, expected: float) -> None:
    import nuke

    nuke.frame(5)
    group["smite_first"].setValue(1)
    group.addKnob(nuke.Double_Knob("answer"))
    group["answer"].setExpression(text)
    assert group["answer"].value() == expected


def test_unknown_tcl_raises(group: Any, session: Session) -> None:
    group["smite_file"].setValue("[exec ls]")
    with session.rules.expected("no Tcl command"):
        group["smite_file"].evaluate()


def test_pulldowns(group: Any) -> None:
    knob = group["smite_style"]
    assert knob.values() == ["parts", "layers"]
    assert (knob.value(), knob.getValue()) == ("parts", 0.0)
    knob.setValue(1)
    assert knob.value() == "layers"
    knob.setValues(["one", "two", "three"])
    assert knob.value() == "two"
    with pytest.raises(ValueError, match='no item "layers"'):
        knob.setValue("layers")
    with pytest.raises(ValueError, match="there is no 3"):
        knob.setValue(3)


def test_numbers_that_belong_together(session: Session) -> None:
    import nuke

    node = nuke.nodes.Blur(size=3)
    assert node["size"].value() == 3.0
    node["size"].setValue([3, 4])
    assert node["size"].value() == [3.0, 4.0]
    node["size"].setValue(5, 1)
    assert node["size"].getValue(1) == 5.0
    colour = nuke.nodes.Constant()["color"]
    colour.setValue([0.1, 0.2, 0.3, 1])
    assert colour.value() == [0.1, 0.2, 0.3, 1.0]


def test_formats(session: Session) -> None:
    import nuke

    made = nuke.addFormat("64 48 2 small")
    assert (made.width(), made.height(), made.pixelAspect(), made.name()) == (64, 48, 2.0, "small")
    nuke.root()["format"].setValue("small")
    assert nuke.nodes.Constant().width() == 64
    with pytest.raises(ValueError, match="is no format"):
        nuke.addFormat("64 small")


def test_flags_and_looks(session: Session) -> None:
    import nuke

    knob = nuke.String_Knob("a", "A")
    knob.setVisible(False)
    knob.setEnabled(False)
    assert knob.getFlag(nuke.INVISIBLE)
    assert not knob.enabled()
    knob.clearFlag(nuke.INVISIBLE)
    assert knob.visible()
    assert (knob.name(), knob.label(), knob.Class()) == ("a", "A", "String_Knob")


def test_user_knobs_come_under_a_tab(session: Session) -> None:
    import nuke

    node = nuke.nodes.NoOp()
    node.addKnob(nuke.Int_Knob("mine"))
    assert isinstance(node["User"], nuke.Tab_Knob)
    node.removeKnob(node["mine"])
    assert node.knob("mine") is None
    with pytest.raises(ValueError, match="no user knob"):
        node.removeKnob(node["xpos"])


def test_links_show_the_knob_inside(group: Any) -> None:
    import nuke

    link = nuke.Link_Knob("inner_first")
    group.addKnob(link)
    link.setLink("Layers.first")
    link.setValue(7)
    assert nuke.toNode("G.Layers")["first"].value() == 7
    link.setLink("Layers.frist")
    with pytest.raises(ValueError, match="is not there"):
        link.value()


def test_the_context_of_a_groups_button_is_the_group(group: Any, session: Session) -> None:
    import nuke

    group.addKnob(nuke.PyScript_Knob("go", "Go", "nuke.nodes.Dot(name=nuke.thisKnob().name())"))
    session.press(group, "go")
    assert nuke.toNode("G.go") is not None
    assert nuke.toNode("go") is None
    assert nuke.thisGroup() is nuke.root()


def test_undo_takes_back_a_step(session: Session) -> None:
    import nuke

    node = nuke.nodes.Blur(size=1)
    with nuke.Undo("make it soft"):
        node["size"].setValue(5)
        other = nuke.nodes.Dot(inputs=[node])
    assert session.undo.names()[-1] == "make it soft"
    nuke.undo()
    assert node["size"].value() == 1.0
    with pytest.raises(ValueError, match="not attached"):
        other.name()
    nuke.Undo.disable()
    node["size"].setValue(9)
    nuke.Undo.enable()
    assert "make it soft" not in session.undo.names()


def test_a_value_does_not_replace_an_expression(session: Session) -> None:
    import nuke

    knob = nuke.nodes.Multiply()["value"]
    knob.setExpression("frame * 2")
    nuke.frame(4)
    knob.setValue(3)
    assert knob.value() == 8.0
    knob.clearAnimated()
    assert (knob.hasExpression(), knob.value()) == (False, 8.0)
    knob.setValue(3)
    assert knob.value() == 3.0
