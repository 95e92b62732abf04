"""The compositor of a scene: nodes that show mattes are made there, and only those are touched."""

from __future__ import annotations

from typing import Any, Sequence

import bpy

from .host import absolute
from .wiring import CRYPTO_LAYER, CRYPTOMATTE_NODE, NodePlan

_STEP = 260


def show(scene: str, plans: Sequence[NodePlan]) -> None:
    """Make or change the nodes of a plan; links that the artist made stay."""
    tree = tree_of(bpy.data.scenes[scene])
    for index, plan in enumerate(plans):
        _show_one(tree, plan, index)


def look_again(plans: Sequence[NodePlan]) -> None:
    """Have Blender read the files of a plan from the disk again."""
    for image in {_find(plan.file) for plan in plans}:
        if image is not None:
            image.reload()


def tree_of(scene: Any) -> Any:
    """A scene's compositor tree; it is made where there is none."""
    if hasattr(scene, "compositing_node_group"):  # Blender 5
        if scene.compositing_node_group is None:
            made = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
            scene.compositing_node_group = made
        return scene.compositing_node_group
    if scene.node_tree is None or not scene.use_nodes:
        scene.use_nodes = True
    return scene.node_tree


def _show_one(tree: Any, plan: NodePlan, index: int) -> None:
    node = tree.nodes.get(plan.name)
    if node is None or node.bl_idname != plan.kind:
        node = tree.nodes.new(plan.kind)
        node.name = node.label = plan.name
        node.location = (-_STEP, -_STEP * index)
    if plan.kind == CRYPTOMATTE_NODE:
        node.source = "IMAGE"
    image = _find(plan.file) or _load(plan.file)
    if node.image != image:
        node.image = image
    node.frame_duration, node.frame_start = plan.duration, plan.start
    node.frame_offset, node.use_auto_refresh = plan.offset, True
    if plan.kind == CRYPTOMATTE_NODE:
        node.layer_name = CRYPTO_LAYER
        node.matte_id = plan.matte_id


def _find(file: str) -> Any:
    for image in bpy.data.images:
        if image.source == "SEQUENCE" and absolute(image.filepath, image.library) == file:
            return image
    return None


def _load(file: str) -> Any:
    image = bpy.data.images.load(file, check_existing=False)
    image.source = "SEQUENCE"
    image.colorspace_settings.is_data = True
    return image
