"""Render procedural objects made of named parts, with exact part masks (Blender as ``bpy``).

A *family* is a recipe (chair, teapot, quadruped, ...) with its own proportions; its instances share
the meaning of the labels (1..n in the order of the recipe's part names) but each has new colours
and materials, jittered proportions, a new pose, camera, light, background and clutter.

Files written into ``--out`` (256x256 by default):

* ``FAMILY_INSTANCE.png``       uint8 [h, w, 3], sRGB;
* ``FAMILY_INSTANCE.mask.png``  uint8 [h, w], label index, 0 = background and clutter, no blending;
* ``families.json``             family -> list of part names, label 1 first.

Existing pictures are skipped and every picture has its own fixed seed, so a run can be resumed or
split over processes (``--share I/N``).

What is left out on purpose: the demonstration segments a launch vehicle, and this kind of object
has to be new to the backbone.  No recipe makes a cone over an upright cylinder, and none has fins;
``refuse_demo_kind`` checks both for every object that is built, and raises.

Example::

    python render_parts.py --out DIR --instances 16
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np
import OpenEXR
from mathutils import Euler, Matrix, Vector
from numpy.typing import NDArray
from PIL import Image

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Point = Sequence[float]

SIZE = 256
SAMPLES = 2
JITTER = 0.2
ATTEMPTS = 4
MIN_OBJECT, MAX_OBJECT = 0.05, 0.85
MIN_PART = 0.002
FORBIDDEN_PART = re.compile(r"\bfins?\b|rocket|missile|booster|thruster|nozzle|nose.?cone", re.I)


def seeded(*keys: int | str) -> np.random.Generator:
    """A generator fixed by integers and names."""
    numbers = [zlib.crc32(k.encode()) if isinstance(k, str) else k for k in keys]
    return np.random.default_rng(numbers)


# ---------------------------------------------------------------------------------------------
# Geometry: primitives collected per part


@dataclass
class Primitive:
    """What the checks need to know of a primitive: its kind and, where upright, its extent."""

    kind: str
    centre: Vector
    upright: bool
    radius: float
    half_height: float


@dataclass
class Soup:
    """The vertices (float [n, 3]) and quads/triangles of one part."""

    vertices: list[F32] = field(default_factory=list)
    faces: list[list[int]] = field(default_factory=list)
    count: int = 0

    def add(self, vertices: F32, faces: Iterable[Sequence[int]]) -> None:
        """Append a mesh; face indices count from its own first vertex."""
        self.faces.extend([[i + self.count for i in face] for face in faces])
        self.vertices.append(vertices)
        self.count += len(vertices)


class Draw:
    """Random choices: fixed per family, sizes jittered per instance."""

    def __init__(self, family: str, instance: int) -> None:
        self.family = family
        self.instance = instance

    def size(self, name: str, low: float, high: float) -> float:
        """A length: drawn per family between low and high, jittered per instance."""
        base = seeded(self.family, name).uniform(low, high)
        jitter = seeded(self.family, name, self.instance).uniform(-JITTER, JITTER)
        return float(base * (1 + jitter))

    def count(self, name: str, low: int, high: int) -> int:
        """A number of repeats, low..high, fixed per family."""
        return int(seeded(self.family, name).integers(low, high + 1))

    def flag(self, name: str, chance: float = 0.5) -> bool:
        """Whether the family has a feature."""
        return bool(seeded(self.family, name).random() < chance)

    def pick(self, name: str, options: Sequence[str]) -> str:
        """One of the options, fixed per family."""
        return options[self.count(name, 0, len(options) - 1)]

    def wobble(self, name: str, amount: float) -> float:
        """A value in -amount..amount, new in every instance."""
        return float(seeded(self.family, name, self.instance).uniform(-amount, amount))


class Builder:
    """Collects primitives into named parts; z is up, angles are degrees."""

    def __init__(self, names: Sequence[str], draw: Draw) -> None:
        self.names = list(names)
        self.draw = draw
        self.parts: dict[str, Soup] = {name: Soup() for name in names}
        self.primitives: list[Primitive] = []

    def _place(
        self,
        part: str,
        kind: str,
        mesh: tuple[F32, list[list[int]]],
        at: Point,
        turn: Point,
        extent: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        rotation = Euler([math.radians(a) for a in turn]).to_matrix()
        vertices = mesh[0] @ np.array(rotation, np.float32).T + np.array(at, np.float32)
        self.parts[part].add(vertices.astype(np.float32), mesh[1])
        upright = (rotation @ Vector((0, 0, 1))).z > 0.8
        self.primitives.append(Primitive(kind, Vector(at), upright, *extent))

    def box(
        self,
        part: str,
        size: Point,
        at: Point,
        turn: Point = (0, 0, 0),
        bevel: float = 0.12,
        taper: float = 1.0,
    ) -> None:
        """A box with rounded edges (bevel = fraction of the short side); taper scales its top."""
        vertices, faces = box_mesh(size, min(size) * min(bevel, 0.49))
        share = vertices[:, 2:] / size[2] + 0.5
        vertices[:, :2] *= 1 + (taper - 1) * share
        self._place(part, "box", (vertices, faces), at, turn)

    def lathe(
        self,
        part: str,
        profile: Sequence[tuple[float, float]],
        at: Point,
        turn: Point = (0, 0, 0),
        kind: str = "lathe",
        segments: int = 28,
    ) -> None:
        """A surface of revolution about z from (radius, z) points, bottom to top."""
        radius = max(r for r, _ in profile)
        half = (max(z for _, z in profile) - min(z for _, z in profile)) / 2
        mesh = lathe_mesh(profile, segments)
        self._place(part, kind, mesh, at, turn, (radius, half))

    def cylinder(
        self,
        part: str,
        radius: float,
        height: float,
        at: Point,
        turn: Point = (0, 0, 0),
        top: float = 1.0,
        segments: int = 28,
    ) -> None:
        """A cylinder about its centre; ``top`` is the ratio of the upper to the lower radius."""
        bevel = 0.08 * min(radius, height)
        low, high, half = radius, radius * top, height / 2
        profile = [(0, -half), (low - bevel, -half), (low, -half + bevel)]
        profile += [(high, half - bevel), (max(high - bevel, 0), half), (0, half)]
        kind = "cone" if top < 0.35 else "cylinder"
        self.lathe(part, profile, at, turn, kind, segments)

    def ball(self, part: str, radii: Point | float, at: Point, turn: Point = (0, 0, 0)) -> None:
        """An ellipsoid."""
        radii = (radii, radii, radii) if isinstance(radii, (int, float)) else radii
        steps = np.linspace(-math.pi / 2, math.pi / 2, 15)
        vertices, faces = lathe_mesh([(math.cos(a), math.sin(a)) for a in steps], 24)
        self._place(part, "ball", (vertices * np.array(radii, np.float32), faces), at, turn)

    def dome(self, part: str, radius: float, height: float, at: Point, lip: float = 0.0) -> None:
        """The upper half of an ellipsoid with a flat or hollow (lip > 0) underside; at = base."""
        steps = np.linspace(0, math.pi / 2, 9)
        profile = [(0.0, lip * height), (radius * 0.9, 0.0)]
        profile += [(radius * math.cos(a), height * math.sin(a)) for a in steps]
        self.lathe(part, profile, at, kind="dome")

    def torus(
        self,
        part: str,
        radius: float,
        tube: float,
        at: Point,
        turn: Point = (0, 0, 0),
    ) -> None:
        """A ring about z."""
        angles = np.linspace(0, 2 * math.pi, 13)
        profile = [(radius + tube * math.cos(a), tube * math.sin(a)) for a in angles]
        self.lathe(part, profile, at, turn, kind="torus")

    def tube(self, part: str, points: Sequence[Point], radius: float, end: float = 1.0) -> None:
        """A round tube along a smoothed path; ``end`` is the ratio of its last radius."""
        path = smooth_path(np.array(points, np.float32))
        radii = radius * np.linspace(1, end, len(path), dtype=np.float32)
        self._place(part, "tube", tube_mesh(path, radii), (0, 0, 0), (0, 0, 0))

    def rod(self, part: str, start: Point, stop: Point, radius: float, end: float = 1.0) -> None:
        """A straight tube between two points."""
        path = np.array([start, stop], np.float32)
        radii = np.array([radius, radius * end], np.float32)
        self._place(part, "tube", tube_mesh(path, radii), (0, 0, 0), (0, 0, 0))


def box_mesh(size: Point, bevel: float) -> tuple[F32, list[list[int]]]:
    """A rounded box: (vertices float32 [n, 3], quads)."""
    half = np.array(size, np.float32) / 2
    vertices: list[F32] = []
    faces: list[list[int]] = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (-1.0, 1.0):
            grid = [
                np.array([-h, -h + bevel * 0.5, -h + bevel, h - bevel, h - bevel * 0.5, h])
                for h in (half[u], half[v])
            ]
            points = np.empty((36, 3), np.float32)
            points[:, axis] = side * half[axis]
            points[:, u], points[:, v] = (a.ravel() for a in np.meshgrid(*grid, indexing="ij"))
            inner = np.clip(points, -half + bevel, half - bevel)
            offset = points - inner
            length = np.linalg.norm(offset, axis=1, keepdims=True)
            base = 36 * len(vertices)
            vertices.append(inner + offset / np.maximum(length, 1e-9) * bevel)
            for i in range(5):
                for j in range(5):
                    a = base + i * 6 + j
                    quad = [a, a + 6, a + 7, a + 1]
                    faces.append(quad if side > 0 else quad[::-1])
    return np.concatenate(vertices).astype(np.float32), faces


def profile_runs(profile: Sequence[tuple[float, float]], corner: float = 40) -> list[F32]:
    """Cut a profile at its sharp corners (degrees) so that each run can be shaded smoothly."""
    points = np.array(profile, np.float32)
    keep = np.concatenate([[True], np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-6])
    points = points[keep]
    steps = np.diff(points, axis=0)
    angles = np.degrees(np.arctan2(steps[:, 1], steps[:, 0]))
    bend = np.abs((np.diff(angles) + 180) % 360 - 180)
    cuts = [0, *(np.flatnonzero(bend > corner) + 1).tolist(), len(points) - 1]
    return [points[a : b + 1] for a, b in itertools.pairwise(cuts)]


def lathe_mesh(
    profile: Sequence[tuple[float, float]], segments: int
) -> tuple[F32, list[list[int]]]:
    """A surface of revolution: (vertices float32 [n, 3], quads)."""
    angles = np.arange(segments) * (2 * math.pi / segments)
    circle = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    vertices: list[F32] = []
    faces: list[list[int]] = []
    base = 0
    for run in profile_runs(profile):
        rings = np.empty((len(run), segments, 3), np.float32)
        rings[..., :2] = run[:, None, :1] * circle
        rings[..., 2] = run[:, None, 1]
        vertices.append(rings.reshape(-1, 3))
        for i in range(len(run) - 1):
            low, high = base + i * segments, base + (i + 1) * segments
            for j in range(segments):
                k = (j + 1) % segments
                faces.append([low + j, low + k, high + k, high + j])
        base += len(run) * segments
    return np.concatenate(vertices), faces


def smooth_path(points: F32, steps: int = 6) -> F32:
    """A Catmull-Rom curve through points [n, 3]; returns [(n - 1) * steps + 1, 3]."""
    ends = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    t = (np.arange(steps, dtype=np.float32) / steps)[:, None]
    curve = []
    for i in range(1, len(points)):
        a, b, c, d = ends[i - 1 : i + 3]
        cubic = (3 * b - a - 3 * c + d) * t**3 + (2 * a - 5 * b + 4 * c - d) * t**2
        curve.append(0.5 * (cubic + (c - a) * t + 2 * b))
    return np.concatenate([*curve, points[-1:]]).astype(np.float32)


def tube_mesh(path: F32, radii: F32, segments: int = 12) -> tuple[F32, list[list[int]]]:
    """A closed tube around a path [n, 3] with radii [n]: (vertices float32 [m, 3], faces)."""
    tangents = np.gradient(path, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    angles = np.arange(segments) * (2 * math.pi / segments)
    normal = np.array([0.0, 0.0, 1.0]) if abs(tangents[0, 2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    rings = []
    for point, tangent, radius in zip(path, tangents, radii, strict=True):
        normal = normal - tangent * (normal @ tangent)
        normal /= max(float(np.linalg.norm(normal)), 1e-9)
        other = np.cross(tangent, normal)
        ring = np.cos(angles)[:, None] * normal + np.sin(angles)[:, None] * other
        rings.append(point + radius * ring)
    count = len(path)
    faces = [
        [
            i * segments + j,
            i * segments + (j + 1) % segments,
            (i + 1) * segments + (j + 1) % segments,
            (i + 1) * segments + j,
        ]
        for i in range(count - 1)
        for j in range(segments)
    ]
    first, last = count * segments, count * segments + 1
    for j in range(segments):
        k = (j + 1) % segments
        faces.append([first, k, j])
        faces.append([last, (count - 1) * segments + j, (count - 1) * segments + k])
    vertices = np.concatenate([*rings, path[:1], path[-1:]])
    return vertices.astype(np.float32), faces


def radial(count: int, radius: float, phase: float = 0.0) -> Iterator[tuple[float, float, float]]:
    """Points of a regular polygon: (x, y, angle in degrees)."""
    for i in range(count):
        angle = 360 * i / count + phase
        yield (
            radius * math.cos(math.radians(angle)),
            radius * math.sin(math.radians(angle)),
            angle,
        )


def corners(x: float, y: float) -> list[tuple[float, float]]:
    """The four corners (+-x, +-y)."""
    return [(sx * x, sy * y) for sx in (-1, 1) for sy in (-1, 1)]


def refuse_demo_kind(builder: Builder) -> None:
    """Raise ValueError for an object like the one of the demonstration.

    Refused are part names of that kind (fins, boosters, ...) and any upright cone that sits on the
    top of an upright cylinder or lathe body taller than it is wide.
    """
    for name in builder.names:
        if FORBIDDEN_PART.search(name):
            raise ValueError(f"part {name!r} belongs to the kind which is left out")
    upright = [p for p in builder.primitives if p.upright]
    columns = [p for p in upright if p.kind in ("cylinder", "lathe") and p.half_height > p.radius]
    for cone in (p for p in upright if p.kind == "cone"):
        for column in columns:
            across = (cone.centre - column.centre).xy.length
            gap = (cone.centre.z - cone.half_height) - (column.centre.z + column.half_height)
            if across < column.radius and abs(gap) < column.half_height:
                raise ValueError(f"{builder.draw.family}: a cone stands on an upright cylinder")


# ---------------------------------------------------------------------------------------------
# Recipes

Recipe = Callable[[Builder, Draw], None]
RECIPES: dict[str, tuple[tuple[str, ...], Recipe, int]] = {}


def recipe(*parts: str, variants: int = 2) -> Callable[[Recipe], Recipe]:
    """Register a recipe under its function's name with its part names and family count."""

    def register(function: Recipe) -> Recipe:
        RECIPES[function.__name__] = (parts, function, variants)
        return function

    return register


