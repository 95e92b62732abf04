"""Every style through OpenEXR's own reader: channels, values, windows, attributes."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smite_server.cryptomatte_ids import id_as_float, name_ids
from smite_server.exr_attributes import ShotMetadata, settings_hash
from smite_server.exr_encoding import Compression, encode_exr
from smite_server.geometry import Geometry, Window
from smite_server.matte_encoder import MatteEncoder, MatteFrame
from smite_server.matte_values import ready_mattes
from smite_server.output_styles import (
    CryptomatteStyle,
    LayersStyle,
    OutputStyle,
    PartsStyle,
    make_style,
)
from smite_server.pixel_errors import MatteError
from smite_server.time_codes import TimeCode
from tests.server.exr_readers import GEOMETRIES, decode, encode, soft_mattes

PARTS = ("left_eye", "mane", "nose")
PLAIN = GEOMETRIES["plain"]
LOSSLESS = [Compression.ZIP, Compression.ZIPS, Compression.PIZ]


def windows_of(header: dict[str, object]) -> Geometry:
    """The geometry that a header tells."""

    def window(box: tuple[np.ndarray, np.ndarray]) -> Window:
        (x0, y0), (x1, y1) = box
        return Window(int(x0), int(y0), int(x1) + 1, int(y1) + 1)

    return Geometry(
        window(header["displayWindow"]),  # type: ignore[arg-type]
        window(header["dataWindow"]),  # type: ignore[arg-type]
        float(header["pixelAspectRatio"]),  # type: ignore[arg-type]
    )


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    """Windows of any size, sign and overlap; any pixel aspect that a camera has."""
    corner = st.integers(-3000, 3000)
    size = st.integers(1, 40)

    def window() -> Window:
        x, y = draw(corner), draw(corner)
        return Window(x, y, x + draw(size), y + draw(size))

    return Geometry(window(), window(), draw(st.sampled_from([1.0, 2.0, 0.5, 1.09402, 1.3])))


def make(kind: type[OutputStyle], parts: list[str], compression: Compression) -> OutputStyle:
    return kind(parts, compression)


@given(
    geometry=geometries(),
    parts=st.sampled_from([1, 2, 7, 40]),
    precision=st.sampled_from(["half", "float"]),
    compression=st.sampled_from([*LOSSLESS, Compression.DWAA]),
    seed=st.integers(0, 2**16),
)
@settings(deadline=None, max_examples=60)
def test_parts_and_layers_come_back_bit_for_bit(
    geometry: Geometry, parts: int, precision: str, compression: Compression, seed: int
) -> None:
    """DWAA too: it packs channels called A without loss."""
    mattes = soft_mattes(parts, geometry, seed)
    expected = ready_mattes(mattes, np.float16 if precision == "half" else np.float32)
    names = [f"part_{index}" for index in range(parts)]

    files = encode(PartsStyle(names, compression), mattes, geometry, precision=precision)
    assert tuple(files) == tuple(names)
    for data, matte in zip(files.values(), expected, strict=True):
        found = decode(data)
        assert list(found.channels) == ["A"]
        assert found.channels["A"].dtype == expected.dtype
        np.testing.assert_array_equal(found.channels["A"], matte)
        assert windows_of(found.header) == with_single_aspect(geometry)

    (data,) = encode(
        LayersStyle(names, compression), mattes, geometry, precision=precision
    ).values()
    found = decode(data)
    assert sorted(found.channels) == sorted(f"{name}.A" for name in names)
    for name, matte in zip(names, expected, strict=True):
        np.testing.assert_array_equal(found.channels[f"{name}.A"], matte)
    assert windows_of(found.header) == with_single_aspect(geometry)


def with_single_aspect(geometry: Geometry) -> Geometry:
    """The pixel aspect is a float32 on disk."""
    return Geometry(geometry.display, geometry.data, float(np.float32(geometry.pixel_aspect)))


@given(
    geometry=geometries(),
    parts=st.sampled_from([1, 2, 7, 40]),
    precision=st.sampled_from(["half", "float"]),
    compression=st.sampled_from(LOSSLESS),
    ranks=st.sampled_from([2, 6, 10]),
    seed=st.integers(0, 2**16),
)
@settings(deadline=None, max_examples=60)
def test_a_cryptomatte_comes_back_bit_for_bit(
    geometry: Geometry,
    parts: int,
    precision: str,
    compression: Compression,
    ranks: int,
    seed: int,
) -> None:
    mattes = soft_mattes(parts, geometry, seed)
    mattes[0] = 0  # a part that is absent
    names = [f"part_{index}" for index in range(parts)]
    style = CryptomatteStyle(names, compression, ranks=ranks)
    (data,) = encode(style, mattes, geometry, precision=precision).values()
    found = decode(data)
    assert sorted(found.channels) == sorted(
        f"CryptoPart{layer:02d}.{channel}" for layer in range(ranks // 2) for channel in "rgba"
    )
    assert {pixels.dtype for pixels in found.channels.values()} == {np.dtype(np.float32)}
    assert windows_of(found.header) == with_single_aspect(geometry)
    ids, coverages = planes(found.channels, ranks)
    assert (coverages.sum(axis=0, dtype=np.float64) <= 1).all()
    assert (np.diff(coverages, axis=0) <= 0).all()
    stored = ready_mattes(mattes, np.float16 if precision == "half" else np.float32)
    whole = stored.sum(axis=0, dtype=np.float64) <= 1
    whole &= np.count_nonzero(stored, axis=0) <= ranks
    for matte, number in zip(stored, name_ids(names), strict=True):
        mine = np.where(ids == np.float32(id_as_float(number)), coverages, 0).sum(axis=0)
        np.testing.assert_array_equal(mine[whole], matte[whole].astype(np.float32))


def planes(channels: dict[str, np.ndarray], ranks: int) -> tuple[np.ndarray, np.ndarray]:
    """IDs and coverages [R, H, W] of a file's channels."""
    pairs = [("r", "g"), ("b", "a")]
    names = [(f"CryptoPart{r // 2:02d}.", *pairs[r % 2]) for r in range(ranks)]
    ids = np.stack([channels[layer + number] for layer, number, _ in names])
    return ids, np.stack([channels[layer + coverage] for layer, _, coverage in names])


