"""Fixtures of the tests around Nuke."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fake_nuke import Session, running


@pytest.fixture
def session() -> Iterator[Session]:
    """A Nuke 16 with a GUI."""
    with running(16) as made:
        yield made