@recipe("seat", "back", "legs", "arms", variants=3)
def chair(b: Builder, d: Draw) -> None:
    w, depth, h = d.size("w", 0.8, 1.2), d.size("depth", 0.8, 1.1), d.size("h", 0.7, 1.2)
    thick, tall = d.size("thick", 0.08, 0.25), d.size("tall", 0.7, 1.4)
    leg = d.size("leg", 0.04, 0.09)
    if d.flag("round"):
        b.cylinder("seat", w / 2, thick, (0, 0, h))
    else:
        b.box("seat", (w, depth, thick), (0, 0, h))
    for x, y in corners(w * 0.4, depth * 0.4):
        b.rod("legs", (x * 0.85, y * 0.85, h), (x, y, 0), leg, 0.7)
    y = -depth * 0.45
    style = d.pick("back", ("panel", "slats", "rails"))
    if style == "panel":
        b.box("back", (w, 0.1, tall), (0, y, h + tall / 2), (6, 0, 0), 0.3)
    elif style == "slats":
        for x in np.linspace(-0.42, 0.42, 4):
            b.rod("back", (w * x, y, h), (w * x, y - 0.1, h + tall), 0.05)
        b.box("back", (w, 0.1, 0.2), (0, y - 0.1, h + tall))
    else:
        for x in (-0.42, 0.42):
            b.rod("back", (w * x, y, h), (w * x, y - 0.1, h + tall), 0.06)
        for z in (0.4, 0.7, 1.0):
            b.box("back", (w, 0.07, 0.16), (0, y - 0.1 * z, h + tall * z))
    if d.flag("arms"):
        for s in (-1, 1):
            b.rod("arms", (s * w / 2, depth * 0.3, h), (s * w / 2, depth * 0.3, h + 0.4), 0.05)
            b.box("arms", (0.14, depth * 0.85, 0.1), (s * w / 2, -0.05, h + 0.42), bevel=0.3)


@recipe("seat", "legs", "ring")
def stool(b: Builder, d: Draw) -> None:
    r, h, n = d.size("r", 0.35, 0.6), d.size("h", 0.6, 1.5), d.count("n", 3, 5)
    spread = d.size("spread", 0.9, 1.3)
    b.cylinder("seat", r, d.size("thick", 0.1, 0.35), (0, 0, h))
    for x, y, _ in radial(n, r * spread, d.wobble("phase", 60)):
        b.rod("legs", (x * 0.6, y * 0.6, h), (x, y, 0), d.size("leg", 0.05, 0.09))
    b.torus("ring", r * (0.6 + 0.4 * spread) * 0.85, d.size("tube", 0.04, 0.07), (0, 0, h * 0.4))


@recipe("top", "legs", "shelf", "drawer")
def table(b: Builder, d: Draw) -> None:
    w, depth, h = d.size("w", 1.2, 2.2), d.size("depth", 0.8, 1.3), d.size("h", 0.6, 1.1)
    b.box("top", (w, depth, d.size("thick", 0.08, 0.2)), (0, 0, h))
    for x, y in corners(w * 0.43, depth * 0.4):
        b.box("legs", (0.13, 0.13, h), (x, y, h / 2), taper=d.size("taper", 1.0, 1.8))
    b.box("shelf", (w * 0.85, depth * 0.8, 0.08), (0, 0, h * 0.3))
    b.box("drawer", (w * 0.5, depth * 0.9, h * 0.25), (0, 0.06, h * 0.82))


@recipe("base", "back", "arms", "cushions", "feet")
def sofa(b: Builder, d: Draw) -> None:
    w, depth, h = d.size("w", 1.5, 2.6), d.size("depth", 0.8, 1.1), d.size("h", 0.35, 0.5)
    arm, n = d.size("arm", 0.15, 0.35), d.count("n", 1, 3)
    b.box("base", (w, depth, h), (0, 0, h / 2 + 0.1))
    b.box("back", (w, 0.3, d.size("tall", 0.6, 1.0)), (0, -depth / 2, h + 0.3), (8, 0, 0), 0.35)
    for s in (-1, 1):
        if d.flag("roll"):
            at = (s * w / 2, 0.05, h + 0.2)
            b.cylinder("arms", arm * 0.8, depth, at, (90, 0, 0))
            b.box("arms", (arm, depth, h + 0.2), (s * w / 2, 0.05, h / 2 + 0.1))
        else:
            b.box("arms", (arm, depth, h * 1.8), (s * w / 2, 0.05, h), bevel=0.35)
    for i in range(n):
        x = ((i + 0.5) / n - 0.5) * (w - arm)
        b.box("cushions", ((w - arm) / n * 0.95, depth * 0.8, 0.22), (x, 0.1, h + 0.18), bevel=0.4)
    for x, y in corners(w * 0.45, depth * 0.42):
        b.ball("feet", 0.11, (x, y, 0.06))


@recipe("frame", "mattress", "pillows", "blanket")
def bed(b: Builder, d: Draw) -> None:
    w, length, h = d.size("w", 1.0, 1.9), d.size("length", 1.9, 2.4), d.size("h", 0.3, 0.6)
    b.box("frame", (w, length, 0.2), (0, 0, h))
    b.box("frame", (w * 1.05, 0.12, d.size("head", 0.8, 1.3)), (0, -length / 2, h + 0.2))
    b.box("frame", (w * 1.05, 0.12, d.size("foot", 0.4, 0.8)), (0, length / 2, h))
    for x, y in corners(w * 0.45, length * 0.48):
        b.box("frame", (0.12, 0.12, h), (x, y, h / 2))
    b.box("mattress", (w * 0.95, length * 0.95, 0.3), (0, 0, h + 0.2), bevel=0.3)
    b.box("blanket", (w * 1.02, length * 0.58, 0.34), (0, length * 0.18, h + 0.22), bevel=0.3)
    for s in (-1, 1) if w > 1.3 else (0,):
        b.box("pillows", (w * 0.4, 0.4, 0.2), (s * w * 0.23, -length * 0.36, h + 0.42), bevel=0.48)


@recipe("body", "doors", "knobs", "feet", "top")
def cupboard(b: Builder, d: Draw) -> None:
    w, depth, h = d.size("w", 0.9, 1.5), d.size("depth", 0.4, 0.8), d.size("h", 0.9, 1.8)
    rows, cols = d.count("rows", 1, 4), d.count("cols", 1, 2)
    b.box("body", (w, depth, h), (0, 0, h / 2 + 0.2), bevel=0.04)
    b.box("top", (w * 1.12, depth * 1.15, 0.12), (0, 0, h + 0.25))
    for x, y in corners(w * 0.42, depth * 0.38):
        b.cylinder("feet", 0.08, 0.22, (x, y, 0.1))
    for i in range(rows):
        for j in range(cols):
            x, z = ((j + 0.5) / cols - 0.5) * w, 0.2 + (i + 0.5) / rows * h
            b.box("doors", (w / cols * 0.85, 0.1, h / rows * 0.85), (x, depth / 2, z))
            b.ball("knobs", d.size("knob", 0.05, 0.09), (x, depth / 2 + 0.1, z))


@recipe("frame", "shelves", "books", "vase")
def bookcase(b: Builder, d: Draw) -> None:
    w, depth, n = d.size("w", 0.9, 1.6), d.size("depth", 0.3, 0.5), d.count("n", 2, 4)
    step = d.size("step", 0.4, 0.6)
    for s in (-1, 1):
        b.box("frame", (0.1, depth, n * step + 0.1), (s * w / 2, 0, n * step / 2))
    for i in range(n + 1):
        b.box("shelves", (w, depth * 0.95, 0.07), (0, 0, i * step))
    for i in range(n):
        x = -w * 0.44
        stop = w * (0.1 + d.wobble(f"stop{i}", 0.3))
        while x < stop:
            thick = 0.08 + d.wobble(f"t{i}{x:.3f}", 0.03)
            tall = step * (0.7 + d.wobble(f"h{i}{x:.3f}", 0.15))
            b.box("books", (thick * 0.9, depth * 0.7, tall), (x, 0.05, i * step + tall / 2))
            x += thick
    b.ball("vase", (0.16, 0.16, 0.22), (w * 0.2, 0, n * step + 0.22))


@recipe("base", "pole", "shade", "bulb", variants=3)
def lamp(b: Builder, d: Draw) -> None:
    h, r = d.size("h", 0.9, 2.0), d.size("r", 0.3, 0.6)
    b.cylinder("base", d.size("base", 0.25, 0.45), d.size("bt", 0.08, 0.25), (0, 0, 0.06), top=0.8)
    if d.flag("desk"):
        knee, lean = (-0.35, 0, h * 0.55), d.size("lean", 0.3, 0.7)
        b.rod("pole", (0, 0, 0.1), knee, 0.045)
        b.rod("pole", knee, (lean, 0, h), 0.045)
        turn = (0, d.size("tilt", 20, 50), 0)
        b.cylinder("shade", r * 0.8, r * 1.1, (lean + 0.1, 0, h - 0.1), turn, top=0.45)
        b.ball("bulb", r * 0.5, (lean - 0.08, 0, h - r * 0.7))
    else:
        b.cylinder("pole", d.size("pole", 0.04, 0.1), h, (0, 0, h / 2))
        b.cylinder("shade", r, r * d.size("tall", 0.8, 1.3), (0, 0, h), top=d.size("top", 0.5, 0.8))
        b.ball("bulb", r * 0.55, (0, 0, h - r * 0.5))


@recipe("body", "handle", "band", "saucer")
def mug(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.4, 0.6), d.size("h", 0.7, 1.3)
    flare = d.size("flare", 0.75, 1.3)
    low, wall = r, 0.07
    top = r * flare
    profile = [(0, 0), (low, 0), (top, h), (top - wall, h), (low - wall, 0.1), (0, 0.1)]
    b.lathe("body", profile, (0, 0, 0.08))
    mid = (low + top) / 2
    bow = d.size("bow", 0.25, 0.5)
    path = [(mid * 0.9, 0, h * 0.9), (mid + bow, 0, h * 0.8), (mid + bow, 0, h * 0.4)]
    b.tube("handle", [*path, (mid * 0.9, 0, h * 0.25)], d.size("grip", 0.06, 0.11))
    edge = low + (top - low) * 0.35
    b.cylinder("band", edge + 0.06, h * 0.22, (0, 0, h * 0.35 + 0.08), top=1.0)
    b.cylinder("saucer", r * d.size("saucer", 1.5, 2.0) * 0.7, 0.08, (0, 0, 0), top=1.4)


@recipe("body", "spout", "handle", "lid", "knob", variants=3)
def teapot(b: Builder, d: Draw) -> None:
    r, flat = d.size("r", 0.5, 0.7), d.size("flat", 0.7, 1.2)
    h = r * flat
    b.ball("body", (r, r, h), (0, 0, h))
    reach = d.size("reach", 0.4, 0.7)
    path = [(r * 0.8, 0, h * 0.7), (r + reach * 0.5, 0, h), (r + reach, 0, h * 1.8)]
    b.tube("spout", path, d.size("spout", 0.13, 0.2), 0.5)
    if d.flag("over"):
        arch = [(-r * 0.6, 0, h * 1.7), (-r * 0.5, 0, h * 2.6), (r * 0.5, 0, h * 2.6)]
        b.tube("handle", [*arch, (r * 0.6, 0, h * 1.7)], d.size("grip", 0.05, 0.09))
    else:
        bow = [(-r * 0.8, 0, h * 1.5), (-r * 1.6, 0, h * 1.5), (-r * 1.6, 0, h * 0.7)]
        b.tube("handle", [*bow, (-r * 0.8, 0, h * 0.5)], d.size("grip", 0.06, 0.11))
    b.dome("lid", r * 0.6, h * 0.35, (0, 0, h * 1.83))
    b.ball("knob", d.size("knob", 0.09, 0.16), (0, 0, h * 2.25))


