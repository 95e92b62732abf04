"""A toy plane with a spinning propeller that crosses the frame fast; 1920x1080, long shutter."""

from math import pi, radians, sin
from random import Random

import bmesh
import bpy
from mathutils import Matrix, Vector
from rocket_model import add_lathe, chaikin, plastic, rock, textured, to_object

SIZE = (1920, 1080)
FIRST, LAST = 1001, 1008
REFERENCE_FRAMES = (1000, 1005, 1010)
SHUTTER = 0.6
TURN = 38.0
"""Degrees of the propeller in a frame."""


def slab(
    name: str, outline: list[tuple[float, float]], thickness: float, material: bpy.types.Material
) -> bpy.types.Object:
    """An outline (x, y) extruded along z, its edges rounded."""
    bm = bmesh.new()
    points = chaikin(outline, 2)
    low = [bm.verts.new((x, y, -thickness / 2)) for x, y in points]
    high = [bm.verts.new((x, y, thickness / 2)) for x, y in points]
    bm.faces.new(low[::-1])
    bm.faces.new(high)
    for i in range(len(points)):
        j = (i + 1) % len(points)
        bm.faces.new((low[i], low[j], high[j], high[i]))
    obj = to_object(name, bm, [material])
    bevel = obj.modifiers.new("round", "BEVEL")
    bevel.width, bevel.segments = 0.3 * thickness, 2
    return obj


def make_body() -> bpy.types.Object:
    """Along x, nose at +x; a canopy and a wheel strut belong to it."""
    bm = bmesh.new()
    profile = [(0.0, -1.6), (0.10, -1.58), (0.22, -0.9), (0.34, 0.0), (0.36, 0.6), (0.27, 1.0),
               (0.0, 1.05)]  # fmt: skip
    along = Matrix.Rotation(pi / 2, 4, "Y")
    add_lathe(bm, profile, place=along)
    canopy = [(0.0, -0.3), (0.16, -0.2), (0.2, 0.1), (0.1, 0.35), (0.0, 0.38)]
    add_lathe(bm, canopy, place=Matrix.Translation((0.15, 0, 0.28)) @ along, slot=1)
    strut = [(0.0, -0.5), (0.016, -0.5), (0.016, 0.0), (0.0, 0.0)]
    for side in (-1, 1):
        lean = Matrix.Translation((0.45, side * 0.1, -0.2)) @ Matrix.Rotation(side * 0.35, 4, "X")
        add_lathe(bm, strut, place=lean, segments=12)
        wheel = [(0.0, -0.05), (0.14, -0.05), (0.16, 0.0), (0.14, 0.05), (0.0, 0.05)]
        at = lean @ Matrix.Translation((0, 0, -0.5)) @ Matrix.Rotation(pi / 2, 4, "X")
        add_lathe(bm, wheel, place=at, segments=32, slot=1)
    red = plastic("red", (0.55, 0.05, 0.03), coat=0.4)
    return to_object("body", bm, [red, plastic("dark", (0.02, 0.025, 0.03), roughness=0.2)])


def make_wings() -> list[bpy.types.Object]:
    """Two wings, one above the other, and thin struts between them."""
    outline = [(-0.28, -1.75), (0.25, -1.75), (0.33, 0.0), (0.25, 1.75), (-0.28, 1.75), (-0.3, 0)]
    cream = plastic("cream", (0.68, 0.58, 0.36), coat=0.2)
    made = []
    for height in (-0.12, 0.62):
        wing = slab("wing", outline, 0.07, cream)
        wing.location = (0.35, 0.0, height)
        made.append(wing)
    bm = bmesh.new()
    strut = [(0.0, -0.12), (0.014, -0.12), (0.014, 0.62), (0.0, 0.62)]
    for y in (-1.35, -0.6, 0.6, 1.35):
        for x in (0.2, 0.5):
            add_lathe(bm, strut, place=Matrix.Translation((x, y, 0)), segments=10)
    return [*made, to_object("struts", bm, [cream])]


def make_propeller() -> bpy.types.Object:
    """Two blades on a hub; turns about its own x axis."""
    bm = bmesh.new()
    add_lathe(
        bm,
        [(0.0, 0.0), (0.09, 0.0), (0.075, 0.1), (0.0, 0.2)],
        place=Matrix.Rotation(pi / 2, 4, "Y"),
        segments=32,
    )
    for side in (-1, 1):
        matrix = Matrix.Translation((0.06, 0, side * 0.38)) @ Matrix.Rotation(0.5, 4, "Z")
        made = bmesh.ops.create_cube(bm, size=1.0, matrix=matrix)
        for vert in made["verts"]:
            local = matrix.inverted() @ vert.co
            vert.co = matrix @ Vector((local.x * 0.03, local.y * 0.16, local.z * 0.72))
    return to_object("propeller", bm, [plastic("blades", (0.50, 0.46, 0.10), roughness=0.3)])


