"""Jobs from client to files: learn, segment by path and by upload, evaluate, doctor."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smite_protocol import (
    Client,
    DoctorSpec,
    EvaluateSpec,
    Finished,
    GeometryInfo,
    LearnSpec,
    MatteReady,
    Progress,
    SegmentSpec,
    StateChanged,
    WireFrame,
    files_of_plate,
    files_of_references,
)
from smite_protocol.errors import VersionTaken
from smite_server.geometry import Geometry, Window
from smite_server.images import read_header
from tests.support import footage
from tests.support.servers import ServerUnderTest

FRAMES = range(1001, 1009)


def by_path(stage: Path, out: str, **changes: object) -> SegmentSpec:
    given: dict[str, object] = {
        "model": "cart",
        "plate": str(stage / "plate" / "cart.####.png"),
        "out": str(stage / out),
        "shot": "SEQ_010",
    }
    return SegmentSpec(**{**given, **changes})  # type: ignore[arg-type]


def test_learned_model_is_listed_with_its_parts(client: Client, server: ServerUnderTest) -> None:
    (model,) = [found for found in client.models() if found.name == "cart"]
    assert model.parts == footage.PARTS
    assert Path(model.path) == server.home / "models" / "cart.safetensors"
    assert Path(model.path).stat().st_size == model.bytes


def test_learn_result(client: Client, stage: Path) -> None:
    spec = LearnSpec(name="two", refs=str(stage / "refs"), parts=("left wheel", "body"))
    result = client.wait(client.submit(spec)).result
    assert result["model"] == "two"
    assert Path(result["part_model"]).is_file()
    assert result["parts"] == {"left_wheel": "left wheel", "body": "body"}
    assert result["held_out_iou"] == {"left_wheel": 1.0, "body": 1.0}
    assert result["references"] == ["still_0", "still_1"]
    assert result["overwrote"] is False
    assert client.wait(client.submit(spec)).result["overwrote"] is True


def test_segment_by_path_events_and_files(client: Client, stage: Path) -> None:
    job = client.submit(by_path(stage, "events"))
    events = list(client.watch(job))
    states = [event.state for event in events if isinstance(event, StateChanged)]
    assert states[-2:] == ["running", "done"]
    mattes = [event for event in events if isinstance(event, MatteReady)]
    assert [m.seq for m in mattes] == list(range(1, 17))
    assert sorted({m.frame for m in mattes}) == list(FRAMES)
    assert {(m.part, m.slug) for m in mattes} == {("body", "body"), ("left wheel", "left_wheel")}
    for matte in mattes:
        name = f"SEQ_010_{matte.slug}_v001.{matte.frame}.exr"
        assert Path(matte.path) == stage / "events" / "SEQ_010" / matte.slug / name
        assert matte.data is None
    steps = [event for event in events if isinstance(event, Progress) and event.stage == "mattes"]
    assert (steps[-1].done, steps[-1].total) == (8, 8)
    assert isinstance(events[-1], Finished)


def test_mattes_follow_the_parts(client: Client, stage: Path) -> None:
    client.wait(client.submit(by_path(stage, "truth")))
    for number in FRAMES:
        x = 5 + abs((2 * (number - 1001)) % 80 - 40)
        labels = footage.cart(x, seed=number - 1001)[1]
        for index, slug in enumerate(("body", "left_wheel"), start=1):
            path = stage / "truth" / "SEQ_010" / slug / f"SEQ_010_{slug}_v001.{number}.exr"
            matte = footage.read_alpha(path)[1] > 0.5
            mask = labels == index
            assert (matte & mask).sum() / (matte | mask).sum() > 0.8


def test_segment_result_report_and_sheet(client: Client, stage: Path) -> None:
    job = client.submit(by_path(stage, "result", version=3, quality="draft", frames="1002-1004"))
    result = client.wait(job).result
    assert (result["job"], result["shot"], result["frames"]) == (job, "SEQ_010", 3)
    pattern = stage / "result" / "SEQ_010" / "body" / "SEQ_010_body_v003.####.exr"
    assert result["files"]["body"] == str(pattern)
    assert result["seconds_per_frame"] > 0
    assert result["overwrote"] == 0
    report = json.loads(Path(result["report"]).read_text("utf-8"))
    assert [frame["number"] for frame in report["frames"]] == [1002, 1003, 1004]
    assert report["settings"]["quality"] == "draft"
    assert all(0 <= frame["confidence"] <= 1 for frame in report["frames"])
    assert report["frames"][1]["flicker"] is not None
    assert Path(result["contact_sheet"]).read_bytes().startswith(b"\x89PNG")


def test_second_run_overwrites_when_asked_and_says_so(client: Client, stage: Path) -> None:
    client.wait(client.submit(by_path(stage, "twice")))
    again = by_path(stage, "twice", seed=1)
    with pytest.raises(VersionTaken, match="Version 1 of the shot SEQ_010 was delivered"):
        client.wait(client.submit(again))
    result = client.wait(client.submit(replace(again, overwrite=True))).result
    assert result["overwrote"] == 16


def test_sent_files_come_back_as_bytes(client: Client, stage: Path) -> None:
    client.wait(client.submit(by_path(stage, "reference_run")))
    spec = SegmentSpec(model="cart", shot="SEQ_010")
    job = client.submit(spec, plate=files_of_plate(stage / "plate" / "cart.####.png"))
    found = {}
    for event in client.watch(job):
        if isinstance(event, MatteReady):
            assert event.data is not None
            found[event.path] = bytes(event.data)
        if isinstance(event, Finished):
            event.raise_for_state()
    about = {name: found.pop(name) for name in list(found) if not name.endswith(".exr")}
    assert sorted(about) == [
        f"SEQ_010/SEQ_010_smite_v001.{suffix}" for suffix in ("html", "json", "png")
    ]
    told = json.loads(about["SEQ_010/SEQ_010_smite_v001.json"])
    assert told["files"]["body"] == "SEQ_010/body/SEQ_010_body_v001.####.exr"
    assert len(found) == 16
    for name, data in found.items():
        _, expected = footage.read_alpha(stage / "reference_run" / name)
        (stage / "came_back.exr").write_bytes(data)
        assert np.array_equal(footage.read_alpha(stage / "came_back.exr")[1], expected)


def test_uploads_are_cleared_away_when_the_job_has_ended(
    client: Client, server: ServerUnderTest, stage: Path
) -> None:
    spec = SegmentSpec(model="cart", shot="cleared")
    job = client.submit(spec, plate=files_of_plate(stage / "plate"))
    assert (server.config.spool_folder / job / "plate").is_dir()
    client.wait(job)
    assert sorted(p.name for p in (server.config.spool_folder / job).iterdir()) == ["out"]


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "uint16"])
def test_sent_pixels(client: Client, stage: Path, dtype: str) -> None:
    image, labels = footage.cart(20, seed=3)
    if dtype.startswith("u"):
        image = image * np.iinfo(dtype).max
    pixels = np.ascontiguousarray(image.astype(dtype))
    geometry = GeometryInfo(display=(0, 0, 96, 72), data=(0, 0, 96, 72), pixel_aspect=1.0)
    frame = WireFrame(7, (72, 96, 3), dtype, pixels.tobytes(), geometry, "sRGB")
    out = stage / f"pixels_{dtype}"
    spec = SegmentSpec(model="cart", shot="p", out=str(out))
    result = client.wait(client.submit(spec, plate=[frame])).result
    assert result["frames"] == 1
    matte = footage.read_alpha(out / "p" / "body" / "p_body_v001.0007.exr")[1] > 0.5
    assert (matte & (labels == 1)).sum() / (matte | (labels == 1)).sum() > 0.8


def test_windows_of_sent_pixels_are_kept(client: Client, stage: Path) -> None:
    image = footage.cart(20)[0]
    geometry = GeometryInfo(display=(0, 0, 64, 64), data=(-10, -4, 86, 68), pixel_aspect=2.0)
    frame = WireFrame(1, (72, 96, 3), "float32", image.tobytes(), geometry, "sRGB")
    out = stage / "windows"
    client.wait(client.submit(SegmentSpec(model="cart", shot="w", out=str(out)), plate=[frame]))
    found = read_header(out / "w" / "body" / "w_body_v001.0001.exr").geometry
    assert found == Geometry(Window(0, 0, 64, 64), Window(-10, -4, 86, 68), 2.0)


def test_references_sent_as_files(client: Client, stage: Path) -> None:
    job = client.submit(LearnSpec(name="sent"), references=files_of_references(stage / "refs"))
    assert client.wait(job).result["parts"] == {"body": "body", "left_wheel": "left wheel"}


def test_evaluate(client: Client, stage: Path) -> None:
    spec = EvaluateSpec(model="cart", clip=str(stage / "clip"), out=str(stage / "sheets"))
    result = client.wait(client.submit(spec)).result
    assert result["frames"] == 3
    assert result["miou_foreground"] > 0.8
    assert result["jf"] == pytest.approx((result["miou_foreground"] + result["f_measure"]) / 2)
    assert set(result["parts"]) == {"body", "left wheel"}
    assert result["seconds_per_frame"] > 0
    assert Path(result["contact_sheet"]).is_file()


def test_baseline_copies_the_first_annotation(client: Client, stage: Path) -> None:
    spec = EvaluateSpec(model="", clip=str(stage / "clip"), baseline="copy_first", skip_frames="0")
    result = client.wait(client.submit(spec)).result
    first, second, third = (footage.cart(8 + 2 * n, seed=n)[1] == 1 for n in range(3))
    expected = [(first & later).sum() / (first | later).sum() for later in (second, third)]
    assert result["parts"]["body"]["iou"] == pytest.approx(sum(expected) / 2)
    assert result["frames"] == 2


def test_doctor_reports_devices_backbone_and_trackers(client: Client) -> None:
    checks = client.wait(client.submit(DoctorSpec())).result["checks"]
    found = {check["name"]: check for check in checks}
    assert found["device cpu"]["ok"] is True
    assert found["backbone"]["ok"] is True
    assert found["backbone"]["detail"].endswith("squares of one colour")
    assert found["tracker flow"] == {
        "name": "tracker flow", "ok": False, "detail": "package or weights missing",
        "fix": "install it", "required": False, "licence": "MIT",
    }  # fmt: skip


def test_jobs_are_listed_newest_first(client: Client) -> None:
    jobs = client.jobs()
    assert [job.created for job in jobs] == sorted((job.created for job in jobs), reverse=True)
    assert client.job(jobs[0].job).job == jobs[0].job
    assert {job.state for job in client.jobs(all=False)} <= {"queued", "running"}
