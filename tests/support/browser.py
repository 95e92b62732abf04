"""A real Chromium without a screen: what a page shows, as HTML and as a picture."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = "SMITE_REQUIRE_BROWSER"
SECONDS = 60


def browser() -> str:
    """Return the browser's program; skip the test where none is, unless one is required."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        missing = "no Chromium is installed (Debian: apt-get install chromium)"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def page_of(url: str, profile: Path, *, screenshot: Path | None = None) -> str:
    """Open a page, let it run its scripts, and return its document as HTML then."""
    command = [
        browser(),
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
        *("--disable-dev-shm-usage", "--window-size=1280,1000", "--virtual-time-budget=3000"),
        f"--user-data-dir={profile}",
    ]
    if screenshot is not None:
        command.append(f"--screenshot={screenshot}")
    found = subprocess.run(
        [*command, "--dump-dom", url], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return found.stdout


@dataclass
class Element:
    """One element of a page: its name and attributes, and the text inside it."""

    name: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


class Page(HTMLParser):
    """The elements of a page, in order."""

    void = frozenset({"meta", "link", "img", "br", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(found)
        if tag not in self.void:
            self._open.append(found)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)

    def with_attribute(self, name: str) -> list[Element]:
        return [element for element in self.elements if name in element.attributes]

    def the(self, identity: str) -> Element:
        (found,) = [e for e in self.elements if e.attributes.get("id") == identity]
        return found
