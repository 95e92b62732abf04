"""The pure parts of the benchmarks: tables, rows on disk, shares, drawing of stills, transfer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import ablation, footage, options, quality, tables, transfer
from benchmarks.footage import Material, Picture
from benchmarks.rows import Rows, key_of, read_share, share_of
from benchmarks.runs import mean_of_pictures, scored
from smite_engine import FrameMaps, LearnSettings, Reference, SegmentSettings
from smite_engine.evaluate import Evaluator
from smite_engine.sizing import working_size


def row(name: str, method: str, iou: float, seed: int = 0, **more: Any) -> dict[str, Any]:
    about = {"row": name, "method": method, "seed": seed, "references": 1, "miou_foreground": iou}
    made = {"at": "2025-01-01T00:00:00", "backbone": "new", "engine": "e", "flicker": 0.01}
    return {**about, **made, "pictures": 40, **more}


def cells(table: str, first: str) -> list[str]:
    """The cells of the table's line that begins with a name."""
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def cell(table: str, first: str, head: str) -> str:
    """One cell, by the names of its line and of its column in the line's own table."""
    block = next(part for part in table.split("\n\n") if f"\n| {first} |" in part)
    heads = [text.strip() for text in block.splitlines()[0].strip("|").split("|")]
    return cells(block, first)[heads.index(head)]


def test_a_figure_is_the_mean_over_seeds_with_its_standard_deviation() -> None:
    assert tables.figure([0.5, 0.6, 0.7]) == "0.60 ± 0.10"
    assert tables.figure([0.5]) == "0.50"
    assert tables.figure([None, 0.25], 3) == "0.250"
    assert tables.figure([]) == tables.NOTHING


def test_a_clip_has_its_baselines_beside_it_and_says_which_one_it_does_not_beat() -> None:
    seeds = enumerate((0.5, 0.7))
    rows = [row("davis/goat", "smite", iou, seed, trained_on="yes") for seed, iou in seeds]
    rows += [row("davis/goat", "colours", 0.65), row("davis/goat", "latents", 0.1)]
    table = tables.quality_tables(rows)
    assert cell(table, "davis/goat", "IoU") == "0.60 ± 0.14"
    assert cell(table, "davis/goat", "RGB") == "0.65"
    assert cell(table, "davis/goat", "queries") == tables.NOTHING
    assert cell(table, "davis/goat", "beats all") == "no: RGB"
    assert cell(table, "davis/goat", "trained on") == "yes"


def test_the_mean_over_clips_has_the_spread_of_the_mean() -> None:
    rows = [row("davis/goat", "smite", iou, seed) for seed, iou in enumerate((0.2, 0.4))]
    rows += [row("davis/libby", "smite", iou, seed) for seed, iou in enumerate((0.8, 0.6))]
    rows += [row("pumavos/chair", "smite", 0.0, seed) for seed in (0, 1)]
    assert cell(tables.quality_tables(rows), "**mean of 2 DAVIS clips**", "IoU") == (
        "**0.50 ± 0.00**"
    )


def test_a_mean_over_rows_needs_every_row_and_takes_the_seeds_they_share() -> None:
    one = {0: row("a", "smite", 0.2), 1: row("a", "smite", 0.4)}
    other = {1: row("b", "smite", 0.6)}
    assert tables.mean_over([one, other], "miou_foreground") == pytest.approx([0.5])
    assert tables.mean_over([one, None], "miou_foreground") == []


def test_the_table_is_of_the_last_weights_and_the_last_measurement() -> None:
    rows = [
        row("davis/goat", "smite", 0.9, backbone="old", at="2024-01-01T00:00:00"),
        row("davis/goat", "smite", 0.3, at="2025-01-02T00:00:00", engine="f"),
        row("davis/goat", "smite", 0.2, at="2025-01-01T00:00:00"),
        row("davis/libby", "smite", 0.5),
    ]
    table = tables.quality_tables(rows)
    assert cell(table, "davis/goat", "IoU") == "0.30"
    assert "made by 2 versions" in table


def test_a_table_without_rows_says_so() -> None:
    assert tables.quality_tables([]) == tables.ablation_tables([]) == "Nothing is measured yet."


