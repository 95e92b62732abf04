"""The shot: a toy rocket over a desert moon, 1001-1040, with an asteroid passing in front."""

from collections.abc import Callable
from math import radians
from random import Random

import bmesh
import bpy
from mathutils import Matrix, Quaternion, Vector, noise
from rocket_model import Design, make_rocket, plastic, rock, textured, to_object

Pose = Callable[[float], tuple[Vector, Quaternion]]

FIRST, LAST = 1001, 1040
EVENT = 1020  # the asteroid's centre is in front of the nose's at this frame

DESIGN = Design(
    base=-0.95, belly=-0.12, shoulder=0.50, tip=1.38,
    base_radius=0.44, belly_radius=0.66, shoulder_radius=0.53, nose_power=1.35,
    fin_outline=((0.30, -0.12), (0.66, -0.22), (1.02, -0.62), (1.22, -1.05), (1.22, -1.48),
                 (1.00, -1.48), (0.78, -1.12), (0.30, -0.98)),
    fin_count=3, fin_thickness=0.20, window_count=3, window_radius=0.34, window_height=0.05,
    nose_colour=(0.62, 0.035, 0.025), hull_colour=(0.70, 0.67, 0.60),
    fin_colour=(0.03, 0.11, 0.50), rim_colour=(0.30, 0.30, 0.32),
    glass_colour=(0.006, 0.012, 0.020),
)  # fmt: skip


# --------------------------------------------------------------------------------- set


def ground_height(x: float, y: float) -> float:
    """Height of the ground: dunes, grain, hills far away."""
    near = 0.25 * noise.fractal(Vector((0.25 * x, 0.25 * y, 1.7)), 0.9, 2.0, 5)
    far = max(0.0, (y - 9.0) / 12.0)
    ridge = noise.fractal(Vector((0.13 * x + 5.0, 0.10 * y, 8.1)), 0.8, 2.1, 5)
    return near + far * (0.5 + 2.6 * max(0.0, ridge + 0.25))


def crater(x: float, y: float, centre: tuple[float, float], radius: float) -> float:
    """A dent with a raised rim."""
    d = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) ** 0.5 / radius
    if d > 1.6:
        return 0.0
    rim = max(0.0, 1.0 - abs(d - 1.05) / 0.45)
    return radius * (0.16 * rim * rim - 0.30 * max(0.0, 1.0 - d * d))


def make_ground() -> None:
    """A grid, 60 wide and 40 deep, with craters; the grain is bump."""
    rng = Random(11)
    craters = [((rng.uniform(-9, 9), rng.uniform(-5, 9)), rng.uniform(0.4, 1.3)) for _ in range(16)]
    bm = bmesh.new()
    bmesh.ops.create_grid(bm, x_segments=300, y_segments=200, size=1.0)
    for vert in bm.verts:
        x, y = 30.0 * vert.co.x, 12.0 + 20.0 * vert.co.y
        z = ground_height(x, y) + sum(crater(x, y, c, r) for c, r in craters)
        vert.co = (x, y, z)
    sand = textured(
        "sand", (0.13, 0.085, 0.055), (0.36, 0.25, 0.15), scale=1.6, bump=0.9, roughness=0.9
    )
    to_object("ground", bm, [sand], sharp=180)


def make_rocks() -> None:
    """Rocks on the ground, the same for every run."""
    rng = Random(5)
    stone = textured("stone", (0.06, 0.05, 0.05), (0.22, 0.17, 0.14), scale=3.0, bump=1.0)
    for i in range(26):
        x, y = rng.uniform(-8.0, 8.0), rng.uniform(-4.0, 10.0)
        radius = rng.uniform(0.12, 0.34) * (1.0 + 0.08 * max(0.0, y))
        obj = rock(f"stone_{i}", stone, radius=radius, seed=20 + i)
        obj.location = (x, y, ground_height(x, y) + 0.3 * radius)
        obj.rotation_euler = (rng.uniform(0, 6), rng.uniform(0, 6), rng.uniform(0, 6))


def make_crystals() -> None:
    """Two clumps of green crystals."""
    rng = Random(8)
    green = plastic("crystal", (0.06, 0.20, 0.13), roughness=0.35)
    for cx, cy, count in ((-3.6, 2.0, 6), (4.2, 4.0, 7)):
        for i in range(count):
            bm = bmesh.new()
            height = rng.uniform(0.5, 1.3)
            bmesh.ops.create_cone(
                bm, cap_ends=True, segments=6, radius1=0.24, radius2=0.0, depth=height
            )
            obj = to_object(f"crystal_{cx}_{i}", bm, [green], sharp=20)
            x, y = cx + rng.uniform(-0.5, 0.5), cy + rng.uniform(-0.4, 0.4)
            obj.location = (x, y, ground_height(x, y) + 0.35 * height)
            obj.rotation_euler = (rng.uniform(-0.4, 0.4), rng.uniform(-0.5, 0.5), 0.0)


