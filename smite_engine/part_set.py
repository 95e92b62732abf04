"""Part sets: the ordered names of the regions that a part model finds. Background is index 0."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from smite_engine.errors import PartSetError

MOST_PARTS = 75  # 77 context rows, less the start row and the end row of a text encoder.
RESERVED = frozenset({"background", "rgb", "rgba", "alpha", "depth", "mask", "motion"})
_SLUG = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Part:
    """A named region: the display name, and the slug that files and layers use."""

    name: str
    slug: str


@dataclass(frozen=True)
class PartSet:
    """Parts in order; part i of the tuple is index i + 1 in label maps and soft maps."""

    parts: tuple[Part, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts)

    @property
    def slugs(self) -> tuple[str, ...]:
        return tuple(part.slug for part in self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    @classmethod
    def from_names(cls, names: Iterable[str]) -> PartSet:
        """The part set of display names.

        Raises:
            PartSetError: If there is no name, or more than 75, or one is empty, reserved or the
                same as another once written as a slug.
        """
        parts = tuple(Part(name, slug_of(name)) for name in names)
        if not parts:
            raise PartSetError("A part set needs at least one part besides the background.")
        if len(parts) > MOST_PARTS:
            raise PartSetError(
                f"A part set holds at most {MOST_PARTS} parts, but {len(parts)} are named; "
                "merge some of them."
            )
        seen: dict[str, str] = {}
        for part in parts:
            if part.slug in seen:
                raise PartSetError(
                    f'The parts "{seen[part.slug]}" and "{part.name}" have the same slug '
                    f'"{part.slug}"; rename one of them.'
                )
            seen[part.slug] = part.name
        return cls(parts)


def slug_of(name: str) -> str:
    """The slug ``[a-z][a-z0-9_]{0,62}`` of a display name.

    Raises:
        PartSetError: If the name has no letter to begin with, is too long, or is reserved.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not _SLUG.fullmatch(slug):
        raise PartSetError(
            f'The part name "{name}" gives no slug; a name starts with a letter a-z and has at '
            "most 63 letters, digits and spaces."
        )
    if slug in RESERVED:
        raise PartSetError(
            f'The part name "{name}" is reserved; use another name than '
            f"{', '.join(sorted(RESERVED))}."
        )
    return slug
