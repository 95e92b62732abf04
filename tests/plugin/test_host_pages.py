"""The artists' pages say what the plugin does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smite_hosts import TABLE
from tests.plugin.nuke_stage import GIZMOS
from tests.support import host_pages


@pytest.mark.parametrize("page", sorted(host_pages.generated()), ids=lambda page: page.stem)
def test_generated_blocks_are_current(page: Path) -> None:
    mark, block = host_pages.generated()[page]
    hint = "run `python -m tests.support.host_pages`"
    assert host_pages.marked(mark, block) in page.read_text("utf-8"), hint


def test_every_sentence_can_be_found() -> None:
    text = host_pages.TROUBLESHOOTING.read_text("utf-8")
    for key in TABLE:
        assert key == "other" or f"\n### {key}\n" in text


@pytest.mark.parametrize("gizmo", sorted(GIZMOS.glob("*.gizmo")), ids=lambda file: file.stem)
def test_every_button_is_on_the_nodes_page(gizmo: Path) -> None:
    page = host_pages.DOCS / f"{gizmo.stem.removeprefix('SMITE_').lower()}.md"
    text = page.read_text("utf-8")
    buttons = re.findall(r'addUserKnob \{22 \S+ l ("[^"]+"|\S+)', gizmo.read_text("utf-8"))
    for label in (label.strip('"') for label in buttons):
        assert f"*{label}*" in text or label == "convert to Group", label


@pytest.mark.parametrize("page", sorted(host_pages.DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / link).exists(), f"{page.name}: {link}"
