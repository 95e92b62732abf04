"""Rendering references and plates: one frame per main-thread slice, with progress and Cancel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Sequence

from smite_hosts import HostProblem
from smite_hosts.kept_files import copy_file, keep_file
from smite_hosts.reference_plan import Render

from . import host

PARTIAL = ".part.exr"


@dataclass(frozen=True)
class Source:
    """What is rendered: a node by its name, and for mattes the channel that is the alpha."""

    node: str
    channel: str = ""


def render_all(renders: Sequence[Render], title: str, cancelled: Callable[[], bool]) -> None:
    """Render files, in a thread: every frame is a slice of the main thread of its own.

    A file whose picture is the same as before is left untouched, so that what was made of it can
    be gone on with. Raises HostProblem when it is cancelled, or a node has an error.
    """
    bar = host.ProgressBar(title)
    try:
        for done, render in enumerate(renders):
            words = f"{render.node}: frame {render.frame} ({done + 1} of {len(renders)})"
            if not bar.step(done, len(renders), words) or cancelled():
                raise HostProblem("render_cancelled")
            _render(render)
    finally:
        bar.close()


def plate_renders(node: str, numbers: Sequence[int], folder: Path) -> List[Render]:
    """Return what to render of a plate that is no plain file."""
    source = Source(node)
    return [
        Render(source, number, folder / f"plate.{number:04d}.exr", False, node)
        for number in numbers
    ]


def _render(render: Render) -> None:
    if render.copy is not None:
        copy_file(render.copy, render.path)
        return
    partial = render.path.with_name(render.path.name + PARTIAL)
    source = render.source

    def one_frame() -> None:
        found = host.find(source.node)
        if found is None:
            raise RuntimeError("the node is gone")
        host.render_frame(found, render.frame, partial, alpha=render.alpha, channel=source.channel)

    try:
        host.in_main(one_frame)
        keep_file(partial, render.path)
    except (RuntimeError, ValueError, NameError) as problem:
        raise HostProblem(
            "render_failed", node=render.node, frame=render.frame, detail=f"{problem}."
        ) from problem
    except OSError as problem:
        raise HostProblem("disk_full", detail=f"{render.path} cannot be written.") from problem
