"""What the fake Nuke renders and reads: real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO
import pytest

from tests.support.fake_nuke import Session, running


@pytest.fixture
def session() -> Iterator[Session]:
    with running(16) as made:
        import nuke

        nuke.root()["format"].setValue(nuke.addFormat("32 16 small"))
        yield made


def constant(*colour: float) -> Any:
    import nuke

    return nuke.nodes.Constant(channels="rgba", color=list(colour))


def write_to(path: Path, source: Any, **knobs: Any) -> Any:
    import nuke

    return nuke.nodes.Write(file=path.as_posix(), file_type="exr", inputs=[source], **knobs)


def write_layers(path: Path, layers: dict[str, np.ndarray]) -> None:
    """A file with one channel `layer.A` for each layer, as `layers` mattes have them."""
    height, width = next(iter(layers.values())).shape
    spec = OpenImageIO.ImageSpec(width, height, len(layers), OpenImageIO.HALF)
    spec.channelnames = [f"{name}.A" for name in layers]
    file = OpenImageIO.ImageOutput.create(str(path))
    assert file.open(str(path), spec)
    assert file.write_image(np.stack(list(layers.values()), axis=-1))
    file.close()


def test_a_write_makes_files_and_charges_for_them(session: Session, tmp_path: Path) -> None:
    import nuke

    node = write_to(tmp_path / "x.%04d.exr", constant(0.1, 0.2, 0.3, 0.5), channels="rgba")
    node["datatype"].setValue("32 bit float")
    nuke.execute(node, 1001, 1005, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x.1001.exr",
        "x.1003.exr",
        "x.1005.exr",
    ]
    assert (session.clock.frames, session.clock.rendering) == (3, pytest.approx(0.6))
    file = OpenImageIO.ImageInput.open(str(tmp_path / "x.1003.exr"))
    spec = file.spec()
    assert list(spec.channelnames) == ["R", "G", "B", "A"]
    assert (spec.width, spec.height) == (32, 16)
    np.testing.assert_allclose(file.read_image()[5, 7], [0.1, 0.2, 0.3, 0.5], atol=1e-7)


def test_layers_of_a_file_are_layers_of_the_script(session: Session, tmp_path: Path) -> None:
    import nuke

    ramp = np.linspace(0, 1, 16 * 32, dtype=np.float32).reshape(16, 32)
    write_layers(tmp_path / "x.1001.exr", {"left_eye": ramp, "mane": 1 - ramp})
    read = nuke.nodes.Read()
    read["file"].fromUserText(f"{tmp_path}/x.####.exr 1001-1001")
    nuke.frame(1001)
    assert read.channels() == ["left_eye.alpha", "mane.alpha"]
    assert {"left_eye", "mane"} <= set(nuke.layers())
    assert nuke.layers(read) == ["left_eye", "mane"]
    # Pixels are counted from the lower left corner.
    assert read.sample("left_eye.alpha", 0, 15) == 0.0
    assert read.sample("left_eye.alpha", 31, 0) == pytest.approx(1.0)
    shuffled = nuke.nodes.Copy(inputs=[constant(0, 0, 0, 0), read], from0="mane.alpha")
    assert shuffled.sample("alpha", 0, 15) == pytest.approx(1.0)
    old = nuke.nodes.Shuffle(inputs=[read], **{"in": "left_eye", "out": "alpha", "red": "red"})
    assert old.sample("alpha", 31, 0) == pytest.approx(1.0)


def test_a_layer_may_be_named_before_it_is_there(session: Session) -> None:
    import nuke

    nuke.Layer("left_eye", ["left_eye.alpha"])
    assert nuke.nodes.Copy(from0="left_eye.alpha")["from0"].value() == "left_eye.alpha"


def test_a_missing_frame_is_an_error_until_it_is_there_and_reloaded(
    session: Session, tmp_path: Path
) -> None:
    import nuke

    read = nuke.nodes.Read(file=f"{tmp_path}/x.%04d.exr", first=1001, last=1002)
    nuke.frame(1001)
    assert read.hasError()
    nuke.execute(write_to(tmp_path / "x.%04d.exr", constant(1, 1, 1, 1)), 1001, 1001)
    assert read.hasError()
    read["reload"].execute()
    assert not read.hasError()
    nuke.frame(1002)
    assert read.hasError()
    read["on_error"].setValue("black")
    assert read.sample("alpha", 1, 1) == 0.0
    read["on_error"].setValue("nearest frame")
    assert read.sample("red", 1, 1) == 1.0


def test_frames_outside_the_range(session: Session, tmp_path: Path) -> None:
    import nuke

    for frame in (1, 2):
        write = write_to(tmp_path / f"x.{frame:04d}.exr", constant(frame / 4, 0, 0, 1))
        nuke.execute(write, frame, frame)
    read = nuke.nodes.Read(file=f"{tmp_path}/x.%04d.exr", first=1, last=2)
    seen = {}
    for how in ("hold", "loop", "bounce", "black"):
        read["after"].setValue(how)
        nuke.frame(3)
        seen[how] = read.sample("red", 1, 1)
    assert seen == {"hold": 0.5, "loop": 0.25, "bounce": 0.5, "black": 0.0}


def test_cancel_stops_between_frames(session: Session, tmp_path: Path) -> None:
    import nuke

    node = write_to(tmp_path / "x.%04d.exr", constant(0, 0, 0, 1))
    session.cancel_render = lambda done: done == 2
    with pytest.raises(RuntimeError, match=r"^Cancelled"):
        nuke.execute(node, 1, 10)
    assert len(list(tmp_path.iterdir())) == 2
    assert not nuke.executing()


WRONG = {
    "no folder": (lambda nuke, node: nuke.execute(node, 1, 1), "No such file or directory"),
    "not a Write": (lambda nuke, node: nuke.execute("Constant1", 1, 1), "give a Write"),
    "no such node": (lambda nuke, node: nuke.execute("Write7", 1, 1), "give a Write"),
    "nothing above": (
        lambda nuke, node: (
            node.setInput(0, None)
            and node["create_directories"].setValue(True)
            and nuke.execute(node, 1, 1)
        ),
        "nothing is connected",
    ),
    "a float for a frame": (lambda nuke, node: nuke.execute(node, 1.0, 2), "whole frames"),
}


@pytest.mark.parametrize(("call", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_rendered(session: Session, tmp_path: Path, call: Any, told: str) -> None:
    import nuke

    node = write_to(tmp_path / "none" / "x.%04d.exr", constant(0, 0, 0, 1))
    with pytest.raises((RuntimeError, TypeError), match=told):
        call(nuke, node)
    assert not (tmp_path / "none" / "x.0001.exr").exists()


def test_rendering_inside_rendering_raises(session: Session, tmp_path: Path) -> None:
    import nuke

    node = write_to(tmp_path / "x.%04d.exr", constant(0, 0, 0, 1))
    nuke.addBeforeFrameRender(lambda: nuke.execute(node, 1, 1))
    with pytest.raises(RuntimeError, match="already executing"):
        nuke.execute(node, 1, 1)


def test_render_callbacks_come_in_order(session: Session, tmp_path: Path) -> None:
    import nuke

    told: list[str] = []
    for name in ("BeforeRender", "BeforeFrameRender", "AfterFrameRender", "AfterRender"):
        getattr(nuke, f"add{name}")(told.append, name, nodeClass="Write")
    nuke.execute(write_to(tmp_path / "x.%04d.exr", constant(0, 0, 0, 1)), 1, 2)
    frame = ["BeforeFrameRender", "AfterFrameRender"]
    assert told == ["BeforeRender", *frame, *frame, "AfterRender"]


def test_merge_dissolve_and_erode(session: Session) -> None:
    import nuke

    low, high = constant(0.2, 0.2, 0.2, 0.25), constant(0.6, 0.6, 0.6, 0.5)
    merge = nuke.nodes.Merge2(inputs=[low, high])
    assert merge.sample("alpha", 1, 1) == pytest.approx(0.5 + 0.25 * 0.5)
    merge["operation"].setValue("max")
    assert merge.sample("red", 1, 1) == pytest.approx(0.6)
    assert nuke.nodes.Dissolve(inputs=[low, high], which=0.5).sample("alpha", 1, 1) == 0.375
    assert nuke.nodes.Switch(inputs=[low, high], which=1).sample("alpha", 1, 1) == 0.5
    cut = nuke.nodes.Crop(inputs=[high], box=[4, 4, 12, 12])
    assert [cut.sample("alpha", x, 8) for x in (3, 4, 11, 12)] == [0.0, 0.5, 0.5, 0.0]
    eroded = nuke.nodes.FilterErode(inputs=[cut], size=2)
    assert [eroded.sample("alpha", x, 8) for x in (5, 6, 9, 10)] == [0.0, 0.5, 0.5, 0.0]
    soft = nuke.nodes.Blur(inputs=[cut], size=3)
    assert 0.0 < soft.sample("alpha", 3, 8) < soft.sample("alpha", 6, 8) <= 0.5


def test_reformat_to_a_box(session: Session) -> None:
    import nuke

    node = nuke.nodes.Reformat(inputs=[constant(0, 0, 0, 1)], type="to box", box_width=8)
    node["box_height"].setValue(8)
    node["resize"].setValue("fit")
    assert (node.width(), node.height()) == (8, 8)
    assert [node.sample("alpha", 4, y) for y in (0, 3, 7)] == [0.0, 1.0, 0.0]


def test_disable_passes_the_picture_on(session: Session) -> None:
    import nuke

    node = nuke.nodes.Invert(inputs=[constant(0.2, 0, 0, 1)])
    assert node.sample("red", 1, 1) == pytest.approx(0.8)
    node["disable"].setValue(True)
    assert node.sample("red", 1, 1) == pytest.approx(0.2)


def test_png_files_are_linear_in_the_script(session: Session, tmp_path: Path) -> None:
    import nuke

    write = nuke.nodes.Write(file=f"{tmp_path}/x.png", inputs=[constant(0.18, 0.18, 0.18, 1)])
    write["channels"].setValue("rgba")
    nuke.execute(write, 1, 1)
    read = nuke.nodes.Read(file=f"{tmp_path}/x.png")
    assert read.sample("red", 1, 1) == pytest.approx(0.18, abs=1e-4)
    read["raw"].setValue(True)
    assert read.sample("red", 1, 1) == pytest.approx(0.461, abs=1e-3)


def test_a_loop_of_nodes_is_refused(session: Session) -> None:
    import nuke

    first = nuke.nodes.Blur()
    second = nuke.nodes.Blur(inputs=[first])
    assert not first.setInput(0, second)
    assert first.dependent() == [second]
    assert second.dependencies() == [first]
    assert not first.setInput(5, second)


def test_shuffle2_by_the_mappings_of_a_script(session: Session) -> None:
    import nuke

    node = nuke.nodes.Shuffle2(inputs=[constant(0.1, 0.2, 0.3, 1), constant(0.5, 0.6, 0.7, 1)])
    assert node.sample("red", 1, 1) == pytest.approx(0.1)
    node["fromInput2"].fromScript("{1} A")
    node["mappings"].fromScript("2 rgba.blue 0 2 rgba.red 0 0 rgba.green 1 1 rgba.alpha 0 3")
    assert node.sample("red", 1, 1) == pytest.approx(0.3)
    assert node.sample("alpha", 1, 1) == pytest.approx(0.6)
    node["mappings"].fromScript("1 rgba.blue 0")
    assert node.hasError()


def test_channels_come_and_go(session: Session) -> None:
    import nuke

    nuke.Layer("mane", ["mane.alpha"])
    more = nuke.nodes.AddChannels(inputs=[constant(0, 0, 0, 1)], channels="mane")
    assert "mane.alpha" in more.channels()
    less = nuke.nodes.Remove(inputs=[more], operation="keep", channels="mane")
    assert less.channels() == ["mane.alpha"]
    less["operation"].setValue("remove")
    assert less.channels() == ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"]


def test_nodes_that_shift_time(session: Session, tmp_path: Path) -> None:
    import nuke

    for frame in (1, 2, 3):
        write = write_to(tmp_path / f"x.{frame:04d}.exr", constant(frame / 4, 0, 0, 1))
        nuke.execute(write, frame, frame)
    read = nuke.nodes.Read(file=f"{tmp_path}/x.%04d.exr", first=1, last=3)
    nuke.frame(2)
    hold = nuke.nodes.FrameHold(inputs=[read], first_frame=3)
    later = nuke.nodes.TimeOffset(inputs=[read], time_offset=1)
    assert [node.sample("red", 1, 1) for node in (read, hold, later)] == [0.5, 0.75, 0.25]


def test_a_node_that_is_only_knobs_cannot_be_rendered(session: Session) -> None:
    import nuke

    assert nuke.nodes.Premult(inputs=[constant(1, 1, 1, 1)]).hasError()
