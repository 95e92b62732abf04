"""Reference folders: both layouts, picking and merging, and every way to get them wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smite_server.colour import ToDisplay
from smite_server.geometry import Geometry, Window
from smite_server.pixel_errors import ReferencesError
from smite_server.references import read_references
from tests.server.pixel_files import picture, shared, write_exr, write_picture, write_rgb_exr

NAMES = {"0": "background", "1": "left eye", "2": "mouth", "3": "hair", "9": "hat"}


def write_mask(path: Path, values: np.ndarray, mode: str = "L") -> Path:
    image = Image.fromarray(values.astype(np.uint8))
    if mode == "P":
        image.putpalette([255, 0, 255] * 256)
    elif mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16))
    elif mode != "L":
        image = image.convert(mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def blocks(*values: int, height: int = 24, width: int = 40) -> np.ndarray:
    """A mask with one column block per value."""
    return np.repeat(np.array(values), width // len(values))[None].repeat(height, axis=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two stills: one with eye and mouth, one with mouth and hair."""
    for stem, values in {"a": (0, 1, 2, 0), "b": (2, 3, 3, 0)}.items():
        (tmp_path / "images").mkdir(exist_ok=True)
        write_picture(tmp_path / "images" / f"{stem}.png", (picture() * 255).astype(np.uint8))
        write_mask(tmp_path / "masks" / f"{stem}.png", blocks(*values))
    (tmp_path / "labels.json").write_text(json.dumps(NAMES))
    return tmp_path


def test_label_maps_become_numbered_parts(folder: Path) -> None:
    references, parts = read_references(folder)
    assert parts == ["left eye", "mouth", "hair"]
    assert [reference.name for reference in references] == ["a", "b"]
    np.testing.assert_array_equal(references[0].labels, blocks(0, 1, 2, 0))
    np.testing.assert_array_equal(references[1].labels, blocks(2, 3, 3, 0))
    assert references[0].labels.dtype == np.uint8
    np.testing.assert_allclose(references[0].image, picture(), atol=1 / 255)


def test_parts_pick_and_order(folder: Path) -> None:
    notes: list[str] = []
    references, parts = read_references(folder, parts=["hair", "Left_Eye"], notes=notes)
    assert parts == ["hair", "left eye"]
    np.testing.assert_array_equal(references[0].labels, blocks(0, 2, 0, 0))
    np.testing.assert_array_equal(references[1].labels, blocks(0, 1, 1, 0))
    only, _ = read_references(folder, parts=["hair"], notes=notes)
    assert [reference.name for reference in only] == ["b"]
    assert notes == ["a.png shows none of the parts and is left out"]


def test_groups_merge(folder: Path) -> None:
    groups = [("face", ("mouth", "left eye"))]
    references, parts = read_references(folder, groups=groups)
    assert parts == ["face", "hair"]
    np.testing.assert_array_equal(references[0].labels, blocks(0, 1, 1, 0))
    references, parts = read_references(folder, groups=groups, parts=["hair", "face"])
    assert parts == ["hair", "face"]
    np.testing.assert_array_equal(references[1].labels, blocks(2, 1, 1, 0))


def test_a_group_takes_in_the_part_it_is_named_after(folder: Path) -> None:
    references, parts = read_references(folder, groups=[("hair", ("mouth",))])
    assert parts == ["left eye", "hair"]
    np.testing.assert_array_equal(references[1].labels, blocks(2, 2, 2, 0))


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA", "LA", "I;16"])
def test_masks_of_any_picture_mode(folder: Path, mode: str) -> None:
    write_mask(folder / "masks" / "a.png", blocks(0, 1, 2, 0), mode)
    references, _ = read_references(folder)
    np.testing.assert_array_equal(references[0].labels, blocks(0, 1, 2, 0))


def test_stills_without_masks_are_left_out_with_a_note(folder: Path) -> None:
    write_picture(folder / "images" / "c.png", (picture() * 255).astype(np.uint8))
    notes: list[str] = []
    references, _ = read_references(folder, notes=notes)
    assert len(references) == 2
    assert notes == ["1 still without a mask left out (c)"]


