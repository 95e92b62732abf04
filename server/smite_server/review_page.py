"""The review of a shot as one HTML file: no script, no file beside it, every text escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

import jinja2

from smite_server.markers import Marker
from smite_server.overlay import part_colours
from smite_server.quality_findings import MAJOR
from smite_server.review import Review
from smite_server.review_charts import count_of, part_chart, shot_row
from smite_server.review_pictures import ReviewPicture
from smite_server.strip_chart import ticks

__all__ = ["review_page"]

CARDS = 40
"""Most places with pictures; more are listed without."""

ROWS, APART = 2, 4
"""Most frames of a place that are shown, and frames that lie between them at least."""


def review_page(report: Mapping[str, Any], review: Review) -> str:
    """The page of a report (`Report.as_dict`) and its review."""
    style = _resource("review.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    numbers = [frame.number for frame in review.frames]
    colours = dict(zip(review.parts, map(_hex, part_colours(len(review.parts))), strict=True))
    pictured = sorted(review.markers, key=_urgency)[:CARDS]
    cards = [_card(review, marker, colours, marker in pictured) for marker in review.markers]
    found = _template().render(
        shot=report["shot"],
        version=int(report["version"]),
        about=_about(report, numbers),
        style=style,
        style_hash=f"sha256-{digest}",
        verdict=_verdict(review),
        all_along=[
            {"name": review.parts[each.part], "text": each.text}
            for each in review.findings
            if each.all_along
        ],
        ticks=ticks(numbers) if numbers else [],
        overview=[shot_row(review, slug, colours[slug], numbers) for slug in review.parts],
        cards=[card for card in cards if card["pictured"]],
        others=[card for card in cards if not card["pictured"]],
        parts=[part_chart(review, slug, colours[slug], numbers) for slug in review.parts],
        tables=list(_tables(report)),
    )
    return found + "\n"


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False
    )
    return environment.from_string(_resource("review.html"))


def _resource(name: str) -> str:
    return resources.files("smite_server").joinpath("web", name).read_text(encoding="utf-8")


def _urgency(marker: Marker) -> tuple[bool, float]:
    return marker.severity != MAJOR, -marker.findings[0].excess


def _verdict(review: Review) -> str:
    """The shot in a sentence."""
    count = len(review.markers)
    frames = count_of(len(review.frames), "frame")
    if not count:
        return f"No frame stands out among {frames}."
    major = sum(marker.severity == MAJOR for marker in review.markers)
    which = f"{major} of them " if major < count else "all " if count > 1 else ""
    ending = f", {which}most likely wrong" if major else ""
    return f"{count_of(count, 'place')} in {frames} to look at{ending}."


def _about(report: Mapping[str, Any], numbers: Sequence[int]) -> str:
    plate = report.get("plate", {})
    size = f"{plate['width']} x {plate['height']}" if plate.get("width") else ""
    frames = f"frames {numbers[0]}–{numbers[-1]}" if numbers else "no frames"
    quality = str(report.get("settings", {}).get("quality", ""))
    return " · ".join(text for text in (frames, size, quality) if text)


def _card(
    review: Review, marker: Marker, colours: Mapping[str, str], pictured: bool
) -> dict[str, Any]:
    """A place of the shot."""
    return {
        "first": marker.first,
        "last": marker.last,
        "frame": marker.frame,
        "severity": marker.severity,
        "words": "most likely wrong" if marker.severity == MAJOR else "worth a look",
        "pictured": pictured,
        "pictures": _pictures(review, marker) if pictured else [],
        "parts": [
            {
                "name": review.parts[slug],
                "colour": colours[slug],
                "lines": sorted(
                    (vars(each) for each in marker.findings if each.part == slug),
                    key=lambda line: (line["first"], line["last"]),
                ),
            }
            for slug in dict.fromkeys(each.part for each in marker.findings)
        ],
    }


def _pictures(review: Review, marker: Marker) -> list[list[dict[str, str]]]:
    """Rows of pictures: the worst frames of a place, each after the frame before it."""
    shown: list[ReviewPicture] = []
    for each in marker.findings:
        found = review.pictures.best(each.first, each.last, each.frame)
        if found is not None and all(abs(found.place - other.place) > APART for other in shown):
            shown.append(found)
    return [_row(found) for found in sorted(shown[:ROWS], key=lambda found: found.place)]


def _row(found: ReviewPicture) -> list[dict[str, str]]:
    captioned = [(found.before, f"{found.number_before}"), (found.jpeg, f"{found.number}")]
    return [
        {"data": base64.b64encode(jpeg).decode(), "caption": caption}
        for jpeg, caption in captioned
        if jpeg
    ]


def _tables(report: Mapping[str, Any]) -> Iterable[tuple[str, list[tuple[str, str]]]]:
    """How the mattes were made, as rows of text."""
    for title, key in (
        ("Settings", "settings"),
        ("Files", "files"),
        ("Plate", "plate"),
        ("Part model", "model"),
    ):
        rows = [(name, _text(value)) for name, value in dict(report.get(key, {})).items()]
        rows = [(name, value) for name, value in rows if value]
        if rows:
            yield title, rows


def _text(value: Any) -> str:
    """A value of a report for people; nothing for what is not set."""
    if value is None or value in ("", [], {}, ()):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
