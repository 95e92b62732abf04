"""The rules of the fake Nuke: each of them raises."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.fake_nuke import DIFFERENCES, VERSIONS, RuleBrokenError, Session, running


@pytest.fixture
def session() -> Iterator[Session]:
    with running(16) as made:
        yield made


def in_thread(call: Callable[[], Any]) -> list[BaseException]:
    """What `call` raises in a thread of its own."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as problem:  # noqa: BLE001
            raised.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    return raised


def test_the_module_is_there_only_inside() -> None:
    with running():
        import nuke

        assert nuke.GUI
    assert "nuke" not in sys.modules
    with pytest.raises(RuntimeError, match="Nuke has ended"):
        nuke.root()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("gui", [True, False], ids=["gui", "terminal"])
def test_versions_and_modes(version: int, gui: bool) -> None:
    with running(version, gui=gui):
        import nuke

        assert version == nuke.NUKE_VERSION_MAJOR == nuke.env["NukeVersionMajor"]
        assert nuke.NUKE_VERSION_STRING.startswith(f"{version}.")
        assert nuke.GUI is nuke.env["gui"] is gui
        assert nuke.env.get("nc") is False
        assert (nuke.menu("Nuke") is None) is (not gui)
        assert hasattr(nuke, "gsv") is (version >= 16)


def test_every_difference_has_all_versions_and_a_source() -> None:
    for difference in DIFFERENCES:
        assert set(difference.values) == set(VERSIONS)
        assert "http" in difference.source or "assumption" in difference.source


UNKNOWN = {
    "a function": (lambda nuke: nuke.toNodes, AttributeError),
    "a class": (lambda nuke: nuke.Strin_Knob("a"), AttributeError),
    "a method of a node": (lambda nuke: nuke.nodes.Blur().setSize(3), AttributeError),
    "a method of a knob": (lambda nuke: nuke.Int_Knob("a").setInt(3), AttributeError),
    "an attribute set on a node": (lambda nuke: setattr(nuke.root(), "mine", 1), AttributeError),
    "an attribute set on a knob": (
        lambda nuke: setattr(nuke.Int_Knob("a"), "b", 1),
        AttributeError,
    ),
    "a node class": (lambda nuke: nuke.createNode("Blurr"), RuntimeError),
    "a node class of nodes": (lambda nuke: nuke.nodes.Blurr, AttributeError),
    "a knob": (lambda nuke: nuke.nodes.Blur()["sizes"], NameError),
    "a knob when a node is made": (lambda nuke: nuke.nodes.Blur(sizes=3), NameError),
    "a key of env": (lambda nuke: nuke.env["noncommercial"], KeyError),
    "a word of a pulldown": (lambda nuke: nuke.nodes.Merge2(operation="ove"), ValueError),
    "a layer": (lambda nuke: nuke.nodes.Blur(channels="left_eye"), ValueError),
    "exr's knobs on a Write of no type": (lambda nuke: nuke.nodes.Write()["datatype"], NameError),
    "a menu command that is none": (lambda nuke: nuke.menu("Nuke").addCommand("a", 3), TypeError),
    "a number for a string": (lambda nuke: nuke.String_Knob("a").setValue(3), TypeError),
    "a string for a number": (lambda nuke: nuke.Int_Knob("a").setValue("3"), TypeError),
    "three numbers for two": (lambda nuke: nuke.XY_Knob("a").setValue([1, 2, 3]), TypeError),
    "a float for a progress": (lambda nuke: nuke.ProgressTask("a").setProgress(0.5), TypeError),
    "a number for a message": (lambda nuke: nuke.ProgressTask("a").setMessage(3), TypeError),
    "a knob that is there": (
        lambda nuke: nuke.nodes.NoOp().addKnob(nuke.Int_Knob("xpos")),
        ValueError,
    ),
    "the end of a group that has not begun": (lambda nuke: nuke.nodes.Group().end(), RuntimeError),
    "an expression of a knob that is not there": (
        lambda nuke: [
            node["size"].setExpression("parent.nothing") and node["size"].value()
            for node in [nuke.nodes.Blur()]
        ],
        LookupError,
    ),
}


