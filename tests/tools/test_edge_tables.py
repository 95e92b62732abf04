"""The tables of benchmarks.edges, and how its figures are summed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.edge_tables import edge_tables
from benchmarks.edges import Score


def row(maps: str, method: str, sad_band: float, **more: Any) -> dict[str, Any]:
    figures = dict.fromkeys(("sad", "mse", "gradient", "connectivity", "unsteady"), 0.001)
    about = {"shot": "plane", "frames": 5, "maps": maps, "method": method, "sad_band": sad_band}
    return {**about, **figures, "unsteady_in_mattes": 0.01, "dtssd": 0.02, "seconds": 1.0, **more}


def test_each_method_has_its_share_of_bilinears_error() -> None:
    rows = [row("truth", "fine", 10.0), row("truth", "bilinear", 40.0), row("engine", "fine", 5.0)]
    truth, engine = edge_tables(rows).split("(b)")
    assert "| plane, 5 frames | fine | 10.00 | 0.25 |" in truth
    assert "| plane, 5 frames | bilinear | 40.00 | 1.00 |" in truth
    assert "| plane, 5 frames | fine | 5.00 | – |" in engine
    assert edge_tables([]) == "Nothing is measured yet."


def test_figures_are_of_frames_and_changes_of_pairs() -> None:
    score = Score(seconds=[1.0, 3.0])
    truth = np.zeros((2, 8, 8))
    truth[:, :, 4:] = 1
    band = np.zeros((2, 8, 8), bool)
    band[:, :, 3:5] = True
    score.add(truth + np.where(truth < 1, 0.1, 0.0), truth, band)
    one = score.result()
    assert one["dtssd"] is None
    assert one["sad"] == pytest.approx(2 * 32 * 0.1 / 1000)
    assert one["sad_band"] == pytest.approx(2 * 8 * 0.1 / 1000)
    score.add(truth, truth, band)
    both = score.result()
    assert both["sad"] == pytest.approx(one["sad"] / 2)
    assert both["unsteady"] == pytest.approx(0.05)
    assert both["seconds"] == 2.0
