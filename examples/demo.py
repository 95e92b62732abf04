"""Learns the rocket's parts from four stills, makes the mattes of the demo shot, measures them.

Run by ``python install.py demo``; also an example of the Python API: one private server, one
client, two jobs. ``--draft`` is faster and rougher.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).resolve().parent / "rocket"
MODEL = "rocket-demo"
SHOT = "rocket"


def main() -> int:
    """Run the demo; return the exit status."""
    options = read_options()
    out = options.out.absolute()
    # The demo keeps its jobs and its part model to itself.
    os.environ["SMITE_HOME"] = str(out / "server")
    from smite_protocol import SmiteError

    try:
        run(out, "draft" if options.draft else "standard")
    except SmiteError as problem:
        print(f"demo: {problem.message}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print("demo: interrupted.", file=sys.stderr)
        return 130
    return 0


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="output folder")
    parser.add_argument("--draft", action="store_true", help="the fastest quality")
    return parser.parse_args()


def run(out: Path, quality: str) -> None:
    """Learn and segment over one private server, measure the mattes; print what came out.

    Raises SmiteError.
    """
    from smite_protocol import LearnSpec, SegmentSpec
    from smite_protocol.specs import NEXT_VERSION, STYLES
    from smite_server.private import connect_or_start

    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with connect_or_start(None, roots=[EXAMPLE, out]) as client:
        learned = finish(client, LearnSpec(name=MODEL, refs=str(EXAMPLE / "references")))
        segmented = finish(
            client,
            SegmentSpec(
                model=MODEL,
                plate=str(EXAMPLE / "plate" / "rocket.####.exr"),
                shot=SHOT,
                out=str(out),
                quality=quality,
                styles=STYLES,
                version=NEXT_VERSION,
            ),
        )
    scores = score(segmented["files"], segmented["parts"])
    report(out, learned, segmented, scores)
    print(f"learn, segment, measure   {time.monotonic() - started:.0f} s")


def finish(client: Any, spec: Any) -> dict[str, Any]:
    """Submit a job, show its progress, return its result. Raises the job's error."""
    from smite_server.cli_follow import follow_or_cancel
    from smite_server.cli_output import ProgressView

    job = client.submit(spec)
    result: dict[str, Any] = follow_or_cancel(client, job, ProgressView(spec.kind)).result
    return result


def score(files: dict[str, str], parts: dict[str, str]) -> dict[str, Any]:
    """Hold the mattes that were written against the exact ones of the render.

    `smite evaluate` gives the same figures, but segments the shot anew.
    """
    import numpy as np
    import OpenEXR

    from smite_engine.evaluate import Evaluator
    from smite_server.plates import open_plate
    from smite_server.truth import read_truth

    truth = read_truth(EXAMPLE, list(parts.items()))
    evaluator = Evaluator(list(parts.values()))
    with open_plate(str(truth.plate_path)) as plate:
        geometry = plate.geometry
    for number in truth.numbers:
        paths = [files[slug].replace("####", f"{number:04d}") for slug in parts]
        mattes = np.stack([OpenEXR.File(path).channels()["A"].pixels for path in paths])
        shares = np.concatenate([1 - mattes.sum(axis=0, keepdims=True), mattes])
        labels = shares.argmax(axis=0).astype(np.uint8)
        evaluator.add(labels, truth.labels(number, geometry))
    return evaluator.result()


def report(
    out: Path, learned: dict[str, Any], segmented: dict[str, Any], scores: dict[str, Any]
) -> None:
    """Print where the results lie and how good they are."""
    print(f"\npart model                {learned['part_model']}")
    print(f"mattes                    {out / SHOT}")
    for part, pattern in segmented["files"].items():
        print(f"  {part:<22}  {pattern}")
    print(f"contact sheet             {segmented['contact_sheet']}")
    print(f"review                    {segmented['review']}")
    print(f"frames                    {segmented['frames']}")
    print(f"seconds per frame         {segmented['seconds_per_frame']:.2f}")
    print(f"foreground mIoU           {100 * scores['miou_foreground']:.1f} %")
    for part, values in scores["parts"].items():
        print(f"  {part:<22}  {100 * values['iou']:.1f} %")


if __name__ == "__main__":
    sys.exit(main())