@recipe("body", "neck", "cap", "label")
def bottle(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.3, 0.5), d.size("h", 0.7, 1.3)
    neck, tall = r * d.size("neck", 0.3, 0.5), d.size("tall", 0.3, 0.7)
    sides = 4 if d.flag("square", 0.3) else 28
    curve = [(r * 0.75, h * 1.12), (neck * 1.1, h * 1.28)]
    b.lathe("body", [(0, 0), (r, 0), (r, h), *curve], (0, 0, 0), segments=sides)
    b.cylinder("neck", neck, tall, (0, 0, h * 1.22 + tall / 2))
    b.cylinder(
        "cap", neck * d.size("cap", 1.2, 1.8), d.size("ct", 0.12, 0.25), (0, 0, h * 1.22 + tall)
    )
    b.lathe("label", [(r * 1.02, h * 0.25), (r * 1.02, h * 0.75)], (0, 0, 0), segments=sides)


@recipe("pot", "handles", "lid", "knob")
def pan(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.5, 0.9), d.size("h", 0.25, 0.8)
    b.cylinder("pot", r, h, (0, 0, h / 2), top=d.size("top", 1.0, 1.25))
    if d.flag("long"):
        b.rod("handles", (r * 0.9, 0, h * 0.8), (r + d.size("reach", 0.8, 1.3), 0, h), 0.09)
    else:
        for s in (-1, 1):
            b.torus("handles", 0.2, 0.06, (s * r * 1.1, 0, h * 0.75), (s * 20, 0, 0))
    b.dome("lid", r * 1.05, d.size("lid", 0.12, 0.3), (0, 0, h))
    b.ball("knob", d.size("knob", 0.1, 0.17), (0, 0, h + d.size("lid", 0.12, 0.3) + 0.06))


@recipe("body", "handle", "rim", "ball")
def bucket(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.4, 0.6), d.size("h", 0.6, 1.0)
    top = r * d.size("flare", 1.1, 1.5)
    profile = [(0, 0), (r, 0), (top, h), (top * 0.93, h), (r * 0.9, 0.08), (0, 0.08)]
    b.lathe("body", profile, (0, 0, 0))
    b.torus("rim", top, d.size("rim", 0.04, 0.08), (0, 0, h))
    lift = d.size("lift", 0.5, 1.0) * top
    arch = [(-top, 0, h), (-top * 0.7, 0, h + lift), (top * 0.7, 0, h + lift), (top, 0, h)]
    b.tube("handle", arch, d.size("grip", 0.04, 0.07))
    b.ball("ball", r * 0.6, (0.1 * r, 0.2 * r, h * 0.95))


def wheel(b: Builder, part: str, hub: str | None, radius: float, width: float, at: Point) -> None:
    """A wheel with its axle along y, and optionally a hub on both sides."""
    b.cylinder(part, radius, width, at, (90, 0, 0))
    if hub:
        b.cylinder(hub, radius * 0.5, width * 1.15, at, (90, 0, 0))


@recipe("body", "cabin", "wheels", "lights", "hubs", variants=3)
def car(b: Builder, d: Draw) -> None:
    length, w, h = d.size("length", 1.8, 2.6), d.size("w", 0.8, 1.1), d.size("h", 0.35, 0.55)
    r = d.size("r", 0.24, 0.36)
    b.box("body", (length, w, h), (0, 0, r + h * 0.4), bevel=d.size("bevel", 0.15, 0.4))
    share, cab = d.size("share", 0.4, 0.65), d.size("cab", 0.35, 0.55)
    at = (length * d.size("shift", -0.12, -0.02), 0, r + h * 0.9 + cab / 2 - 0.05)
    b.box("cabin", (length * share, w * 0.88, cab), at, taper=d.size("taper", 0.65, 0.9))
    for x, y in corners(length * 0.32, w * 0.48):
        wheel(b, "wheels", "hubs", r, 0.2, (x, y, r))
    for y in (-0.32, 0.32):
        b.ball("lights", (0.06, 0.11, 0.09), (length * 0.49, y * w, r + h * 0.45))


@recipe("cab", "cargo", "wheels", "bumper", "windows", variants=3)
def truck(b: Builder, d: Draw) -> None:
    w, r = d.size("w", 0.8, 1.1), d.size("r", 0.24, 0.34)
    cab, length = d.size("cab", 0.6, 0.9), d.size("length", 1.2, 2.2)
    h, tall = d.size("h", 0.8, 1.1), d.size("tall", 0.5, 1.3)
    b.box("cab", (cab, w * 0.95, h), (length / 2 + cab / 2, 0, r + h / 2))
    b.box("windows", (cab * 0.5, w * 1.0, h * 0.35), (length / 2 + cab * 0.55, 0, r + h * 0.72))
    b.box("windows", (cab * 0.1, w * 0.8, h * 0.35), (length / 2 + cab, 0, r + h * 0.72))
    if d.flag("tank"):
        at = (0, 0, r + 0.15 + w * 0.45)
        b.cylinder("cargo", w * 0.47, length * 0.95, at, (0, 90, 0))
    else:
        b.box("cargo", (length * 0.96, w, tall), (0, 0, r + 0.1 + tall / 2))
    b.box("bumper", (length + cab * 1.1, w * 0.6, 0.14), (cab / 2 + 0.06, 0, r))
    axles = [length / 2 + cab * 0.5, *np.linspace(-length * 0.38, 0, d.count("axles", 1, 3))]
    for x in axles:
        for s in (-1, 1):
            wheel(b, "wheels", None, r, 0.2, (x, s * w * 0.46, r))


@recipe("boiler", "cab", "wheels", "chimney", "roof", "buffer")
def locomotive(b: Builder, d: Draw) -> None:
    length, r, w = d.size("length", 1.2, 1.9), d.size("r", 0.3, 0.45), d.size("w", 0.22, 0.34)
    z = w * 2 + r
    b.cylinder("boiler", r, length, (0, 0, z), (0, 90, 0))
    cab = d.size("cab", 0.5, 0.8)
    b.box("cab", (cab, r * 2.3, r * 3), (-length / 2 - cab / 2, 0, z + r * 0.3))
    b.box("roof", (cab * 1.3, r * 2.8, 0.12), (-length / 2 - cab / 2, 0, z + r * 1.85))
    tall = d.size("tall", 0.35, 0.6)
    b.cylinder("chimney", 0.12, tall, (length * 0.33, 0, z + r + tall / 2 - 0.05), top=1.6)
    b.ball("chimney", 0.17, (-length * 0.1, 0, z + r))
    b.box("buffer", (length + cab, r * 1.5, 0.15), (-cab / 2, 0, w * 1.6))
    for x in np.linspace(-length * 0.5 - cab * 0.5, length * 0.4, d.count("n", 2, 4)):
        for s in (-1, 1):
            wheel(b, "wheels", None, w, 0.12, (x, s * r, w))


@recipe("tray", "wheels", "handle", "load")
def cart(b: Builder, d: Draw) -> None:
    length, w, h = d.size("length", 1.1, 1.7), d.size("w", 0.7, 1.0), d.size("h", 0.3, 0.5)
    r = d.size("r", 0.25, 0.4)
    b.box("tray", (length, w, h), (0, 0, r + h / 2), taper=d.size("taper", 1.05, 1.4))
    for x in (-0.32, 0.32) if d.flag("four") else (-0.1,):
        for s in (-1, 1):
            wheel(b, "wheels", None, r, 0.14, (x * length, s * w * 0.55, r))
    reach, rise = d.size("reach", 0.6, 1.0), d.size("rise", 0.3, 0.8)
    for s in (-1, 1):
        b.rod(
            "handle",
            (length * 0.45, s * w * 0.3, r + 0.1),
            (length / 2 + reach, s * w * 0.3, r + rise),
            0.055,
        )
    b.rod(
        "handle",
        (length / 2 + reach, -w * 0.4, r + rise),
        (length / 2 + reach, w * 0.4, r + rise),
        0.06,
    )
    for i in range(d.count("n", 2, 5)):
        at = (d.wobble(f"x{i}", length * 0.3), d.wobble(f"y{i}", w * 0.25), r + h)
        b.ball("load", d.size(f"r{i}", 0.16, 0.28), at)


@recipe("hood", "cabin", "rear wheels", "front wheels", "exhaust")
def tractor(b: Builder, d: Draw) -> None:
    big, small = d.size("big", 0.5, 0.7), d.size("small", 0.26, 0.36)
    length, w = d.size("length", 1.0, 1.5), d.size("w", 0.5, 0.7)
    b.box("hood", (length, w, 0.5), (length * 0.4, 0, big + 0.15), bevel=0.2)
    tall = d.size("tall", 0.8, 1.2)
    b.box("cabin", (w, w * 1.15, tall), (-w * 0.5, 0, big + tall / 2), taper=0.85)
    for s in (-1, 1):
        wheel(b, "rear wheels", None, big, 0.3, (-w * 0.4, s * w * 0.75, big))
        wheel(b, "front wheels", None, small, 0.2, (length * 0.75, s * w * 0.6, small))
    z = big + 0.4
    b.rod("exhaust", (length * 0.6, w * 0.2, z), (length * 0.6, w * 0.2, z + 0.55), 0.06)


@recipe("wheels", "frame", "saddle", "handlebar")
def bicycle(b: Builder, d: Draw) -> None:
    r, span, tube = d.size("r", 0.4, 0.55), d.size("span", 1.2, 1.6), d.size("tube", 0.04, 0.07)
    for x in (0, span):
        b.torus("wheels", r, tube * 1.2, (x, 0, r), (90, 0, 0))
        for _, _, a in radial(6, 1):
            end = (x + r * math.cos(math.radians(a)), 0, r + r * math.sin(math.radians(a)))
            b.rod("wheels", (x, 0, r), end, 0.015)
    crank, seat, head = (span * 0.45, 0, r * 0.9), (span * 0.33, 0, r * 2), (span * 0.83, 0, r * 2)
    for p, q in (
        (crank, seat),
        (seat, head),
        (crank, head),
        ((0, 0, r), seat),
        ((0, 0, r), crank),
        (head, (span, 0, r)),
    ):
        b.rod("frame", p, q, tube)
    b.ball("saddle", (0.25, 0.13, 0.09), (seat[0] - 0.05, 0, r * 2.2))
    top = r * d.size("bar", 2.2, 2.7)
    b.rod("handlebar", head, (head[0], 0, top), tube)
    b.tube(
        "handlebar",
        [
            (head[0] - 0.2, -0.4, top),
            (head[0] + 0.05, -0.2, top),
            (head[0] + 0.05, 0.2, top),
            (head[0] - 0.2, 0.4, top),
        ],
        tube * 1.2,
    )


@recipe("body", "head", "legs", "tail", "ears", "snout", variants=5)
def quadruped(b: Builder, d: Draw) -> None:
    length, r = d.size("length", 0.5, 0.9), d.size("r", 0.28, 0.5)
    leg, thick = d.size("leg", 0.25, 0.9), d.size("thick", 0.08, 0.15)
    z = leg + r * 0.7
    b.ball("body", (length, r * 0.85, r), (0, 0, z))
    for x, y in corners(length * 0.6, r * 0.5):
        step = d.wobble(f"step{x > 0}{y > 0}", 0.2)
        b.rod("legs", (x, y, z), (x + step, y, thick * 0.5), thick * 1.3, 0.75)
        b.ball("legs", (thick * 1.3, thick, thick * 0.7), (x + step + 0.04, y, thick * 0.6))
    neck, hr = d.size("neck", 0.0, 0.7), d.size("head", 0.22, 0.4)
    hx, hz = length * 0.95 + neck * 0.3, z + r * 0.5 + neck
    b.rod("body", (length * 0.7, 0, z + r * 0.2), (hx, 0, hz), r * 0.45, 0.8)
    b.ball("head", (hr * 1.1, hr * 0.9, hr), (hx + hr * 0.3, 0, hz + hr * 0.3))
    b.ball("snout", (hr * d.size("snout", 0.5, 1.0), hr * 0.5, hr * 0.42), (hx + hr * 1.3, 0, hz))
    ear = d.size("ear", 0.12, 0.4)
    style = d.pick("ears", ("round", "long", "droop"))
    for s in (-1, 1):
        at = (hx + hr * 0.1, s * hr * 0.7, hz + hr * 1.1)
        if style == "round":
            b.ball("ears", (0.06, ear * 0.7, ear * 0.7), at)
        elif style == "long":
            b.ball("ears", (0.06, 0.1, ear * 1.3), (at[0], at[1], at[2] + ear), (s * -12, 0, 0))
        else:
            b.ball("ears", (0.12, 0.06, ear), (at[0], s * hr * 1.0, hz + hr * 0.3), (s * 20, 0, 0))
    tail, lift = d.size("tail", 0.3, 1.0), d.wobble("lift", 0.5)
    x = -length * 0.9
    b.tube(
        "tail",
        [
            (x, 0, z + 0.1),
            (x - tail * 0.5, d.wobble("side", 0.2), z + 0.1 + lift * 0.5),
            (x - tail, d.wobble("side2", 0.4), z + lift),
        ],
        d.size("tt", 0.05, 0.14),
        0.5,
    )


