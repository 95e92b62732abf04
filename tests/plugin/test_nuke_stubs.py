"""The fake invents nothing: what it offers is in the stubs of Nuke's API."""

from __future__ import annotations

import pytest

from tests.support.fake_nuke import VERSIONS, running
from tests.support.nuke_stubs import Stubs, read_stubs, stub_folder

# Names that types-nuke (13.2) cannot have, each with the reason.
NEWER = {
    "gsv": "nuke.gsv is of Nuke 16 and later: the API reference of 17.0 lists it.",
}

# https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/
# nukescripts.PythonPanel.html; the buttons are in nukescripts/panels.py.
PANEL = {
    "accept",
    "add",
    "addCallback",
    "addKnob",
    "addToPane",
    "cancel",
    "close",
    "create",
    "destroy",
    "finishModalDialog",
    "height",
    "hide",
    "isEnabled",
    "isValid",
    "knobChanged",
    "knobChangedCallback",
    "knobs",
    "ok",
    "readKnobs",
    "reject",
    "removeCallback",
    "removeKnob",
    "setEnabled",
    "setMaximumSize",
    "setMinimumSize",
    "setTooltip",
    "setVisible",
    "show",
    "showModal",
    "showModalDialog",
    "tooltip",
    "width",
    "writeKnobs",
    "okButton",
    "cancelButton",
}


@pytest.fixture(scope="module")
def stubs() -> Stubs:
    folder = stub_folder()
    if folder is None:
        pytest.skip("types-nuke is not installed: pip install -e '.[dev]'")
    return read_stubs(folder)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_of_the_module_is_nukes(stubs: Stubs, version: int) -> None:
    with running(version):
        import nuke

        offered = {name for name in vars(nuke) if not name.startswith("_")}
    assert len(offered) > 150
    assert offered - stubs.names - set(NEWER) == set()


def test_every_method_of_its_classes_is_nukes(stubs: Stubs) -> None:
    with running():
        import nuke

        classes = {name: cls for name, cls in vars(nuke).items() if isinstance(cls, type)}
    invented = []
    for name, cls in classes.items():
        if not issubclass(cls, Exception):
            public = {member for member in dir(cls) if not member.startswith("_")}
            invented += [f"{name}.{member}" for member in public - stubs.members(name)]
    assert len(classes) > 40
    assert invented == []


def test_bases_of_knobs_are_nukes(stubs: Stubs) -> None:
    with running():
        import nuke

        knobs = {name: cls for name, cls in vars(nuke).items() if name.endswith("_Knob")}
    wrong = [
        f"{name}({cls.__base__.__name__})"
        for name, cls in knobs.items()
        if cls.__base__.__name__ not in stubs.bases[name]
    ]
    assert wrong == []


def test_exceptions_are_needed(stubs: Stubs) -> None:
    assert not set(NEWER) & stubs.names


def test_a_panel_has_nothing_of_its_own() -> None:
    with running():
        import nukescripts

        panel = nukescripts.PythonPanel("title")
        assert {name for name in dir(panel) if not name.startswith("_")} <= PANEL
