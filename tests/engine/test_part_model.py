"""Part sets and part model files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import psutil
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from smite_engine import PartModel, PartSet
from smite_engine.errors import PartModelError, PartSetError


def model() -> PartModel:
    return PartModel(
        parts=PartSet.from_names(["Left Eye", "mane"]),
        embeddings=torch.arange(8.0).reshape(2, 4),
        weights={"up.attn2.to_k.weight": torch.ones(2, 2)},
        backbone_id="smite-mini",
        backbone_hash="ab" * 32,
        settings={"seed": 3},
        tune="self-attention",
        selected_on="references",
        held_out_iou={"left_eye": 0.5, "mane": None},
        warnings=("The part mane will be weak.",),
    )


def test_a_model_survives_its_file(tmp_path: Path) -> None:
    model().save(tmp_path / "horse.safetensors")
    loaded = PartModel.load(tmp_path / "horse.safetensors")
    assert loaded.parts == model().parts
    assert loaded.parts.slugs == ("left_eye", "mane")
    assert torch.equal(loaded.embeddings, model().embeddings)
    assert torch.equal(loaded.weights["up.attn2.to_k.weight"], torch.ones(2, 2))
    assert loaded.held_out_iou == {"left_eye": 0.5, "mane": None}
    assert (loaded.tune, loaded.selected_on) == ("self-attention", "references")
    assert loaded.hash == model().hash
    assert [p.name for p in tmp_path.iterdir()] == ["horse.safetensors"]


def test_a_file_of_the_first_version_says_what_that_could(tmp_path: Path) -> None:
    tensors, about = load_file_with_text(model(), tmp_path)
    for name in ("tune", "selected_on"):
        del about[name]
    save_file(tensors, tmp_path / "old.safetensors", {"smite": json.dumps(about)})
    loaded = PartModel.load(tmp_path / "old.safetensors")
    assert (loaded.tune, loaded.selected_on) == ("cross-attention", "views")
    assert loaded.parts == model().parts


def load_file_with_text(
    saved: PartModel, folder: Path
) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    saved.save(folder / "new.safetensors")
    with safe_open(folder / "new.safetensors", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["smite"])


def test_files_that_are_no_part_models(tmp_path: Path) -> None:
    with pytest.raises(PartModelError, match="no part model at"):
        PartModel.load(tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(PartModelError, match="damaged"):
        PartModel.load(tmp_path / "text.safetensors")
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(PartModelError, match="no part model of the format"):
        PartModel.load(tmp_path / "other.safetensors")
    model().save(tmp_path / "cut.safetensors")
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-9])
    with pytest.raises(PartModelError, match="damaged"):
        PartModel.load(tmp_path / "cut.safetensors")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PartModelError, match="cannot be written"):
        model().save(tmp_path / "absent" / "horse.safetensors")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "at least one part"),
        (["a"] * 2, "same slug"),
        (["left eye", "Left-Eye"], "same slug"),
        (["Mask"], "reserved"),
        (["123"], "gives no slug"),
        (["x" * 64], "gives no slug"),
        ([f"part {i}" for i in range(76)], "at most 75"),
    ],
    ids=["none", "twice", "same slug", "reserved", "digits", "long", "many"],
)
def test_part_sets_that_cannot_be(names: list[str], message: str) -> None:
    with pytest.raises(PartSetError, match=message):
        PartSet.from_names(names)


def test_accents_become_plain_letters() -> None:
    assert PartSet.from_names(["Crinière"]).slugs == ("criniere",)


def with_header(header: object, data: bytes = b"", declared: int | None = None) -> bytes:
    """A safetensors file with any header; ``declared`` is the length that it says it has."""
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed) if declared is None else declared) + packed + data


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(with_header({}, declared=2**50), id="a header longer than the file"),
        pytest.param(
            with_header({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
            id="a tensor larger than the file",
        ),
        pytest.param(
            with_header(
                {"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 16]}}, bytes(16)
            ),
            id="a shape that overflows",
        ),
        pytest.param(
            with_header(
                {"a": {"dtype": "F32", "shape": [1000, 1000], "data_offsets": [0, 4]}}, bytes(4)
            ),
            id="a shape larger than its bytes",
        ),
        pytest.param(
            with_header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, bytes(4)),
            id="a place before the file",
        ),
        pytest.param(with_header({"__metadata__": {"smite": "[" * 100_000}}), id="deep metadata"),
    ],
)
def test_headers_that_lie_cost_no_memory(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evil.safetensors").write_bytes(content)
    before = psutil.Process().memory_info().rss
    with pytest.raises(PartModelError):
        PartModel.load(tmp_path / "evil.safetensors")
    assert psutil.Process().memory_info().rss - before < 64 * 2**20