@recipe("body", "head", "arms", "legs", "ears", "belly", variants=4)
def doll(b: Builder, d: Draw) -> None:
    r, h, hr = d.size("r", 0.35, 0.55), d.size("h", 0.45, 0.7), d.size("hr", 0.28, 0.5)
    leg, thick = d.size("leg", 0.3, 0.8), d.size("thick", 0.1, 0.19)
    z = leg + h * 0.7
    b.ball("body", (r, r * 0.85, h), (0, 0, z))
    b.ball("belly", (r * 0.62, r * 0.5, h * 0.65), (0, r * 0.45, z - h * 0.1))
    b.ball("head", (hr, hr * 0.9, hr * 0.95), (0, 0.03, z + h + hr * 0.7))
    ear = hr * d.size("ear", 0.25, 0.5)
    tall = d.size("tall", 1.0, 2.2) if d.flag("long") else 1.0
    reach = d.size("arm", 0.5, 0.9)
    for s in (-1, 1):
        b.ball(
            "ears",
            (ear, ear * 0.5, ear * tall),
            (s * hr * 0.7, 0, z + h + hr * 1.4 + ear * tall * 0.6),
        )
        a = math.radians(d.wobble(f"arm{s}", 70) - 20)
        start = (s * r * 0.8, 0, z + h * 0.5)
        stop = (
            start[0] + s * reach * math.cos(a),
            d.wobble(f"fwd{s}", 0.3) + 0.1,
            start[2] + reach * math.sin(a),
        )
        b.rod("arms", start, stop, thick, 0.85)
        b.ball("arms", thick * 1.15, stop)
        foot = (s * (r * 0.55 + d.wobble(f"leg{s}", 0.12)), d.wobble(f"kick{s}", 0.35), 0.1)
        b.rod("legs", (s * r * 0.45, 0, z - h * 0.6), foot, thick * 1.15, 0.9)
        b.ball("legs", (thick * 1.1, thick * 1.8, thick * 0.9), (foot[0], foot[1] + 0.1, 0.1))


@recipe("body", "head", "beak", "wings", "legs", "tail", variants=3)
def bird(b: Builder, d: Draw) -> None:
    length, r, leg = d.size("length", 0.5, 0.75), d.size("r", 0.32, 0.5), d.size("leg", 0.25, 0.7)
    z = leg + r * 0.8
    b.ball("body", (length, r * 0.85, r), (0, 0, z), (0, -15, 0))
    neck, hr = d.size("neck", 0.1, 0.8), d.size("hr", 0.2, 0.3)
    x, top = length * 0.75 + neck * 0.2, z + r * 0.6 + neck
    b.tube("body", [(length * 0.5, 0, z + 0.1), (length * 0.8, 0, z + r * 0.5), (x, 0, top)], 0.15)
    b.ball("head", hr, (x, 0, top + 0.05))
    beak = d.size("beak", 0.2, 0.5)
    b.rod("beak", (x + hr * 0.7, 0, top + 0.05), (x + hr * 0.7 + beak, 0, top - 0.03), 0.11, 0.15)
    spread = d.flag("spread", 0.4)
    for s in (-1, 1):
        if spread:
            turn = (s * d.size("flap", 10, 35), 0, s * -10)
            b.ball("wings", (length * 0.5, 0.55, 0.07), (-0.05, s * (r + 0.3), z + r * 0.5), turn)
        else:
            b.ball(
                "wings", (length * 0.75, 0.1, r * 0.55), (-0.15, s * r * 0.8, z + 0.05), (0, -12, 0)
            )
        b.rod("legs", (0, s * r * 0.4, z - r * 0.5), (0.05, s * r * 0.45, 0.04), 0.05)
        b.ball("legs", (0.17, 0.1, 0.04), (0.12, s * r * 0.45, 0.04))
    b.box(
        "tail",
        (d.size("tail", 0.35, 0.8), r * 0.8, 0.08),
        (-length * 1.15, 0, z - 0.05),
        (0, 20, 0),
        0.3,
    )


@recipe("body", "head", "legs", "antennae", "spots", variants=3)
def beetle(b: Builder, d: Draw) -> None:
    length, w, h = d.size("length", 0.6, 0.9), d.size("w", 0.4, 0.65), d.size("h", 0.28, 0.45)
    z = 0.3
    b.ball("body", (length, w, h), (0, 0, z))
    hr = d.size("hr", 0.2, 0.33)
    b.ball("head", (hr, hr * 1.1, hr * 0.9), (length * 0.95, 0, z))
    for i, x in enumerate((-0.5, 0.0, 0.5)):
        for s in (-1, 1):
            out = w + d.size("out", 0.25, 0.5)
            dx = d.wobble(f"dx{i}{s}", 0.15)
            b.tube(
                "legs",
                [
                    (x * length, s * w * 0.6, z),
                    (x * length + dx, s * out * 0.9, z + 0.12),
                    (x * length + dx * 2, s * out * 1.15, 0.0),
                ],
                0.06,
                0.7,
            )
    for s in (-1, 1):
        tip = (length + hr + d.size("feel", 0.3, 0.6), s * 0.35, z + 0.5)
        b.tube(
            "antennae",
            [(length + hr * 0.4, s * 0.1, z + 0.1), (length + hr, s * 0.2, z + 0.4), tip],
            0.045,
        )
        b.ball("antennae", 0.08, tip)
        for i in range(d.count("n", 2, 3)):
            a, c = math.radians(35 + 6 * i), (-0.5 + 0.45 * i)
            at = (
                c * length,
                s * w * math.sin(a) * math.sqrt(1 - c * c),
                z + h * math.cos(a) * math.sqrt(1 - c * c),
            )
            b.ball("spots", (0.15, 0.13, 0.09), at)


@recipe("shell", "head", "legs", "tail", "rim")
def turtle(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.6, 0.9), d.size("h", 0.35, 0.7)
    b.dome("shell", r, h, (0, 0, 0.22))
    b.torus("rim", r, d.size("rim", 0.07, 0.13), (0, 0, 0.24))
    hr = d.size("hr", 0.2, 0.32)
    b.ball("head", (hr * 1.2, hr, hr * 0.9), (r + hr, d.wobble("look", 0.2), 0.35))
    for x, y in corners(r * 0.65, r * 0.65):
        b.ball("legs", (0.2, 0.17, 0.22), (x * 1.15, y * 1.15, 0.18))
    b.rod("tail", (-r, 0, 0.25), (-r - d.size("tail", 0.25, 0.5), 0, 0.12), 0.1, 0.3)


@recipe("shell", "foot", "head", "eyes")
def snail(b: Builder, d: Draw) -> None:
    r, w = d.size("r", 0.4, 0.6), d.size("w", 0.22, 0.34)
    length = d.size("length", 0.9, 1.3)
    b.ball("foot", (length, w, 0.17), (0.1, 0, 0.15))
    for i, k in enumerate((1.0, 0.72, 0.45)):
        b.torus("shell", r * k * 0.7, r * k * 0.32, (-0.1, 0.08 * i, r + 0.2), (90, 0, 0))
    b.ball("shell", (r * 0.7, w, r * 0.7), (-0.1, 0, r + 0.2))
    b.ball("head", (0.24, 0.22, 0.32), (length * 0.85, 0, 0.38))
    for s in (-1, 1):
        tip = (length * 0.95, s * 0.24, 0.75 + d.size("stalk", 0.1, 0.4))
        b.rod("eyes", (length * 0.85, s * 0.1, 0.55), tip, 0.05)
        b.ball("eyes", d.size("eye", 0.08, 0.13), tip)


@recipe("head", "arms", "eyes", "mouth")
def octopus(b: Builder, d: Draw) -> None:
    r, n = d.size("r", 0.45, 0.6), d.count("n", 5, 8)
    reach = d.size("reach", 0.6, 1.1)
    b.ball("head", (r, r, r * d.size("tall", 1.0, 1.5)), (0, 0, r + 0.5))
    for i, (x, y, _) in enumerate(radial(n, 1)):
        w = d.wobble(f"w{i}", 0.3)
        b.tube(
            "arms",
            [
                (x * r * 0.6, y * r * 0.6, 0.6),
                (x * (r + 0.1), y * (r + 0.1), 0.25),
                (x * (r + reach * 0.6) - y * w, y * (r + reach * 0.6) + x * w, 0.12),
                (x * (r + reach), y * (r + reach), 0.15 + abs(w)),
            ],
            0.14,
            0.45,
        )
    for s in (-1, 1):
        b.ball("eyes", d.size("eye", 0.12, 0.2), (r * 0.85, s * r * 0.45, r + 0.65))
    b.torus("mouth", 0.12, 0.06, (r * 0.92, 0, r + 0.3), (0, 80, 0))


@recipe("cap", "stem", "spots", "soil", variants=3)
def mushroom(b: Builder, d: Draw) -> None:
    r, h, stem = d.size("r", 0.5, 0.9), d.size("h", 0.3, 0.7), d.size("stem", 0.6, 1.2)
    thick = d.size("thick", 0.15, 0.3)
    b.cylinder("stem", thick * 1.2, stem, (0, 0, stem / 2), top=0.75)
    b.dome("cap", r, h, (0, 0, stem * 0.95), lip=0.2)
    for i in range(d.count("n", 5, 9)):
        a, e = i * 2.4 + d.wobble("turn", 1), math.radians(20 + (i * 37) % 55)
        at = (
            r * math.cos(e) * math.cos(a),
            r * math.cos(e) * math.sin(a),
            stem * 0.95 + h * math.sin(e),
        )
        b.ball("spots", d.size(f"spot{i % 3}", 0.08, 0.15), at)
    b.ball("soil", (thick * 2.2, thick * 2.0, 0.13), (0, 0, 0.03))


@recipe("petals", "centre", "stem", "leaves", "pot", variants=3)
def flower(b: Builder, d: Draw) -> None:
    h, n = d.size("h", 0.8, 1.4), d.count("n", 5, 11)
    petal, wide = d.size("petal", 0.25, 0.42), d.size("wide", 0.1, 0.22)
    tilt = d.size("tilt", 20, 75)
    head = Euler((0, math.radians(tilt), 0)).to_matrix()
    top = Vector((0.12, 0, h))
    for x, y, a in radial(n, petal * 1.1):
        at = top + head @ Vector((x, y, 0))
        turn = (head @ Euler((0, 0, math.radians(a))).to_matrix()).to_euler()
        b.ball("petals", (petal, wide, 0.06), at, [math.degrees(v) for v in turn])
    b.ball("centre", (0.2, 0.2, 0.12), top, (0, tilt, 0))
    b.tube(
        "stem",
        [(0, 0, 0.2), (d.wobble("bend", 0.2), d.wobble("bend2", 0.2), h * 0.6), (0.1, 0, h)],
        d.size("stem", 0.04, 0.07),
    )
    for i, s in enumerate((-1, 1)):
        b.ball(
            "leaves",
            (d.size("leaf", 0.25, 0.45), 0.13, 0.04),
            (s * 0.3, 0, h * (0.45 + i * 0.1)),
            (0, s * -35, d.wobble(f"leaf{s}", 60)),
        )
    b.cylinder("pot", d.size("pot", 0.25, 0.38), 0.4, (0, 0, 0.15), top=1.35)


@recipe("body", "arms", "pot", "soil", "blossoms")
def cactus(b: Builder, d: Draw) -> None:
    r, h, pot = d.size("r", 0.2, 0.32), d.size("h", 0.5, 0.9), d.size("pot", 0.3, 0.45)
    z = 0.5
    b.ball("body", (r, r, h), (0, 0, z + h * 0.8))
    b.cylinder("pot", pot, 0.5, (0, 0, 0.25), top=1.3)
    b.cylinder("soil", pot * 1.15, 0.1, (0, 0, 0.5))
    for i, (x, y, _) in enumerate(radial(d.count("n", 2, 3), 1)):
        up = z + h * (0.6 + 0.25 * i)
        out = r + d.size("out", 0.2, 0.35)
        tip = (x * out, y * out, up + d.size("up", 0.25, 0.5))
        b.tube("arms", [(x * r * 0.5, y * r * 0.5, up), (x * out, y * out, up + 0.02), tip], 0.11)
        b.ball("arms", 0.11, tip)
        b.ball("blossoms", 0.1, (tip[0], tip[1], tip[2] + 0.12))
    b.ball("blossoms", d.size("bloom", 0.12, 0.18), (0, 0, z + h * 1.8))


