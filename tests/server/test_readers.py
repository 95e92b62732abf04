"""Mattes through readers that other people wrote: OpenImageIO, cryptomatte-api, Blender."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from smite_server.cryptomatte_ids import id_as_float, name_ids
from smite_server.exr_attributes import ShotMetadata
from smite_server.exr_encoding import Compression
from smite_server.geometry import Geometry
from smite_server.images import read_header, read_matte
from smite_server.matte_values import ready_mattes
from smite_server.output_styles import CryptomatteStyle, LayersStyle, OutputStyle, PartsStyle
from smite_server.time_codes import TimeCode, time_code_of_metadata
from tests.server.exr_readers import GEOMETRIES, decode, encode, open_with_oiio, soft_mattes
from tests.support.hosts import bpy_python, reader

PARTS = ("mane", "left_eye", "nose")
STYLES = {
    "parts": PartsStyle(PARTS),
    "layers": LayersStyle(PARTS),
    "layers as rgba": LayersStyle(PARTS, rgba=True),
    "cryptomatte": CryptomatteStyle(PARTS),
}
CHANNELS = {  # as OpenImageIO lists them: layers by name, R G B A within one
    "parts": ["A"],
    "layers": ["left_eye.A", "mane.A", "nose.A"],
    "layers as rgba": [f"{part}.{c}" for part in sorted(PARTS) for c in "RGBA"],
    "cryptomatte": [f"CryptoPart{layer:02d}.{c}" for layer in range(3) for c in "rgba"],
}


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES.keys())
def test_openimageio_agrees(name: str, geometry: Geometry, tmp_path: Path) -> None:
    code = TimeCode(10, 11, 12, 13)
    facts = ShotMetadata(
        shot="s", frames_per_second=24000 / 1001, owner="A Studio", comments="x" * 300
    )
    mattes = soft_mattes(3, geometry)
    for member, data in encode(STYLES[name], mattes, geometry, facts, time_code=code).items():
        spec, pixels = open_with_oiio(data, tmp_path)
        data_window, display = geometry.data, geometry.display
        assert (spec.x, spec.y) == (data_window.x0, data_window.y0)
        assert (spec.height, spec.width) == data_window.shape
        assert (spec.full_x, spec.full_y) == (display.x0, display.y0)
        assert (spec.full_height, spec.full_width) == display.shape
        assert spec["PixelAspectRatio"] == np.float32(geometry.pixel_aspect)
        assert spec["framesPerSecond"] == (24000, 1001)
        assert spec["Copyright"] == "A Studio"
        assert spec["ImageDescription"] == "x" * 300
        assert spec["smite/shot"] == "s"
        assert spec["compression"] == "zip"
        assert time_code_of_metadata({"smpte:TimeCode": spec["smpte:TimeCode"]}) == code
        assert list(spec.channelnames) == CHANNELS[name]
        kind = "float" if name == "cryptomatte" else "half"
        assert {str(each) for each in spec.channelformats or [spec.format]} == {kind}
        ours = decode(data).channels
        for index, channel in enumerate(spec.channelnames):
            np.testing.assert_array_equal(pixels[..., index], ours[channel].astype(np.float32))
        if name == "parts":
            stored = ready_mattes(mattes, np.float16)[PARTS.index(member)]
            np.testing.assert_array_equal(pixels[..., 0], stored)


def test_our_own_reader_takes_a_part_back(tmp_path: Path) -> None:
    geometry = GEOMETRIES["overscan"]
    mattes = soft_mattes(3, geometry)
    path = tmp_path / "mane.exr"
    path.write_bytes(encode(PartsStyle(PARTS), mattes, geometry)["mane"])
    found, where = read_matte(path)
    np.testing.assert_array_equal(found, ready_mattes(mattes, np.float16)[0])
    assert where == geometry == read_header(path).geometry


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES.keys())
@pytest.mark.parametrize("precision", ["half", "float"])
def test_cryptomatte_api_accepts_manifest_and_hashes(
    geometry: Geometry, precision: str, tmp_path: Path
) -> None:
    cryptomatte_api = reader("cryptomatte_api")
    parts = [*PARTS, "左目", "left eye.001", 'a "quoted" name']
    mattes = soft_mattes(len(parts), geometry)
    mattes[2] = 0
    path = tmp_path / "c.exr"
    path.write_bytes(
        encode(CryptomatteStyle(parts), mattes, geometry, precision=precision)["cryptomatte"]
    )
    (found,) = cryptomatte_api.Cryptomatte.load(str(path))
    assert (found.height(), found.width()) == geometry.data.shape
    assert found.num_levels() == 6
    about = found.metadata()
    assert about.name() == "CryptoPart"
    assert about.hash_method() == "MurmurHash3_32"
    assert about.conversion_method() == "uint32_to_float32"
    assert sorted(about.manifest().names()) == sorted(parts)
    assert dict(about.manifest().mapping_uint32()) == dict(zip(parts, name_ids(parts), strict=True))
    stored = ready_mattes(mattes, np.float16 if precision == "half" else np.float32)
    masks = found.masks(parts)
    total = stored.sum(axis=0, dtype=np.float64)
    for part, matte in zip(parts, stored, strict=True):
        whole = total <= 1
        np.testing.assert_array_equal(masks[part][whole], matte[whole].astype(np.float32))
        assert np.abs(masks[part] - matte).max() < 1e-6
    assert not masks["nose"].any()


BLENDER_CASES = {
    "half": (PARTS, Geometry.of_size(64, 48), "half", 6, Compression.ZIP),
    "float, piz": (PARTS, Geometry.of_size(64, 48), "float", 6, Compression.PIZ),
    "odd portrait, zips": (PARTS, Geometry.of_size(33, 57), "half", 4, Compression.ZIPS),
    "anamorphic": (PARTS, Geometry.of_size(41, 40, 2.0), "half", 6, Compression.ZIP),
    "overscan, shown as a picture of its size": (
        PARTS,
        GEOMETRIES["overscan"],
        "half",
        6,
        Compression.ZIP,
    ),
    "one part": (PARTS[:1], Geometry.of_size(16, 16), "half", 2, Compression.ZIP),
    "forty parts": (
        tuple(f"part_{index}" for index in range(40)),
        Geometry.of_size(24, 20),
        "float",
        10,
        Compression.ZIP,
    ),
    "names of any kind": (
        ("左目", "left eye.001", "part_36", "part_662"),
        Geometry.of_size(24, 20),
        "half",
        6,
        Compression.ZIP,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "geometry", "precision", "ranks", "compression"),
    BLENDER_CASES.values(),
    ids=BLENDER_CASES.keys(),
)
def test_blenders_node_gives_the_mattes_back_exactly(
    parts: tuple[str, ...],
    geometry: Geometry,
    precision: str,
    ranks: int,
    compression: Compression,
    tmp_path: Path,
) -> None:
    python = bpy_python()
    mattes = soft_mattes(len(parts), geometry)
    mattes[:, :, : geometry.data.width // 3] = 0
    mattes[0, :, :3] = 1
    style = CryptomatteStyle(parts, compression, ranks=ranks)
    (data,) = encode(style, mattes, geometry, precision=precision).values()
    source = tmp_path / "c.exr"
    source.write_bytes(data)
    run_blender(python, source, geometry, tmp_path, parts)

    written = decode(data).channels
    for index, (part, number) in enumerate(zip(parts, name_ids(parts), strict=True)):
        expected = coverage_of(written, ranks, number)
        seen = decode((tmp_path / f"{index}.exr").read_bytes()).channels["R"]
        assert np.abs(seen - expected).max() == 0, part
        assert expected.any(), part


def coverage_of(channels: dict[str, np.ndarray], ranks: int, number: int) -> np.ndarray:
    """What the file holds of one ID."""
    value = np.float32(id_as_float(number))
    found = np.zeros(channels["CryptoPart00.r"].shape, np.float32)
    for rank in range(ranks):
        layer = f"CryptoPart{rank // 2:02d}."
        here = channels[layer + "rb"[rank % 2]] == value
        found[here] = channels[layer + "ga"[rank % 2]][here]
    return found


def run_blender(
    python: str, source: Path, geometry: Geometry, folder: Path, parts: tuple[str, ...]
) -> None:
    """The mattes of `parts`, rendered by a Blender in a process of its own."""
    script = Path(__file__).parents[1] / "support" / "blender_cryptomatte.py"
    height, width = geometry.data.shape
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [
            *(python, str(script), str(source), str(width), str(height), str(folder)),
            *("CryptoPart", *parts),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_manifests_are_the_same_on_every_frame() -> None:
    geometry = GEOMETRIES["plain"]
    style: OutputStyle = CryptomatteStyle(PARTS)
    headers = [
        decode(encode(style, soft_mattes(3, geometry, seed) * seed, geometry)["cryptomatte"]).header
        for seed in (0, 1)
    ]
    manifests = [
        {key: value for key, value in header.items() if key.startswith("cryptomatte/")}
        for header in headers
    ]
    assert manifests[0] == manifests[1]
    assert sorted(key.rpartition("/")[2] for key in manifests[0]) == [
        "conversion",
        "hash",
        "manifest",
        "name",
    ]
    (key,) = [key for key in manifests[0] if key.endswith("manifest")]
    assert list(json.loads(manifests[0][key])) == list(PARTS)
