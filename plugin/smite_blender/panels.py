"""The panel SMITE in the sidebar of the compositor and of the movie clip editor."""

from __future__ import annotations

from textwrap import wrap
from typing import Any, List, Tuple

import bpy

from . import app as apps
from .app import LEARN, MATTES

_LINE = 44
_PLATES = {"CLIP": "plate_clip", "IMAGE": "plate_image", "FILE": "plate_path"}


class SMITE_MT_models(bpy.types.Menu):  # noqa: N801  (Blender's rule for names)
    """The part models that the server has named."""

    bl_idname = "SMITE_MT_models"
    bl_label = "Part models"

    def draw(self, context: Any) -> None:
        """One entry for each."""
        del context
        self.layout.operator("smite.models", icon="FILE_REFRESH")
        for name in apps.app().models:
            self.layout.operator("smite.use_model", text=name).name = name


def _status(layout: Any, settings: Any, kind: str) -> None:
    text = getattr(settings, f"{kind}_status")
    column = layout.column(align=True)
    column.alert = getattr(settings, f"{kind}_failed")
    for line in wrap(text, _LINE) if text != "-" else ():
        column.label(text=line)


def _busy(scene: str, kind: str) -> bool:
    return apps.app().job_of(scene, kind).controller.busy


class _Panel(bpy.types.Panel):
    """Where our panels are, in one of the two editors."""

    bl_region_type = "UI"
    bl_category = "SMITE"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Not in the node editors of shaders and geometry."""
        space = context.space_data
        return bool(space.type == "CLIP_EDITOR" or space.tree_type == "CompositorNodeTree")


class _PlatePanel(_Panel):
    bl_label = "Plate"

    def draw(self, context: Any) -> None:
        """The plate's source."""
        settings, layout = context.scene.smite, self.layout
        layout.prop(settings, "plate_kind")
        layout.prop(settings, _PLATES[settings.plate_kind])
        if settings.plate_kind != "CLIP":
            layout.prop(settings, "plate_start")
        layout.prop(settings, "colour_space")


class _LearnPanel(_Panel):
    bl_label = "References"

    def draw(self, context: Any) -> None:
        """The references, and what is learned from them."""
        settings, layout = context.scene.smite, self.layout
        for index, reference in enumerate(settings.references):
            _draw_reference(layout.box(), reference, index)
        layout.operator("smite.edit", text="Add reference", icon="ADD").action = "ADD"
        layout.prop(settings, "model_name")
        layout.prop(settings, "learn_settings")
        row = layout.row()
        if _busy(context.scene.name, LEARN):
            row.operator("smite.cancel").kind = LEARN
        else:
            row.operator("smite.learn")
        _status(layout, settings, LEARN)
        for line in settings.report.splitlines():
            for piece in wrap(line, _LINE):
                layout.label(text=piece)


def _draw_reference(box: Any, reference: Any, index: int) -> None:
    row = box.row()
    row.prop(reference, "image", text="")
    row.prop(reference, "frame")
    _edit(row, "REMOVE", "X", index)
    for number, part in enumerate(reference.parts):
        row = box.row(align=True)
        row.prop(part, "name", text="")
        row.prop(part, "source", text="")
        row.prop(part, part.source.lower(), text="")
        _edit(row, "REMOVE_PART", "REMOVE", index, number)
    _edit(box, "ADD_PART", "ADD", index)


def _edit(layout: Any, action: str, icon: str, index: int, part: int = 0) -> None:
    text = "Add part" if action == "ADD_PART" else ""
    button = layout.operator("smite.edit", text=text, icon=icon)
    button.action, button.index, button.part = action, index, part


class _MattesPanel(_Panel):
    bl_label = "Mattes"

    def draw(self, context: Any) -> None:
        """What is made, and how it stands."""
        settings, layout = context.scene.smite, self.layout
        row = layout.row(align=True)
        row.prop(settings, "model")
        row.menu("SMITE_MT_models", text="", icon="DOWNARROW_HLT")
        for name in ("frames", "quality", "edges", "show_as", "shot", "out", "template"):
            layout.prop(settings, name)
        layout.prop(settings, "matte_settings")
        layout.prop(settings, "overwrite")
        row = layout.row()
        if _busy(context.scene.name, MATTES):
            row.operator("smite.cancel").kind = MATTES
        else:
            row.operator("smite.generate")
        row.operator("smite.reload")
        _status(layout, settings, MATTES)
        layout.operator("smite.open_log")


def _in_editors() -> List[Any]:
    """Return each panel twice: Blender wants a class for each kind of editor."""
    made = []
    for space, short in (("NODE_EDITOR", "node"), ("CLIP_EDITOR", "clip")):
        for base in (_PlatePanel, _LearnPanel, _MattesPanel):
            name = f"SMITE_PT_{short}_{base.bl_label.lower()}"
            made.append(type(name, (base,), {"bl_idname": name, "bl_space_type": space}))
    return made


CLASSES: Tuple[Any, ...] = (SMITE_MT_models, *_in_editors())
