"""A creature with a shock of hair, a knitted scarf and wire antennae, out of focus at the back.

Thin structures in every stage of focus: the face is sharp, the hair behind it is not, and reeds
before the camera are blurred over all of it.
"""

from itertools import pairwise
from math import cos, pi, radians, sin
from random import Random

import bmesh
import bpy
from mathutils import Matrix, Vector
from rocket_model import add_lathe, plastic, textured, to_object

SIZE = (1280, 720)
FIRST, LAST = 1001, 1008
REFERENCE_FRAMES = (948, 975, 1060)
SHUTTER = 0.3


def strands(
    name: str,
    lines: list[list[tuple[Vector, float]]],
    material: bpy.types.Material,
    *,
    sides: int = 5,
) -> bpy.types.Object:
    """Tubes along lines of (point, radius), as one mesh."""
    bm = bmesh.new()
    for line in lines:
        rings = []
        for index, (point, radius) in enumerate(line):
            ahead = line[min(index + 1, len(line) - 1)][0] - line[max(index - 1, 0)][0]
            turn = ahead.to_track_quat("Z", "Y").to_matrix()
            angles = [2 * pi * side / sides for side in range(sides)]
            rings.append(
                [bm.verts.new(point + turn @ Vector((cos(a), sin(a), 0)) * radius) for a in angles]
            )
        for low, high in pairwise(rings):
            for side in range(sides):
                after = (side + 1) % sides
                bm.faces.new((low[side], low[after], high[after], high[side]))
    return to_object(name, bm, [material], sharp=180)


def make_hair() -> bpy.types.Object:
    """Strands that start on the upper back of the head and droop."""
    rng = Random(3)
    lines = []
    for _ in range(700):
        up = Vector((rng.gauss(0, 1), rng.gauss(0.35, 0.8), abs(rng.gauss(0.5, 0.7)))).normalized()
        length = rng.uniform(0.55, 1.25)
        bend = Vector((rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4), rng.uniform(-0.6, 0.15)))
        curl, phase = rng.uniform(0.0, 0.05), rng.uniform(0, 2 * pi)
        line = []
        for step in range(9):
            t = step / 8
            wave = Vector((sin(9 * t + phase), cos(8 * t + phase), 0.0)) * curl
            place = up * (0.95 + length * t) + bend * t * t * length + wave * t
            line.append((place, 0.0085 * (1.0 - 0.75 * t)))
        lines.append(line)
    material = plastic("hair", (0.42, 0.17, 0.045), roughness=0.5)
    return strands("hair", lines, material)


def make_wires() -> bpy.types.Object:
    """Two sprung antennae with beads."""
    lines = []
    for side in (-1, 1):
        line = []
        for step in range(160):
            t = step / 159
            angle = 2 * pi * 7 * t
            axis = Vector((side * (0.45 + 0.75 * t), -0.35, 0.80 + 1.05 * t))
            coil = Vector((cos(angle), sin(angle), 0.25 * cos(angle))) * 0.09
            line.append((axis + coil, 0.014))
        lines.append(line)
        tip = line[-1][0]
        bead = []
        for step in range(13):
            angle = pi * step / 12
            bead.append((tip + Vector((0, 0, -0.09 * cos(angle))), 0.09 * sin(angle) + 1e-4))
        lines.append(bead)
    material = plastic("wires", (0.10, 0.16, 0.30), roughness=0.25, metallic=0.6)
    return strands("wires", lines, material, sides=12)


def make_face() -> bpy.types.Object:
    """A head with eyes and a snout, all of it the part `face`."""
    bm = bmesh.new()
    bmesh.ops.create_uvsphere(bm, u_segments=64, v_segments=48, radius=1.0)
    for vert in bm.verts:
        vert.co.z *= 0.92
    eye = [(0.0, -0.12), (0.13, -0.1), (0.17, 0.0), (0.13, 0.08), (0.0, 0.11)]
    for side in (-1, 1):
        place = Matrix.Translation((side * 0.36, -0.88, 0.16)) @ Matrix.Rotation(pi / 2, 4, "X")
        add_lathe(bm, eye, place=place, segments=32, slot=1)
    snout = [(0.0, 0.28), (0.16, 0.25), (0.22, 0.1), (0.24, -0.2), (0.0, -0.2)]
    place = Matrix.Translation((0.0, -1.0, -0.18)) @ Matrix.Rotation(pi / 2, 4, "X")
    add_lathe(bm, snout, place=place, segments=32, slot=0)
    skin = textured("skin", (0.55, 0.42, 0.28), (0.70, 0.56, 0.40), scale=3.0, bump=0.2)
    return to_object("face", bm, [skin, plastic("eye", (0.01, 0.01, 0.012), roughness=0.1)])