@pytest.mark.parametrize("kind", [PartsStyle, LayersStyle, CryptomatteStyle])
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES.keys())
def test_the_channel_list_is_the_same_where_parts_are_absent(
    kind: type[OutputStyle], geometry: Geometry
) -> None:
    style = kind(PARTS)
    full = soft_mattes(3, geometry)
    files = encode(style, full, geometry)
    some = full * np.array([1, 0, 0], np.float32)[:, None, None]
    for mattes in (some, full * 0):
        for member, data in encode(style, mattes, geometry).items():
            found = decode(data)
            assert list(found.channels) == list(decode(files[member]).channels)
            assert windows_of(found.header) == geometry


def test_all_styles_say_the_same_values() -> None:
    mattes = soft_mattes(3, PLAIN)
    alone = encode(PartsStyle(PARTS), mattes, PLAIN)
    layers = decode(encode(LayersStyle(PARTS), mattes, PLAIN)["layers"]).channels
    crypto = decode(encode(CryptomatteStyle(PARTS), mattes, PLAIN)["cryptomatte"]).channels
    ids, coverages = planes(crypto, 6)
    for part, number in zip(PARTS, name_ids(PARTS), strict=True):
        matte = decode(alone[part]).channels["A"]
        np.testing.assert_array_equal(matte, layers[f"{part}.A"])
        mine = np.where(ids == np.float32(id_as_float(number)), coverages, 0).sum(axis=0)
        np.testing.assert_array_equal(mine, matte)


def test_layers_as_rgba() -> None:
    mattes = soft_mattes(3, PLAIN)
    channels = decode(encode(LayersStyle(PARTS, rgba=True), mattes, PLAIN)["layers"]).channels
    assert set(channels) == {f"{part}.{suffix}" for part in PARTS for suffix in "RGBA"}
    for part, matte in zip(PARTS, ready_mattes(mattes, np.float16), strict=True):
        for suffix in "RGBA":
            np.testing.assert_array_equal(channels[f"{part}.{suffix}"], matte)


def test_layers_with_the_plate() -> None:
    geometry = GEOMETRIES["overscan"]
    plate = np.random.default_rng(0).normal(1, 4, (*geometry.data.shape, 3)).astype(np.float32)
    plate[0, 0] = [1e6, -1e6, 0]
    style = LayersStyle(PARTS, with_plate=True)
    mattes = soft_mattes(3, geometry)
    channels = decode(encode(style, mattes, geometry, plate=plate)["layers"]).channels
    assert set(channels) == {"R", "G", "B", *(f"{part}.A" for part in PARTS)}
    half = np.clip(plate, -65504, 65504).astype(np.float16)
    for index, name in enumerate("RGB"):
        np.testing.assert_array_equal(channels[name], half[..., index])
    with pytest.raises(MatteError, match="need the plate's pixels"):
        encode(style, mattes, geometry)
    with pytest.raises(MatteError, match=r"plate of frame 1001 .* expected \(53, 76, 3\)"):
        encode(style, mattes, geometry, plate=plate[1:])


