"""Runs inside Blender's Python: the add-on as an artist uses it, told by a JSON file.

    python blender_round.py TASK.json

The task has a ``name`` of a function below and what it needs; the last line printed is its answer
as JSON. A timer does not run without a window: calls are made by `host.run_until`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy

PLUGIN = Path(__file__).parents[2] / "plugin"


def module(name: str) -> Any:
    return importlib.import_module(f"smite_blender.{name}")


class Clock:
    """Measures what the add-on's calls take of Blender's own thread; render slices are apart."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.of = ""
        self.calls = 0

    def measure(self, name: str, function: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        try:
            return function()
        finally:
            spent = time.perf_counter() - begun
            self.calls += 1
            if spent > self.longest:
                self.longest, self.of = spent, name

    def watch_queue(self) -> None:
        """Measure every call that comes from threads, but for the slices of single pictures."""
        queue = module("host").queue
        put = queue._calls.put

        def measured(function: Callable[[], None]) -> None:
            inside = [cell.cell_contents for cell in function.__closure__ or ()]
            names = [getattr(found, "__qualname__", "") for found in inside]
            if any("in_slice" in name for name in names):
                put(function)
            else:
                put(lambda: self.measure(str(names), function))

        queue._calls.put = measured


def press(clock: Clock, name: str, **options: Any) -> str:
    """Press a button; return the sentence of what is wrong, or nothing."""
    operator = getattr(bpy.ops.smite, name)
    try:
        clock.measure(name, lambda: operator(**options))
    except RuntimeError as problem:
        return str(problem).removeprefix("Error: ").strip()
    return ""


def ended(kind: str) -> bool:
    settings = bpy.context.scene.smite
    status = getattr(settings, f"{kind}_status")
    controller = module("app").app().job_of(bpy.context.scene.name, kind).controller
    return status not in ("-", "asking the server") and not controller.busy


def wait(finished: Callable[[], bool], seconds: float, what: str) -> None:
    settings = bpy.context.scene.smite
    assert module("host").run_until(finished, seconds), (
        what,
        settings.learn_status,
        settings.mattes_status,
    )
    module("host").drain()


def set_plate(task: dict[str, Any]) -> None:
    settings = bpy.context.scene.smite
    settings.plate_kind = task.get("plate_kind", "CLIP")
    if settings.plate_kind == "CLIP":
        settings.plate_clip = bpy.data.movieclips.load(task["plate"])
    elif settings.plate_kind == "IMAGE":
        settings.plate_image = bpy.data.images.load(task["plate"])
        settings.plate_image.source = "SEQUENCE"
    else:
        settings.plate_path = task["plate"]


def add_references(references: list[dict[str, Any]]) -> None:
    settings = bpy.context.scene.smite
    for entry in references:
        bpy.ops.smite.edit(action="ADD")
        made = settings.references[-1]
        made.image = bpy.data.images.load(entry["image"])
        while len(made.parts) < len(entry["parts"]):
            bpy.ops.smite.edit(action="ADD_PART", index=len(settings.references) - 1)
        for part, (name, file) in zip(made.parts, entry["parts"].items(), strict=True):
            part.name, part.image = name, bpy.data.images.load(file)


def whole_round(task: dict[str, Any]) -> dict[str, Any]:
    """Learn, generate, cancel in the middle, generate again, and render each matte."""
    clock = Clock()
    clock.watch_queue()
    scene, seconds = bpy.context.scene, task["seconds"]
    settings = scene.smite
    bpy.ops.wm.save_as_mainfile(filepath=task["file"])
    set_plate(task)
    add_references(task["references"])
    settings.model_name = "part_model"
    settings.learn_settings = task.get("learn_settings", "")
    problems = [press(clock, "learn")]
    wait(lambda: ended("learn"), seconds, "learning")
    told: dict[str, Any] = {"learned": settings.learn_status, "report": settings.report}
    settings.frames = task["frames"]
    settings.quality, settings.show_as = "draft", task["show_as"]
    settings.matte_settings = task["matte_settings"]
    problems.append(press(clock, "generate"))
    out = Path(task["file"]).parent / "smite"
    wait(lambda: len(list(out.rglob("*/layers/*.exr"))) >= task["cancel_after"], seconds, "mattes")
    problems.append(press(clock, "cancel"))
    wait(lambda: ended("mattes"), seconds, "cancelling")
    told["cancelled"] = settings.mattes_status
    kept = {file.name: file.stat().st_mtime_ns for file in out.rglob("*/layers/*.exr")}
    job = json.loads(settings.mattes_job)["job"]
    problems.append(press(clock, "generate"))
    wait(lambda: ended("mattes"), seconds, "mattes")
    now = {file.name: file.stat().st_mtime_ns for file in out.rglob("*/layers/*.exr")}
    told["kept"] = sorted(name for name in kept if now.get(name) == kept[name])
    told["same_job"] = json.loads(settings.mattes_job)["job"] == job
    told["done"] = settings.mattes_status
    told["nodes"] = {
        node.name: [output.name for output in node.outputs] for node in scene.node_tree.nodes
    }
    told["rendered"] = render_mattes(task)
    told["files"] = json.loads(settings.files)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=task["file"])
    problems.append(press(clock, "reload"))
    told["reopened"] = bpy.context.scene.smite.parts
    told.update(problems=problems, longest=clock.longest, longest_of=clock.of, calls=clock.calls)
    return told


