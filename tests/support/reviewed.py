"""A finished shot on disk, made without an engine: plate, mattes, report and review page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smite_server.exr_attributes import ShotMetadata
from smite_server.geometry import Geometry
from smite_server.matte_encoder import MatteEncoder, MatteFrame
from smite_server.output_names import OutputNames
from smite_server.output_styles import make_style
from smite_server.output_writer import OutputWriter
from smite_server.report import Report
from smite_server.report_frames import FrameReport, PartReport
from smite_server.review import review_of
from smite_server.review_page import review_page
from smite_server.review_pictures import ReviewPictures

WIDTH, HEIGHT = 96, 64
PARTS = {"hull": "the hull", "fins": "fins"}
GREY = 120


def write_shot(out: Path, *, shot: str = "SEQ_010", version: int = 1, frames: int = 10,
               bad: int | None = 5, styles: tuple[str, ...] = ("parts",),
               **plate: Any) -> Path:  # fmt: skip
    """Write frames from 1001 on; frame ``bad`` flickers; return the report's path.

    The plate is a grey PNG sequence; the hull is its left half, the fins a block at the right.
    """
    made = [make_style(style, tuple(PARTS)) for style in styles]
    names = OutputNames(out, shot, version, {style.name: style.members for style in made})
    writer = OutputWriter(names, MatteEncoder(made, ShotMetadata())) if made else None
    path = names.report
    path.parent.mkdir(parents=True, exist_ok=True)
    pattern = out / "plate" / "p.####.png"
    pattern.parent.mkdir(exist_ok=True)
    planes = np.zeros((2, HEIGHT, WIDTH), np.float32)
    planes[0, :, : WIDTH // 2] = 1.0
    planes[1, :16, -16:] = 1.0
    pictures, entries = ReviewPictures(), []
    for index in range(frames):
        number = 1001 + index
        rgb = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
        cv2.imwrite(str(pattern).replace("####", f"{number}"), rgb)
        if writer is not None:
            writer.write(MatteFrame(number, planes, Geometry.of_size(WIDTH, HEIGHT)))
        flicker = 0.7 if index == bad else 0.05
        figures = {slug: PartReport(0.1, 0.9, flicker, 0.4) for slug in PARTS}
        entries.append(FrameReport(number, 0.9, flicker, parts=figures))
        pictures.add(number, flicker, np.float32(rgb) / 255, planes)
    about = {"path": str(pattern), "width": WIDTH, "height": HEIGHT, **plate}
    review = review_of(entries, PARTS, WIDTH, pictures)
    report = Report(
        shot, version, PARTS, plate=about, frames=entries,
        styles=names.patterns(),
        review=review.entries(), markers=review.marks(),
    )  # fmt: skip
    report.save(path)
    page = review_page(report.as_dict(), review)
    path.with_suffix(".html").write_text(page, encoding="utf-8")
    return path
