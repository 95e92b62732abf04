"""`smite preview`: the movie's pixels, and what it does without what is missing."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageColor

from smite_server.geometry import Geometry, Window
from smite_server.markers import COLOURS
from smite_server.movies import MoviePlate
from smite_server.overlay import part_colours
from smite_server.pixel_errors import MatteError, PixelError, PlateError
from smite_server.preview_bar import PAPER, PreviewBar
from smite_server.preview_movie import Preview, chosen_parts, find_encoder, make_preview
from smite_server.preview_movie import picture_size as size_of
from smite_server.quality_findings import MAJOR
from tests.support.command import Smite
from tests.support.reviewed import GREY, HEIGHT, PARTS, WIDTH, write_shot


def made(report: Path, movie: Path, **options: object) -> Preview:
    content = json.loads(report.read_text(encoding="utf-8"))
    return make_preview(content, report.parent, movie, **options)  # type: ignore[arg-type]


def pixels(movie: Path, number: int) -> np.ndarray:
    """0..255, [H, W, 3]."""
    with MoviePlate(movie, None, "fail") as plate:
        return plate.read(number).pixels * 255.0


def test_a_movie_of_plate_and_parts(tmp_path: Path) -> None:
    report = write_shot(tmp_path / "out", frames=6, bad=3, frames_per_second=25.0)
    found = made(report, tmp_path / "m.mp4")
    assert (found.frames, found.width) == (6, WIDTH)
    assert found.height > HEIGHT
    assert found.remarks() == []
    with MoviePlate(found.path, None, "fail") as movie:
        assert movie.numbers == tuple(range(1, 7))
        assert movie.frames_per_second == 25.0
        assert movie.geometry.display.shape == (found.height, WIDTH)
    shown = pixels(found.path, 2)
    hull, fins = (np.array(colour) for colour in part_colours(2))
    assert shown[32, 20] == pytest.approx((GREY + hull) / 2, abs=8)
    assert shown[6, 90] == pytest.approx((GREY + fins) / 2, abs=8)
    assert shown[40, 80] == pytest.approx([GREY] * 3, abs=8)
    assert shown[-3, -3] == pytest.approx(PAPER, abs=8)


@pytest.mark.parametrize("style", ["layers", "cryptomatte"])
def test_every_style_can_be_shown(style: str, tmp_path: Path) -> None:
    parts = write_shot(tmp_path / "parts", frames=2)
    other = write_shot(tmp_path / style, frames=2, styles=(style,))
    shown = pixels(made(other, tmp_path / "m.mp4").path, 2)
    np.testing.assert_array_equal(shown, pixels(made(parts, tmp_path / "p.mp4").path, 2))


def test_the_parts_that_were_asked_for(tmp_path: Path) -> None:
    report = write_shot(tmp_path / "out", frames=2)
    shown = pixels(made(report, tmp_path / "m.mp4", parts=("fins",)).path, 1)
    assert shown[32, 20] == pytest.approx([GREY] * 3, abs=8)
    assert shown[6, 90] == pytest.approx((GREY + np.array(part_colours(2)[1])) / 2, abs=8)
    assert chosen_parts(PARTS, ["the hull"]) == ["hull"]
    assert chosen_parts(PARTS, []) == ["hull", "fins"]
    with pytest.raises(PixelError, match=r"no part 'tail': --parts; its parts are hull, fins"):
        made(report, tmp_path / "n.mp4", parts=("tail",))
    assert not (tmp_path / "n.mp4").exists()


@pytest.mark.parametrize(
    ("display", "aspect", "width", "expected"),
    [
        pytest.param((1920, 1080), 1.0, 1280, (1280, 720), id="smaller"),
        pytest.param((640, 480), 1.0, 1280, (640, 480), id="never enlarged"),
        pytest.param((1828, 1556), 2.0, 1280, (1280, 544), id="anamorphic"),
        pytest.param((97, 55), 1.0, 1280, (96, 56), id="odd sizes become even"),
        pytest.param((1080, 1920), 1.0, 300, (300, 534), id="portrait"),
        pytest.param((1, 1), 1.0, 1280, (2, 2), id="a pixel"),
    ],
)
def test_sizes(display: tuple[int, int], aspect: float, width: int, expected: object) -> None:
    assert size_of(Geometry.of_size(*display, aspect), width) == expected


def test_overscan_is_cut_to_the_display_window() -> None:
    geometry = Geometry(Window(0, 0, 200, 100), Window(-20, -10, 220, 110))
    assert size_of(geometry, 1280) == (200, 100)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = write_shot(out, frames=6)
    (out / "plate" / "p.1003.png").unlink()
    for number in (1004, 1005):
        (out / "SEQ_010" / "fins" / f"SEQ_010_fins_v001.{number}.exr").unlink()
    (out / "SEQ_010" / "hull" / "SEQ_010_hull_v001.1002.exr").write_bytes(b"broken")
    found = made(report, tmp_path / "m.mp4")
    assert found.frames == 6
    assert found.remarks() == [
        "The plate has no frame 1003; the nearest one is shown.",
        "There is no matte of the hull in frame 1002.",
        "There is no matte of fins in frame 1004-1005.",
    ]
    assert pixels(found.path, 2)[32, 20] == pytest.approx([GREY] * 3, abs=8)


def test_nothing_to_show_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    bare = write_shot(tmp_path / "bare", frames=2, styles=())
    with pytest.raises(PixelError, match="mattes of the shot are not there"):
        made(bare, tmp_path / "m.mp4")
    plateless = write_shot(tmp_path / "out", frames=2)
    for file in (tmp_path / "out" / "plate").iterdir():
        file.unlink()
    with pytest.raises(PlateError):
        made(plateless, tmp_path / "m.mp4")
    with pytest.raises(MatteError, match="cannot be written"):
        made(write_shot(tmp_path / "again", frames=2), Path("/proc/no/m.mp4"))
    assert not list(tmp_path.glob("*.mp4")) + list(tmp_path.glob(".*"))


def test_mattes_that_moved_with_their_report_are_found(tmp_path: Path) -> None:
    report = write_shot(tmp_path / "out", frames=2)
    moved = tmp_path / "elsewhere" / "delivery"
    moved.parent.mkdir()
    (tmp_path / "out").rename(moved)
    found = made(
        moved / report.relative_to(tmp_path / "out"), tmp_path / "m.mp4",
        plate=str(moved / "plate" / "p.####.png"),
    )  # fmt: skip
    assert found.remarks() == []


def test_memory_does_not_grow_with_the_shot(tmp_path: Path) -> None:
    peaks = []
    for frames in (10, 50):
        report = write_shot(tmp_path / f"{frames}", frames=frames)
        made(report, tmp_path / "warm.mp4")
        tracemalloc.start()
        made(report, tmp_path / "m.mp4")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 300_000


def test_a_build_without_an_encoder_is_refused() -> None:
    assert find_encoder(("no_such_encoder", "libx264"))
    with pytest.raises(PixelError, match=r"no H\.264 encoder"):
        find_encoder(("no_such_encoder",))


def test_many_parts_and_long_remarks_stay_in_the_bar() -> None:
    names = [f"part number {index}" for index in range(60)]
    text = "hull flickers " * 40
    said = {"first": 3, "last": 4, "severity": MAJOR, "name": "hull", "text": text}
    always = {**said, "first": 1, "last": 9, "all_along": True}
    bar = PreviewBar(names, part_colours(60), 320, [{**said, "all_along": False}, always])
    marked, clean = bar.draw(4), bar.draw(5)
    assert marked.shape == clean.shape == (bar.height, 320, 3)
    assert (marked[:, -4:] == PAPER).all()
    assert tuple(marked[-4, 2]) == ImageColor.getrgb(COLOURS[MAJOR])
    assert (clean[30:] == PAPER).all()
    lit = (clean[:30] != PAPER).any(axis=(0, 2))
    assert lit[:310].any()
    assert len(list(itertools.groupby(lit))) > 4


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    smite = Smite(tmp_path / "home")
    report = write_shot(tmp_path / "out", frames=4)
    (tmp_path / "out" / "plate" / "p.1002.png").unlink()
    found = smite.json("preview", report.parent, "--width", "64", "--parts", "hull")
    assert found["movie"] == str(report.with_suffix(".mp4"))
    assert (found["frames"], found["width"]) == (4, 64)
    assert found["remarks"] == ["The plate has no frame 1002; the nearest one is shown."]
    assert Path(found["movie"]).stat().st_size > 500
    assert "must end in .mp4" in smite.refuses("preview", report, "--movie", tmp_path / "a.mov")
    assert "no part 'tail'" in smite.refuses("preview", report, "--parts", "tail")
    assert "no shot folder" in smite.refuses("preview", tmp_path / "nowhere")
    gone = smite.refuses("preview", report, "--plate", tmp_path / "x.####.exr")
    assert "plate" in gone.lower()