def render_mattes(task: dict[str, Any]) -> dict[str, str]:
    """Render every matte of the nodes through the compositor, at the scene frames of the task."""
    scene = bpy.context.scene
    tree = scene.node_tree
    render = scene.render
    render.resolution_x, render.resolution_y = task["size"]
    render.resolution_percentage = 100
    render.compositor_precision = "FULL"
    image = render.image_settings
    image.file_format, image.color_depth, image.color_mode = "OPEN_EXR", "32", "RGBA"
    scene.view_settings.view_transform = "Raw"
    for node in list(tree.nodes):  # what a new tree has: the 3D scene is no part of this
        if not node.name.startswith("SMITE "):
            tree.nodes.remove(node)
    out = tree.nodes.new("CompositorNodeComposite")
    found: dict[str, str] = {}
    for node in [node for node in tree.nodes if node.name.startswith("SMITE ")]:
        sockets = [s for s in node.outputs if task["show_as"] == "layers" or s.name in MATTE]
        for socket in sockets:
            tree.links.new(socket, out.inputs["Image"])
            slug = socket.name if task["show_as"] == "layers" else node.name.split()[1]
            for frame in task["render"]:
                scene.frame_set(frame)
                path = Path(task["file"]).parent / f"{slug}.{frame}.exr"
                render.filepath = str(path)
                bpy.ops.render.render(write_still=True)
                found[f"{slug} {frame}"] = str(path)
    tree.nodes.remove(out)
    return found


MATTE = ("Alpha", "Matte")


def sentences(task: dict[str, Any]) -> dict[str, Any]:
    """What the artist reads after each of a row of steps: settings to change, and a button."""
    clock = Clock()
    clock.watch_queue()
    settings = bpy.context.scene.smite
    told: dict[str, str] = {}
    if task.get("plate"):
        set_plate(task)
    add_references(task.get("references", []))
    for step in task["steps"]:
        for name, value in step.get("preferences", {}).items():
            module("preferences").keep(name, value)
        for name, value in step.get("settings", {}).items():
            setattr(settings, name, value)
        kind = "learn" if step["press"] == "learn" else "mattes"
        setattr(settings, f"{kind}_status", "-")
        told[step["name"]] = press(clock, step["press"]) or module("app").app().said
        if not told[step["name"]]:
            wait(lambda kind=kind: ended(kind), 60, step["name"])
            told[step["name"]] = getattr(settings, f"{kind}_status")
    return {"told": told, "longest": clock.longest, "longest_of": clock.of}


