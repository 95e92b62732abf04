"""Render the toy rocket: the plate, its exact mattes, and the reference stills.

Everything is procedural, with fixed seeds. Blender as a Python module needs Python 3.11 and is
best kept in a virtual environment of its own:

    python3.11 -m venv blender-env
    blender-env/bin/pip install "bpy==4.5.*" numpy OpenEXR Pillow
    blender-env/bin/python render.py --out .

It writes, below --out:

    plate/rocket.1001.exr                   scene-linear Rec.709, half float, DWAA
    truth/<part>/rocket_<part>.1001.exr     coverage 0..1, channel A, half float, ZIP
    references/images/ref_1.png             another rocket on another set, sRGB
    references/masks/ref_1.png              label maps, see references/labels.json

The mattes come from the same scene, camera, shutter, lens and pixel filter as the plate, unlit,
undenoised, with a fixed number of samples per pixel (see rocket_parts for the encoding).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import bpy
from bpy_extras.object_utils import world_to_camera_view
from rocket_desk import REFERENCES, build_reference
from rocket_parts import CODES, LABELS, PARTS
from rocket_shot import FIRST, LAST, build_shot

WIDTH, HEIGHT = 640, 360
STAMPS = "date time render_time frame frame_range memory hostname camera lens scene filename marker"


# ---------------------------------------------------------------------- render settings


def new_scene(*, threads: int) -> bpy.types.Scene:
    """An empty scene with what all passes share."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.fps = 24
    render.use_persistent_data = True
    if threads > 0:
        render.threads_mode, render.threads = "FIXED", threads
    for stamp in STAMPS.split():
        setattr(render, f"use_stamp_{stamp}", False)
    scene.cycles.device = "CPU"
    scene.cycles.seed = 1
    scene.cycles.pixel_filter_type = "BLACKMAN_HARRIS"
    scene.cycles.filter_width = 1.5
    scene.view_settings.view_transform = "Standard"
    return scene


def set_beauty(scene: bpy.types.Scene, samples: int) -> None:
    """Few bounces, denoised: enough for plastic, sand and sky."""
    cycles = scene.cycles
    cycles.samples = samples
    cycles.use_adaptive_sampling = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.use_light_tree = False
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.denoising_prefilter = "FAST"


def set_exr(scene: bpy.types.Scene, *, mode: str, depth: str, codec: str) -> None:
    """File output: EXR."""
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode = "OPEN_EXR", mode
    settings.color_depth, settings.exr_codec = depth, codec


