"""Meshes, materials and the toy rocket itself. Blender units, z up."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import atan2, cos, pi, radians, sin

import bmesh
import bpy
import numpy as np
from mathutils import Matrix, Vector, noise

Colour = tuple[float, float, float]
Point = tuple[float, float]


# ---------------------------------------------------------------------------- materials


def plastic(
    name: str, colour: Colour, *, roughness: float = 0.35, metallic: float = 0.0, coat: float = 0.0
) -> bpy.types.Material:
    """A plain principled material; colour is linear Rec.709."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    shader.inputs["Coat Weight"].default_value = coat
    return material


def textured(
    name: str,
    dark: Colour,
    light: Colour,
    *,
    scale: float,
    bump: float,
    roughness: float = 0.8,
    stretch: Colour = (1.0, 1.0, 1.0),
) -> bpy.types.Material:
    """A principled material between two colours, mixed and bumped by fractal noise."""
    material = plastic(name, light, roughness=roughness)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = nodes["Principled BSDF"]
    where, mapping = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = stretch
    links.new(where.outputs["Object"], mapping.inputs["Vector"])
    fractal = nodes.new("ShaderNodeTexNoise")
    fractal.inputs["Scale"].default_value = scale
    fractal.inputs["Detail"].default_value = 5.0
    fractal.inputs["Roughness"].default_value = 0.6
    links.new(mapping.outputs["Vector"], fractal.inputs["Vector"])
    ramp = nodes.new("ShaderNodeValToRGB")
    for element, position, colour in zip(
        ramp.color_ramp.elements, (0.35, 0.65), (dark, light), strict=True
    ):
        element.position, element.color = position, (*colour, 1.0)
    links.new(fractal.outputs["Fac"], ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
    relief = nodes.new("ShaderNodeBump")
    relief.inputs["Strength"].default_value = bump
    relief.inputs["Distance"].default_value = 0.1
    links.new(fractal.outputs["Fac"], relief.inputs["Height"])
    links.new(relief.outputs["Normal"], shader.inputs["Normal"])
    return material


# ------------------------------------------------------------------------------- meshes


def to_object(
    name: str, bm: bmesh.types.BMesh, materials: Sequence[bpy.types.Material], *, sharp: float = 40
) -> bpy.types.Object:
    """Make a linked, smooth-shaded object of a bmesh; edges above `sharp` degrees stay sharp."""
    bmesh.ops.remove_doubles(bm, verts=bm.verts, dist=1e-5)
    bmesh.ops.recalc_face_normals(bm, faces=bm.faces)
    for face in bm.faces:
        face.smooth = True
    mesh = bpy.data.meshes.new(name)
    bm.to_mesh(mesh)
    bm.free()
    mesh.set_sharp_from_angle(angle=radians(sharp))
    for material in materials:
        mesh.materials.append(material)
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def add_lathe(
    bm: bmesh.types.BMesh,
    profile: Sequence[Point],
    *,
    place: Matrix | None = None,
    segments: int = 96,
    slot: int = 0,
) -> None:
    """Turn a (radius, height) profile round the z axis."""
    place = place or Matrix()
    rings = [
        [
            bm.verts.new(place @ Vector((r * cos(a), r * sin(a), z)))
            for a in (2 * pi * i / segments for i in range(segments))
        ]
        for r, z in profile
    ]
    for low, high in pairwise(rings):
        for i in range(segments):
            j = (i + 1) % segments
            bm.faces.new((low[i], low[j], high[j], high[i])).material_index = slot


def chaikin(outline: Sequence[Point], rounds: int = 3) -> list[Point]:
    """Chaikin's corner cutting of a closed outline."""
    points = np.asarray(outline, dtype=float)
    for _ in range(rounds):
        after = np.roll(points, -1, axis=0)
        cut = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1)
        points = cut.reshape(-1, 2)
    return [(float(x), float(y)) for x, y in points]


def rock(
    name: str, material: bpy.types.Material, *, radius: float, seed: int, rough: float = 0.35
) -> bpy.types.Object:
    """A lump: an icosphere pushed in and out by noise, with a few dents."""
    bm = bmesh.new()
    bmesh.ops.create_icosphere(bm, subdivisions=5, radius=1.0)
    shift = Vector((13.7 * seed, 7.1 * seed, 3.3))
    for vert in bm.verts:
        unit = vert.co.normalized()
        coarse = noise.fractal(unit * 0.9 + shift, 1.0, 2.0, 3)
        dent = min(0.0, noise.noise(unit * 2.3 + 2 * shift) + 0.15)
        vert.co = unit * radius * (1.0 + rough * coarse + 0.5 * rough * dent)
    return to_object(name, bm, [material], sharp=180)


# ------------------------------------------------------------------------------- rocket


