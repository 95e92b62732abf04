"""SMITE_Pick: which parts of the mattes above are combined."""

from __future__ import annotations

from typing import List

from smite_hosts import HostProblem

from . import host, knobs
from .app import App
from .host import Node

MOST_STEPS = 50


def choose_picks(app: App, node: Node) -> None:
    """The parts button: put one of the parts that come in into the first free place."""
    del app
    slugs = parts_above(node)
    if not slugs:
        raise HostProblem("nothing_to_pick", node=node.name)
    taken = picks_of(node)
    left = [slug for slug in slugs if slug not in taken]
    found = host.choose("Add a part", [*left, "none: begin anew"])
    if found is None:
        return
    set_picks(node, [*taken, found] if found in left else [])


def picks_of(node: Node) -> List[str]:
    """Return the slugs that are picked."""
    values = [node.raw_text(knobs.picked(n)) for n in range(1, knobs.MOST_PICKED + 1)]
    return [value.split(".")[0] for value in values if value not in ("", "none")]


def set_picks(node: Node, slugs: List[str]) -> None:
    """Pick parts. Raises HostProblem for more than the node has places for."""
    if len(slugs) > knobs.MOST_PICKED:
        raise HostProblem("too_many_picks", node=node.name, most=knobs.MOST_PICKED)
    for number in range(1, knobs.MOST_PICKED + 1):
        slug = slugs[number - 1] if number <= len(slugs) else ""
        if slug:
            host.add_layer(slug)
        node.set(knobs.picked(number), f"{slug}.alpha" if slug else "none")


def parts_above(node: Node) -> List[str]:
    """Return the slugs of the nearest SMITE_Mattes above."""
    above = node.input(0)
    for _ in range(MOST_STEPS):
        if above is None:
            return []
        if above.kind == knobs.MATTES:
            return above.raw_text(knobs.PARTS).split()
        above = above.input(0)
    return []