def mask_matte(task: dict[str, Any]) -> dict[str, Any]:
    """Write the matte of a mask: a rectangle in the mask's own coordinates, 0 to 1."""
    pixels = module("pixels")
    mask = bpy.data.masks.new("body")
    spline = mask.layers.new(name="one").splines.new()
    spline.use_cyclic = True
    spline.points.add(3)
    for point, (x, y) in zip(spline.points, task["corners"], strict=True):
        point.co = point.handle_left = point.handle_right = (x, y)
        point.handle_left_type = point.handle_right_type = "VECTOR"
    like = pixels.Picture(pixels.FILE, task["image"])
    pixels.save_matte(pixels.Picture(pixels.MASK, "body", like, 1), Path(task["out"]))
    return {"left": [scene.name for scene in bpy.data.scenes] + list(bpy.data.images.keys())}


class Layout:
    """A strict stand-in for a panel's layout: raises for what Blender would draw as an error."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def prop(self, data: Any, name: str, **options: Any) -> None:
        assert name in data.bl_rna.properties, name
        self.lines.append(name)

    def operator(self, name: str, **options: Any) -> Any:
        kind, _, function = name.partition(".")
        made = getattr(getattr(bpy.ops, kind), function).get_rna_type()
        self.lines.append(name)
        return Options(set(made.properties.keys()))

    def menu(self, name: str, **options: Any) -> None:
        assert hasattr(bpy.types, name), name

    def label(self, **options: Any) -> None:
        self.lines.append(options["text"])

    def row(self, **options: Any) -> Layout:
        return self

    box = column = row


class Options:
    """The options of a button that is drawn: only those that its operator has."""

    def __init__(self, known: set[str]) -> None:
        self.__dict__["known"] = known

    def __setattr__(self, name: str, value: object) -> None:
        assert name in self.known, name


def panels(task: dict[str, Any]) -> dict[str, Any]:
    """Draw every panel, and the menu of part models, in a scene with a reference."""
    settings = bpy.context.scene.smite
    clock = Clock()
    drawn: dict[str, list[str]] = {}
    module("app").app().models = ("cart_v002",)
    bpy.ops.smite.edit(action="ADD")
    for kind in ("CLIP", "IMAGE", "FILE"):
        settings.plate_kind = kind
        for found in module("panels").CLASSES:
            layout = Layout()
            inside = SimpleNamespace(layout=layout)
            clock.measure(found.__name__, lambda f=found, i=inside: f.draw(i, bpy.context))
            drawn[f"{kind} {found.__name__}"] = layout.lines
    bpy.ops.smite.use_model(name="cart_v002")
    bpy.ops.smite.edit(action="REMOVE_PART", index=0, part=0)
    bpy.ops.smite.edit(action="REMOVE", index=0)
    return {
        "drawn": drawn,
        "longest": clock.longest,
        "model": settings.model,
        "references": len(settings.references),
    }


def scripted(task: dict[str, Any]) -> dict[str, Any]:
    """As a script without a window does it: every button waits for its end."""
    settings = bpy.context.scene.smite
    bpy.ops.wm.save_as_mainfile(filepath=task["file"])
    set_plate(task)
    add_references(task["references"])
    settings.matte_settings, settings.show_as = task["matte_settings"], task["show_as"]
    settings.learn_settings, settings.quality = task.get("learn_settings", ""), "draft"
    settings.frames = task["frames"]
    done = [bpy.ops.smite.learn(wait=True), bpy.ops.smite.generate(wait=True)]
    return {
        "done": [sorted(found) for found in done],
        "rendered": render_mattes(task),
        "files": json.loads(settings.files),
        "model": settings.model,
    }


def main(path: str) -> None:
    task = json.loads(Path(path).read_text(encoding="utf-8"))
    sys.path.insert(0, str(PLUGIN))
    add_on = importlib.import_module("smite_blender")
    add_on.register()
    try:
        answer = globals()[task["name"]](task)
    finally:
        add_on.unregister()
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # bpy as a module may fail while it is taken down


if __name__ == "__main__":
    main(sys.argv[1])
