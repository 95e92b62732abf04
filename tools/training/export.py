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


PANES = {
    "training losses": ("cross", "was", "denoise", "teacher"),
    "what lies in a cell": ("classes",),
    "IoU of the parts of training episodes": ("iou",),
}
SMOOTHED = 50


def draw_curves(log: list[dict[str, float]], path: Path) -> None:
    """Losses and IoU over steps, running means; a loss begins where it was first asked for."""
    figure, panes = plt.subplots(1, len(PANES), figsize=(15, 3.6))
    kernel = np.ones(SMOOTHED) / SMOOTHED
    for pane, (title, names) in zip(panes, PANES.items(), strict=True):
        for name in names:
            steps = [step for step, entry in enumerate(log) if name in entry]
            if len(steps) < SMOOTHED:
                continue
            values = np.nan_to_num([log[step][name] for step in steps])
            pane.plot(steps[SMOOTHED - 1 :], np.convolve(values, kernel, mode="valid"), label=name)
        pane.legend()
        pane.set_title(title)
        pane.set_xlabel("step")
        pane.set_xlim(0, len(log))
        pane.grid(alpha=0.3)
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
