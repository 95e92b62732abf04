"""Runs inside Blender's Python: mattes as the Cryptomatte node of the compositor gives them.

    python blender_cryptomatte.py FILE.exr WIDTH HEIGHT RESULT_FOLDER TYPE_NAME NAME...

Writes RESULT_FOLDER/0.exr, 1.exr, ... in the order of the names: 32-bit, matte in every channel.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy


def main(source: str, size: tuple[int, int], folder: str, type_name: str, names: list[str]) -> None:
    """Renders the compositor once for each name."""
    image = bpy.data.images.load(source)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.use_compositing = True
    scene.render.compositor_precision = "FULL"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.exr_codec = "ZIP"
    scene.view_settings.view_transform = "Raw"
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    node = tree.nodes.new("CompositorNodeCryptomatteV2")
    node.source = "IMAGE"
    node.image = image
    node.layer_name = type_name
    out = tree.nodes.new("CompositorNodeComposite")
    tree.links.new(node.outputs["Matte"], out.inputs["Image"])
    for index, name in enumerate(names):
        node.matte_id = name
        scene.render.filepath = str(Path(folder) / f"{index}.exr")
        bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    source, width, height, folder, type_name, *names = sys.argv[1:]
    main(source, (int(width), int(height)), folder, type_name, names)