def test_the_ablation_has_a_line_for_each_configuration_and_holds_standard_against_paper() -> None:
    figures = {"one pass": (0.5, 0.03), "both": (0.6, 0.02), "standard": (0.6, 0.02)}
    figures["paper"] = (0.605, 0.016)
    rows = [
        row("demo", method, iou, flicker=flicker, passes_per_frame=20.0)
        for method, (iou, flicker) in figures.items()
    ]
    rows.append(row("davis/libby", "both", 0.4, flicker=0.04, passes_per_frame=30.0))
    rows.append(row("stills/ccp", "both", 0.7, flicker=None, references=5))
    table = tables.ablation_tables(rows)
    assert cell(table, "both", "demo") == "0.600 / 0.0200"
    assert cell(table, "both", "mean") == "0.500 / 0.0300"
    assert cell(table, "both", "UNet passes per frame") == "25.0"
    assert cell(table, "paper", "mean") == f"{tables.NOTHING} / {tables.NOTHING}"
    assert cell(table, "demo", "points") == "-0.5"
    assert cell(table, "demo", "ratio") == "1.25"
    assert cells(table.split("\n\n")[2], "both") == ["both", "0.700"]


def test_rows_are_added_in_place_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "results" / "quality.json"
    about = {"row": "demo", "method": "smite", "seed": 0, "references": 4, "segmenting": {"a": 1}}
    rows = Rows(path)
    rows.add(about, {"miou": 0.1})
    rows.add({**about, "seed": 1}, {"miou": 0.2})
    rows.add(about, {"miou": 0.3})
    assert [found["miou"] for found in Rows(path).all()] == [0.3, 0.2]
    assert rows.has(about)
    assert not rows.has({**about, "segmenting": {"a": 2}})
    assert json.loads(path.read_text(encoding="utf-8"))["rows"][0]["key"] == key_of(about)


def test_a_second_process_keeps_what_the_first_has_added(tmp_path: Path) -> None:
    one, other = Rows(tmp_path / "a.json"), Rows(tmp_path / "a.json")
    for index, rows in enumerate((one, other, one)):
        rows.add({"row": "demo", "method": "smite", "seed": index, "references": 4}, {})
    assert [found["seed"] for found in other.all()] == [0, 1, 2]


def test_shares_are_disjoint_and_whole() -> None:
    items = list(range(11))
    shares = [share_of(items, read_share(f"{part}/3")) for part in (1, 2, 3)]
    assert sorted(item for share in shares for item in share) == items
    assert [len(share) for share in shares] == [4, 4, 3]
    for text in ("0/2", "3/2", "2"):
        with pytest.raises(ValueError):
            read_share(text)


def test_every_row_comes_with_each_of_its_reference_counts_and_seeds() -> None:
    parsed = quality.read_options(["--seeds", "0", "1", "--only", "stills/ccp", "demo"])
    found = options.units(quality.ROWS, parsed)
    assert [(unit.row, unit.references) for unit in found if unit.seed == 1] == [
        ("stills/ccp", 1), ("stills/ccp", 5), ("stills/ccp", 10), ("demo", 4),
    ]  # fmt: skip
    assert {unit.pictures for unit in found} == {20, 40}
    assert len(options.units(quality.ROWS, quality.read_options([]))) == 3 * (12 + 3 * 3)


def test_an_unknown_row_is_named() -> None:
    with pytest.raises(SystemExit, match="There is no row davis/cow"):
        options.units(quality.ROWS, argparse.Namespace(only=["davis/cow"]))


def test_baselines_that_do_not_depend_on_the_seed_are_measured_once() -> None:
    def methods(row: str, seed: int) -> set[str]:
        unit = options.Unit(row, 1, seed, 12)
        return set(quality.methods_of(unit, quality.METHODS, 0))

    assert methods("davis/goat", 0) == set(quality.METHODS)
    assert methods("davis/goat", 1) == {"smite", "queries", "untrained-queries"}
    assert methods("stills/ccp", 1) == set(quality.METHODS) - {"copied", "untrained"}


def test_ablation_names_clips_that_quality_measures_too() -> None:
    assert set(ablation.ROWS) <= set(quality.ROWS)
    assert len(ablation.CLIPS) == 5
    assert set(ablation.CONFIGURATIONS) == set(tables.ORDER)


@pytest.mark.parametrize("name", ablation.CONFIGURATIONS)
def test_a_configuration_is_made_of_settings_that_the_engine_knows(name: str) -> None:
    chosen = ablation.CONFIGURATIONS[name]
    LearnSettings.from_dict(chosen.learning)
    SegmentSettings.from_dict(chosen.segmenting)


def test_fewer_references_are_the_first_of_more_and_none_is_tested_on() -> None:
    stems = [f"{number:03}" for number in range(60)]
    complete = stems[40:]
    references, tests = footage.draw_stills(stems, complete, "ccp 0")
    assert len(references) == footage.MOST_REFERENCES
    assert references[0] in complete
    assert sorted([*references, *tests]) == stems
    assert footage.draw_stills(reversed(stems), complete, "ccp 0") == (references, tests)
    assert footage.draw_stills(stems, complete, "ccp 1") != (references, tests)


