"""The review page: one file, whatever the shot, and its pictures in bounded memory."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smite_server.report import Report
from smite_server.report_frames import FrameReport, PartReport
from smite_server.review import Review, review_of
from smite_server.review_page import CARDS, review_page
from smite_server.review_pictures import KEPT, ReviewPictures
from tests.support.browser import Page, page_of

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)> & {{ 7*7 }}'
PARTS = {"hull": "the hull", "fins": EVIL}


def frame(number: int, flicker: float = 0.05) -> FrameReport:
    figures = PartReport(0.05, 0.9, flicker, 0.5)
    return FrameReport(number, 0.9, flicker, parts={"hull": figures, "fins": figures})


def plate(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((54, 96, 3)).astype(np.float32)


def mattes() -> np.ndarray:
    found = np.zeros((2, 108, 192), np.float32)
    found[0, 20:60, 30:80] = 1.0
    return found


def reviewed(frames: list[FrameReport]) -> tuple[Report, Review]:
    pictures = ReviewPictures()
    for each in frames:
        pictures.add(each.number, each.flicker or 0.0, plate(each.number), mattes())
    report = Report(
        EVIL[:20],
        3,
        PARTS,
        settings={"quality": "draft", "comment": EVIL, "seed": 0, "nothing": None},
        styles={"parts": {"hull": f"/out/{EVIL}.####.exr"}},
        plate={"path": "p.####.exr", "width": 1920, "height": 1080},
        frames=frames,
    )
    return report, review_of(frames, PARTS, 1920, pictures)


def page(frames: list[FrameReport]) -> str:
    report, review = reviewed(frames)
    return review_page(report.as_dict(seconds=12.5), review)


class Resources(HTMLParser):
    """Elements, and whatever an element would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.handlers: list[str] = []
        self.policy = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.fetched += [given[name] or "" for name in ("src", "srcset", "data") if name in given]
        if tag in ("link", "use", "image"):
            self.fetched.append(given.get("href") or "")
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""


def test_it_needs_nothing_else_and_runs_nothing() -> None:
    html = page([frame(1001 + index, 0.6 if index == 9 else 0.05) for index in range(20)])
    found = Resources(html)
    assert not {"script", "iframe", "object", "embed", "link", "form"} & set(found.tags)
    assert found.fetched
    assert all(address.startswith("data:image/jpeg;base64,") for address in found.fetched)
    assert found.handlers == []
    assert found.policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in found.policy
    assert "{{ 7*7 }}" in html
    assert "&lt;script&gt;" in html


def test_it_lists_what_was_found_by_the_frames_of_the_plate() -> None:
    html = page([frame(1001 + index, 0.6 if index in (9, 10) else 0.05) for index in range(20)])
    found = Page(html)
    (card,) = [each for each in found.elements if each.name == "article"]
    assert card.attributes["id"] == "f1010"
    assert "1010–1011" in card.text
    assert "the hull flickers (60 % of it changes sides" in card.text
    assert [each.text for each in found.elements if each.name == "figcaption"] == ["1009", "1010"]
    (verdict,) = [each for each in found.elements if each.attributes.get("class") == "verdict"]
    assert verdict.text == "1 place in 20 frames to look at, most likely wrong."
    links = [each.attributes["href"] for each in found.elements if each.name == "a"]
    assert set(links) == {"#f1010"}
    assert "1920 x 1080" in html


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_shots_of_any_length(count: int) -> None:
    html = page([frame(1001 + index) for index in range(count)])
    assert f"No frame stands out among {count} frame" in html
    assert len(html) < 200_000


def test_a_very_bad_shot_stays_a_page() -> None:
    """300 places of a shot of 1,500 frames: pictures are bounded, and every place is named."""
    html = page([frame(1001 + index, 0.9 if index % 5 == 2 else 0.05) for index in range(1500)])
    found = Resources(html)
    assert found.tags.count("article") == CARDS
    assert found.tags.count("img") <= 2 * min(KEPT, 2 * CARDS)
    assert len(html) < 8_000_000
    links = set(re.findall(r'href="#(f\d+)"', html))
    assert len(links) == 300
    assert links <= set(re.findall(r'id="(f\d+)"', html))


def test_only_the_worst_pictures_are_kept() -> None:
    pictures = ReviewPictures()
    for index in range(400):
        score = 5.0 if index % 50 == 25 else 0.1
        pictures.add(1001 + index, score, plate(), mattes())
    notes, arrays = pictures.state()
    assert len(notes["kept"]) == KEPT
    assert {1026 + 50 * index for index in range(8)} <= {entry[0] for entry in notes["kept"]}
    assert len(notes["sizes"]) <= 2 * KEPT + 1
    assert list(arrays) == ["jpegs"]


def test_one_bad_place_does_not_take_all_pictures() -> None:
    pictures = ReviewPictures()
    for index in range(300):
        score = 9.0 + index / 1000 if 100 <= index < 200 else 1.5 if index == 250 else 0.1
        pictures.add(index, score, plate(), mattes())
    assert pictures.best(250, 250, 250) is not None


def test_a_picture_shows_plate_parts_and_the_frame_before() -> None:
    pictures = ReviewPictures()
    pictures.add(7, 1.0, plate(), mattes() * 0)
    pictures.add(9, 2.0, plate(), mattes())
    found = pictures.best(1, 20, 3)
    assert found is not None
    assert (found.number, found.number_before) == (9, 7)
    before, here = (
        np.asarray(Image.open(io.BytesIO(jpeg)), np.float32) for jpeg in (found.before, found.jpeg)
    )
    changed = np.abs(here - before).max(axis=2)
    assert changed[12:28, 17:38].mean() > 20
    assert changed[40:].max() < 30
    assert pictures.best(10, 20, 10) is None


def test_pictures_go_on_from_their_state() -> None:
    whole, first, second = ReviewPictures(), ReviewPictures(), ReviewPictures()
    scores = np.random.default_rng(4).random(120)
    for index, score in enumerate(scores):
        whole.add(index, float(score), plate(index), mattes())
    second.restore(*ReviewPictures().state())
    for index in range(70):
        first.add(index, float(scores[index]), plate(index), mattes())
    notes, arrays = first.state()
    second.restore(json.loads(json.dumps(notes)), arrays)
    for index in range(70, 120):
        second.add(index, float(scores[index]), plate(index), mattes())
    about, arrays = second.state()
    expected, expected_arrays = whole.state()
    assert about == expected
    assert {name: array.tobytes() for name, array in arrays.items()} == {
        name: array.tobytes() for name, array in expected_arrays.items()
    }


@pytest.mark.slow
def test_it_is_shown_by_a_browser(tmp_path: Path) -> None:
    """Its style is let in by its own policy, and its pictures are pictures."""
    html = page([frame(1001 + index, 0.6 if index == 9 else 0.05) for index in range(20)])
    file = tmp_path / "review.html"
    file.write_text(html, encoding="utf-8")
    shot = tmp_path / "shot.png"
    shown = Page(page_of(file.as_uri(), tmp_path / "profile", screenshot=shot))
    assert [each for each in shown.elements if each.name == "article"]
    assert not [each for each in shown.elements if "onerror" in each.attributes]
    pixels = np.asarray(Image.open(shot).convert("RGB"), np.float32)
    assert pixels[5, 640].mean() != pytest.approx(255.0), "the style was refused"
