"""What the gizmos' buttons call: one function, which never lets an error out into Nuke."""

from __future__ import annotations

from typing import Callable, Mapping

from smite_hosts import Answer, HostProblem
from smite_hosts.model_names import newest_first
from smite_hosts.session import model_names

from . import fix, host, knobs, learn, mattes, pick
from .app import App, app
from .host import Node

Action = Callable[[App, Node], None]


def press(action: str) -> None:
    """A button of the node that Nuke calls ``thisNode`` was pressed."""
    run(host.this_node(), action)


def run(node: Node, action: str) -> bool:
    """Do what a button does; return whether that could be begun. A problem is told."""
    the_app = app()
    name = node.name
    the_app.log.info("%s of %s", action, name)
    try:
        ACTIONS[action](the_app, node)
    except HostProblem as problem:
        the_app.log.warning("%s", problem.message)
        _tell(node, problem)
        return False
    except Exception as problem:  # the script and the artist's work come first
        the_app.log.exception("a fault in the button %s", action)
        if host.is_limited() and "10 nodes" in str(problem):
            host.tell(HostProblem("limited_edition", node=name).message)
        else:
            _tell(node, HostProblem("fault", detail=f"{type(problem).__name__}: {problem}"))
        return False
    return True


def _tell(node: Node, problem: HostProblem) -> None:
    if node.has(knobs.STATUS):
        node.set(knobs.STATUS, problem.message)
    if host.gui():
        host.tell(problem.message)
    else:
        host.terminal(problem.message)


def _choose_model(the_app: App, node: Node) -> None:
    def heard(answer: Answer) -> None:
        answer.check()
        names = newest_first(model_names(answer))
        if not names:
            raise HostProblem("no_model", node=node.name)
        found = host.choose("Part model", names)
        if found is not None:
            node.set(knobs.MODEL, found)

    learn.ask_models(the_app, node, heard)


def _this_frame(the_app: App, node: Node) -> None:
    del the_app
    node.set(knobs.FRAME, host.current_frame())


def _farm(the_app: App, node: Node) -> None:
    del the_app, node
    raise HostProblem("farm_not_yet")


def _to_group(the_app: App, node: Node) -> None:
    del the_app
    node.make_group()


ACTIONS: Mapping[str, Action] = {
    "learn": learn.learn,
    "list_models": learn.list_models,
    "generate": mattes.generate,
    "cancel": mattes.cancel,
    "reload": mattes.reload,
    "version_up": lambda _, node: mattes.step_version(node, 1),
    "version_down": lambda _, node: mattes.step_version(node, -1),
    "choose_model": _choose_model,
    "choose_part": fix.choose_part,
    "choose_picks": pick.choose_picks,
    "fix": fix.fix,
    "this_frame": _this_frame,
    "farm": _farm,
    "to_group": _to_group,
}
"""What the buttons of the gizmos do, by the word in their scripts."""