def matte_folder(folder: Path) -> Path:
    """`still.exr` in ACEScg with two soft mattes, `other.exr` with one of them."""
    acescg = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
    geometry = Geometry(Window(0, 0, 40, 24), Window(-4, 0, 40, 24))
    for stem in ("still", "other"):
        write_rgb_exr(folder / f"{stem}.exr", picture(24, 44), geometry, chromaticities=acescg)
    eye = np.zeros((24, 40), np.float16)
    eye[:, :10], eye[:, 10:20] = 1.0, 0.4
    mouth = np.zeros((24, 40), np.float16)
    mouth[:, 10:20], mouth[:, 20:30] = 0.35, 0.6
    write_exr(folder / "still.left_eye.exr", {"A": eye})
    write_exr(folder / "still.mouth.exr", {"A": mouth})
    small = Geometry(Window(0, 0, 40, 24), Window(30, 10, 36, 20))  # a host's cropped matte
    write_exr(folder / "other.mouth.exr", {"A": np.ones((10, 6), np.float16)}, small)
    return folder


def test_mattes_per_part(tmp_path: Path) -> None:
    references, parts = read_references(matte_folder(tmp_path))
    assert parts == ["left_eye", "mouth"]
    by_name = {reference.name: reference for reference in references}
    labels = by_name["still"].labels
    assert labels.shape == (24, 44)  # the still's data window begins at -4
    expected = [0] * 4 + [1] * 10 + [1] * 10 + [2] * 10 + [0] * 10
    assert labels[0].tolist() == expected
    other = by_name["other"].labels
    assert (other[10:20, 34:40] == 2).all()
    assert np.count_nonzero(other) == 60


def test_linear_stills_are_colour_managed(tmp_path: Path) -> None:
    references, _ = read_references(matte_folder(tmp_path))
    shown = ToDisplay("ACEScg").apply(picture(24, 44))
    np.testing.assert_allclose(references[0].image, shown, atol=6e-3)
    told, _ = read_references(tmp_path, colour_space="Linear Rec.2020")
    assert np.abs(told[0].image - shown).max() > 0.02


def test_anamorphic_stills_are_widened_with_their_masks(tmp_path: Path) -> None:
    geometry = Geometry(*[Window(0, 0, 40, 24)] * 2, 2.0)
    write_rgb_exr(tmp_path / "s.exr", picture(), geometry)
    write_exr(tmp_path / "s.eye.exr", {"A": (blocks(0, 1) * 1.0).astype(np.float16)}, geometry)
    references, _ = read_references(tmp_path)
    assert references[0].image.shape == (24, 80, 3)
    np.testing.assert_array_equal(references[0].labels, blocks(0, 1, width=80))


def test_alpha_says_the_matte_unless_it_says_nothing(tmp_path: Path) -> None:
    write_rgb_exr(tmp_path / "s.exr", picture())
    half = blocks(0, 1).astype(np.float16)
    ones = np.ones_like(half)
    write_exr(tmp_path / "s.alpha.exr", {"R": ones, "G": ones, "B": ones, "A": half})
    rgba = np.dstack([blocks(1, 0) * 255] * 3 + [blocks(1, 1) * 255]).astype(np.uint8)
    write_picture(tmp_path / "s.colour.png", rgba)
    references, parts = read_references(tmp_path)
    assert parts == ["alpha", "colour"]
    np.testing.assert_array_equal(references[0].labels, blocks(2, 1))


def text(path: str, content: str) -> Callable[[Path], None]:
    return lambda folder: folder.joinpath(path).write_text(content) and None


