"""Puts trained weights into the package, with the manifest of what they were trained on.

    python tools/training/export.py --trained DIR --data DIR

Copies the autoencoder, UNet, text table and reference encoder (fp16 safetensors), writes
``manifest.json`` and draws ``learning_curves.png`` from the training log.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from smite_engine.loading import EMBEDDED_FOLDER, EMBEDDED_NAME

NETWORKS = ("vae", "unet", "text", "encoder")


def copy_weights(trained: Path, target: Path) -> None:
    for name in NETWORKS:
        shutil.rmtree(target / name, ignore_errors=True)
        (target / name).mkdir(parents=True)
        for file in ("config.json", "diffusion_pytorch_model.safetensors"):
            shutil.copyfile(trained / name / file, target / name / file)


def write_manifest(
    log: list[dict[str, float]], data: Path, target: Path, batch: str, teacher: str
) -> None:
    """The sources with licences and counts, and how long was trained on them."""
    sources = json.loads((data / "manifest.json").read_text())
    manifest = {
        "name": EMBEDDED_NAME,
        "licence": "Apache-2.0",
        "steps": len(log),
        "batch": batch,
        "teacher": teacher,
        "sources": sources,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (target / "manifest.json").write_text(text + "\n", encoding="utf-8")


def draw_curves(log: list[dict[str, float]], path: Path) -> None:
    """Losses and IoU over steps, running means of 50."""
    figure, panes = plt.subplots(1, 2, figsize=(10, 3.6))
    kernel = np.ones(50) / 50
    for pane, names in zip(
        panes, (("cross", "was", "denoise", "teacher", "classes"), ("iou",)), strict=True
    ):
        for name in names:
            values = np.nan_to_num([entry[name] for entry in log if name in entry])
            pane.plot(np.convolve(values, kernel, mode="valid"), label=name)
        pane.legend()
        pane.set_xlabel("step")
        pane.grid(alpha=0.3)
    panes[0].set_title("training losses")
    panes[1].set_title("IoU of the parts of training episodes")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", type=Path, default=EMBEDDED_FOLDER)
    parser.add_argument("--batch", default="", help="how batches and sizes went, for the manifest")
    parser.add_argument("--teacher", default="", help="the network whose features were a target")
    args = parser.parse_args()
    copy_weights(args.trained, args.target)
    log = json.loads((args.trained / "log.json").read_text())
    write_manifest(log, args.data, args.target, args.batch, args.teacher)
    draw_curves(log, args.target / "learning_curves.png")


if __name__ == "__main__":
    main()
