"""From a plate to its review: the real command, engine, report, page and preview."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smite_server.movies import MoviePlate
from tests.support.browser import Page
from tests.support.command import FAST, Smite


@pytest.fixture(scope="module")
def segmented(
    served: Smite, learned: Path, stage: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, object]:
    """What `segment --json` printed of the small plate."""
    out = tmp_path_factory.mktemp("reviewed")
    plate = stage / "plate" / "cart.####.png"
    return served.json(
        "segment", plate, "--model", "cart", "--out", out, *FAST, "--style", "parts,layers"
    )


def test_every_part_has_figures_in_every_frame(segmented: dict[str, object]) -> None:
    report = json.loads(Path(str(segmented["report"])).read_text(encoding="utf-8"))
    assert report["report"] == 2
    frames = report["frames"]
    assert [frame["number"] for frame in frames] == [1001, 1002, 1003, 1004]
    for frame in frames:
        assert list(frame["parts"]) == ["body", "left_wheel"]
        for figures in frame["parts"].values():
            assert set(figures) == {"area", "confidence", "flicker", "edge_motion", "new_piece"}
            assert 0 <= figures["area"] <= 1
    assert frames[0]["parts"]["body"]["flicker"] is None
    assert frames[0]["flicker"] is None
    assert any(frame["parts"]["body"]["edge_motion"] is not None for frame in frames[1:])
    assert segmented["to_look_at"] == len(report["markers"])


def test_the_page_names_the_shot_and_its_parts(segmented: dict[str, object]) -> None:
    page = Page(Path(str(segmented["review"])).read_text(encoding="utf-8"))
    (heading,) = [each for each in page.elements if each.name == "h1"]
    assert heading.text == "cart v001"
    summaries = [each.text for each in page.elements if each.name == "summary"]
    assert [text.startswith(name) for text, name in zip(summaries, ("body", "left wheel"),
                                                        strict=True)] == [True, True]  # fmt: skip


def test_review_and_preview_find_the_shot(
    served: Smite, segmented: dict[str, object], tmp_path: Path
) -> None:
    folder = Path(str(segmented["report"])).parent
    found = served.json("review", folder)
    assert found["report"] == segmented["report"]
    assert found["page"] == segmented["review"]
    movie = served.json("preview", folder, "--movie", tmp_path / "cart.mp4", "--width", "96")
    assert movie["frames"] == 4
    assert movie["remarks"] == []
    with MoviePlate(tmp_path / "cart.mp4", None, "fail") as shown:
        assert len(shown.numbers) == 4


def test_a_review_comes_back_over_the_wire(
    blind: Smite, segmented: dict[str, object], stage: Path, tmp_path: Path
) -> None:
    plate = stage / "plate" / "cart.####.png"
    found = blind.json("segment", plate, "--model", "cart", "--out", tmp_path, *FAST,
                       "--frames", "1001-1002")  # fmt: skip
    page = Path(str(found["review"]))
    assert page == tmp_path / "cart" / "cart_smite_v001.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert blind.json("review", tmp_path / "cart")["page"] == str(page)
    movie = blind.json("preview", tmp_path / "cart", "--plate", plate)
    assert movie["frames"] == 2
    assert movie["remarks"] == []
