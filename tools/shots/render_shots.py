"""Renders the two shots that matte edges are measured on: plates, exact mattes, reference stills.

    python3.11 -m venv blender-env
    blender-env/bin/pip install "bpy==4.5.*" numpy OpenEXR Pillow
    blender-env/bin/python tools/shots/render_shots.py --out DIR

Below DIR, for each shot (`tuft`: hair and wires out of focus; `plane`: fast motion at 1920x1080):

    SHOT/plate/SHOT.1001.exr                  scene-linear Rec.709, half float
    SHOT/truth/PART/SHOT_PART.1001.exr        coverage 0..1, channel A, half float
    SHOT/references/images/ref_1.png, masks/  stills of other frames, without motion blur

Everything is procedural with fixed seeds, and rendered on the CPU. As with the toy rocket, the
mattes come from the same scene, camera, shutter, lens and pixel filter as the plate, unlit and not
denoised. The frames are not kept in the repository; `benchmarks.edges --shots DIR` reads them.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "rocket"))

import bpy
import plane
import tuft
from render import (
    crop_to_rocket,
    new_scene,
    render_frame,
    set_beauty,
    set_exr,
    set_truth,
    split_ids,
)
from shot_parts import PARTS

SHOTS: dict[str, ModuleType] = {"tuft": tuft, "plane": plane}
REFERENCE_WIDTH = 640


def open_shot(shot: str, options: argparse.Namespace, *, still: bool) -> bpy.types.Scene:
    """The built scene; as a still it is small and has no motion blur."""
    scene = new_scene(threads=options.threads)
    module = SHOTS[shot]
    module.build()
    width, height = module.SIZE
    if still:
        width, height = REFERENCE_WIDTH, REFERENCE_WIDTH * height // width
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.use_motion_blur = not still
    scene.render.motion_blur_shutter = module.SHUTTER
    scene.render.motion_blur_position = "CENTER"
    return scene


def render_plate(shot: str, out: Path, frames: Iterable[int], options: argparse.Namespace) -> None:
    """The beauty pass."""
    scene = open_shot(shot, options, still=False)
    set_beauty(scene, options.samples)
    set_exr(scene, mode="RGB", depth="16", codec="DWAA")
    for frame in frames:
        render_frame(scene, frame, out / "plate" / f"{shot}.{frame}.exr")


def render_truth(shot: str, out: Path, frames: Iterable[int], options: argparse.Namespace) -> None:
    """The mattes."""
    scene = open_shot(shot, options, still=False)
    set_truth(scene, PARTS[shot], options.truth_samples)
    with tempfile.TemporaryDirectory() as folder:
        for frame in frames:
            scene.frame_set(frame)
            crop_to_rocket(scene, margin=0.06)
            render_frame(scene, frame, Path(folder) / f"{shot}.{frame}.exr")
        split_ids("mattes", Path(folder), out / "truth", PARTS[shot], options.truth_samples)


def render_references(shot: str, out: Path, options: argparse.Namespace) -> None:
    """Stills of other frames and their label maps."""
    target = out / "references"
    stems = [f"ref_{n}" for n, _ in enumerate(SHOTS[shot].REFERENCE_FRAMES, 1)]
    pairs = list(zip(stems, SHOTS[shot].REFERENCE_FRAMES, strict=True))
    scene = open_shot(shot, options, still=True)
    set_beauty(scene, 2 * options.samples)
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGB", "8"
    for stem, frame in pairs:
        render_frame(scene, frame, target / "images" / f"{stem}.png")
    with tempfile.TemporaryDirectory() as folder:
        scene = open_shot(shot, options, still=True)
        set_truth(scene, PARTS[shot], options.truth_samples)
        for stem, frame in pairs:
            render_frame(scene, frame, Path(folder) / f"{stem}.exr")
        split_ids("labels", Path(folder), target / "masks", PARTS[shot], options.truth_samples)
    labels = {str(i): name for i, name in enumerate(("background", *PARTS[shot]))}
    (target / "labels.json").write_text(json.dumps(labels, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shots", nargs="+", choices=SHOTS, default=list(SHOTS))
    parser.add_argument("--frames", type=int, nargs="+", help="these frames only")
    parser.add_argument("--only", choices=("plate", "truth", "references"))
    parser.add_argument("--samples", type=int, default=16, help="of the plate, per pixel")
    parser.add_argument(
        "--truth-samples", type=int, default=128, choices=[2**n for n in range(4, 11)]
    )
    parser.add_argument("--threads", type=int, default=0, help="0 is all cores")
    options = parser.parse_args()
    for shot in options.shots:
        module = SHOTS[shot]
        frames = options.frames or list(range(module.FIRST, module.LAST + 1))
        out = options.out.resolve() / shot
        if options.only in (None, "references"):
            render_references(shot, out, options)
        if options.only in (None, "plate"):
            render_plate(shot, out, frames, options)
        if options.only in (None, "truth"):
            render_truth(shot, out, frames, options)


if __name__ == "__main__":
    main()