def test_arrays_of_any_memory_layout_come_out_right() -> None:
    mattes = np.random.default_rng(1).random((52, 74, 6), np.float32).transpose(2, 1, 0)
    mattes = mattes[::2, ::-1, ::-1] / 4
    geometry = Geometry.of_size(52, 74)
    for matte, data in zip(
        mattes, encode(PartsStyle(PARTS), mattes, geometry).values(), strict=True
    ):
        np.testing.assert_array_equal(decode(data).channels["A"], matte.astype(np.float16))


FACTS = ShotMetadata(
    shot="SEQ_010",
    version=3,
    model="horse",
    model_hash="ab12",
    engine_version="0.1.0",
    settings_hash="00ff",
    source_plate="/plates/x.####.exr",
    job="j1",
    frames_per_second=23.976,
    owner="A Studio",
    comments="take 2",
)


@pytest.mark.parametrize("kind", [PartsStyle, LayersStyle, CryptomatteStyle])
def test_every_file_says_how_it_was_made(kind: type[OutputStyle]) -> None:
    code = TimeCode(1, 2, 3, 4, drop_frame=True, flags=1 << 15, user_data=0x12345678)
    names = {"left_eye": "left eye, main"}
    files = encode(kind(PARTS), soft_mattes(3, PLAIN), PLAIN, FACTS, time_code=code, names=names)
    for member, data in files.items():
        header = decode(data).header
        told = {key.removeprefix("smite/"): v for key, v in header.items() if "smite/" in key}
        about = (
            {"part": member, "partName": names.get(member, member)}
            if kind is PartsStyle
            else {"parts": json.dumps({part: names.get(part, part) for part in PARTS})}
        )
        assert told == {
            "shot": "SEQ_010",
            "version": "3",
            "model": "horse",
            "modelHash": "ab12",
            "engineVersion": "0.1.0",
            "settingsHash": "00ff",
            "sourcePlate": "/plates/x.####.exr",
            "job": "j1",
            "frame": "1001",
            **about,
        }
        assert header["framesPerSecond"] == Fraction(24000, 1001)
        assert header["owner"] == "A Studio"
        assert header["comments"] == "take 2"
        stored = header["timeCode"]
        assert (stored.hours, stored.minutes, stored.seconds, stored.frame) == (1, 2, 3, 4)
        assert stored.dropFrame
        assert stored.fieldPhase


@pytest.mark.parametrize("rate", [None, 0, -24.0, float("nan"), float("inf")])
def test_what_is_unknown_is_not_written(rate: float | None) -> None:
    facts = ShotMetadata(frames_per_second=rate)
    (data,) = encode(LayersStyle(PARTS), soft_mattes(3, PLAIN), PLAIN, facts).values()
    header = decode(data).header
    assert not {"timeCode", "framesPerSecond", "owner", "comments"} & set(header)
    assert [key for key in header if "smite" in key] == ["smite/frame", "smite/parts"]


def test_paths_of_other_bytes_do_not_stop_a_frame() -> None:
    facts = ShotMetadata(source_plate="/plates/caf\udce9.####.exr", comments="été\n2")
    (data,) = encode(LayersStyle(PARTS), soft_mattes(3, PLAIN), PLAIN, facts).values()
    header = decode(data).header
    assert header["smite/sourcePlate"] == "/plates/caf?.####.exr"
    assert header["comments"] == "été\n2"


def test_settings_have_one_hash_in_any_order() -> None:
    assert settings_hash({"a": 1, "b": {"c": 2.5, "d": None}}) == settings_hash(
        {"b": {"d": None, "c": 2.5}, "a": 1}
    )
    assert settings_hash({"a": 1}) != settings_hash({"a": 2})
    assert len(settings_hash({})) == 16


@pytest.mark.parametrize("compression", list(Compression), ids=lambda found: found.value)
def test_files_are_packed_as_asked(compression: Compression) -> None:
    (data,) = encode(LayersStyle(PARTS, compression), soft_mattes(3, PLAIN), PLAIN).values()
    code = getattr(OpenEXR, f"{compression.name}_COMPRESSION")
    assert decode(data).header["compression"] == code