@pytest.mark.parametrize(("call", "kind"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_nuke_has_not_raises(session: Session, call: Any, kind: type[Exception]) -> None:
    import nuke

    with pytest.raises(kind):
        call(nuke)


OFF_MAIN = {
    "a function of nuke": lambda nuke, node: nuke.allNodes(),
    "making a node": lambda nuke, node: nuke.nodes.Blur(),
    "a node": lambda nuke, node: node.name(),
    "a knob of a node": lambda nuke, node: node["size"],
    "a knob": lambda nuke, node: nuke_knob(node).value(),
    "making a knob": lambda nuke, node: nuke.Int_Knob("a"),
    "a message": lambda nuke, node: nuke.message("hello"),
    "a menu": lambda nuke, node: nuke.menu("Nuke"),
    "undo": lambda nuke, node: nuke.Undo.disable(),
    "rendering": lambda nuke, node: nuke.execute(node, 1, 1),
}


def nuke_knob(node: Any) -> Any:
    return node._knobs["size"]


@pytest.mark.parametrize("call", OFF_MAIN.values(), ids=OFF_MAIN)
def test_nothing_may_be_touched_off_the_main_thread(session: Session, call: Any) -> None:
    import nuke

    node = nuke.nodes.Blur()
    with session.rules.expected("off the main thread"):
        raised = in_thread(lambda: call(nuke, node))
    assert [type(problem) for problem in raised] == [RuleBrokenError]


def test_a_broken_rule_that_was_swallowed_raises_at_the_end() -> None:
    def swallow() -> None:
        with running():
            import nuke

            in_thread(nuke.nodes.NoOp().name)

    with pytest.raises(AssertionError, match=r"Node.name was called off the main thread"):
        swallow()


@pytest.mark.parametrize("name", ["executeInMainThread", "executeInMainThreadWithResult"])
def test_execute_in_main_thread_on_the_main_thread_raises(session: Session, name: str) -> None:
    import nuke

    with session.rules.expected("hangs Nuke"):
        getattr(nuke, name)(print)


def test_execute_in_main_thread_without_a_gui_raises() -> None:
    with running(gui=False) as session:
        import nuke

        with session.rules.expected("without a GUI"):
            in_thread(lambda: nuke.executeInMainThread(print))


def test_slices_run_on_the_main_thread_and_give_their_result(session: Session) -> None:
    import nuke

    got: list[Any] = []

    def work() -> None:
        nuke.executeInMainThread(lambda: got.append(threading.get_ident()))
        got.append(nuke.executeInMainThreadWithResult(lambda a, b: a + b, (2, 3)))
        got.append(nuke.executeInMainThreadWithResult(lambda a: a, "one"))

    thread = threading.Thread(target=work)
    thread.start()
    session.pump(lambda: len(got) == 3)
    thread.join(10)
    assert got == [threading.get_ident(), 5, "one"]
    assert [entry.name.split()[0] for entry in session.ui.entries] == ["slice"] * 3


def test_with_result_swallows_what_is_raised(session: Session) -> None:
    import nuke

    got: list[Any] = []
    call = lambda: got.append(nuke.executeInMainThreadWithResult(lambda: 1 / 0))  # noqa: E731
    thread = threading.Thread(target=call)
    thread.start()
    session.pump(lambda: bool(got))
    thread.join(10)
    assert got == [None]
    assert "ZeroDivisionError" in session.main.errors.pop()


def test_an_error_in_a_slice_raises_at_the_end() -> None:
    def divide() -> None:
        with running() as session:
            import nuke

            in_thread(lambda: nuke.executeInMainThread(lambda: 1 / 0))
            session.pump(lambda: bool(session.main.errors))

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        divide()


def test_a_thread_that_waits_is_let_go_at_the_end() -> None:
    got: list[Any] = []
    with running() as session:
        import nuke

        call = lambda: got.append(nuke.executeInMainThreadWithResult(lambda: 1))  # noqa: E731
        thread = threading.Thread(target=call)
        thread.start()
        while not session.main.waiting():
            pass
    thread.join(10)
    assert got == [None]


def test_a_deleted_node_is_attached_to_nothing(session: Session) -> None:
    import nuke

    node = nuke.nodes.Blur()
    knob = node["size"]
    nuke.delete(node)
    for call in (node.name, knob.value, lambda: node["size"]):
        with pytest.raises(ValueError, match="not attached to a node"):
            call()


def test_pump_gives_up_with_what_went_wrong(session: Session) -> None:
    with pytest.raises(AssertionError, match="Not done after"):
        session.pump(lambda: False, timeout=0.05)


def test_only_what_was_expected_is_let_off(session: Session) -> None:
    with pytest.raises(AssertionError, match="No rule with"), session.rules.expected("hangs"):
        pass


@pytest.mark.parametrize("licence", ["nc", "indie"])
def test_ten_nodes_for_one_operation_of_python(licence: str) -> None:
    script = "for number in range({}):\n    nuke.toNode('Dot%d' % (number + 1)).name()\n"
    with running(nc=licence == "nc", indie=licence == "indie") as session:
        import nuke

        for _ in range(12):
            nuke.nodes.Dot()
        button = nuke.PyScript_Knob("go", "Go", script.format(9))
        node = nuke.nodes.NoOp()
        node.addKnob(button)
        session.press(node, "go")
        button.setValue(script.format(12))
        with pytest.raises(RuntimeError, match="10 nodes at a time"):
            session.press(node, "go")


def test_a_licence_without_limit_has_none(session: Session) -> None:
    import nuke

    node = nuke.nodes.NoOp()
    node.addKnob(nuke.PyScript_Knob("go", "Go", "assert len(nuke.allNodes()) == 13"))
    for _ in range(12):
        nuke.nodes.Dot()
    session.press(node, "go")
