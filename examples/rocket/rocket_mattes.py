"""Turn the encoded truth pass (see rocket_parts) into mattes or label maps.

The parts are the rocket's, or as many others in the same order of codes.

Needs numpy, OpenEXR and Pillow, and not Blender: render.py starts it as a process of its own,
since Blender brings its own build of the OpenEXR library. By hand:

    python rocket_mattes.py mattes IDS_DIR truth --samples 256
    python rocket_mattes.py labels IDS_DIR references/masks
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import OpenEXR
from PIL import Image
from rocket_parts import PARTS


def read_coverage(path: Path) -> np.ndarray:
    """Coverage of every part, (4, H, W) float32 in 0..1, in the order of their codes."""
    with OpenEXR.File(str(path), separate_channels=True) as exr:
        red, green, blue, alpha = (exr.channels()[c].pixels.copy() for c in "RGBA")
    coverage = np.stack([red, green, blue, alpha - red - green - blue])
    return np.clip(coverage, 0.0, 1.0)


def snap(coverage: np.ndarray, samples: int) -> np.ndarray:
    """Round to the n/samples which a render of so many samples can give.

    For a power of two up to 1024 these are exact in half float, so the sum stays <= 1.
    """
    snapped = np.round(coverage * samples) / samples
    drift = float(np.abs(snapped - coverage).max())
    if drift > 0.25 / samples:
        raise ValueError(f"coverage is up to {drift:.6f} away from a multiple of 1/{samples}")
    return snapped


def write_matte(path: Path, matte: np.ndarray) -> None:
    """Write (H, W) coverage as a half-float ZIP EXR whose single channel is A."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    pixels = np.ascontiguousarray(matte, dtype=np.float16)
    with OpenEXR.File(header, {"A": pixels}) as exr:
        exr.write(str(path))


def write_mattes(source: Path, target: Path, parts: Sequence[str], samples: int) -> None:
    """SHOT.1001.exr -> target/<part>/SHOT_<part>.1001.exr for all frames in source."""
    for path in sorted(source.glob("*.exr")):
        shot, frame = path.stem.split(".")
        coverage = snap(read_coverage(path), samples)
        for part, matte in zip(parts, coverage, strict=True):
            write_matte(target / part / f"{shot}_{part}.{frame}.exr", matte)


def write_labels(source: Path, target: Path) -> None:
    """ref_1.exr -> target/ref_1.png, the index of the part with the largest coverage."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.exr")):
        coverage = read_coverage(path)
        background = 1.0 - coverage.sum(axis=0, keepdims=True)
        labels = np.concatenate([background, coverage]).argmax(axis=0)
        Image.fromarray(labels.astype(np.uint8)).save(target / f"{path.stem}.png", optimize=True)


def main() -> None:
    """Command line, used by render.py."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("mattes", "labels"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--parts", nargs=len(PARTS), default=PARTS)
    parser.add_argument("--samples", type=int, default=256)
    options = parser.parse_args()
    if options.kind == "mattes":
        write_mattes(options.source, options.target, options.parts, options.samples)
    else:
        write_labels(options.source, options.target)


if __name__ == "__main__":
    main()