@recipe("trunk", "crown", "fruit", "roots", variants=3)
def tree(b: Builder, d: Draw) -> None:
    h, thick = d.size("h", 0.6, 1.3), d.size("thick", 0.1, 0.2)
    b.tube("trunk", [(0, 0, 0), (d.wobble("bend", 0.15), 0, h / 2), (0, 0, h + 0.2)], thick, 0.7)
    spread, n = d.size("spread", 0.35, 0.6), d.count("n", 1, 6)
    for i in range(n):
        a = i * 2.4
        off = 0 if n == 1 else spread * 0.7
        at = (off * math.cos(a), off * math.sin(a), h + spread * (0.7 + 0.25 * (i % 3)))
        b.ball("crown", (spread, spread, spread * d.size("tall", 0.7, 1.2)), at)
        for j in range(3):
            t = a + j * 1.9 + d.wobble("turn", 2)
            b.ball(
                "fruit",
                0.1,
                (
                    at[0] + spread * 0.9 * math.cos(t),
                    at[1] + spread * 0.9 * math.sin(t),
                    at[2] + 0.2 * (j - 1),
                ),
            )
    for x, y, _ in radial(4, thick * 3, 45):
        b.rod("roots", (x * 0.2, y * 0.2, 0.2), (x, y, 0), thick * 0.6, 0.5)


@recipe("body", "head", "hat", "arms", "nose", "scarf", variants=3)
def snowman(b: Builder, d: Draw) -> None:
    r1, r2, r3 = d.size("r1", 0.5, 0.7), d.size("r2", 0.36, 0.5), d.size("r3", 0.24, 0.36)
    z2 = r1 * 1.6 + r2 * 0.5
    z3 = z2 + r2 * 0.75 + r3 * 0.6
    b.ball("body", r1, (0, 0, r1 * 0.9))
    b.ball("body", r2, (0, 0, z2))
    b.ball("head", r3, (0, 0, z3))
    brim = r3 * d.size("brim", 1.0, 1.5)
    b.cylinder("hat", brim, 0.07, (0, 0, z3 + r3 * 0.75))
    b.cylinder("hat", r3 * 0.75, d.size("hat", 0.3, 0.6), (0, 0, z3 + r3 * 0.8 + 0.2))
    b.rod("nose", (0, r3 * 0.8, z3), (0, r3 + d.size("nose", 0.2, 0.5), z3 - 0.05), 0.09, 0.2)
    b.torus("scarf", r3 * 0.85, d.size("scarf", 0.08, 0.13), (0, 0, z3 - r3 * 0.75))
    for s in (-1, 1):
        tip = (
            s * (r2 + d.size("arm", 0.4, 0.8)),
            d.wobble(f"a{s}", 0.3),
            z2 + d.wobble(f"b{s}", 0.5),
        )
        b.rod("arms", (s * r2 * 0.8, 0, z2), tip, 0.06, 0.7)


@recipe("base", "lower rings", "upper rings", "ball", variants=3)
def ring_stack(b: Builder, d: Draw) -> None:
    n, r, tube = d.count("n", 3, 6), d.size("r", 0.4, 0.65), d.size("tube", 0.1, 0.18)
    shrink = d.size("shrink", 0.82, 0.97)
    b.cylinder("base", r * 1.3, 0.15, (0, 0, 0.07))
    z = 0.15
    for i in range(n):
        z += tube
        part = "lower rings" if i < (n + 1) // 2 else "upper rings"
        b.torus(part, r * min(shrink, 0.98) ** i, tube, (0, 0, z))
        z += tube * 0.95
    b.ball("ball", d.size("ball", 0.2, 0.35), (0, 0, z + 0.15))


@recipe("bottom", "middle", "top", "knob", variants=4)
def blocks(b: Builder, d: Draw) -> None:
    z = 0.0
    for part in ("bottom", "middle", "top"):
        w, h = d.size(f"w{part}", 0.5, 1.1), d.size(f"h{part}", 0.3, 0.7)
        at, turn = (
            (d.wobble(f"x{part}", 0.12), d.wobble(f"y{part}", 0.12), z + h / 2),
            (0, 0, d.wobble(f"t{part}", 45)),
        )
        kind = d.pick(part, ("box", "box", "drum", "lying", "slab"))
        if kind == "box":
            b.box(part, (w, w * 0.8, h), at, turn)
        elif kind == "drum":
            b.cylinder(part, w / 2, h, at, turn)
        elif kind == "slab":
            b.box(part, (w * 1.6, w * 0.7, h * 0.6), (at[0], at[1], z + h * 0.3), turn)
            h *= 0.6
        else:
            b.cylinder(part, h / 2, w * 1.3, at, (90, 0, turn[2]))
        z += h
    b.ball("knob", d.size("knob", 0.15, 0.3), (0, 0, z + 0.15))


@recipe("walls", "roof", "windows", "door", "battlement", variants=2)
def castle_tower(b: Builder, d: Draw) -> None:
    w, h = d.size("w", 0.8, 1.2), d.size("h", 1.1, 1.8)
    b.box("walls", (w, w, h), (0, 0, h / 2), bevel=0.03, taper=d.size("taper", 0.8, 1.0))
    b.box("battlement", (w * 1.2, w * 1.2, 0.2), (0, 0, h))
    for x, y in corners(w * 0.5, w * 0.5):
        b.box("battlement", (0.25, 0.25, 0.25), (x, y, h + 0.2))
    b.dome("roof", w * 0.45, d.size("roof", 0.25, 0.5), (0, 0, h + 0.08))
    b.box("door", (w * 0.35, 0.12, h * 0.35), (0, w * 0.48, h * 0.17))
    for s in (-1, 1):
        b.box("windows", (0.2, w * 1.02, 0.28), (s * w * 0.22, 0, h * 0.65))
        b.box("windows", (w * 1.02, 0.2, 0.28), (0, s * w * 0.22, h * 0.65))


@recipe("walls", "roof", "windows", "door", "chimney", variants=3)
def house(b: Builder, d: Draw) -> None:
    w, depth, h = d.size("w", 1.2, 2.0), d.size("depth", 0.9, 1.4), d.size("h", 0.6, 1.2)
    roof = d.size("roof", 0.4, 0.8)
    b.box("walls", (w, depth, h), (0, 0, h / 2), bevel=0.02)
    if d.flag("flat", 0.3):
        b.box("roof", (w * 1.15, depth * 1.15, 0.15), (0, 0, h + 0.07))
    else:
        slope = math.degrees(math.atan2(roof, depth / 2))
        side = math.hypot(roof, depth / 2) * 1.2
        for s in (-1, 1):
            b.box(
                "roof",
                (w * 1.15, side, 0.1),
                (0, s * depth * 0.29, h + roof * 0.45),
                (-s * slope, 0, 0),
            )
        b.box("walls", (w * 0.98, depth * 0.5, roof * 0.5), (0, 0, h + roof * 0.22))
    b.box("chimney", (0.22, 0.22, 0.6), (w * 0.28, depth * 0.2, h + roof * 0.7))
    b.box("door", (w * 0.2, 0.1, h * 0.6), (0, depth / 2, h * 0.3))
    for x in (-0.32, 0.32):
        b.box("windows", (w * 0.18, depth * 1.04, h * 0.3), (x * w, 0, h * 0.55))
    b.box("windows", (w * 1.03, depth * 0.35, h * 0.3), (0, 0, h * 0.55))


@recipe("handle", "head", "grip", "face")
def hammer(b: Builder, d: Draw) -> None:
    length, r = d.size("length", 1.2, 1.8), d.size("r", 0.06, 0.1)
    b.rod("handle", (0, 0, 0.3), (0, 0, length), r)
    b.rod("grip", (0, 0, 0), (0, 0, length * 0.4), r * d.size("grip", 1.3, 1.7))
    w, h = d.size("w", 0.7, 1.0), d.size("h", 0.2, 0.4)
    b.box("head", (w * 0.75, h, h), (0, 0, length))
    b.cylinder("face", h * 0.65, w * 0.22, (w * 0.42, 0, length), (0, 90, 0))
    b.rod("head", (-w * 0.3, 0, length), (-w * 0.8, 0, length - 0.15), h * 0.4, 0.3)


@recipe("handle", "shaft", "blade", "collar")
def shovel(b: Builder, d: Draw) -> None:
    length, r = d.size("length", 1.1, 1.7), d.size("r", 0.05, 0.08)
    b.rod("shaft", (0, 0, 0), (length, 0, 0), r)
    if d.flag("ring"):
        b.torus("handle", 0.2, 0.07, (length + 0.2, 0, 0))
    else:
        b.rod("handle", (length, -0.3, 0), (length, 0.3, 0), r * 1.8)
    w, long = d.size("w", 0.3, 0.45), d.size("long", 0.35, 0.55)
    b.ball("blade", (long, w, 0.09), (-long * 0.8, 0, 0))
    b.cylinder("collar", r * 2, 0.2, (0, 0, 0), (0, 90, 0))


@recipe("handle", "collar", "bristles", "hook")
def broom(b: Builder, d: Draw) -> None:
    length, w = d.size("length", 1.2, 2.0), d.size("w", 0.35, 0.6)
    b.rod("handle", (0, 0, 0.6), (0, 0, 0.6 + length), d.size("r", 0.05, 0.09))
    b.box("collar", (w * 0.8, 0.2, 0.2), (0, 0, 0.62), bevel=0.3)
    for x in np.linspace(-0.45, 0.45, 9):
        b.rod(
            "bristles", (x * w * 0.8, 0, 0.55), (x * w * 1.5, d.wobble(f"b{x:.1f}", 0.08), 0), 0.06
        )
    b.torus("hook", 0.11, 0.035, (0, 0, 0.7 + length), (90, 0, 0))


@recipe("band", "cups", "cushions", "cable")
def headphones(b: Builder, d: Draw) -> None:
    w, h, r = d.size("w", 0.5, 0.7), d.size("h", 0.6, 0.9), d.size("r", 0.25, 0.38)
    arch = [(-w, 0, 0.3), (-w * 0.9, 0, h * 0.8), (0, 0, h * 1.25), (w * 0.9, 0, h * 0.8)]
    b.tube("band", [*arch, (w, 0, 0.3)], d.size("band", 0.06, 0.12))
    for s in (-1, 1):
        b.cylinder("cups", r, 0.2, (s * (w + 0.06), 0, 0.2), (0, 90, 0))
        b.torus("cushions", r * 0.75, 0.12, (s * (w - 0.1), 0, 0.2), (0, 90, 0))
    b.tube(
        "cable",
        [(w, 0, 0), (w * 0.8, 0.3, -0.5), (0, d.wobble("c", 0.5), -0.6), (-0.5, 0.2, -0.8)],
        0.035,
    )


@recipe("case", "face", "hands", "bells", "feet")
def clock(b: Builder, d: Draw) -> None:
    r, depth = d.size("r", 0.5, 0.7), d.size("depth", 0.2, 0.5)
    z = r + 0.15
    if d.flag("square", 0.35):
        b.box("case", (2 * r, depth, 2 * r), (0, 0, z))
    else:
        b.cylinder("case", r, depth, (0, 0, z), (90, 0, 0))
    b.cylinder("face", r * 0.85, 0.05, (0, depth / 2 + 0.01, z), (90, 0, 0))
    for name, k, thick in (("hour", 0.45, 0.06), ("minute", 0.7, 0.045)):
        a = d.wobble(name, 180)
        at = (
            r * k * 0.5 * math.sin(math.radians(a)),
            depth / 2 + 0.06,
            z + r * k * 0.5 * math.cos(math.radians(a)),
        )
        b.box("hands", (thick * 2, 0.04, r * k), at, (0, a, 0))
    for s in (-1, 1):
        b.ball("bells", d.size("bell", 0.18, 0.28), (s * r * 0.6, 0, z + r * 1.0))
        b.rod("feet", (s * r * 0.5, 0, z - r * 0.7), (s * r * 0.8, 0, 0), 0.07)


@recipe("body", "lens", "buttons", "finder", "strap")
def camera(b: Builder, d: Draw) -> None:
    w, h, depth = d.size("w", 1.0, 1.4), d.size("h", 0.6, 0.9), d.size("depth", 0.3, 0.5)
    b.box("body", (w, depth, h), (0, 0, h / 2))
    r = d.size("r", 0.2, 0.33)
    long = d.size("long", 0.2, 0.6)
    b.cylinder(
        "lens", r, long, (d.size("off", 0.0, 0.12), depth / 2 + long / 2, h * 0.48), (90, 0, 0)
    )
    b.box("finder", (w * 0.3, depth * 0.9, 0.22), (0, 0, h + 0.08), taper=0.7)
    for x in (0.33, -0.35):
        b.cylinder("buttons", 0.1, 0.14, (x * w, 0, h + 0.05))
    arch = [
        (-w / 2, 0, h * 0.8),
        (-w * 0.6, -0.3, h * 0.3),
        (0, -0.6, 0.1),
        (w * 0.6, -0.3, h * 0.3),
    ]
    b.tube("strap", [*arch, (w / 2, 0, h * 0.8)], 0.05)


