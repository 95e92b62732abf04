"""The trainer end to end on made pictures: it trains in bfloat16, resumes, and its weights load."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from episodes import CLASSES, class_numbers, draw
from packed import IGNORED, read_source
from teacher import ClassHead
from train_unet import main

from smite_engine import load_backbone
from smite_engine.loading import EMBEDDED_FOLDER
from smite_engine.tiny_autoencoder import TinyAutoencoder
from tests.tools.test_episodes import disc_source


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A packed source ``ccp`` of four pictures."""
    source, folder = disc_source(), tmp_path / "data"
    folder.mkdir()
    np.save(folder / "ccp.images.npy", source.images)
    np.save(folder / "ccp.labels.npy", source.labels)
    meta = {
        "sizes": source.sizes.tolist(),
        "groups": source.groups.tolist(),
        "labelled": True,
        "label_names": {"3": "disc"},
    }
    (folder / "ccp.meta.json").write_text(json.dumps(meta))
    return folder


def test_it_trains_in_bfloat16_resumes_and_gives_a_backbone(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "trained"
    torch.manual_seed(0)
    TinyAutoencoder(width=16, encoder_blocks=1, decoder_blocks=1).save_pretrained(out / "vae")

    def run(*more: str) -> dict[str, float]:
        words = ["train_unet", "--data", data, "--out", out, "--sources", "ccp", "--batch", "1"]
        words += ["--sides", "64", "--threads", "1", "--precision", "bf16", *more]
        monkeypatch.setattr("sys.argv", [str(word) for word in words])
        main()
        return json.loads((out / "checkpoint.json").read_text())

    first = run("--minutes", "0.01")
    assert first["step"] >= 1
    again = run("--resume", "--minutes", str(first["seconds"] / 60 + 0.01))
    assert again["step"] > first["step"]
    log = json.loads((out / "log.json").read_text())
    assert len(log) == again["step"]
    assert all(np.isfinite([entry["cross"], entry["was"], entry["classes"]]).all() for entry in log)
    backbone = load_backbone(str(out), device="cpu")
    assert backbone.read(torch.zeros(1, 16, 8, 8), 50, backbone.text.base(("disc",)), 2).cross.shape


def test_classes_tell_sources_groups_and_labels_apart(data: Path) -> None:
    labels = torch.full((16, 16), 3)
    labels[:8, :8], labels[8:, 8:] = 0, IGNORED
    people = class_numbers(labels, "ccp", 0)
    assert people.tolist() == [[0, 3], [3, -1]]
    fourth, fifth = (class_numbers(labels, "renders", group) for group in (4, 5))
    assert len({int(people[0, 1]), int(fourth[0, 1]), int(fifth[0, 1])}) == 3
    assert int(fifth.max()) < CLASSES
    assert class_numbers(labels, "ccp_unlabelled", 7).eq(-1).all()
    episode = draw({"ccp": read_source(data, "ccp")}, 64, 3, np.random.default_rng(0))
    assert set(episode.classes.unique().tolist()) <= {-1, 0, 3}


def test_the_class_head_learns_and_leaves_unknown_cells_out() -> None:
    torch.manual_seed(0)
    head = ClassHead(6, 4, cells=32)
    queries = torch.randn(2, 50, 6)
    classes = (queries[..., 0] > 0).long()
    classes[1, :] = -1
    poisoned = queries.clone()
    poisoned[1] = float("nan")
    optimiser = torch.optim.Adam(head.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        loss = head(poisoned, classes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    assert float(head(queries, torch.full((2, 50), -1)).detach()) == 0


def test_the_package_s_manifest_is_of_sources_that_may_be_shipped_from() -> None:
    manifest = json.loads((EMBEDDED_FOLDER / "manifest.json").read_text())
    names = {source["name"] for source in manifest["sources"]}
    assert names.isdisjoint({"celebamask", "carparts", "camvid"})
    assert all(source["licence"] for source in manifest["sources"])
