"""Links that somebody has put where a job is to write: they lead nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from smite_protocol.errors import PathRefused
from tests.support import footage
from tests.support.shots import Line, ShotUnderTest, write_model


@pytest.mark.parametrize(
    "link",
    ["s/body", "s/layers/s_layers_v001.1001.exr", "s/s_smite_v001.json", "s/.s_smite_v001.claim"],
)
def test_a_link_out_of_the_roots_is_refused(tmp_path: Path, link: str) -> None:
    plate = footage.write_plate(tmp_path / "plate", 1)
    secret = tmp_path / "outside" / "secret"
    secret.parent.mkdir()
    secret.write_text("mine")
    shot = ShotUnderTest(tmp_path / "job", write_model(tmp_path / "cart.safetensors"), plate, {})
    shot.asked = {"styles": ("parts", "layers")}
    shot.roots = (str(shot.out),)
    shot.out.mkdir(parents=True)
    (shot.out / link).parent.mkdir(parents=True, exist_ok=True)
    (shot.out / link).symlink_to(secret.parent if link == "s/body" else secret)
    with pytest.raises(PathRefused, match="outside the folders this server may touch"):
        shot.run(Line())
    assert secret.read_text() == "mine"
    assert [path.name for path in secret.parent.iterdir()] == ["secret"]