def flat_material(name: str, colour: tuple[float, float, float] | None) -> bpy.types.Material:
    """Unlit colour, or a holdout for None."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    shader = nodes.new("ShaderNodeHoldout" if colour is None else "ShaderNodeEmission")
    if colour is not None:
        shader.inputs["Color"].default_value = (*colour, 1.0)
    output = nodes.new("ShaderNodeOutputMaterial")
    material.node_tree.links.new(shader.outputs[0], output.inputs["Surface"])
    return material


def set_truth(scene: bpy.types.Scene, parts: Sequence[str], samples: int) -> None:
    """Swap every material for the code of its part; nothing else of the picture changes."""
    codes = {
        part: flat_material(f"id_{part}", code) for part, code in zip(parts, CODES, strict=True)
    }
    hidden = flat_material("id_hidden", None)
    for obj in [o for o in scene.objects if o.type == "MESH"]:
        for slot in obj.material_slots:
            slot.material = codes.get(obj.get("part"), hidden)
    for obj in [o for o in scene.objects if o.type == "LIGHT" or o.get("behind")]:
        bpy.data.objects.remove(obj)
    scene.world = None
    scene.render.film_transparent = True
    cycles = scene.cycles
    cycles.samples = samples
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = False
    cycles.max_bounces = 0
    set_exr(scene, mode="RGBA", depth="32", codec="ZIP")


def crop_to_rocket(scene: bpy.types.Scene, margin: float = 0.03) -> None:
    """Render only where a part can be; outside the border all mattes are 0.

    The margin, a share of width and height, leaves room for shutter, lens and pixel filter.
    """
    bpy.context.view_layer.update()
    seen = [
        world_to_camera_view(scene, scene.camera, obj.matrix_world @ vertex.co)
        for obj in scene.objects
        if obj.get("part")
        for vertex in obj.data.vertices
    ]
    render = scene.render
    render.use_border, render.use_crop_to_border = True, False
    render.border_min_x = max(0.0, min(p.x for p in seen) - margin)
    render.border_max_x = min(1.0, max(p.x for p in seen) + margin)
    render.border_min_y = max(0.0, min(p.y for p in seen) - margin)
    render.border_max_y = min(1.0, max(p.y for p in seen) + margin)


def render_frame(scene: bpy.types.Scene, frame: int, path: Path) -> None:
    """Render one frame to the named file."""
    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def split_ids(kind: str, source: Path, target: Path, parts: Sequence[str], samples: int) -> None:
    """Decode the truth pass in another process (see rocket_mattes)."""
    script = Path(__file__).with_name("rocket_mattes.py")
    command = [sys.executable, str(script), kind, str(source), str(target)]
    subprocess.run([*command, "--parts", *parts, "--samples", str(samples)], check=True)


# ------------------------------------------------------------------------------ outputs


def render_plate(out: Path, frames: Iterable[int], options: argparse.Namespace) -> None:
    """The beauty pass."""
    scene = new_scene(threads=options.threads)
    build_shot()
    set_beauty(scene, options.samples)
    set_exr(scene, mode="RGB", depth="16", codec="DWAA")
    for frame in frames:
        render_frame(scene, frame, out / "plate" / f"rocket.{frame}.exr")


def render_truth(out: Path, frames: Iterable[int], options: argparse.Namespace) -> None:
    """The mattes."""
    scene = new_scene(threads=options.threads)
    build_shot()
    set_truth(scene, PARTS, options.truth_samples)
    with tempfile.TemporaryDirectory() as folder:
        for frame in frames:
            scene.frame_set(frame)
            crop_to_rocket(scene)
            render_frame(scene, frame, Path(folder) / f"rocket.{frame}.exr")
        split_ids("mattes", Path(folder), out / "truth", PARTS, options.truth_samples)


def render_references(out: Path, options: argparse.Namespace) -> None:
    """Four stills and their label maps."""
    target = out / "references"
    with tempfile.TemporaryDirectory() as folder:
        for stem, reference in REFERENCES.items():
            scene = new_scene(threads=options.threads)
            build_reference(reference)
            set_beauty(scene, 2 * options.samples)
            settings = scene.render.image_settings
            settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGB", "8"
            settings.compression = 100
            render_frame(scene, 1, target / "images" / f"{stem}.png")
            set_truth(scene, PARTS, options.truth_samples)
            render_frame(scene, 1, Path(folder) / f"{stem}.exr")
        split_ids("labels", Path(folder), target / "masks", PARTS, options.truth_samples)
    (target / "labels.json").write_text(json.dumps(LABELS, indent=2) + "\n", encoding="utf-8")


def parse_frames(text: str) -> list[int]:
    """'1001-1040' or '1001,1020,1035-1040' as a list."""
    frames: list[int] = []
    for item in text.split(","):
        first, _, last = item.partition("-")
        frames += range(int(first), int(last or first) + 1)
    return frames


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--frames", type=parse_frames, default=f"{FIRST}-{LAST}")
    parser.add_argument("--only", choices=("plate", "truth", "references"))
    parser.add_argument("--samples", type=int, default=16, help="of the plate, per pixel")
    parser.add_argument(
        "--truth-samples", type=int, default=256, choices=[2**n for n in range(4, 11)]
    )
    parser.add_argument("--threads", type=int, default=0, help="0 is all cores")
    options = parser.parse_args()
    out = options.out.resolve()
    if options.only in (None, "plate"):
        render_plate(out, options.frames, options)
    if options.only in (None, "truth"):
        render_truth(out, options.frames, options)
    if options.only in (None, "references"):
        render_references(out, options)


if __name__ == "__main__":
    main()
