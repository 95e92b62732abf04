"""The fake Nuke's windows, callbacks and clock: what the user sees, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_nuke import Session, running, user_presses, user_sets


@pytest.fixture
def session() -> Iterator[Session]:
    with running(16) as made:
        yield made


def button(code: str) -> Any:
    import nuke

    node = nuke.nodes.NoOp()
    node.addKnob(nuke.PyScript_Knob("go", "Go", code))
    return node


def test_a_press_that_blocks_is_told(session: Session) -> None:
    session.press(button("import time; time.sleep(0.08)"), "go")
    assert 0.08 <= session.ui.worst().blocked < 0.5
    with pytest.raises(AssertionError, match=r"button NoOp.go: \d+ ms"):
        session.ui.assert_never_blocked(0.05)


def test_rendering_costs_virtual_time_only(session: Session, tmp_path: Path) -> None:
    import nuke

    nuke.nodes.Write(name="W", file=f"{tmp_path}/x.exr", inputs=[nuke.nodes.Constant()])
    node = button("nuke.execute('W', 1, 1)")
    start = time.perf_counter()
    session.press(node, "go")
    taken = time.perf_counter() - start
    [entry] = session.ui.entries
    assert entry.frames == 1
    assert entry.blocked < taken / 2
    assert session.clock.rendering == pytest.approx(0.2)
    session.ui.assert_one_frame_a_slice()


def test_more_than_a_frame_at_a_time_is_told(session: Session, tmp_path: Path) -> None:
    import nuke

    nuke.nodes.Write(name="W", file=f"{tmp_path}/x.exr", inputs=[nuke.nodes.Constant()])
    session.press(button("nuke.execute('W', 1, 3)"), "go")
    with pytest.raises(AssertionError, match="More than one frame"):
        session.ui.assert_one_frame_a_slice()


def test_knob_changed_follows_the_user_and_python_and_not_itself(session: Session) -> None:
    import nuke

    told: list[str] = []

    def changed() -> None:
        told.append(nuke.thisKnob().name())
        nuke.thisNode()["size"].setValue(7)

    nuke.addKnobChanged(changed, nodeClass="Blur")
    node = nuke.nodes.Blur()
    session.user_sets(node, "size", 3)
    node["label"].setValue("soft")
    node.setInput(0, nuke.nodes.Dot())
    node.showControlPanel()
    assert told == ["size", "label", "inputChange", "showPanel"]
    nuke.removeKnobChanged(changed, nodeClass="Blur")
    node["label"].setValue("softer")
    assert len(told) == 4


def test_a_callback_that_is_added_twice_is_called_once(session: Session) -> None:
    import nuke

    told: list[int] = []
    for _ in range(2):
        nuke.addOnUserCreate(told.append, 1, nodeClass="Dot")
    nuke.createNode("Dot")
    nuke.nodes.Dot()
    assert told == [1]
    with pytest.raises(ValueError, match="callable"):
        nuke.addOnCreate("told.append(1)")


def test_a_node_that_the_user_makes_hangs_below_what_is_selected(session: Session) -> None:
    import nuke

    first = nuke.createNode("Constant")
    second = nuke.createNode("Blur", "size 3", inpanel=False)
    assert second.input(0) is first
    assert second["size"].value() == 3.0
    assert nuke.selectedNodes() == [second]
    assert (first.shown(), second.shown()) == (True, False)


def test_progress_closes_when_it_is_dropped(session: Session) -> None:
    import nuke

    task = nuke.ProgressTask("Generate")
    task.setProgress(10)
    task.setMessage("window 1 of 2")
    [bar] = session.progress.open()
    assert (bar.title, bar.progress, bar.messages) == ("Generate", 10, ["window 1 of 2"])
    session.progress.cancel_when = lambda shown: shown.progress >= 50
    assert not task.isCancelled()
    task.setProgress(50)
    assert task.isCancelled()
    del task
    assert bar.closed
    assert session.progress.open() == []


def test_a_maximum_for_progress_came_with_17() -> None:
    with running(16):
        import nuke

        with pytest.raises(TypeError):
            nuke.ProgressTask("a", maximum=10)
    with running(17):
        import nuke

        nuke.ProgressTask("a", maximum=10)


def test_questions_get_the_answers_in_order(session: Session) -> None:
    import nuke

    session.answers += [True, None, "/p/x.exr", 1]
    assert nuke.ask("Go on?") is True
    assert nuke.getInput("Name?") is None
    assert nuke.getFilename("Which?", "*.exr") == "/p/x.exr"
    assert nuke.choice("Parts", "Which part?", ["eye", "mane"]) == 1
    assert session.dialogs.asked == ["Go on?", "Name?", "Which?", "Which part?"]
    with session.rules.expected("No answer"):
        nuke.ask("More?")


def test_nobody_answers_without_a_gui() -> None:
    with running(gui=False) as session:
        import nuke

        session.answers.append(True)
        nuke.message("This is said in the terminal.")
        with session.rules.expected("nobody can be asked"):
            nuke.ask("Go on?")
        with session.rules.expected("needs a GUI"):
            nuke.nodes.Dot().showControlPanel()
    assert session.messages == ["This is said in the terminal."]


def test_menus(session: Session) -> None:
    import nuke

    menu = nuke.menu("Nuke").addMenu("SMITE")
    menu.addCommand("Log/Open", "nuke.message('the log')")
    menu.addSeparator()
    item = menu.addCommand("Preferences...", lambda: nuke.message("preferences"))
    assert nuke.menu("Nuke").addMenu("SMITE") is menu
    session.choose("SMITE/Log/Open")
    session.choose("SMITE/Preferences...")
    assert session.messages == ["the log", "preferences"]
    item.setEnabled(False)
    with pytest.raises(AssertionError, match="is disabled"):
        session.choose("SMITE/Preferences...")
    with pytest.raises(AssertionError, match="has no"):
        session.choose("SMITE/Nothing")
    with session.rules.expected("no menu Nuk"):
        nuke.menu("Nuk")


def test_a_panel_of_knobs(session: Session) -> None:
    import nuke
    import nukescripts

    class Panel(nukescripts.PythonPanel):
        def __init__(self) -> None:
            super().__init__("Preferences", "com.example.preferences")
            self.server = nuke.String_Knob("server", "server", "tcp://127.0.0.1:5771")
            self.test = nuke.PyScript_Knob("test", "Test")
            self.state = nuke.Text_Knob("state", "", "not connected")
            for knob in (self.server, self.test, self.state):
                self.addKnob(knob)

        def knobChanged(self, knob: Any) -> None:
            if knob is self.test:
                self.state.setValue(f"no answer from {self.server.value()}")

    def fill(panel: Any) -> bool:
        user_sets(panel, "server", "tcp://render:5771")
        user_presses(panel, "test")
        return True

    session.fillings.append(fill)
    panel = Panel()
    assert panel.showModalDialog() is True
    assert panel.state.value() == "no answer from tcp://render:5771"
    with session.rules.expected("Nobody fills in"):
        panel.showModalDialog()
    panel.show()
    assert session.shown_panels == [panel]


def test_a_filename_filter_sees_every_name(session: Session) -> None:
    import nuke

    nuke.addFilenameFilter(lambda name: name.replace("P:", "/mnt/p"))
    assert nuke.filename(nuke.nodes.Read(file="P:/x.%04d.exr")) == "/mnt/p/x.%04d.exr"
    assert nuke.filename(nuke.nodes.Dot()) is None


def test_what_is_printed_is_kept(session: Session) -> None:
    import nuke

    nuke.tprint("a", 1, sep="-")
    assert session.printed == ["a-1"]