def make_scarf() -> bpy.types.Object:
    """A ring below the head with a fringe."""
    lines = []
    ring = []
    for step in range(65):
        angle = 2 * pi * step / 64
        ring.append((Vector((0.78 * cos(angle), 0.78 * sin(angle), -0.86)), 0.23))
    lines.append(ring)
    rng = Random(8)
    for index in range(46):
        angle = 2 * pi * index / 46 + rng.uniform(-0.04, 0.04)
        out = Vector((cos(angle), sin(angle), 0.0))
        reach = rng.uniform(0.28, 0.5)
        lines.append(
            [
                (out * (0.92 + 0.15 * t) + Vector((0, 0, -0.98 - reach * t)), 0.017)
                for t in (0.0, 0.25, 0.5, 0.75, 1.0)
            ]
        )
    wool = textured("wool", (0.03, 0.12, 0.10), (0.06, 0.26, 0.20), scale=14.0, bump=0.4)
    return strands("scarf", lines, wool, sides=14)


def make_set() -> None:
    """A wall with paint on it, lamps out of focus, and reeds before the camera."""
    rng = Random(21)
    wall = bmesh.new()
    bmesh.ops.create_grid(wall, x_segments=1, y_segments=1, size=14.0)
    paint = textured("paint", (0.07, 0.10, 0.14), (0.34, 0.36, 0.30), scale=0.55, bump=0.1)
    obj = to_object("wall", wall, [paint])
    obj.rotation_euler, obj.location, obj["behind"] = (pi / 2, 0, 0), (0, 9.0, 0), True
    colours = ((0.8, 0.5, 0.15), (0.15, 0.4, 0.6), (0.6, 0.12, 0.10), (0.7, 0.7, 0.6))
    for index in range(14):
        ball = bmesh.new()
        bmesh.ops.create_icosphere(ball, subdivisions=3, radius=rng.uniform(0.2, 0.5))
        material = plastic(f"lamp_{index}", rng.choice(colours), roughness=0.7)
        lamp = to_object(f"lamp_{index}", ball, [material], sharp=180)
        lamp.location = (rng.uniform(-6, 6), rng.uniform(4, 8), rng.uniform(-3, 3.2))
        lamp["behind"] = True
    reeds = []
    for x in (-1.05, -0.86, 0.98, 1.22):
        lean = rng.uniform(-0.25, 0.25)
        reeds.append([(Vector((x + lean * t, -4.6, -1.6 + 2.2 * t)), 0.012) for t in (0, 0.5, 1)])
    strands("reeds", reeds, plastic("reed", (0.16, 0.22, 0.05), roughness=0.6), sides=8)


def make_lights() -> None:
    """A soft key, a rim that catches the hair, a dim room."""
    for name, energy, turn, size in (
        ("key", 2.4, (50, 0, 35), 20.0),
        ("rim", 3.0, (-65, 0, 20), 6.0),
    ):
        light = bpy.data.lights.new(name, "SUN")
        light.energy, light.angle = energy, radians(size)
        obj = bpy.data.objects.new(name, light)
        obj.rotation_euler = tuple(radians(a) for a in turn)
        bpy.context.scene.collection.objects.link(obj)
    world = bpy.data.worlds.new("room")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.30, 0.32, 0.36, 1.0)


def build() -> None:
    """Everything into the current, empty scene; the creature nods and turns, then drifts."""
    scene = bpy.context.scene
    make_set()
    make_lights()
    root = bpy.data.objects.new("tuft", None)
    scene.collection.objects.link(root)
    for part, make in (
        ("hair", make_hair), ("face", make_face), ("scarf", make_scarf), ("wires", make_wires),
    ):  # fmt: skip
        obj = make()
        obj["part"], obj.parent = part, root
    for frame in range(min(REFERENCE_FRAMES) - 1, max(REFERENCE_FRAMES) + 2):
        # Still over the first three frames, so that steadiness can be measured too.
        u = max(0.0, frame - 1003) if frame >= FIRST else float(frame - FIRST)
        root.rotation_euler = (radians(5 * sin(u / 5)), radians(6 * sin(u / 6)), radians(2.6 * u))
        root.location = (0.035 * u if frame >= FIRST else 0.004 * u, 0.0, 0.10 * sin(u / 4))
        root.keyframe_insert("location", frame=frame)
        root.keyframe_insert("rotation_euler", frame=frame)
    for curve in root.animation_data.action.fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    lens = bpy.data.cameras.new("camera")
    lens.lens, lens.sensor_width = 50.0, 36.0
    lens.dof.use_dof, lens.dof.focus_distance, lens.dof.aperture_fstop = True, 7.2, 0.5
    camera = bpy.data.objects.new("camera", lens)
    camera.location, camera.rotation_euler = (0.0, -8.2, 0.55), (radians(89), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
