"""A script in the fake Nuke: Reads of the cart, its references and the nodes of the plugin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR
import pytest

from tests.support import footage
from tests.support.fake_nuke import Session, running
from tests.support.servers import REPOSITORY

PLUGIN = REPOSITORY / "plugin"
GIZMOS = REPOSITORY / "gizmos"


@contextmanager
def nuke_with_plugin(
    monkeypatch: pytest.MonkeyPatch, home: Path, endpoint: str, **options: Any
) -> Iterator[Session]:
    """A Nuke that has started with the plugin, for a user whose folder is ``home``."""
    monkeypatch.setenv("SMITE_HOST_HOME", str(home))
    monkeypatch.setenv("SMITE_SERVER", endpoint)
    monkeypatch.delenv("OCIO", raising=False)
    with running(**options) as session:
        session.start_up(PLUGIN)
        assert not [line for line in session.printed if "SMITE" in line], session.printed
        yield session
        from smite_nuke.app import app

        app().session.close()
        for job in app()._jobs:
            job.controller.leave()
        while session.main.run_one():
            pass


def write_alpha(path: Path, matte: npt.NDArray[Any]) -> Path:
    """Write a matte [H, W] as the alpha of an EXR file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"A": np.ascontiguousarray(matte, dtype=np.float32)}) as file:
        file.write(str(path))
    return path


def read(path: str, first: int = 1, last: int = 1, **knobs: Any) -> Any:
    """A Read node."""
    import nuke

    return nuke.nodes.Read(
        file=path, first=first, last=last, origfirst=first, origlast=last, **knobs
    )


def reference(folder: Path, number: int) -> Any:
    """A SMITE_Reference with a still of the cart and a roto for each of its parts."""
    import nuke

    image, labels = footage.cart(8 + 20 * number, seed=100 + number)
    still = folder / f"still_{number}.png"
    footage.write_png(still, image)
    made = nuke.createNode("SMITE_Reference", inpanel=False)
    made["smite_frame"].setValue(1)
    made.setInput(0, read(still.as_posix()))
    for index, part in enumerate(footage.PARTS, start=1):
        roto = write_alpha(folder / f"roto_{number}_{index}.exr", labels == index)
        made.setInput(index, read(roto.as_posix(), raw=True))
        made[f"smite_part{index}"].setValue(part)
    return made


def learn_node(folder: Path, count: int = 2) -> Any:
    """A SMITE_Learn with references connected."""
    import nuke

    references = [reference(folder, number) for number in range(count)]
    made = nuke.createNode("SMITE_Learn", inpanel=False)
    for index, node in enumerate(references):
        made.setInput(index, node)
    made["smite_name"].setValue("cart")
    return made


def mattes_node(plate: str, first: int, last: int, model: str = "cart") -> Any:
    """A SMITE_Mattes with the plate connected."""
    import nuke

    made = nuke.createNode("SMITE_Mattes", inpanel=False)
    made.setInput(0, read(plate, first, last))
    made["smite_model"].setValue(model)
    return made


def status(node: Any) -> str:
    """What the node says of its job."""
    return str(node["smite_status"].value())


def write_layers(folder: Path, frames: range, parts: dict[str, float]) -> str:
    """Write a sequence with a layer per part, each a constant; return its pattern."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    folder.mkdir(parents=True, exist_ok=True)
    for number in frames:
        planes = {
            f"{slug}.A": np.full((footage.HEIGHT, footage.WIDTH), value, np.float16)
            for slug, value in parts.items()
        }
        with OpenEXR.File(header, planes) as file:
            file.write(str(folder / f"s_layers_v001.{number}.exr"))
    return (folder / "s_layers_v001.%04d.exr").as_posix()


def show_layers(node: Any, pattern: str, frames: range, slugs: tuple[str, ...]) -> None:
    """Set a SMITE_Mattes's knobs as a job that is done leaves them."""
    node["smite_layers"].setValue(pattern)
    node["smite_first"].setValue(frames[0])
    node["smite_last"].setValue(frames[-1])
    node["smite_parts"].setValue(" ".join(slugs))
    node["smite_ready"].setValue(1)