def make_planet() -> None:
    """A ringed planet hanging behind the hills."""
    bands = textured(
        "bands", (0.30, 0.12, 0.07), (0.52, 0.34, 0.16), scale=1.1, bump=0.1,
        stretch=(0.15, 0.15, 2.2),
    )  # fmt: skip
    bm = bmesh.new()
    bmesh.ops.create_uvsphere(bm, u_segments=64, v_segments=32, radius=1.9)
    planet = to_object("planet", bm, [bands])
    ring = bmesh.new()
    inner, outer = (
        bmesh.ops.create_circle(ring, segments=128, radius=r)["verts"] for r in (2.5, 3.4)
    )
    for i in range(128):
        j = (i + 1) % 128
        ring.faces.new((inner[i], inner[j], outer[j], outer[i]))
    belt = to_object("ring", ring, [plastic("ring", (0.40, 0.30, 0.22), roughness=0.6)])
    for obj in (planet, belt):
        obj.location = (-6.2, 21.0, 8.2)
        obj.rotation_euler = (radians(22), radians(-18), 0.0)


def make_sky() -> None:
    """Dusk: peach at the horizon, slate above, streaks of cloud."""
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 128
    nodes, links = world.node_tree.nodes, world.node_tree.links
    where = nodes.new("ShaderNodeTexCoord")
    split = nodes.new("ShaderNodeSeparateXYZ")
    links.new(where.outputs["Generated"], split.inputs["Vector"])
    gradient = nodes.new("ShaderNodeValToRGB")
    stops = ((0.0, (0.62, 0.36, 0.22)), (0.12, (0.40, 0.25, 0.22)), (0.30, (0.13, 0.12, 0.17)),
             (1.0, (0.05, 0.055, 0.09)))  # fmt: skip
    while len(gradient.color_ramp.elements) < len(stops):
        gradient.color_ramp.elements.new(0.5)
    for element, (position, colour) in zip(gradient.color_ramp.elements, stops, strict=True):
        element.position, element.color = position, (*colour, 1.0)
    links.new(split.outputs["Z"], gradient.inputs["Fac"])
    stretch = nodes.new("ShaderNodeMapping")
    stretch.inputs["Scale"].default_value = (2.2, 2.2, 9.0)
    links.new(where.outputs["Generated"], stretch.inputs["Vector"])
    clouds = nodes.new("ShaderNodeTexNoise")
    clouds.inputs["Scale"].default_value = 2.0
    clouds.inputs["Detail"].default_value = 3.0
    links.new(stretch.outputs["Vector"], clouds.inputs["Vector"])
    amount = nodes.new("ShaderNodeMapRange")
    amount.inputs["From Min"].default_value, amount.inputs["From Max"].default_value = 0.48, 0.75
    amount.inputs["To Max"].default_value = 0.65
    links.new(clouds.outputs["Fac"], amount.inputs["Value"])
    mix = nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    colours = [s for s in mix.inputs if s.type == "RGBA"]
    links.new(amount.outputs["Result"], mix.inputs["Factor"])
    links.new(gradient.outputs["Color"], colours[0])
    colours[1].default_value = (0.58, 0.42, 0.36, 1.0)
    output = next(s for s in mix.outputs if s.type == "RGBA")
    links.new(output, nodes["Background"].inputs["Color"])


def make_lights() -> None:
    """A warm key from the upper left, a cool rim from behind."""
    for name, energy, colour, turn, size in (
        ("key", 3.2, (1.0, 0.88, 0.74), (52, 0, -38), 6.0),
        ("rim", 1.3, (0.66, 0.78, 1.0), (-62, 0, -24), 10.0),
    ):
        light = bpy.data.lights.new(name, "SUN")
        light.energy, light.color, light.angle = energy, colour, radians(size)
        obj = bpy.data.objects.new(name, light)
        obj.rotation_euler = tuple(radians(a) for a in turn)
        bpy.context.scene.collection.objects.link(obj)


# --------------------------------------------------------------------------- animation


