"""Pictures of Blender: read, and written as the stills and mattes of references; in its thread.

Every function takes as long as one picture does; each is called in a slice of its own.
"""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Tuple

import bpy


@dataclass(frozen=True)
class Picture:
    """A picture: a file as it is, an image data-block that is not on the disk, or a mask.

    ``name`` is the data-block's. ``like`` says, for a mask, whose size it takes; ``scene_frame`` at
    which frame a mask is drawn.
    """

    kind: str
    name: str
    like: Any = None
    scene_frame: int = 0


FILE, IMAGE, MASK = "file", "image", "mask"


def save_still(picture: Picture, path: Path) -> None:
    """Write a data-block's pixels: bytes as PNG, floats as EXR. Raises RuntimeError."""
    with _opened(picture) as image:
        width, height = image.size
        pixels = _pixels(image)
        _write(path, width, height, _with_four(pixels, image.channels), image.is_float)


def save_matte(picture: Picture, path: Path) -> None:
    """Write a picture's matte as an EXR file: its alpha, or its red where the alpha is opaque.

    Raises RuntimeError for a picture that cannot be read.
    """
    if picture.kind == MASK:
        size, values = _mask(picture, path.with_name(path.name + ".mask.exr"))
    else:
        with _opened(picture) as image:
            size, values = _size(image), _matte(image)
    rgba = array("f", bytes(16 * len(values)))
    for channel in range(4):
        rgba[channel::4] = values
    _write(path, *size, rgba, True)


def is_float(name: str) -> bool:
    """Whether an image data-block holds floats."""
    return bool(bpy.data.images[name].is_float)


def _size(image: Any) -> Tuple[int, int]:
    width, height = image.size
    if not width or not height:
        raise RuntimeError(f"{image.name} has no pixels")
    return width, height


def _pixels(image: Any) -> array[float]:
    width, height = _size(image)
    found = array("f", bytes(4 * width * height * image.channels))
    image.pixels.foreach_get(found)
    return found


def _matte(image: Any) -> array[float]:
    pixels, channels = _pixels(image), image.channels
    if channels == 4 and min(pixels[3::4]) < 1:
        return pixels[3::4]
    return pixels[0::channels]


def _with_four(pixels: array[float], channels: int) -> array[float]:
    """Return four channels, the alpha opaque: a still is its colours."""
    found = array("f", [1.0]) * (4 * (len(pixels) // channels))
    for channel in range(3):
        found[channel::4] = pixels[min(channel, channels - 1) :: channels]
    return found


@contextmanager
def _opened(picture: Picture) -> Iterator[Any]:
    """Give the image of a picture; one of a file is loaded, and gone afterwards."""
    if picture.kind == IMAGE:
        found = bpy.data.images.get(picture.name)
        if found is None:
            raise RuntimeError(f"the image {picture.name} is gone")
        yield found
        return
    image = bpy.data.images.load(picture.name, check_existing=False)
    try:
        yield image
    finally:
        bpy.data.images.remove(image)


def _write(path: Path, width: int, height: int, rgba: array[float], floats: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = bpy.data.images.new("SMITE", width, height, alpha=True, float_buffer=floats)
    try:
        image.alpha_mode = "CHANNEL_PACKED"
        image.pixels.foreach_set(rgba)
        image.file_format = "OPEN_EXR" if floats else "PNG"
        image.save(filepath=str(path))
    finally:
        bpy.data.images.remove(image)


def _mask(picture: Picture, path: Path) -> Tuple[Tuple[int, int], array[float]]:
    """Draw a mask by the compositor of a scene that is gone afterwards."""
    mask = bpy.data.masks.get(picture.name)
    if mask is None:
        raise RuntimeError(f"the mask {picture.name} is gone")
    with _opened(picture.like) as image:
        size = _size(image)
    scene = bpy.data.scenes.new("SMITE mask")
    try:
        _draw(scene, mask, size, picture.scene_frame, path)
        with _opened(Picture(FILE, str(path))) as drawn:
            return size, _pixels(drawn)[0 :: drawn.channels]
    finally:
        bpy.data.scenes.remove(scene)
        path.unlink(missing_ok=True)


def _draw(scene: Any, mask: Any, size: Tuple[int, int], frame: int, path: Path) -> None:
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    node = tree.nodes.new("CompositorNodeMask")
    node.mask = mask
    out = tree.nodes.new("CompositorNodeComposite")
    tree.links.new(node.outputs[0], out.inputs[0])
    scene.frame_set(frame)
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.use_compositing, render.use_sequencer = True, False
    render.filepath = str(path)
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode = "RGBA"
    render.image_settings.color_depth = "32"
    bpy.ops.render.render(write_still=True, scene=scene.name)
