"""Without a window: learn and generate from a script, wait, and end with an exit status.

    nuke -t .../smite_nuke/batch.py script.nk --node SMITE_Mattes1 [--learn] [--frames 1001-1010]

or, from Python in `nuke -t`: ``from smite_nuke import batch; batch.generate("SMITE_Mattes1")``.
"""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional

from smite_hosts import HostProblem
from smite_hosts.job_status import DONE
from smite_nuke import buttons, host, knobs
from smite_nuke.app import app

GOOD, FAILED, BAD = 0, 1, 2
"""Exit statuses: done, failed or cancelled, could not begin."""


def generate(node: str, *, timeout: float = float("inf")) -> int:
    """Make the mattes of a SMITE_Mattes and wait; return 0, 1 (failed) or 2 (could not begin)."""
    return _run(node, "generate", knobs.MATTES, timeout)


def learn(node: str, *, timeout: float = float("inf")) -> int:
    """Learn with a SMITE_Learn and wait; return 0, 1 (failed) or 2 (could not begin)."""
    return _run(node, "learn", knobs.LEARN, timeout)


def _run(name: str, action: str, kind: str, timeout: float) -> int:
    the_app = app()
    found = host.find(name)
    if found is None or found.kind != kind:
        host.terminal(f"The script has no {knobs.CLASSES[kind]} {name}.")
        return BAD
    job = the_app.job_of(found)
    if not buttons.run(found, action):
        return BAD
    said: List[str] = []

    def finished() -> bool:
        status = job.controller.status
        if status.words not in said[-1:]:
            said.append(status.words)
            host.terminal(f"{name}: {status.words}")
        return status.ended and bool(status.kind)

    host.batch_queue.run_until(finished, timeout)
    job.controller.wait(10.0)
    host.batch_queue.run_waiting()
    status = job.controller.status
    if status.phase != DONE:
        host.terminal(f"{name}: {status.message or status.words}")
        return FAILED
    return GOOD


def main(arguments: Optional[List[str]] = None) -> int:
    """Open a script, learn or generate, save it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="smite_nuke.batch", description=__doc__)
    parser.add_argument("script")
    parser.add_argument("--node", required=True)
    parser.add_argument("--learn", action="store_true", help="the node is a SMITE_Learn")
    parser.add_argument("--frames", help="instead of the node's own")
    parser.add_argument("--save", action="store_true", help="save the script afterwards")
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    try:
        host.open_script(given.script)
    except HostProblem as problem:
        host.terminal(problem.message)
        return BAD
    node = host.find(given.node)
    if node is not None and given.frames and node.has(knobs.FRAMES):
        node.set(knobs.FRAMES, given.frames)
    status = learn(given.node) if given.learn else generate(given.node)
    if given.save and status == GOOD:
        host.save_script()
    return status


if __name__ == "__main__":
    sys.exit(main())