@recipe("body", "head", "arms", "legs", "eyes", "antenna", variants=4)
def robot(b: Builder, d: Draw) -> None:
    w, h, depth = d.size("w", 0.6, 1.0), d.size("h", 0.6, 1.0), d.size("depth", 0.4, 0.6)
    leg, head = d.size("leg", 0.3, 0.7), d.size("head", 0.35, 0.6)
    z = leg + h / 2
    round_body = d.flag("round", 0.3)
    if round_body:
        b.ball("body", (w / 2, depth / 2, h / 2), (0, 0, z))
    else:
        b.box("body", (w, depth, h), (0, 0, z), taper=d.size("taper", 0.7, 1.2))
    top = leg + h
    b.box("head", (head * 1.2, head, head), (0, 0, top + head * 0.6), (0, 0, d.wobble("look", 30)))
    b.rod("antenna", (0, 0, top + head), (0.05, 0, top + head * 1.5), 0.04)
    b.ball("antenna", 0.1, (0.05, 0, top + head * 1.55))
    for s in (-1, 1):
        b.ball("eyes", d.size("eye", 0.08, 0.13), (s * head * 0.3, head * 0.52, top + head * 0.65))
        hand = (s * (w / 2 + 0.25), d.wobble(f"y{s}", 0.5), z + d.wobble(f"z{s}", 0.6))
        b.rod("arms", (s * w * 0.45, 0, z + h * 0.3), hand, d.size("arm", 0.07, 0.13))
        b.ball("arms", 0.16, hand)
        b.box("legs", (w * 0.25, depth * 0.4, leg), (s * w * 0.25, 0, leg / 2))
        b.box("legs", (w * 0.32, depth * 0.8, 0.14), (s * w * 0.27, 0.08, 0.06))


@recipe("canopy", "pole", "handle", "rim")
def umbrella(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.7, 1.0), d.size("h", 1.2, 1.7)
    b.dome("canopy", r, d.size("arch", 0.3, 0.55), (0, 0, h * 0.75), lip=0.7)
    b.rod("pole", (0, 0, 0.1), (0, 0, h * 0.75 + 0.35), 0.045)
    hook = d.size("hook", 0.12, 0.22)
    b.tube("handle", [(0, 0, 0.35), (0, 0, 0.05), (hook, 0, -0.12), (hook * 2, 0, 0.05)], 0.08)
    b.torus("rim", r * 0.98, 0.045, (0, 0, h * 0.75))


@recipe("lower layer", "upper layer", "icing", "candles", "plate")
def cake(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.6, 0.85), d.size("h", 0.25, 0.5)
    small = r * d.size("small", 0.55, 0.8)
    sides = 4 if d.flag("square", 0.25) else 28
    b.cylinder("plate", r * 1.3, 0.06, (0, 0, 0))
    b.cylinder("lower layer", r, h, (0, 0, h / 2), segments=sides)
    b.cylinder("upper layer", small, h, (0, 0, h * 1.5), segments=sides)
    b.cylinder("icing", small * 1.06, 0.12, (0, 0, h * 2), segments=sides)
    for x, y, _ in radial(12, r * 0.95 if sides > 4 else r * 0.65):
        b.ball("icing", 0.1, (x, y, h * 0.98))
    for x, y, _ in radial(d.count("n", 3, 7), small * 0.6, 20):
        b.rod("candles", (x, y, h * 2), (x, y, h * 2 + d.size("candle", 0.25, 0.45)), 0.05)


@recipe("wafer", "first scoop", "second scoop", "cherry")
def ice_cream(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.32, 0.45), d.size("h", 0.8, 1.2)
    b.lathe("wafer", [(0.03, 0), (r, h), (r * 1.08, h + 0.1), (0, h + 0.1)], (0, 0, 0), kind="horn")
    s = r * d.size("scoop", 0.95, 1.15)
    b.ball("first scoop", s, (0, 0, h + s * 0.6))
    b.ball("second scoop", s * 0.85, (d.wobble("x", 0.12), d.wobble("y", 0.12), h + s * 1.75))
    b.ball("cherry", d.size("cherry", 0.11, 0.17), (0.05, 0, h + s * 2.65))


@recipe("lower bun", "patty", "cheese", "salad", "upper bun")
def burger(b: Builder, d: Draw) -> None:
    r = d.size("r", 0.6, 0.8)
    z = 0.0
    for part, low, high, wide in (
        ("lower bun", 0.15, 0.3, 1.0),
        ("patty", 0.12, 0.28, 1.05),
        ("cheese", 0.05, 0.1, 1.1),
        ("salad", 0.08, 0.16, 1.12),
    ):
        h = d.size(part, low, high)
        if part == "cheese":
            b.box(part, (r * 1.9, r * 1.9, h), (0, 0, z + h / 2), (0, 0, d.wobble("turn", 45)))
        elif part == "salad":
            for x, y, _ in radial(9, r * 0.8):
                b.ball(part, (r * 0.35, r * 0.35, h), (x, y, z + h / 2))
        else:
            b.cylinder(part, r * wide, h, (0, 0, z + h / 2))
        z += h
    b.dome("upper bun", r * 1.05, d.size("bun", 0.3, 0.55), (0, 0, z))


@recipe("bar", "inner plates", "outer plates", "collars")
def dumbbell(b: Builder, d: Draw) -> None:
    length, r = d.size("length", 0.5, 1.0), d.size("r", 0.35, 0.55)
    b.rod("bar", (-length - 0.5, 0, r), (length + 0.5, 0, r), d.size("bar", 0.06, 0.1))
    thick = d.size("thick", 0.13, 0.22)
    for s in (-1, 1):
        x = s * length
        b.cylinder("collars", 0.16, 0.15, (x - s * 0.15, 0, r), (0, 90, 0))
        b.cylinder("inner plates", r, thick, (x, 0, r), (0, 90, 0))
        b.cylinder(
            "outer plates", r * d.size("k", 0.6, 0.85), thick, (x + s * thick, 0, r), (0, 90, 0)
        )


@recipe("body", "neck", "head", "hole", "bridge", "pegs")
def guitar(b: Builder, d: Draw) -> None:
    r1, r2, depth = d.size("r1", 0.45, 0.6), d.size("r2", 0.32, 0.45), d.size("depth", 0.16, 0.3)
    length = d.size("length", 0.9, 1.3)
    b.cylinder("body", r1, depth, (0, 0, r1), (90, 0, 0))
    b.cylinder("body", r2, depth, (0, 0, r1 * 1.55 + r2 * 0.5), (90, 0, 0))
    top = r1 * 1.6 + r2 + length
    b.box("neck", (0.14, 0.1, length + 0.4), (0, depth / 2, top - length / 2 - 0.1))
    b.box("head", (0.24, 0.1, 0.35), (0, depth / 2, top + 0.15), (-8, 0, 0))
    b.cylinder("hole", r2 * 0.5, 0.03, (0, depth / 2 + 0.01, r1 * 1.4), (90, 0, 0))
    b.box("bridge", (r1 * 0.8, 0.07, 0.1), (0, depth / 2, r1 * 0.65))
    for s in (-1, 1):
        for z in (0.05, 0.15, 0.25):
            b.ball("pegs", 0.05, (s * 0.17, depth / 2, top + z))


@recipe("bowl", "handles", "stem", "base")
def trophy(b: Builder, d: Draw) -> None:
    r, h, stem = d.size("r", 0.4, 0.6), d.size("h", 0.5, 0.8), d.size("stem", 0.25, 0.5)
    z = 0.3 + stem
    steps = np.linspace(0.1, 1, 8)
    bowl = [(r * math.sin(t * math.pi / 2), h * (1 - math.cos(t * math.pi / 2))) for t in steps]
    b.lathe(
        "bowl", [(0, 0), *bowl, (r * 1.05, h * 1.1), (r * 0.9, h * 1.05), (0, h * 0.4)], (0, 0, z)
    )
    b.lathe(
        "stem", [(0.2, 0), (0.08, stem * 0.4), (0.08, stem * 0.6), (0.17, stem + 0.06)], (0, 0, 0.3)
    )
    b.box("base", (d.size("base", 0.5, 0.8), 0.55, 0.3), (0, 0, 0.15), taper=0.85)
    bow = d.size("bow", 0.2, 0.4)
    for s in (-1, 1):
        path = [(s * r, 0, z + h), (s * (r + bow), 0, z + h * 0.9), (s * (r + bow), 0, z + h * 0.5)]
        b.tube("handles", [*path, (s * r * 0.7, 0, z + h * 0.3)], d.size("grip", 0.05, 0.08))


@recipe("cab", "tracks", "boom", "bucket", "counterweight")
def excavator(b: Builder, d: Draw) -> None:
    length, w = d.size("length", 1.0, 1.4), d.size("w", 0.7, 1.0)
    for s in (-1, 1):
        b.box("tracks", (length * 1.1, 0.28, 0.35), (0, s * w * 0.5, 0.18), bevel=0.45)
    h = d.size("h", 0.5, 0.8)
    b.box("cab", (length * 0.55, w * 0.9, h), (length * 0.05, 0, 0.4 + h / 2), taper=0.85)
    b.box("counterweight", (length * 0.4, w * 0.95, h * 0.65), (-length * 0.4, 0, 0.4 + h * 0.33))
    reach, lift = d.size("reach", 0.7, 1.0), d.size("lift", 0.8, 1.2)
    knee = (length * 0.3 + reach * 0.6, 0, 0.5 + lift)
    tip = (length * 0.3 + reach * 1.5, 0, 0.55)
    b.rod("boom", (length * 0.3, 0, 0.6), knee, 0.11)
    b.rod("boom", knee, tip, 0.09)
    b.box("bucket", (0.35, 0.5, 0.35), (tip[0], 0, tip[2] - 0.15), (0, d.wobble("curl", 30), 0))


@recipe("seat", "back", "frame", "plank")
def bench(b: Builder, d: Draw) -> None:
    w, depth, h = d.size("w", 1.4, 2.2), d.size("depth", 0.4, 0.6), d.size("h", 0.4, 0.6)
    n = d.count("n", 2, 4)
    for i in range(n):
        y = ((i + 0.5) / n - 0.5) * depth
        b.box("seat", (w, depth / n * 0.8, 0.08), (0, y, h))
        b.box("back", (w, 0.07, 0.4 / n), (0, -depth * 0.6, h + 0.25 + 0.5 * i / n), (10, 0, 0))
    for s in (-1, 1):
        x = s * w * 0.42
        b.box("frame", (0.1, depth * 1.1, 0.1), (x, 0, h - 0.08))
        for y in (-0.5, 0.5):
            b.rod("frame", (x, y * depth, h - 0.05), (x, y * depth * 1.3, 0), 0.06)
        b.rod("frame", (x, -depth * 0.5, h), (x, -depth * 0.72, h + 0.8), 0.05)
    b.box("plank", (w * 0.85, 0.12, 0.07), (0, 0, h * 0.4))


@recipe("rails", "rungs", "platform", "feet")
def ladder(b: Builder, d: Draw) -> None:
    w, h, n = d.size("w", 0.35, 0.6), d.size("h", 1.4, 2.2), d.count("n", 3, 6)
    lean, r = d.size("lean", 0.3, 0.6), d.size("r", 0.05, 0.08)
    for s in (-1, 1):
        for y in (-1, 1):
            b.rod("rails", (s * w, y * lean, 0), (s * w * 0.8, 0.05 * y, h), r)
            b.ball("feet", r * 1.9, (s * w, y * lean, 0.03))
    for i in range(n):
        t = (i + 0.8) / (n + 0.6)
        b.box("rungs", (w * (2 - 0.4 * t), 0.16, 0.06), (0, lean * (1 - t), h * t))
    b.box("platform", (w * 2, 0.4, 0.1), (0, 0, h))


@recipe("lenses", "rims", "temples", "bridge")
def glasses(b: Builder, d: Draw) -> None:
    r, gap, tube = d.size("r", 0.28, 0.4), d.size("gap", 0.1, 0.2), d.size("tube", 0.04, 0.07)
    long = d.size("long", 0.8, 1.1)
    for s in (-1, 1):
        x = s * (r + gap)
        b.cylinder("lenses", r, 0.04, (x, 0, r), (90, 0, 0))
        b.torus("rims", r, tube, (x, 0, r), (90, 0, 0))
        hinge = (x + s * r, 0, r * 1.2)
        b.tube(
            "temples", [hinge, (hinge[0], -long, r * 1.2), (hinge[0], -long - 0.25, r * 0.6)], tube
        )
    b.tube("bridge", [(-gap, 0, r * 1.2), (0, 0.03, r * 1.4), (gap, 0, r * 1.2)], tube * 1.2)


@recipe("pot", "plant", "stand", "saucer")
def planter(b: Builder, d: Draw) -> None:
    r, h = d.size("r", 0.3, 0.5), d.size("h", 0.35, 0.6)
    leg = d.size("leg", 0.3, 0.6)
    for x, y, _ in radial(d.count("legs", 3, 4), r * 1.1):
        b.rod("stand", (x, y, leg), (x * 1.1, y * 1.1, 0), 0.05)
    b.torus("stand", r * 1.1, 0.05, (0, 0, leg))
    b.cylinder("saucer", r * 1.2, 0.06, (0, 0, leg))
    b.cylinder("pot", r, h, (0, 0, leg + h / 2), top=d.size("flare", 1.1, 1.4))
    z = leg + h
    for i in range(d.count("leaves", 7, 12)):
        a = i * 2.4 + d.wobble("turn", 2)
        out = d.size(f"out{i % 4}", 0.4, 0.8)
        up = d.size(f"up{i % 3}", 0.3, 0.9)
        x, y = math.cos(a), math.sin(a)
        b.tube(
            "plant",
            [
                (0, 0, z - 0.1),
                (x * out * 0.4, y * out * 0.4, z + up),
                (x * out, y * out, z + up * 0.7),
            ],
            0.09,
            0.3,
        )


