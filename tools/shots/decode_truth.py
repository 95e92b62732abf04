"""Turns the encoded truth pass of a shot into mattes, or into the label maps of its references.

Started by render_shots.py as a process of its own, since Blender brings its own OpenEXR. By hand:

    python decode_truth.py mattes tuft IDS_DIR truth --samples 128
    python decode_truth.py labels tuft IDS_DIR references/masks --samples 128
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "rocket"))

from rocket_mattes import read_coverage, snap, write_labels, write_matte
from shot_parts import PARTS


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("mattes", "labels"))
    parser.add_argument("shot", choices=PARTS)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--samples", type=int, required=True)
    options = parser.parse_args()
    if options.kind == "labels":
        write_labels(options.source, options.target)
        return
    for path in sorted(options.source.glob("*.exr")):
        shot, frame = path.stem.split(".")
        for part, matte in zip(
            PARTS[options.shot], snap(read_coverage(path), options.samples), strict=True
        ):
            write_matte(options.target / part / f"{shot}_{part}.{frame}.exr", matte)


if __name__ == "__main__":
    main()
