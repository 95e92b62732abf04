"""Gizmos that Nuke would refuse, or that would do something else than was meant, are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gizmos import gizmo_problems

GOOD = r"""#! nuke -nx
version 14.0 v1
Gizmo {
 addUserKnob {20 smite l SMITE}
 addUserKnob {2 smite_file l "layers \"all\"" t "A file\nof layers."}
 addUserKnob {3 smite_first l first}
 smite_first 1001
 addUserKnob {4 smite_style M {parts layers "with plate"}}
 addUserKnob {22 smite_go l Go T "try:\n import smite_nuke\nexcept ImportError:\n pass" +STARTLINE}
 addUserKnob {26 ""}
 addUserKnob {41 size l erode T Erode1.size}
}
 Input {
  inputs 0
  name Input1
 }
 Read {
  inputs 0
  file "\[value parent.smite_file]"
  first {{parent.smite_first}}
  last {{"parent.smite_first + 9"}}
  raw true
  name Read1
 }
 FilterErode {
  name Erode1
 }
 Output {
  name Output1
 }
end_group
"""


@pytest.fixture
def gizmo(tmp_path: Path) -> Path:
    path = tmp_path / "SMITE_Test.gizmo"
    path.write_text(GOOD)
    return path


def changed(path: Path, old: str, new: str) -> list[str]:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return gizmo_problems(path)


def test_a_good_gizmo_has_no_problem(gizmo: Path) -> None:
    assert gizmo_problems(gizmo) == []


WRONG = {
    "an unclosed brace": (" name Output1\n }", " name Output1\n", "missing close-brace"),
    "an unclosed brace in a knob": ("{parts layers", "{{parts layers", "missing close-brace"),
    "no end_group": ("end_group\n", "", "1 end_group missing"),
    "one end_group too many": ("end_group\n", "end_group\nend_group\n", "without a Group"),
    "a knob number that is none": ("{3 smite_first", "{103 smite_first", "no knob has this number"),
    "a knob without a number": ("{3 smite_first", "{smite_first", "no knob has this number"),
    "a knob's name with a dash": ("{2 smite_file", "{2 smite-file", "letters, digits and _"),
    "an option that is none": ("smite_first l first", "smite_first q first", "no option"),
    "a knob twice": ("{4 smite_style", "{4 smite_file", "has a knob smite_file already"),
    "a value without a knob": ("smite_first 1001", "smite_frist 1001", "no knob"),
    "a word that is no number": ("smite_first 1001", "smite_first soon", "soon"),
    "a knob without a value": (" raw true\n", " raw\n", "without a value"),
    "an unknown node": (" FilterErode {", " FilterErodes {", "Unknown command"),
    "a command in lower case": (" FilterErode {", " filterErode {", "invalid command name"),
    "an unknown knob of a node": (" raw true", " rawest true", 'no knob "rawest"'),
    "no inputs 0 for a Read": (" Read {\n  inputs 0\n", " Read {\n", "no input 0"),
    "an expression that names no knob": ("{{parent.smite_first}}", "{{parent.smite_last}}", "such"),
    "an expression without braces": ("{{parent.smite_first}}", "parent.smite_first", "braces"),
    "an expression with a slip": ("{{parent.smite_first}}", "{{parent.smite_first+}}", "no expr"),
    "spaces without quotes": ("{{parent.smite_first}}", "{{parent.smite_first + 1}}", "quotes"),
    "text that names no knob": ("[value parent.smite_file]", "[value parent.file]", "no such"),
    "a link to nothing": ("T Erode1.size", "T Erode2.size", "not there"),
    "Python with a slip": ("import smite_nuke", "import import", "invalid syntax"),
    "two nodes of one name": ("name Erode1", "name Read1", "two nodes are called Read1"),
    "no Output": (" Output {\n  name Output1\n }\n", "", "one Output, not 0"),
    "text after a brace": (" raw true\n  name Read1\n }", " name Read1\n } more", "closing brace"),
}


@pytest.mark.parametrize(("old", "new", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_gizmo_is_told(gizmo: Path, old: str, new: str, told: str) -> None:
    problems = changed(gizmo, old, new)
    assert any(told in problem for problem in problems), problems


def test_a_file_with_two_gizmos_is_none(gizmo: Path) -> None:
    gizmo.write_text(gizmo.read_text() * 2)
    assert "one Gizmo and nothing else" in gizmo_problems(gizmo)[0]


def test_a_gizmo_can_do_nothing_but_make_nodes(gizmo: Path, tmp_path: Path) -> None:
    gizmo.write_text(gizmo.read_text() + f"file delete {gizmo}\n")
    assert gizmo_problems(gizmo) != []
    assert gizmo.exists()