def make_tail() -> list[bpy.types.Object]:
    """A fin and a tailplane."""
    blue = plastic("blue", (0.04, 0.10, 0.36), coat=0.3)
    flat = [(-0.2, -0.65), (0.1, -0.65), (0.22, 0.0), (0.1, 0.65), (-0.2, 0.65)]
    plane = slab("tailplane", flat, 0.05, blue)
    plane.location = (-1.45, 0, 0.06)
    fin = slab("fin", [(-0.2, 0.0), (0.3, 0.0), (0.0, 0.6), (-0.25, 0.6)], 0.05, blue)
    fin.location, fin.rotation_euler = (-1.45, 0, 0.1), (pi / 2, 0, 0)
    return [plane, fin]


def make_set() -> None:
    """Hills, boulders and posts under a plain sky."""
    rng = Random(4)
    ground = bmesh.new()
    bmesh.ops.create_grid(ground, x_segments=160, y_segments=100, size=1.0)
    for vert in ground.verts:
        x, y = 40.0 * vert.co.x, 20.0 + 22.0 * vert.co.y
        swell = 0.9 * sin(0.35 * x + 1.0) * sin(0.22 * y) + 0.03 * y * sin(0.21 * x + 0.5)
        vert.co = (x, y, -2.6 + swell + 0.07 * y)
    grass = textured("grass", (0.06, 0.10, 0.03), (0.24, 0.26, 0.09), scale=1.4, bump=0.8)
    things = [to_object("ground", ground, [grass], sharp=180)]
    stone = textured("stone", (0.10, 0.09, 0.08), (0.34, 0.31, 0.27), scale=2.5, bump=0.8)
    for index in range(24):
        lump = rock(f"rock_{index}", stone, radius=rng.uniform(0.2, 0.8), seed=index)
        lump.location = (rng.uniform(-14, 14), rng.uniform(3, 16), rng.uniform(-2.6, -1.2))
        things.append(lump)
    post = [(0.0, 0.0), (0.06, 0.0), (0.06, 5.0), (0.0, 5.0)]
    wood = plastic("post", (0.20, 0.14, 0.09), roughness=0.8)
    for index in range(9):
        bm = bmesh.new()
        add_lathe(bm, post, segments=16)
        thing = to_object(f"post_{index}", bm, [wood])
        thing.location = (-12.0 + 3.1 * index, 7.0 + rng.uniform(-1, 1), -2.8)
        things.append(thing)
    for thing in things:
        thing["behind"] = True


def make_lights() -> None:
    """Sun and sky."""
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.angle, sun.color = 3.4, radians(4.0), (1.0, 0.93, 0.82)
    obj = bpy.data.objects.new("sun", sun)
    obj.rotation_euler = (radians(48), 0, radians(30))
    bpy.context.scene.collection.objects.link(obj)
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.34, 0.46, 0.62, 1.0)


def build() -> None:
    """Everything into the current, empty scene; plane and camera move, the plane faster."""
    scene = bpy.context.scene
    make_set()
    make_lights()
    root = bpy.data.objects.new("plane", None)
    scene.collection.objects.link(root)
    propeller = make_propeller()
    propeller.location = (1.02, 0, 0)
    groups = {
        "body": [make_body()], "wings": make_wings(), "propeller": [propeller],
        "tail": make_tail(),
    }  # fmt: skip
    for part, objects in groups.items():
        for obj in objects:
            obj["part"], obj.parent = part, root
    lens = bpy.data.cameras.new("camera")
    lens.lens, lens.sensor_width = 40.0, 36.0
    camera = bpy.data.objects.new("camera", lens)
    camera.rotation_euler = (radians(88), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    for frame in range(min(REFERENCE_FRAMES) - 1, max(REFERENCE_FRAMES) + 2):
        u = frame - FIRST
        root.location = (-2.3 + 0.36 * u, 0.0, 0.25 * sin(0.5 * u))
        root.rotation_euler = (radians(24 + 7 * u), radians(-10 + 3 * u), radians(-32 + 3.0 * u))
        camera.location = (0.04 * u, -8.0, 0.3)
        propeller.rotation_euler = (radians(TURN * u), 0, 0)
        for thing in (root, camera, propeller):
            thing.keyframe_insert("location", frame=frame)
            thing.keyframe_insert("rotation_euler", frame=frame)
    for thing in (root, camera, propeller):
        for curve in thing.animation_data.action.fcurves:
            for key in curve.keyframe_points:
                key.interpolation = "LINEAR"
