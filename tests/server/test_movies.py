"""Movies as plates, made by PyAV and read back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from smite_server.movies import MoviePlate
from smite_server.pixel_errors import PlateError
from smite_server.plates import open_plate
from tests.server.pixel_files import truncate


def grey_of(number: int) -> int:
    return 20 + 10 * (number % 16)


def make_movie(
    path: Path, frames: int = 12, codec: str = "mpeg4", **stream_options: object
) -> Path:
    """A movie whose frame n is a flat grey of grey_of(n), with a brighter right half."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(24000, 1001))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for name, value in stream_options.items():
            setattr(stream, name, value)
        for number in range(1, frames + 1):
            codes = np.full((48, 64, 3), grey_of(number), np.uint8)
            codes[:, 32:] += 60
            frame = av.VideoFrame.from_ndarray(codes, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def shown(pixels: np.ndarray) -> int:
    return round((float(pixels[:, 4:28].mean()) * 255 - 20) / 10)


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv", ".avi"])
def test_frames_are_numbered_from_one(tmp_path: Path, suffix: str) -> None:
    with open_plate(make_movie(tmp_path / f"m{suffix}")) as plate:
        assert plate.numbers == tuple(range(1, 13))
        assert plate.frames_per_second == pytest.approx(24000 / 1001, rel=1e-3)
        assert plate.geometry.data.shape == (48, 64)
        frames = list(plate)
    assert [shown(frame.pixels) for frame in frames] == list(range(1, 13))
    right = frames[0].pixels[:, 36:60].mean() - frames[0].pixels[:, 4:28].mean()
    assert right == pytest.approx(60 / 255, abs=0.02)


def test_ascending_reads_decode_each_frame_once(tmp_path: Path) -> None:
    plate = open_plate(make_movie(tmp_path / "m.mov"), frames="2-10x4")
    assert isinstance(plate, MoviePlate)
    opened: list[int] = []
    original = plate._open
    plate._open = lambda: opened.append(1) or original()  # type: ignore[method-assign,func-returns-value]
    assert [shown(plate.read(number).pixels) for number in (2, 6, 6, 10)] == [2, 6, 6, 10]
    assert not opened
    assert shown(plate.read(2).pixels) == 2
    assert len(opened) == 1


def test_squeezed_movies_say_so(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "m.mp4", sample_aspect_ratio=Fraction(2, 1))
    assert open_plate(movie).geometry.pixel_aspect == 2.0


def test_frames_that_are_not_in_the_movie(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "m.mov")
    with pytest.raises(PlateError, match=r"Frames 0,13-14 are not in the movie: .*; it has 1-12"):
        open_plate(movie, frames="0-14")
    held = list(open_plate(movie, frames="0-14", on_missing="hold"))
    assert [f.held_from for f in held] == [1, *[None] * 12, 12, 12]
    assert [shown(f.pixels) for f in held] == [1, *range(1, 13), 12, 12]
    assert open_plate(movie, frames="0-14", on_missing="skip").numbers == tuple(range(1, 13))


def test_a_movie_that_stops_early_is_told(tmp_path: Path) -> None:
    movie = truncate(make_movie(tmp_path / "m.avi", frames=40, codec="mjpeg",
                                pix_fmt="yuvj420p"), 0.6)  # fmt: skip
    plate = open_plate(movie, frames="1-40", on_missing="hold")
    frames = list(plate)
    assert len(frames) == 40
    assert plate.missing
    assert frames[-1].held_from == min(plate.missing) - 1


@pytest.mark.parametrize("content", [b"", b"this is no movie at all" * 50], ids=["empty", "text"])
def test_what_is_no_movie(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.mov"
    path.write_bytes(content)
    with pytest.raises(PlateError, match="movie cannot be opened"):
        open_plate(path)


def test_more_than_eight_bits_are_kept(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 1024).astype(np.uint16)[None, :, None], (16, 1, 3))
    path = tmp_path / "deep.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 1024, 16, "gbrp16le"
        frame = av.VideoFrame.from_ndarray(ramp, format="rgb48le")
        container.mux([*stream.encode(frame), *stream.encode()])
    pixels = open_plate(path).read(1).pixels
    assert len(np.unique(pixels[0, :, 0])) > 1000
    np.testing.assert_allclose(pixels, ramp / 65535.0, atol=2e-4)


def test_two_readers_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    with open_plate(make_movie(tmp_path / "m.mov")) as plate:
        ahead = [shown(frame.pixels) for frame in plate]
        with plate.second_reader() as second:
            for number, expected in zip(plate.numbers, ahead, strict=True):
                assert shown(second.read(number).pixels) == expected
                plate.read(12)
            position = second._position
        assert position == 12, "read in one go: nobody moved it"


def test_frames_carry_the_movies_time_code(tmp_path: Path) -> None:
    path = tmp_path / "m.mov"
    with av.open(str(path), "w") as container:
        container.metadata["timecode"] = "01:00:00:20"
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(6):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    with open_plate(path) as plate:
        assert [str(frame.time_code) for frame in plate] == [
            "01:00:00:20", "01:00:00:21", "01:00:00:22",
            "01:00:00:23", "01:00:01:00", "01:00:01:01",
        ]  # fmt: skip
    with open_plate(make_movie(tmp_path / "bare.mov")) as plate:
        assert plate.read(1).time_code is None
