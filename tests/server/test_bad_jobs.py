"""Jobs that cannot be done: each gets its code and one sentence, before or after it is queued."""

from __future__ import annotations

from pathlib import Path

import pytest

from smite_protocol import Client, EvaluateSpec, LearnSpec, SegmentSpec, Spec, WireFile, WireFrame
from smite_protocol.errors import SmiteError
from tests.support.servers import ServerUnderTest, running_server


def segment(**changes: object) -> SegmentSpec:
    given: dict[str, object] = {
        "model": "cart", "plate": "{stage}/plate", "out": "{stage}/bad", "shot": "bad",
        "overwrite": True,
    }  # fmt: skip
    return SegmentSpec(**{**given, **changes})  # type: ignore[arg-type]


AT_ONCE = [
    pytest.param(
        segment(model="horse"), "unknown_model", "no part model 'horse'.*cart", id="model"
    ),
    pytest.param(
        segment(model="/etc/passwd"), "path_refused", "outside the folders", id="model path"
    ),
    pytest.param(segment(plate="{stage}/none"), "path_missing", "none does not exist", id="plate"),
    pytest.param(segment(plate="/etc"), "path_refused", "outside the folders", id="plate outside"),
    pytest.param(segment(plate="{stage}/../x"), "path_refused", "outside", id="plate by dots"),
    pytest.param(segment(plate="{stage}/no/x.#.exr"), "path_missing", "no does not", id="folder"),
    pytest.param(segment(plate="plate"), "bad_path", "not absolute", id="relative plate"),
    pytest.param(segment(out="/proc/x"), "path_refused", "outside the folders", id="out outside"),
    pytest.param(segment(out="{stage}/refs/labels.json"), "bad_path", "is a file", id="out a file"),
    pytest.param(
        segment(version=-1), "bad_message", "version is -1; it must be from 0", id="version"
    ),
    pytest.param(
        segment(quality="best"), "bad_message", "'draft', 'standard', 'paper'", id="quality"
    ),
    pytest.param(segment(shot="a/b"), "bad_message", "shot is 'a/b'; it must be 1 to", id="shot"),
    pytest.param(segment(template="../{part}"), "bad_path", "leaves the output", id="template"),
    pytest.param(LearnSpec(name="../x"), "bad_message", "must be 1 to 64 letters", id="name"),
    pytest.param(
        LearnSpec(name="x", refs="{stage}/refs", parts=("a", "a")),
        "bad_parts",
        "'a' twice",
        id="twice",
    ),
    pytest.param(
        LearnSpec(name="x", refs="{stage}/refs", groups=(("top", ()),)),
        "bad_parts",
        "merges nothing",
        id="empty group",
    ),
    pytest.param(
        EvaluateSpec(model="", clip="{stage}/clip"), "bad_input", "model or a baseline", id="eval"
    ),
]

IN_THE_WORKER = [
    pytest.param(
        segment(frames="1001-1010"), "bad_plate", "1009-1010.*missing.*--on-missing", id="gap"
    ),
    pytest.param(segment(frames="first"), "bad_plate", "first", id="frame range"),
    pytest.param(
        segment(plate="{stage}/plate/empty.####.png"), "bad_plate", "empty", id="no frames"
    ),
    pytest.param(segment(colour_space="Kodak"), "bad_colour", "Kodak", id="colour space"),
    pytest.param(segment(settings={"widnow": 3}), "bad_settings", "widnow", id="setting"),
    pytest.param(segment(template="{part}/{frames}"), "bad_input", "unknown field", id="template"),
    pytest.param(
        segment(model="{stage}/refs/labels.json"), "bad_part_model", "damaged", id="no model"
    ),
    pytest.param(segment(settings={"fail_at": 1003}), "internal_error", "nobody thought", id="bug"),
    pytest.param(
        segment(settings={"memory": 0}), "out_of_memory", "single frame.*draft", id="memory"
    ),
    pytest.param(
        LearnSpec(name="x", refs="{stage}/refs", parts=("tail",)),
        "bad_references",
        "tail.*body",
        id="part nobody painted",
    ),
    pytest.param(
        LearnSpec(name="x", refs="{stage}/plate"), "bad_references", "plate", id="no masks"
    ),
    pytest.param(
        EvaluateSpec(model="cart", clip="{stage}/plate"), "bad_references", "no clip", id="no clip"
    ),
]


