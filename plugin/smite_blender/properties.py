"""What a scene keeps for SMITE, saved in the Blender file."""

from __future__ import annotations

from typing import Any, List, Tuple

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from smite_protocol.specs import EDGES, QUALITIES

from .wiring import CRYPTOMATTE, LAYERS, PARTS

PLATE_KINDS = [
    ("CLIP", "Movie clip", "A movie clip of this file"),
    ("IMAGE", "Image", "An image sequence of this file"),
    ("FILE", "File", "A file of a sequence, or a movie, on the disk"),
]
SHOWN = [
    (LAYERS, "Layers", "One Image node with an output for each part"),
    (PARTS, "Parts", "One Image node for each part"),
    (CRYPTOMATTE, "Cryptomatte", "One Cryptomatte node for each part"),
]
PART_SOURCES = [
    ("IMAGE", "Image", "The alpha of an image, or its red where the alpha is opaque"),
    ("MASK", "Mask", "A mask, drawn at the reference's frame"),
]


def _choices(words: Tuple[str, ...], other: str, label: str) -> List[Tuple[str, str, str]]:
    return [(other, label, ""), *((word, word.capitalize(), "") for word in words if word)]


class SMITE_PG_part(bpy.types.PropertyGroup):  # noqa: N801  (Blender's rule for names)
    """One part of a reference."""

    __annotations__ = {
        "name": StringProperty(name="Part", description="The part's name"),
        "source": EnumProperty(name="Painted in", items=PART_SOURCES),
        "image": PointerProperty(name="Image", type=bpy.types.Image),
        "mask": PointerProperty(name="Mask", type=bpy.types.Mask),
    }


class SMITE_PG_reference(bpy.types.PropertyGroup):  # noqa: N801
    """One still with its painted parts."""

    __annotations__ = {
        "image": PointerProperty(
            name="Picture", type=bpy.types.Image, description="The still; none: the plate's frame"
        ),
        "frame": IntProperty(
            name="Frame", description="The plate's own number, or the sequence's", default=1
        ),
        "parts": CollectionProperty(type=SMITE_PG_part),
    }


class SMITE_PG_scene(bpy.types.PropertyGroup):  # noqa: N801
    """A scene's plate, references, part model and mattes."""

    __annotations__ = {
        "plate_kind": EnumProperty(name="Plate", items=PLATE_KINDS),
        "plate_clip": PointerProperty(name="Clip", type=bpy.types.MovieClip),
        "plate_image": PointerProperty(name="Image", type=bpy.types.Image),
        "plate_path": StringProperty(name="File", subtype="FILE_PATH"),
        "plate_start": IntProperty(
            name="Shown at", default=1, description="Scene frame of the plate's first frame"
        ),
        "colour_space": StringProperty(
            name="Colour space", description="As OpenColorIO names it; empty: the data-block's"
        ),
        "references": CollectionProperty(type=SMITE_PG_reference),
        "reference_index": IntProperty(),
        "model_name": StringProperty(
            name="Name", description="Name of the part model to learn; empty: the shot's"
        ),
        "learn_settings": StringProperty(name="Settings", description="As in: weight_steps=40"),
        "learn_status": StringProperty(default="-", options={"SKIP_SAVE"}),
        "learn_failed": BoolProperty(options={"SKIP_SAVE"}),
        "learn_job": StringProperty(),
        "report": StringProperty(),
        "model": StringProperty(name="Part model"),
        "frames": StringProperty(
            name="Frames", description="In the plate's own numbers, as in 1001-1100; empty: all"
        ),
        "quality": EnumProperty(
            name="Quality", items=_choices(QUALITIES, "PREFERENCES", "As in preferences")
        ),
        "edges": EnumProperty(name="Edges", items=_choices(EDGES, "AUTO", "By quality")),
        "shot": StringProperty(name="Shot", description="Empty: from the file's name"),
        "out": StringProperty(
            name="Folder", subtype="DIR_PATH", description="Empty: as the preferences say"
        ),
        "template": StringProperty(name="Template", description="Empty: as the preferences say"),
        "overwrite": BoolProperty(name="Overwrite this version"),
        "matte_settings": StringProperty(name="Settings", description="As in: window=8"),
        "show_as": EnumProperty(name="Show as", items=SHOWN, default=LAYERS),
        "mattes_status": StringProperty(default="-", options={"SKIP_SAVE"}),
        "mattes_failed": BoolProperty(options={"SKIP_SAVE"}),
        "mattes_job": StringProperty(),
        "files": StringProperty(),
        "frames_there": StringProperty(),
        "parts": StringProperty(),
        "plate_first": IntProperty(default=1),
        "plate_shown_at": IntProperty(default=1),
    }


CLASSES: Tuple[Any, ...] = (SMITE_PG_part, SMITE_PG_reference, SMITE_PG_scene)


def attach() -> None:
    """Give every scene its settings."""
    bpy.types.Scene.smite = PointerProperty(type=SMITE_PG_scene)


def detach() -> None:
    """Take the settings away."""
    del bpy.types.Scene.smite