@recipe("screen", "stand", "foot", "keys", "bezel")
def monitor(b: Builder, d: Draw) -> None:
    w, h = d.size("w", 1.2, 1.7), d.size("h", 0.7, 1.1)
    rise = d.size("rise", 0.3, 0.5)
    z = rise + h / 2
    b.box("bezel", (w, 0.12, h), (0, 0, z))
    b.box("screen", (w * 0.9, 0.06, h * 0.85), (0, 0.06, z), bevel=0.05)
    b.box("stand", (0.2, 0.12, rise + 0.3), (0, -0.1, rise / 2 + 0.1))
    b.box("foot", (w * 0.45, 0.45, 0.07), (0, -0.05, 0.03))
    for i in range(4):
        for j in range(9):
            b.box("keys", (w * 0.08, 0.08, 0.06), ((j - 4) * w * 0.095, 0.45 + i * 0.11, 0.03))


@recipe("body", "handle", "blade", "switch", "foot")
def mixer(b: Builder, d: Draw) -> None:
    h, r, reach = d.size("h", 0.7, 1.0), d.size("r", 0.2, 0.3), d.size("reach", 0.7, 1.0)
    b.box("foot", (reach * 1.6, 0.6, 0.15), (reach * 0.4, 0, 0.07), bevel=0.3)
    b.box("handle", (0.3, 0.32, h), (0, 0, h / 2 + 0.1), bevel=0.3)
    b.ball("body", (reach * 0.75, r, r), (reach * 0.4, 0, h + 0.2))
    b.rod("blade", (reach * 0.85, 0, h), (reach * 0.85, 0, 0.5), 0.05)
    b.torus("blade", 0.14, 0.04, (reach * 0.85, 0, 0.45), (90, 0, 0))
    b.torus("blade", 0.14, 0.04, (reach * 0.85, 0, 0.45), (90, 0, 90))
    b.cylinder("switch", 0.1, r * 2.3, (0, 0, h + 0.2), (90, 0, 0))


@recipe("core", "first limb", "second limb", "third limb", "crest", variants=20)
def abstract(b: Builder, d: Draw) -> None:
    """A body of a random kind with mirrored, radial or single attachments of random kinds."""
    rx, ry, rz = (d.size(f"core{i}", 0.35, 0.8) for i in range(3))
    z = 0.9
    kind = d.pick("core", ("ball", "box", "lying", "torus"))
    if kind == "ball":
        b.ball("core", (rx, ry, rz), (0, 0, z))
    elif kind == "box":
        b.box("core", (2 * rx, 2 * ry, 2 * rz), (0, 0, z), bevel=d.size("bevel", 0.05, 0.4))
    elif kind == "lying":
        b.cylinder("core", ry, 2.4 * rx, (0, 0, z), (0, 90, 0), top=d.size("top", 0.6, 1.1))
    else:
        b.torus("core", rx, min(ry, rz) * 0.5, (0, 0, z), (d.count("flip", 0, 1) * 90, 0, 0))
    for part in ("first limb", "second limb", "third limb"):
        limb(b, d, part, (rx, ry, rz), z)
    if d.flag("crest", 0.7):
        b.ball("crest", d.size("crest", 0.15, 0.35), (d.size("cx", 0.0, 0.3), 0, z + rz))


def limb(b: Builder, d: Draw, part: str, radii: Point, z: float) -> None:
    """Attach one part of an abstract object: balls, boxes, tubes, rings or drums."""
    rng = seeded(d.family, part)
    direction = Vector(rng.normal(size=3)).normalized()
    mode = d.pick(part + "mode", ("single", "mirror", "mirror", "radial"))
    n = {"single": 1, "mirror": 2, "radial": d.count(part + "n", 3, 6)}[mode]
    kind = d.pick(part + "kind", ("ball", "tube", "tube", "ring", "drum", "box"))
    if kind == "box" and mode == "radial":
        kind = "ball"
    size, long = d.size(part + "s", 0.14, 0.35), d.size(part + "l", 0.3, 0.9)
    for i in range(n):
        v = direction.copy()
        if mode == "mirror" and i:
            v.y = -v.y
        if mode == "radial":
            v.rotate(Euler((0, 0, 2 * math.pi * i / n)))
        start = Vector((v.x * radii[0], v.y * radii[1], v.z * radii[2] + z))
        tip = start + v * long + Vector((0, 0, d.wobble(part, 0.3)))
        turn = [math.degrees(a) for a in v.to_track_quat("Z", "Y").to_euler()]
        if kind == "ball":
            b.ball(part, (size, size, long * 0.6), start + v * long * 0.3, turn)
        elif kind == "tube":
            b.tube(
                part, [start * 0.9 + Vector((0, 0, z * 0.1)), (start + tip) / 2, tip], size * 0.6
            )
            b.ball(part, size * d.size(part + "tip", 0.5, 1.1), tip)
        elif kind == "ring":
            b.torus(part, size * 1.4, size * 0.4, start + v * size * 1.2, (90, 0, turn[2]))
        elif kind == "drum":
            b.cylinder(part, size, long * 0.6, start + v * long * 0.25, turn)
        else:
            b.box(part, (size * 1.5, size * 1.5, long), start + v * long * 0.35, turn)


# ---------------------------------------------------------------------------------------------
# Families


@dataclass(frozen=True)
class Family:
    """A recipe with fixed proportions."""

    name: str
    parts: tuple[str, ...]
    build: Recipe


def families() -> list[Family]:
    """All families in a fixed order which alternates between the recipes."""
    most = max(variants for _, _, variants in RECIPES.values())
    return [
        Family(f"{name.replace('_', '-')}-{variant}", parts, build)
        for variant in range(most)
        for name, (parts, build, variants) in RECIPES.items()
        if variant < variants
    ]


def build_object(family: Family, instance: int) -> Builder:
    """Build and check one instance of a family."""
    draw = Draw(family.name, instance)
    builder = Builder(family.parts, draw)
    family.build(builder, draw)
    refuse_demo_kind(builder)
    return builder


# ---------------------------------------------------------------------------------------------
# Scene