@dataclass(frozen=True, kw_only=True)
class Design:
    """Proportions and colours of one rocket; heights along its own z axis."""

    base: float
    belly: float
    shoulder: float
    tip: float
    base_radius: float
    belly_radius: float
    shoulder_radius: float
    nose_power: float
    fin_outline: tuple[Point, ...]
    fin_count: int
    fin_thickness: float
    window_count: int
    window_radius: float
    window_height: float
    nose_colour: Colour
    hull_colour: Colour
    fin_colour: Colour
    rim_colour: Colour
    glass_colour: Colour

    def hull_radius(self, z: float) -> float:
        """Radius of the hull: a parabola on either side of the belly."""
        end, radius = (
            (self.base, self.base_radius)
            if z < self.belly
            else (self.shoulder, self.shoulder_radius)
        )
        s = (z - self.belly) / (end - self.belly)
        return self.belly_radius - (self.belly_radius - radius) * s * s


def hull_profile(design: Design) -> list[Point]:
    """Nozzle, body with two grooves, closed top."""
    low = design.base
    points: list[Point] = [
        (0.0, low - 0.05), (0.20, low - 0.05), (0.26, low - 0.20), (0.31, low - 0.20),
        (0.27, low - 0.03), (design.base_radius - 0.05, low - 0.03),
    ]  # fmt: skip
    grooves = (design.base + 0.22, design.shoulder - 0.10)
    for z in np.linspace(design.base, design.shoulder, 160):
        depth = 0.02 * sum(float(np.exp(-(((z - g) / 0.014) ** 2))) for g in grooves)
        points.append((design.hull_radius(z) - depth, float(z)))
    return [*points, (0.0, design.shoulder)]


def nose_profile(design: Design) -> list[Point]:
    """A blunt cone with a small lip over the hull."""
    low, radius = design.shoulder, design.shoulder_radius + 0.015
    points: list[Point] = [(0.0, low), (radius - 0.02, low), (radius, low + 0.015)]
    for s in np.linspace(0.0, 1.0, 60):
        h = 1.0 - (1.0 - s) ** 2
        r = radius * (1.0 - h**design.nose_power) ** 0.72
        points.append((float(r), float(low + 0.03 + (design.tip - low - 0.03) * h)))
    return points


def make_fins(design: Design) -> bpy.types.Object:
    """All fins as one object: outlines extruded to slabs, edges rounded by a modifier."""
    bm = bmesh.new()
    outline = chaikin(design.fin_outline)
    half = design.fin_thickness / 2
    for k in range(design.fin_count):
        turn = Matrix.Rotation(2 * pi * k / design.fin_count, 4, "Z")
        near = [bm.verts.new(turn @ Vector((r, -half, z))) for r, z in outline]
        far = [bm.verts.new(turn @ Vector((r, half, z))) for r, z in outline]
        bm.faces.new(near)
        bm.faces.new(far[::-1])
        for i in range(len(outline)):
            j = (i + 1) % len(outline)
            bm.faces.new((near[i], far[i], far[j], near[j]))
    obj = to_object("fins", bm, [plastic("fins", design.fin_colour, coat=0.4)])
    bevel = obj.modifiers.new("round", "BEVEL")
    bevel.width, bevel.segments = 0.3 * design.fin_thickness, 3
    return obj


def make_windows(design: Design) -> bpy.types.Object:
    """All portholes as one object: a metal rim and a dark dome of glass each."""
    bm = bmesh.new()
    outer, z = design.window_radius, design.window_height
    inner = 0.76 * outer
    slope = (design.hull_radius(z + 0.01) - design.hull_radius(z - 0.01)) / 0.02
    rim = [(inner, -0.15), (inner, 0.04), (inner + 0.02, 0.06), (outer - 0.025, 0.06),
           (outer, 0.035), (outer, -0.15)]  # fmt: skip
    dome = [(inner * cos(a), 0.005 + 0.07 * sin(a)) for a in np.linspace(0, pi / 2, 12)]
    for k in range(design.window_count):
        place = (
            Matrix.Rotation(2 * pi * (k + 0.5) / design.window_count, 4, "Z")
            @ Matrix.Translation((design.hull_radius(z), 0.0, z))
            @ Matrix.Rotation(pi / 2 + atan2(slope, 1.0), 4, "Y")
        )
        add_lathe(bm, rim, place=place, segments=64, slot=0)
        add_lathe(bm, dome, place=place, segments=64, slot=1)
    rim_material = plastic("rim", design.rim_colour, roughness=0.3, metallic=0.9)
    glass = plastic("glass", design.glass_colour, roughness=0.08, coat=0.6)
    return to_object("window", bm, [rim_material, glass])


def make_rocket(design: Design) -> bpy.types.Object:
    """Build the four part objects; returns the empty they hang on."""
    root = bpy.data.objects.new("rocket", None)
    root.rotation_mode = "QUATERNION"
    bpy.context.scene.collection.objects.link(root)
    hull, nose = bmesh.new(), bmesh.new()
    add_lathe(hull, hull_profile(design))
    add_lathe(nose, nose_profile(design))
    parts = {
        "hull": to_object("hull", hull, [plastic("hull", design.hull_colour, coat=0.4)]),
        "nose": to_object("nose", nose, [plastic("nose", design.nose_colour, coat=0.4)]),
        "fins": make_fins(design),
        "window": make_windows(design),
    }
    for name, obj in parts.items():
        obj.parent = root
        obj["part"] = name
    return root