def test_dwaa_loses_in_rgb_and_keeps_alpha() -> None:
    mattes = soft_mattes(3, PLAIN)
    style = LayersStyle(PARTS, Compression.DWAA, rgba=True)
    channels = decode(encode(style, mattes, PLAIN)["layers"]).channels
    half = ready_mattes(mattes, np.float16)
    np.testing.assert_array_equal(channels["mane.A"], half[1])
    assert not np.array_equal(channels["mane.R"], half[1])


def test_unicode_parts_in_a_cryptomatte() -> None:
    parts = ["左目", "left eye.001", 'a "quoted" name', "ö"]
    (data,) = encode(CryptomatteStyle(parts), soft_mattes(4, PLAIN), PLAIN).values()
    header = decode(data).header
    (key,) = [name for name in header if name.endswith("/manifest")]
    assert list(json.loads(header[key])) == parts


REFUSED = {
    "no part": (lambda: PartsStyle([]), "without parts"),
    "a part twice": (lambda: PartsStyle(["a", "b", "a"]), "'a' is named twice"),
    "a layer with a dot": (lambda: LayersStyle(["left.eye"]), "'left.eye' cannot be .* slug"),
    "a layer with a space": (lambda: LayersStyle(["left eye"]), "cannot be the name of a layer"),
    "a layer in another script": (lambda: LayersStyle(["左目"]), "cannot be the name of a layer"),
    "a layer that hosts have": (lambda: LayersStyle(["RGBA"]), "hosts have already"),
    "a word of channel menus": (lambda: LayersStyle(["all"]), "hosts have already"),
    "too many channels": (
        lambda: LayersStyle([f"p{i}" for i in range(256)], rgba=True),
        "256 layers have 1024 channels, and hosts list 1023",
    ),
    "lossy cryptomatte": (
        lambda: CryptomatteStyle(PARTS, Compression.DWAA),
        "cannot be written with dwaa, which changes IDs; use zip, zips or piz",
    ),
    "odd ranks": (lambda: CryptomatteStyle(PARTS, ranks=5), "5 ranks; give an even number"),
    "no ranks": (lambda: CryptomatteStyle(PARTS, ranks=0), "0 ranks"),
    "a type that is no name": (
        lambda: CryptomatteStyle(PARTS, type_name="0bject"),
        "type '0bject' cannot",
    ),
    "unknown style": (
        lambda: make_style("movie", PARTS),
        "no output style 'movie'; use parts, l",
    ),
    "unknown compression": (lambda: Compression.named("b44"), "no compression 'b44'; use zip"),
    "no style": (lambda: MatteEncoder([], ShotMetadata()), "no output style; give one"),
    "a style twice": (
        lambda: MatteEncoder([PartsStyle(PARTS), PartsStyle(PARTS)], ShotMetadata()),
        "named twice",
    ),
    "styles of other parts": (
        lambda: MatteEncoder([PartsStyle(PARTS), LayersStyle(PARTS[:2])], ShotMetadata()),
        "need the same parts",
    ),
    "unknown precision": (
        lambda: MatteEncoder([PartsStyle(PARTS)], ShotMetadata(), precision="double"),
        "no precision 'double'; use half or float",
    ),
    "a wrong shape": (
        lambda: encode(PartsStyle(PARTS), soft_mattes(2, PLAIN), PLAIN),
        r"frame 1001 have shape \(2, 48, 64\); expected \(3, 48, 64\)",
    ),
    "no channel": (lambda: encode_exr({}, PLAIN, {}), "needs a channel"),
    "whole numbers": (
        lambda: encode_exr({"A": np.zeros((48, 64), np.uint8)}, PLAIN, {}),
        "Channel A is uint8; give float16 or float32",
    ),
    "another size": (
        lambda: encode_exr({"A": np.zeros((48, 63), np.float32)}, PLAIN, {}),
        r"Channel A has shape \(48, 63\); expected \(48, 64\)",
    ),
    "a window as attribute": (
        lambda: encode_exr({"A": np.zeros((48, 64), np.float32)}, PLAIN, {"dataWindow": 1}),
        "dataWindow comes from the plate",
    ),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(call: object, sentence: str) -> None:
    with pytest.raises(MatteError, match=sentence):
        call()  # type: ignore[operator]


def test_shapes_are_refused_before_the_first_file() -> None:
    encoder = MatteEncoder([PartsStyle(PARTS)], ShotMetadata())
    with pytest.raises(MatteError, match="expected"):
        encoder.encode(MatteFrame(1, soft_mattes(2, PLAIN), PLAIN))
