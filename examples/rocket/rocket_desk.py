"""The references: another toy rocket, photographed in four poses on a desk."""

from dataclasses import dataclass
from math import radians
from random import Random

import bmesh
import bpy
from mathutils import Matrix, Vector
from rocket_model import Colour, Design, add_lathe, make_rocket, plastic, textured, to_object

DESIGN = Design(
    base=-1.05, belly=-0.30, shoulder=0.55, tip=1.42,
    base_radius=0.46, belly_radius=0.58, shoulder_radius=0.46, nose_power=1.15,
    fin_outline=((0.28, -0.40), (0.60, -0.42), (1.00, -0.80), (1.14, -1.20), (1.06, -1.52),
                 (0.86, -1.50), (0.70, -1.22), (0.28, -1.08)),
    fin_count=4, fin_thickness=0.17, window_count=3, window_radius=0.30, window_height=0.02,
    nose_colour=(0.80, 0.20, 0.03), hull_colour=(0.50, 0.68, 0.52),
    fin_colour=(0.20, 0.05, 0.34), rim_colour=(0.45, 0.36, 0.22),
    glass_colour=(0.008, 0.012, 0.018),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One still: pose of the rocket in degrees, camera, light, wall."""

    tilt: float
    pitch: float
    roll: float
    height: float
    eye: tuple[float, float, float]
    wall: tuple[Colour, Colour]
    key: tuple[float, Colour, tuple[float, float, float]]
    seed: int


REFERENCES: dict[str, Reference] = {
    "ref_1": Reference(
        tilt=0, pitch=4, roll=40, height=1.62, eye=(0.8, -10.0, 2.4), seed=1,
        wall=((0.10, 0.16, 0.17), (0.16, 0.23, 0.23)),
        key=(2.6, (1.0, 0.93, 0.85), (48, 0, 36)),
    ),
    "ref_2": Reference(
        tilt=-42, pitch=12, roll=150, height=2.1, eye=(-1.6, -9.6, 2.8), seed=2,
        wall=((0.30, 0.27, 0.22), (0.42, 0.38, 0.32)),
        key=(2.4, (0.90, 0.95, 1.0), (40, 0, -52)),
    ),
    "ref_3": Reference(
        tilt=68, pitch=18, roll=265, height=2.0, eye=(0.4, -9.8, 2.2), seed=3,
        wall=((0.22, 0.10, 0.09), (0.32, 0.16, 0.13)),
        key=(2.8, (1.0, 0.84, 0.66), (58, 0, -20)),
    ),
    "ref_4": Reference(
        tilt=28, pitch=-14, roll=75, height=2.2, eye=(1.5, -7.6, 7.6), seed=4,
        wall=((0.14, 0.17, 0.10), (0.22, 0.26, 0.16)),
        key=(2.5, (1.0, 0.97, 0.92), (35, 0, 60)),
    ),
}  # fmt: skip


def box(name: str, size: Vector, material: bpy.types.Material) -> bpy.types.Object:
    """A box with rounded edges."""
    bm = bmesh.new()
    bmesh.ops.create_cube(bm, size=1.0)
    bmesh.ops.scale(bm, vec=size, verts=bm.verts)
    obj = to_object(name, bm, [material])
    bevel = obj.modifiers.new("round", "BEVEL")
    bevel.width, bevel.segments = 0.05, 3
    return obj


def make_room(reference: Reference) -> None:
    """A wooden desk top and a painted wall."""
    wood = textured(
        f"wood_{reference.seed}", (0.12, 0.06, 0.03), (0.30, 0.17, 0.09), scale=1.2, bump=0.15,
        roughness=0.45, stretch=(0.25, 3.0, 1.0),
    )  # fmt: skip
    desk = box("desk", Vector((24.0, 11.0, 0.4)), wood)
    desk.location = (0.0, 0.5, -0.2)
    paint = textured("paint", *reference.wall, scale=0.7, bump=0.1)
    wall = box("wall", Vector((40.0, 0.2, 30.0)), paint)
    wall.location = (0.0, 6.5, 5.0)


def make_clutter(reference: Reference) -> None:
    """Books, blocks and a mug at the back of the desk, other places per still."""
    rng = Random(reference.seed)
    colours = ((0.45, 0.36, 0.12), (0.08, 0.22, 0.20), (0.38, 0.08, 0.10), (0.40, 0.38, 0.34),
               (0.07, 0.12, 0.26))  # fmt: skip
    for i in range(7):
        side = rng.choice((-1, 1))
        size = Vector((rng.uniform(0.25, 0.5), rng.uniform(0.9, 1.6), rng.uniform(1.2, 2.3)))
        book = box(f"book_{i}", size, plastic(f"book_{i}", rng.choice(colours), roughness=0.6))
        book.location = (side * rng.uniform(1.6, 5.0), rng.uniform(3.2, 4.6), 0.5 * size.z)
        book.rotation_euler.z = rng.uniform(-0.2, 0.2)
    for i in range(6):
        edge = rng.uniform(0.35, 0.6)
        block = box(f"block_{i}", Vector((edge,) * 3), plastic(f"block_{i}", rng.choice(colours)))
        side = rng.choice((-1, 1))
        block.location = (side * rng.uniform(1.6, 3.6), rng.uniform(-1.0, 2.6), 0.5 * edge)
        block.rotation_euler.z = rng.uniform(0, 1.5)
    mug = bmesh.new()
    add_lathe(mug, [(0.0, 0.0), (0.5, 0.0), (0.55, 1.1), (0.49, 1.1), (0.45, 0.1), (0.0, 0.1)])
    obj = to_object("mug", mug, [plastic("mug", (0.42, 0.40, 0.36), coat=0.5)])
    obj.location = (rng.choice((-1, 1)) * rng.uniform(2.2, 3.2), 2.6, 0.0)


def make_lights(reference: Reference) -> None:
    """One key per still, a dim room."""
    energy, colour, turn = reference.key
    light = bpy.data.lights.new("key", "SUN")
    light.energy, light.color, light.angle = energy, colour, radians(9.0)
    obj = bpy.data.objects.new("key", light)
    obj.rotation_euler = tuple(radians(a) for a in turn)
    bpy.context.scene.collection.objects.link(obj)
    world = bpy.data.worlds.new("room")
    bpy.context.scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.42, 0.45, 0.50, 1.0)


def build_reference(reference: Reference) -> None:
    """One still into the current, empty scene; no motion."""
    scene = bpy.context.scene
    make_room(reference)
    make_clutter(reference)
    make_lights(reference)
    rocket = make_rocket(DESIGN)
    turn = (
        Matrix.Rotation(radians(reference.tilt), 3, "Y")
        @ Matrix.Rotation(radians(reference.pitch), 3, "X")
        @ Matrix.Rotation(radians(reference.roll), 3, "Z")
    )
    rocket.rotation_quaternion = turn.to_quaternion()
    rocket.location = (0.0, 0.0, reference.height)
    lens = bpy.data.cameras.new("camera")
    lens.lens, lens.sensor_width = 50.0, 36.0
    lens.dof.use_dof, lens.dof.focus_object, lens.dof.aperture_fstop = True, rocket, 0.8
    camera = bpy.data.objects.new("camera", lens)
    camera.location = reference.eye
    away = Vector((0.0, 0.0, reference.height)) - Vector(reference.eye)
    camera.rotation_mode = "QUATERNION"
    camera.rotation_quaternion = away.to_track_quat("-Z", "Y")
    scene.collection.objects.link(camera)
    scene.camera = camera