def at(stage: Path, spec: Spec) -> Spec:
    """``spec`` with the stage's folder in its paths."""
    fields = {
        name: value.replace("{stage}", str(stage)) if isinstance(value, str) else value
        for name, value in vars(spec).items()
    }
    return type(spec)(**fields)


def check(error: SmiteError, code: str, says: str) -> None:
    assert error.code == code, error
    assert error.message.endswith("."), error.message
    assert "\n" not in error.message
    with pytest.raises(SmiteError, match=says):
        raise error


@pytest.mark.parametrize(("spec", "code", "says"), AT_ONCE)
def test_refused_at_once(client: Client, stage: Path, spec: Spec, code: str, says: str) -> None:
    before = len(client.jobs())
    with pytest.raises(SmiteError) as caught:
        client.submit(at(stage, spec))
    check(caught.value, code, says)
    assert len(client.jobs()) == before


@pytest.mark.parametrize(("spec", "code", "says"), IN_THE_WORKER)
def test_fails_in_the_worker(client: Client, stage: Path, spec: Spec, code: str, says: str) -> None:
    job = client.submit(at(stage, spec))
    with pytest.raises(SmiteError) as caught:
        client.wait(job)
    check(caught.value, code, says)
    info = client.job(job)
    assert (info.state, info.error) == ("failed", code)


def test_worker_serves_on_after_all_that(client: Client, stage: Path) -> None:
    result = client.wait(client.submit(at(stage, segment(out="{stage}/after")))).result
    assert result["frames"] == 8


def test_damaged_model_file(client: Client, stage: Path) -> None:
    (stage / "cut.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
    job = client.submit(at(stage, segment(model="{stage}/cut.safetensors")))
    with pytest.raises(SmiteError) as caught:
        client.wait(job)
    check(caught.value, "bad_part_model", "cut.safetensors is damaged")


def test_uploaded_file_that_is_no_picture(client: Client) -> None:
    spec = SegmentSpec(model="cart", shot="s")
    job = client.submit(spec, plate=[WireFile("a.1001.png", b"not a picture")])
    with pytest.raises(SmiteError) as caught:
        client.wait(job)
    assert caught.value.code == "bad_plate"


def test_plate_neither_named_nor_sent(client: Client, stage: Path) -> None:
    refs = [WireFile("a.png", b"x")]
    with pytest.raises(SmiteError, match=r"names a path and is sent too|is missing"):
        client.submit(at(stage, segment()), references=refs)


def test_bad_upload_name_cancels_the_job(client: Client) -> None:
    with pytest.raises(SmiteError, match="plain relative names"):
        client.submit(SegmentSpec(model="cart"), plate=[WireFile("../../evil.exr", b"x")])
    assert client.jobs()[0].state == "cancelled"


def test_frames_of_two_sizes(client: Client) -> None:
    frames = [
        WireFrame(1, (4, 4, 3), "uint8", bytes(48)),
        WireFrame(2, (4, 5, 3), "uint8", bytes(60)),
    ]
    job = client.submit(SegmentSpec(model="cart"), plate=frames)
    with pytest.raises(SmiteError, match="Frame 2 is 5x4 and frame 1 is 4x4"):
        client.wait(job)


class TestOtherServers:
    """Servers with other roots and backbones than the module's."""

    def test_without_roots_only_frames_are_taken(self, tmp_path: Path, stage: Path) -> None:
        with running_server(tmp_path / "home") as server, server.client() as client:
            with pytest.raises(SmiteError, match=r"without --root.*send the files"):
                client.submit(LearnSpec(name="x", refs=str(stage / "refs")))
            assert client.server.roots == ()

    def test_backbone_that_is_not_there_and_model_of_another(
        self, tmp_path: Path, stage: Path, server: ServerUnderTest
    ) -> None:
        model = stage / "cart.safetensors"
        model.write_bytes((server.home / "models" / "cart.safetensors").read_bytes())
        spec = at(stage, segment(model="{stage}/cart.safetensors"))
        for backbone, code in (("missing", "bad_backbone"), ("other", "backbone_mismatch")):
            home, folder = tmp_path / "home" / backbone, tmp_path / backbone
            folder.mkdir()
            with (
                running_server(home, roots=(stage,), backbone=str(folder)) as other,
                other.client() as client,
                pytest.raises(SmiteError) as caught,
            ):
                client.wait(client.submit(spec))
            assert caught.value.code == code