def mask_a(values: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: write_mask(folder / "masks" / "a.png", values) and None


def colour_mask(folder: Path) -> None:
    rgb = np.dstack([blocks(1, 2), blocks(2, 1), blocks(1, 1)]).astype(np.uint8)
    write_picture(folder / "masks" / "a.png", rgb)


def no_stills(folder: Path) -> None:
    shutil.rmtree(folder / "images")
    (folder / "images").mkdir()


def one_stem_twice(folder: Path) -> None:
    write_picture(folder / "images" / "a.jpg", (picture() * 255).astype(np.uint8))


SPOILED: dict[str, Callable[[Path], None]] = {
    "size": mask_a(blocks(0, 1, height=12, width=20)),
    "empty mask": mask_a(blocks(0, 0)),
    "unnamed value": mask_a(blocks(1, 7)),
    "colour mask": colour_mask,
    "mask is text": text("masks/a.png", "hello"),
    "still is text": text("images/a.png", "hello"),
    "no labels": lambda folder: (folder / "labels.json").unlink(),
    "broken labels": text("labels.json", "{1: 'eye'}"),
    "labels of another shape": text("labels.json", '{"eye": 1}'),
    "no masks": lambda folder: shutil.rmtree(folder / "masks"),
    "no stills": no_stills,
    "two stills of one stem": one_stem_twice,
}
OPTIONS: dict[str, dict[str, object]] = {
    "unknown part": {"parts": ["mouth", "tail"]},
    "unpainted part": {"parts": ["mouth", "hat"]},
    "part twice": {"parts": ["mouth", "Mouth"]},
    "unknown member": {"groups": [("face", ("tail",))]},
    "empty group": {"groups": [("face", ())]},
    "two groups": {"groups": [("x", ("mouth",)), ("y", ("mouth", "hair"))]},
    "merged part": {"groups": [("face", ("mouth",))], "parts": ["mouth"]},
}
MISTAKES = {
    "size": r"mask is 20x12 but its still a\.png is 40x24: .*masks/a\.png; paint it at the size",
    "empty mask": r"Nothing is painted in the mask of a\.png: .*; paint at least one part",
    "unnamed value": r"A mask has the value 7, which labels\.json does not name: .*a\.png",
    "colour mask": r"A mask cannot be read \(it is a RGB picture, not one number per pixel\)",
    "mask is text": r"A mask cannot be read \(not a picture\): .*masks/a\.png",
    "still is text": r"A still cannot be read \(.+\): .*images/a\.png",
    "no labels": r"The references have no labels\.json: .*; write one, as",
    "broken labels": r"labels\.json cannot be used: it is no JSON",
    "labels of another shape": r"it must map values to names.* not 'eye' to 1",
    "no masks": r"No still has a mask: .*; masks/ holds one label map per still",
    "no stills": r"There are no stills in images/",
    "two stills of one stem": r"a\.jpg and a\.png have the same stem",
    "unknown part": r"There is no part 'tail' in the references: .*; there are left eye, mouth",
    "unpainted part": r"The part 'hat' is painted in no reference: .*; painted are left eye, m",
    "part twice": r"The part 'mouth' is named twice",
    "unknown member": r"There is no part 'tail'",
    "empty group": r"The group 'face' is empty",
    "two groups": r"The part 'mouth' is in two groups, 'x' and 'y'",
    "merged part": r"The part 'mouth' is already merged into the group 'face'",
}


@pytest.mark.parametrize(("kind", "sentence"), MISTAKES.items(), ids=MISTAKES.keys())
def test_mistakes_get_one_sentence(folder: Path, kind: str, sentence: str) -> None:
    SPOILED.get(kind, lambda folder: None)(folder)
    with pytest.raises(ReferencesError, match=sentence):
        read_references(folder, **OPTIONS.get(kind, {}))


def test_folders_without_references(tmp_path: Path) -> None:
    with pytest.raises(ReferencesError, match=r"folder does not exist: .*nowhere"):
        read_references(tmp_path / "nowhere")
    with pytest.raises(ReferencesError, match=r"no references: .*; give images/, masks/ and"):
        read_references(tmp_path)
    write_rgb_exr(tmp_path / "still.exr", picture())
    with pytest.raises(ReferencesError, match="No still has a mask"):
        read_references(tmp_path)


def test_a_matte_of_another_size(tmp_path: Path) -> None:
    matte_folder(tmp_path)
    write_exr(tmp_path / "still.mouth.exr", {"A": np.ones((10, 10), np.float16)})
    with pytest.raises(ReferencesError, match=r"still\.mouth\.exr: it is 10x10, not 40x24"):
        read_references(tmp_path)


def some_of(source: Path, target: Path, count: int) -> Path:
    """The first `count` stills of a set, with their masks and one still more without."""
    masks = sorted((source / "masks").iterdir())
    for mask in masks[:count]:
        for kind, path in (("masks", mask), ("images", source / "images" / f"{mask.stem}.jpg")):
            (target / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target / kind / path.name)
    shutil.copy(source / "images" / f"{masks[count].stem}.jpg", target / "images")
    shutil.copy(source / "labels.json", target)
    return target


@pytest.mark.parametrize(
    ("stills", "parts", "painted"),
    [
        ("ccp", ["hair", "skin"], 0.02),
        ("carparts", ["wheel", "hood"], 0.02),
        ("celebamask", ["hair", "nose", "left_eye"], 0.1),
    ],
)
def test_real_stills(tmp_path: Path, stills: str, parts: list[str], painted: float) -> None:
    folder = some_of(shared("stills", stills), tmp_path, 4)
    notes: list[str] = []
    references, names = read_references(folder, parts=parts, notes=notes)
    assert names == parts
    assert 1 <= len(references) <= 4
    assert any("without a mask left out" in note for note in notes)
    for reference in references:
        assert reference.image.shape[:2] == reference.labels.shape
        assert reference.labels.max() <= len(parts)
    assert np.mean([(r.labels > 0).mean() for r in references]) > painted