def progress(frame: float) -> float:
    """0..1 over the shot, half linear and half eased."""
    t = (frame - FIRST) / (LAST - FIRST)
    return 0.55 * t + 0.45 * t * t * (3.0 - 2.0 * t)


def camera_position(frame: float) -> Vector:
    """Dolly to the right, a little up and forward."""
    u = progress(frame)
    return Vector((-2.4 + 4.6 * u, -11.0 + 0.6 * u, 1.9 + 0.35 * u))


def camera_target(frame: float) -> Vector:
    """The camera pans less than the rocket flies."""
    u = progress(frame)
    return Vector((-1.05 + 2.0 * u, 0.4 - 2.0 * u, 2.40 - 0.05 * u))


def rocket_pose(frame: float) -> tuple[Vector, Quaternion]:
    """Flies right and towards the camera; tilts left to right, pitches, rolls."""
    u = progress(frame)
    place = Vector((-2.55 + 4.5 * u, 1.0 - 2.9 * u, 2.30 + 0.15 * u + 0.5 * u * (1.0 - u)))
    tilt = Matrix.Rotation(radians(-30.0 + 92.0 * u), 3, "Y")
    pitch = Matrix.Rotation(radians(-18.0 + 46.0 * u), 3, "X")
    roll = Matrix.Rotation(radians(25.0 + 250.0 * u), 3, "Z")
    return place, (tilt @ pitch @ roll).to_quaternion()


def nose_centre(frame: float) -> Vector:
    """Middle of the nose in the world."""
    place, turn = rocket_pose(frame)
    return place + turn @ Vector((0.0, 0.0, 0.5 * (DESIGN.shoulder + DESIGN.tip) - 0.08))


def asteroid_pose(frame: float, *, nearness: float = 0.5) -> tuple[Vector, Quaternion]:
    """On the line from the camera to a point which passes over the nose at EVENT."""
    tau = frame - EVENT
    drift = nose_centre(EVENT + 1) - nose_centre(EVENT - 1)
    along = Vector((-1.0, 0.0, 0.22)).normalized()
    point = nose_centre(EVENT) + 0.5 * drift * tau + along * (0.10 * tau + 0.0006 * tau**3)
    eye = camera_position(frame)
    turn = Matrix.Rotation(radians(2.2 * tau), 3, Vector((0.3, 1.0, 0.2)).normalized())
    return eye + nearness * (point - eye), turn.to_quaternion()


def camera_pose(frame: float) -> tuple[Vector, Quaternion]:
    """Position, and the rotation that looks at the target."""
    eye = camera_position(frame)
    return eye, (camera_target(frame) - eye).to_track_quat("-Z", "Y")


def animate(obj: bpy.types.Object, pose: Pose) -> None:
    """One linear key per frame, one frame beyond either end for the shutter."""
    obj.rotation_mode = "QUATERNION"
    before = None
    for frame in range(FIRST - 1, LAST + 2):
        place, turn = pose(frame)
        if before is not None:
            turn.make_compatible(before)
        before = turn
        obj.location, obj.rotation_quaternion = place, turn
        obj.keyframe_insert("location", frame=frame)
        obj.keyframe_insert("rotation_quaternion", frame=frame)
    for curve in obj.animation_data.action.fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"


def build_shot() -> None:
    """Everything of the shot into the current, empty scene."""
    scene = bpy.context.scene
    make_ground()
    make_rocks()
    make_crystals()
    make_planet()
    make_sky()
    make_lights()
    for obj in scene.objects:
        obj["behind"] = True  # never between the camera and the rocket
    rocket = make_rocket(DESIGN)
    animate(rocket, rocket_pose)
    crust = textured("crust", (0.05, 0.045, 0.05), (0.20, 0.18, 0.17), scale=5.0, bump=1.0)
    asteroid = rock("asteroid", crust, radius=0.40, seed=3, rough=0.28)
    animate(asteroid, asteroid_pose)
    lens = bpy.data.cameras.new("camera")
    lens.lens, lens.sensor_width = 50.0, 36.0
    lens.dof.use_dof, lens.dof.focus_object, lens.dof.aperture_fstop = True, rocket, 0.45
    camera = bpy.data.objects.new("camera", lens)
    scene.collection.objects.link(camera)
    animate(camera, camera_pose)
    scene.camera = camera
    scene.render.use_motion_blur = True
    scene.render.motion_blur_shutter = 0.5
    scene.render.motion_blur_position = "CENTER"
    scene.frame_start, scene.frame_end = FIRST, LAST
