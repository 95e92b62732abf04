"""Names of parts, as files and people write them."""

from __future__ import annotations

import re


def loose_key(name: str) -> str:
    """Return a part's name without case and punctuation: "Left-Eye" and "left_eye" are the same."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