def random_colour(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A linear RGBA colour, from greys to saturated."""
    hue, value = rng.random(), rng.uniform(0.05, 0.95)
    chroma = rng.random() ** 0.7 if rng.random() < 0.8 else rng.uniform(0, 0.1)
    wheel_at = (hue + np.array([0, 1 / 3, 2 / 3])) % 1
    pure = np.clip(np.abs(wheel_at * 6 - 3) - 1, 0, 1)
    red, green, blue = (float(c) for c in (value * (1 - chroma * (1 - pure))) ** 2.0)
    return red, green, blue, 1.0


TEXTURES = (
    "ShaderNodeTexNoise",
    "ShaderNodeTexChecker",
    "ShaderNodeTexBrick",
    "ShaderNodeTexWave",
    "ShaderNodeTexVoronoi",
    "ShaderNodeTexGradient",
)


def texture_colour(
    tree: bpy.types.NodeTree,
    rng: np.random.Generator,
    colours: Sequence[Sequence[float]],
    scale: float,
) -> bpy.types.NodeSocket:
    """Add a random procedural texture between colours; returns its colour socket."""
    kind = TEXTURES[int(rng.integers(len(TEXTURES)))]
    node = tree.nodes.new(kind)
    coordinates = tree.nodes.new("ShaderNodeTexCoord")
    mapping = tree.nodes.new("ShaderNodeMapping")
    mapping.inputs["Rotation"].default_value = rng.uniform(0, 6.28, 3)
    mapping.inputs["Location"].default_value = rng.uniform(-5, 5, 3)
    tree.links.new(coordinates.outputs["Object"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], node.inputs["Vector"])
    if "Scale" in node.inputs:
        node.inputs["Scale"].default_value = scale * rng.uniform(0.5, 3)
    if kind in ("ShaderNodeTexChecker", "ShaderNodeTexBrick"):
        node.inputs["Color1"].default_value = colours[0]
        node.inputs["Color2"].default_value = colours[1]
        if kind == "ShaderNodeTexBrick":
            node.inputs["Mortar"].default_value = colours[2]
        return node.outputs["Color"]
    if kind == "ShaderNodeTexNoise":
        node.inputs["Detail"].default_value = rng.uniform(0, 3)
        node.inputs["Distortion"].default_value = rng.uniform(0, 2)
    if kind == "ShaderNodeTexWave":
        node.inputs["Distortion"].default_value = rng.uniform(0, 8)
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.interpolation = "CONSTANT" if rng.random() < 0.3 else "LINEAR"
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.3, 0.7
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = colours[:2]
    ramp.color_ramp.elements.new(0.5).color = colours[2]
    tree.links.new(node.outputs[0], ramp.inputs["Fac"])
    return ramp.outputs["Color"]


def random_material(
    rng: np.random.Generator,
    base: Sequence[float] | None = None,
    textured: float = 0.45,
    scale: float = 3.0,
) -> bpy.types.Material:
    """A diffuse, glossy or metallic material, plain or with a procedural texture."""
    material = bpy.data.materials.new("m")
    material.use_nodes = True
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    base = base if base is not None else random_colour(rng)
    style = rng.choice(["diffuse", "glossy", "metallic"], p=[0.5, 0.35, 0.15])
    shader.inputs["Roughness"].default_value = (
        rng.uniform(0.6, 1) if style == "diffuse" else rng.uniform(0.1, 0.5)
    )
    shader.inputs["Metallic"].default_value = float(style == "metallic")
    shader.inputs["Specular IOR Level"].default_value = 0.1 if style == "diffuse" else 0.5
    shader.inputs["Base Color"].default_value = base
    if rng.random() < textured:
        if rng.random() < 0.5:
            others = [random_colour(rng), random_colour(rng)]
        else:
            shades = rng.uniform(0.35, 1.6, 2)
            others = [(*(min(c * k, 1.0) for c in base[:3]), 1.0) for k in shades]
        socket = texture_colour(tree, rng, [base, *others], scale)
        tree.links.new(socket, shader.inputs["Base Color"])
    return material


def add_mesh(
    name: str,
    vertices: F32,
    faces: list[list[int]],
    material: bpy.types.Material,
    index: int,
    matrix: Matrix | None = None,
) -> bpy.types.Object:
    """Link a smooth-shaded mesh object with a pass index into the scene."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces, shade_flat=False)
    mesh.materials.append(material)
    thing = bpy.data.objects.new(name, mesh)
    thing.pass_index = index
    if matrix is not None:
        thing.matrix_world = matrix
    bpy.context.scene.collection.objects.link(thing)
    return thing


def clear_scene() -> None:
    """Remove all objects and what they used."""
    for blocks_of in (
        bpy.data.objects,
        bpy.data.meshes,
        bpy.data.materials,
        bpy.data.lights,
        bpy.data.cameras,
    ):
        bpy.data.batch_remove(list(blocks_of))


def setup_renderer(size: int, samples: int, threads: int) -> None:
    """Cycles on the CPU with few bounces, denoised, and the object index as a pass."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.render.image_settings.color_depth = "32"
    scene.render.image_settings.exr_codec = "NONE"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
    cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = 1
    cycles.use_light_tree = False
    cycles.transmission_bounces = cycles.volume_bounces = cycles.transparent_max_bounces = 0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO"
    cycles.denoising_prefilter = "FAST"
    cycles.denoising_quality = "FAST"
    layer = scene.view_layers[0]
    layer.use_pass_object_index = True
    layer.use_pass_z = False
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.world.cycles.sampling_method = "MANUAL"
    scene.world.cycles.sample_map_resolution = 32


def object_matrix(rng: np.random.Generator, vertices: F32) -> Matrix:
    """A random pose which rests or floats on z = 0: full yaw, moderate tilt, sometimes tumbled."""
    tilt = 180 if rng.random() < 0.12 else 14
    angles = (rng.uniform(-tilt, tilt), rng.uniform(-tilt, tilt), rng.uniform(0, 360))
    pose = Euler([math.radians(a) for a in angles]).to_matrix()
    stretch = Matrix.Diagonal(rng.uniform(0.85, 1.18, 3))
    turned = vertices @ np.array(pose @ stretch).T
    lift = -float(turned[:, 2].min()) + (rng.uniform(0, 0.5) if rng.random() < 0.2 else 0.0)
    middle = (turned.min(0) + turned.max(0)) / 2
    shift = Matrix.Translation((-middle[0], -middle[1], lift))
    return shift @ (pose @ stretch).to_4x4()


def place_camera(rng: np.random.Generator, points: F32) -> bpy.types.Object:
    """A camera whose frame holds the points (world, [n, 3]) over a random share of its side."""
    data = bpy.data.cameras.new("camera")
    camera = bpy.data.objects.new("camera", data)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    data.angle = math.radians(rng.uniform(18, 60))
    data.clip_start = 0.01
    elevation, azimuth = math.radians(rng.uniform(2, 50)), rng.uniform(0, 2 * math.pi)
    away = Vector(
        (
            math.cos(elevation) * math.cos(azimuth),
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
        )
    )
    rotation = away.to_track_quat("Z", "Y").to_matrix()
    roll = Matrix.Rotation(math.radians(rng.normal(0, 5)), 3, "Z")
    view = np.array(rotation @ roll)
    centre = (points.min(0) + points.max(0)) / 2
    local = (points - centre) @ view
    share, half = rng.uniform(0.65, 1.05), math.tan(data.angle / 2)
    distance = 3.0
    for _ in range(6):
        depth = np.maximum(distance - local[:, 2], 0.05)
        flat = local[:, :2] / depth[:, None] / half
        extent = float((flat.max(0) - flat.min(0)).max()) / 2
        distance = max(distance * extent / share, float(local[:, 2].max()) + 0.3)
    flat = local[:, :2] / np.maximum(distance - local[:, 2], 0.05)[:, None] / half
    spare = np.maximum(1 - (flat.max(0) - flat.min(0)) / 2, 0)
    offset = (flat.max(0) + flat.min(0)) / 2 + rng.uniform(-0.8, 0.8, 2) * spare
    data.shift_x, data.shift_y = float(offset[0] / 2), float(offset[1] / 2)
    place = Vector(centre) + Vector(view @ np.array([0, 0, distance]))
    camera.matrix_world = Matrix.Translation(place) @ (rotation @ roll).to_4x4()
    return camera


def random_world(rng: np.random.Generator) -> None:
    """Sky: a plain colour, a vertical gradient, or a texture."""
    tree = bpy.context.scene.world.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputWorld")
    shader = tree.nodes.new("ShaderNodeBackground")
    tree.links.new(shader.outputs[0], output.inputs[0])
    shader.inputs["Strength"].default_value = rng.uniform(0.2, 1.2)
    colours = [random_colour(rng) for _ in range(3)]
    shader.inputs["Color"].default_value = colours[0]
    style = rng.random()
    if style < 0.4:
        coordinates = tree.nodes.new("ShaderNodeTexCoord")
        split = tree.nodes.new("ShaderNodeSeparateXYZ")
        ramp = tree.nodes.new("ShaderNodeValToRGB")
        ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = colours[:2]
        tree.links.new(coordinates.outputs["Generated"], split.inputs[0])
        tree.links.new(split.outputs["Z"], ramp.inputs["Fac"])
        tree.links.new(ramp.outputs["Color"], shader.inputs["Color"])
    elif style < 0.75:
        socket = texture_colour(tree, rng, colours, 2.0)
        node = next(n for n in tree.nodes if n.bl_idname == "ShaderNodeMapping")
        coordinates = next(n for n in tree.nodes if n.bl_idname == "ShaderNodeTexCoord")
        tree.links.new(coordinates.outputs["Generated"], node.inputs["Vector"])
        tree.links.new(socket, shader.inputs["Color"])


def random_lights(rng: np.random.Generator, height: float) -> None:
    """One to three sun or area lights of random colours."""
    for i in range(int(rng.integers(1, 4))):
        sun = rng.random() < 0.5
        light = bpy.data.lights.new("light", "SUN" if sun else "AREA")
        tint = np.array(random_colour(rng)[:3])
        tint = tint / max(float(tint.max()), 1e-3)
        light.color = tint * 0.45 + 0.55 if i == 0 else tint * 0.7 + 0.3
        strength = rng.uniform(0.5, 1.0) if i == 0 else rng.uniform(0.1, 0.6)
        direction = Vector((rng.normal(), rng.normal(), rng.uniform(0.4, 2.0))).normalized()
        if sun:
            light.energy, light.angle = 3.5 * strength, rng.uniform(0.01, 0.5)
        else:
            light.energy, light.size = 90 * strength * height**2, rng.uniform(0.3, 2) * height
        lamp_object = bpy.data.objects.new("light", light)
        lamp_object.matrix_world = (
            Matrix.Translation(direction * height * 2.5)
            @ direction.to_track_quat("Z", "Y").to_matrix().to_4x4()
        )
        bpy.context.scene.collection.objects.link(lamp_object)


def square(side: float) -> tuple[F32, list[list[int]]]:
    """A square in the plane z = 0."""
    corner = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    return corner * np.float32(side / 2), [[0, 1, 2, 3]]


def random_backdrop(rng: np.random.Generator, camera: bpy.types.Object, reach: float) -> None:
    """A textured ground and sometimes a wall behind the object, seen from the camera."""
    if rng.random() < 0.85:
        add_mesh("ground", *square(reach * 40), random_material(rng, textured=0.7, scale=1.0), 0)
    if rng.random() < 0.5:
        to_camera = Vector((*camera.matrix_world.translation.xy, 0)).normalized()
        turn = to_camera.to_track_quat("Z", "Y").to_matrix().to_4x4()
        jitter = Matrix.Rotation(rng.uniform(-0.5, 0.5), 4, "Z")
        place = Matrix.Translation(-to_camera * reach * rng.uniform(1.2, 4))
        material = random_material(rng, textured=0.8, scale=1.0)
        add_mesh("wall", *square(reach * 40), material, 0, jitter @ place @ turn)


def clutter_mesh(rng: np.random.Generator) -> tuple[F32, list[list[int]]]:
    """A random primitive of about unit size."""
    kind = int(rng.integers(4))
    if kind == 0:
        return box_mesh(rng.uniform(0.4, 1.2, 3).tolist(), 0.05)
    if kind == 1:
        steps = np.linspace(-math.pi / 2, math.pi / 2, 13)
        ball = lathe_mesh([(math.cos(a) / 2, math.sin(a) / 2) for a in steps], 20)
        return ball[0] * rng.uniform(0.6, 1.3, 3).astype(np.float32), ball[1]
    if kind == 2:
        r, h = rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.7)
        return lathe_mesh([(0, -h), (r, -h), (r, h), (0, h)], 20)
    angles = np.linspace(0, 2 * math.pi, 11)
    return lathe_mesh([(0.45 + 0.15 * math.cos(a), 0.15 * math.sin(a)) for a in angles], 20)


def random_clutter(rng: np.random.Generator, camera: bpy.types.Object, reach: float) -> None:
    """Primitives behind and beside the object, and sometimes one which occludes a border of it."""
    eye = camera.matrix_world.translation
    facing = math.atan2(eye.y, eye.x)
    count = 0 if rng.random() < 0.3 else int(rng.integers(1, 9))
    for _ in range(count):
        angle = facing + math.pi + rng.normal(0, 0.8)
        away = reach * rng.uniform(1.3, 3.5)
        size = reach * rng.uniform(0.25, 1.0)
        place = Matrix.Translation((math.cos(angle) * away, math.sin(angle) * away, size * 0.4))
        turn = Euler(rng.uniform(0, 6.28, 3)).to_matrix().to_4x4()
        matrix = place @ turn @ Matrix.Scale(size, 4)
        add_mesh("clutter", *clutter_mesh(rng), random_material(rng), 0, matrix)
    if rng.random() < 0.15:
        side = rng.choice([-1, 1]) * rng.uniform(0.35, 0.6)
        frame = camera.data.angle
        depth = eye.length * rng.uniform(0.3, 0.5)
        local = Vector(
            (
                side * 2 * depth * math.tan(frame / 2),
                rng.uniform(-0.3, 0.3) * depth * math.tan(frame / 2),
                -depth,
            )
        )
        size = depth * math.tan(frame / 2) * rng.uniform(0.3, 0.6)
        turn = Euler(rng.uniform(0, 6.28, 3)).to_matrix().to_4x4()
        place = Matrix.Translation(camera.matrix_world @ local)
        mesh = clutter_mesh(rng)
        add_mesh("occluder", *mesh, random_material(rng), 0, place @ turn @ Matrix.Scale(size, 4))


def part_colours(rng: np.random.Generator, count: int) -> list[Sequence[float]]:
    """Base colours of the parts; sometimes two share one, sometimes all are alike."""
    colours: list[Sequence[float]] = [random_colour(rng) for _ in range(count)]
    if rng.random() < 0.08:
        return [colours[0]] * count
    if count > 2 and rng.random() < 0.3:
        one, two = rng.choice(count, 2, replace=False)
        colours[one] = colours[two]
    return colours


def compose_scene(family: Family, instance: int, attempt: int) -> None:
    """Fill the cleared scene with one instance, its camera, light and surroundings."""
    rng = seeded(family.name, instance, "scene", attempt)
    builder = build_object(family, instance)
    soups = [(i + 1, builder.parts[name]) for i, name in enumerate(builder.names)]
    soups = [(i, soup) for i, soup in soups if soup.count]
    everything = np.concatenate([v for _, soup in soups for v in soup.vertices])
    matrix = object_matrix(rng, everything)
    colours = part_colours(rng, len(soups))
    for (index, soup), colour in zip(soups, colours, strict=True):
        material = random_material(rng, colour, textured=0.35)
        add_mesh("part", np.concatenate(soup.vertices), soup.faces, material, index, matrix)
    transform = np.array(matrix)
    points = everything @ transform[:3, :3].T + transform[:3, 3]
    reach = float(np.linalg.norm(points.max(0) - points.min(0))) / 2
    camera = place_camera(rng, points)
    random_world(rng)
    random_lights(rng, reach * 2)
    random_backdrop(rng, camera, reach)
    random_clutter(rng, camera, reach)


# ---------------------------------------------------------------------------------------------
# Pictures


def read_render(path: Path) -> tuple[F32, U8]:
    """Read a multi-layer EXR: (linear RGB float32 [h, w, 3], object index uint8 [h, w])."""
    channels = OpenEXR.File(str(path), separate_channels=True).channels()
    by_end = {name.split(".", 1)[1]: channel.pixels for name, channel in channels.items()}
    rgb = np.stack([by_end[f"Combined.{c}"] for c in "RGB"], axis=-1)
    return rgb.astype(np.float32), np.rint(by_end["IndexOB.X"]).astype(np.uint8)


def develop(rgb: F32, mask: U8, rng: np.random.Generator) -> U8:
    """Expose and tone-map linear RGB to uint8 sRGB; the object's mean decides the exposure."""
    luma = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    middle = 0.5 * float(luma[mask > 0].mean()) + 0.5 * float(luma.mean())
    target = rng.uniform(0.12, 0.45)
    exposed = np.maximum(rgb, 0) * float(np.clip(target / max(middle, 1e-4), 0.2, 12.0))
    if rng.random() < 0.5:
        exposed = 1 - np.exp(-exposed * 1.25)
    exposed = np.clip(exposed, 0, 1)
    srgb = np.where(exposed <= 0.0031308, exposed * 12.92, 1.055 * exposed ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(srgb * 255), np.uint8)


def is_usable(image: U8, mask: U8) -> bool:
    """Whether the object has a fair size, three visible parts, and is neither dark nor flat."""
    shares = np.bincount(mask.ravel(), minlength=2)[1:] / mask.size
    if not MIN_OBJECT <= shares.sum() <= MAX_OBJECT:
        return False
    lit = image[mask > 0]
    return bool((shares > MIN_PART).sum() >= 3 and 20 < lit.mean() < 240 and image.std() > 12)


def render_instance(family: Family, instance: int, scratch: Path) -> tuple[U8, U8]:
    """Render one picture, with another scene if it came out badly: (image, mask)."""
    scene = bpy.context.scene
    for attempt in range(ATTEMPTS):
        clear_scene()
        compose_scene(family, instance, attempt)
        scene.cycles.seed = attempt
        scene.render.filepath = str(scratch / "render.exr")
        bpy.ops.render.render(write_still=True)
        rgb, mask = read_render(scratch / "render.exr")
        if not mask.any():
            continue
        image = develop(rgb, mask, seeded(family.name, instance, "develop", attempt))
        if is_usable(image, mask):
            return image, mask
    raise RuntimeError(f"{family.name} {instance}: no usable picture in {ATTEMPTS} attempts")


def save(image: U8, mask: U8, path: Path) -> None:
    """Write the mask, then the picture, so that a picture always has its mask."""
    Image.fromarray(mask).save(path.with_suffix(".mask.png"))
    Image.fromarray(image).save(path)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line of the renderer."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--instances", type=int, default=16, help="pictures per family")
    parser.add_argument("--round", type=int, default=4, help="instances before the next family")
    parser.add_argument("--families", nargs="*", help="only families which start with these names")
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--share", default="0/1", help="I/N: this process takes every N-th picture")
    parser.add_argument("--limit", type=int, help="stop after so many new pictures")
    return parser.parse_args(argv)


def jobs(chosen: Sequence[Family], instances: int, step: int) -> list[tuple[Family, int]]:
    """All (family, instance) in rounds of ``step`` instances over all families."""
    return [
        (family, i)
        for start in range(0, instances, step)
        for family in chosen
        for i in range(start, min(start + step, instances))
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Render what is missing in the output folder."""
    args = parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    names = {family.name: list(family.parts) for family in families()}
    (args.out / "families.json").write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    chosen = [f for f in families() if not args.families or f.name.startswith(tuple(args.families))]
    part, of = (int(v) for v in args.share.split("/"))
    setup_renderer(args.size, args.samples, args.threads)
    done, start = 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        for family, instance in jobs(chosen, args.instances, args.round)[part::of]:
            path = args.out / f"{family.name}_{instance:02d}.png"
            if path.is_file():
                continue
            try:
                save(*render_instance(family, instance, Path(scratch)), path)
            except RuntimeError as problem:
                print(f"skipped: {problem}", flush=True)
                continue
            done += 1
            if done % 50 == 0:
                rate = (time.perf_counter() - start) / done
                print(f"{done} pictures, {rate:.2f} s each", flush=True)
            if args.limit and done >= args.limit:
                break
    print(f"{done} new pictures in {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