def test_stills_that_were_trained_on_are_not_drawn() -> None:
    manifest = {"sources": [{"name": "ccp", "held_out": ["0001", "0003", "0722"]}]}
    stems = ["0001", "0002", "0003", "0722"]
    assert footage.candidates("ccp", stems, manifest) == ["0001", "0003"]
    assert footage.candidates("carparts", stems, manifest) == ["0001", "0002", "0003"]


def test_the_manifest_says_which_clips_were_trained_on() -> None:
    manifest = {"sources": [{"name": "davis", "clips": ["goat"]}, {"name": "ccp", "held_out": []}]}
    said = {
        name: footage.was_trained_on(name, manifest)
        for name in ("davis/goat", "davis/libby", "pumavos/chair", "demo", "stills/ccp")
    }
    assert list(said.values()) == ["yes", "no", "no", "no", "other photos"]


def test_merged_parts_take_every_label_that_is_named_in_them() -> None:
    names = {0: "null", 4: "left_eye", 5: "right_eye", 9: "hair", 11: "hat"}
    table = footage.merged_table(names, {"eyes": ("left_eye", "right_eye"), "hair": ("hair",)})
    assert table == {4: 1, 5: 1, 9: 2}


def test_the_sets_have_the_parts_that_the_tables_are_about() -> None:
    assert {name: len(parts) for name, parts in footage.STILLS.items()} == {
        "ccp": 6, "celebamask": 7, "carparts": 6,
    }  # fmt: skip
    for parts in footage.STILLS.values():
        merged = [name for names in parts.values() for name in names]
        assert len(merged) == len(set(merged))


def test_a_cell_takes_the_label_of_the_reference_cell_in_its_direction() -> None:
    references = torch.tensor([[5.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    target = torch.tensor([[0.1, 2.0], [1.0, 0.2], [-3.0, -2.0], [0.01, 0.0]])
    found = transfer.nearest_labels(target, references, torch.tensor([7, 0, 3]))
    assert found.tolist() == [0, 7, 3, 7]


def test_a_cell_has_the_label_with_the_largest_share() -> None:
    labels = np.zeros((128, 128), np.uint8)
    labels[:, 64:] = 2
    labels[:5, :8] = 1
    labels[64:67, :8] = 1
    reference = Reference(np.zeros((128, 128, 3), np.float32), labels, "still")
    cells = transfer.cell_labels(reference, 2, working_size(128, 128, 128 * 128))
    assert cells.shape == (16, 16)
    assert cells[0, 0] == 1
    assert cells[8, 0] == 0
    assert (cells[:, 8:] == 2).all()
    assert int((cells == 1).sum()) == 1


def test_frames_without_truth_are_segmented_and_not_scored() -> None:
    half = np.zeros((32, 32), np.uint8)
    half[:, :16] = 1
    grey = np.full((32, 32, 3), 0.5, np.float32)
    pictures = (Picture(0, grey, None), Picture(1, grey, half), Picture(2, grey, half))
    material = Material("davis/goat", ("object",), (), pictures, moving=True)
    left = np.stack([half == 0, half == 1]).astype(np.float32)
    maps = [FrameMaps(0, left[::-1].copy(), 1.0), FrameMaps(1, left, 1.0), FrameMaps(2, left, 1.0)]
    found = scored(material, maps)
    assert found["frames"] == 2
    assert found["miou_foreground"] == found["subject_iou"] == found["f_measure"] == 1.0
    assert found["flicker"] == 0.0


def test_a_frame_that_gets_no_maps_is_an_error() -> None:
    pictures = tuple(
        Picture(number, np.zeros((16, 16, 3), np.float32), None) for number in range(2)
    )
    material = Material("davis/goat", ("object",), (), pictures, moving=True)
    with pytest.raises(ValueError):
        scored(material, [FrameMaps(0, np.ones((2, 16, 16), np.float32), 1.0)])


def test_pictures_of_one_size_score_as_one_evaluator_over_all_of_them_does() -> None:
    random = np.random.default_rng(0)
    together, apart = Evaluator(["a", "b"]), []
    for index in range(3):
        truth = random.integers(0, 3 if index else 2, (40, 50)).astype(np.uint8)
        guess = np.where(random.random(truth.shape) < 0.7, truth, 0).astype(np.uint8)
        together.add(guess, truth)
        apart.append(Evaluator(["a", "b"]))
        apart[-1].add(guess, truth)
    expected, found = together.result(), mean_of_pictures(apart)
    for name in ("miou_foreground", "miou", "f_measure", "frames"):
        assert found[name] == pytest.approx(expected[name])
