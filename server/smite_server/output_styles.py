"""What lies in which file: one sequence per part, layers of one file, or a Cryptomatte.

A style is told the parts once and then turns each frame into channels, without names on disk,
windows or compression. Every frame of a shot has the same channels, also where a part is absent.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from smite_server.cryptomatte_ids import manifest, name_ids, type_key
from smite_server.cryptomatte_ranks import rank_mattes
from smite_server.exr_encoding import Channels, Compression
from smite_server.geometry import Floats
from smite_server.matte_values import Mattes
from smite_server.pixel_errors import ChoiceError

__all__ = [
    "STYLES",
    "CryptomatteStyle",
    "LayersStyle",
    "OutputStyle",
    "PartsStyle",
    "StyleFrame",
    "check_layer_name",
    "make_style",
]

_LAYER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    {"background", "rgb", "rgba", "alpha", "depth", "mask", "motion", "all", "none"}
)
"""Names that hosts give a meaning: those that no slug has, and two words of channel menus."""
_LONGEST = 253
"""EXR channel names have at most 255 bytes; `.A` takes two."""
_MOST_CHANNELS = 1023
"""As many as Nuke holds in a script; what lies above is not shown."""
_LARGEST_HALF = np.float32(65504)


@dataclass(frozen=True)
class StyleFrame:
    """One frame, ready to be laid out.

    Attributes:
        mattes: half or float [K, H, W] in the order of the parts, 0..1, finite.
        plate: float32 [H, W, 3], for styles that carry it.
        threads: that may be used.
    """

    mattes: Mattes
    plate: Floats | None = None
    threads: int = 1


class OutputStyle(ABC):
    """One way to lay out a frame's mattes.

    Attributes:
        name: what it is called in options and paths.
        separate: whether every part has a file of its own.
        parts: slugs, in the order of the mattes.
        compression: of this style's files.
        header: attributes beside the shot's own, the same on every frame.
    """

    name: ClassVar[str]
    separate: ClassVar[bool] = False

    def __init__(self, parts: Sequence[str], compression: Compression = Compression.ZIP) -> None:
        if not parts:
            raise ChoiceError("mattes without parts cannot be written", "", "name a part")
        if len(set(parts)) != len(parts):
            twice = next(part for part in parts if parts.count(part) > 1)
            raise ChoiceError(f"the part {twice!r} is named twice", "", "name every part once")
        self.parts = tuple(parts)
        self.compression = compression
        self.header: Mapping[str, object] = {}

    @property
    def members(self) -> tuple[str, ...]:
        """What a frame's files are called: the parts, or the style where one file holds all."""
        return self.parts if self.separate else (self.name,)

    @abstractmethod
    def files(self, frame: StyleFrame) -> Iterator[tuple[str, Channels]]:
        """Yields (member, channels) of every file of one frame."""


class PartsStyle(OutputStyle):
    """One sequence per part, each with the single channel `A`."""

    name = "parts"
    separate = True

    def files(self, frame: StyleFrame) -> Iterator[tuple[str, Channels]]:
        """Yields every part's file."""
        for part, matte in zip(self.parts, frame.mattes, strict=True):
            yield part, {"A": matte}


class LayersStyle(OutputStyle):
    """One file with a layer per part.

    A layer is the channel `slug.A`, which hosts list as `slug.alpha`; with `rgba` it is the four
    channels `slug.R`, `.G`, `.B` and `.A`, all the matte, which a viewer shows without a shuffle.
    With `with_plate` the file also has the plate as `R`, `G` and `B`.

    Raises:
        ChoiceError: a part whose name cannot be a layer's, or more channels than hosts list.
    """

    name = "layers"

    def __init__(
        self,
        parts: Sequence[str],
        compression: Compression = Compression.ZIP,
        *,
        rgba: bool = False,
        with_plate: bool = False,
    ) -> None:
        super().__init__(parts, compression)
        for part in parts:
            check_layer_name(part)
        self.suffixes = ("R", "G", "B", "A") if rgba else ("A",)
        self.with_plate = with_plate
        count = len(parts) * len(self.suffixes) + 3 * with_plate
        if count > _MOST_CHANNELS:
            raise ChoiceError(
                f"{len(parts)} layers have {count} channels, and hosts list {_MOST_CHANNELS}",
                "",
                "write alpha layers, or one sequence per part",
            )

    def files(self, frame: StyleFrame) -> Iterator[tuple[str, Channels]]:
        """Yields the one file."""
        channels = {
            f"{part}.{suffix}": matte
            for part, matte in zip(self.parts, frame.mattes, strict=True)
            for suffix in self.suffixes
        }
        if self.with_plate:
            if frame.plate is None:
                raise ChoiceError("layers with the plate need the plate's pixels")
            channels |= _plate_channels(frame.plate, frame.mattes.dtype.type)
        yield self.name, channels


def _plate_channels(plate: Floats, kind: type[np.generic]) -> dict[str, Mattes]:
    """R, G and B of the plate, unclamped but for what half cannot say."""
    limit = _LARGEST_HALF if kind is np.float16 else np.float32(np.inf)
    return {
        name: np.clip(plate[..., index], -limit, limit).astype(kind)
        for index, name in enumerate("RGB")
    }


class CryptomatteStyle(OutputStyle):
    """A Cryptomatte 1.2: `{type}00.r` the ID and `.g` the coverage of rank 0, and so on.

    Source: Friedman and Jones, "Cryptomatte", specification 1.2.0 (Psyop, 2018). Channels are
    float32 and lossless: half, or a lossy compression, would make other IDs of them. There is no
    preview layer. A coverage has the value of the part's matte, so where mattes are half the
    float32 here says the same as the half elsewhere; see `rank_mattes` for overlaps.

    Args:
        type_name: first part of the channel names: letters, digits and `_`.
        ranks: parts that a pixel can hold; even, because a layer holds two.

    Raises:
        ChoiceError: a lossy compression, a type name or rank count that cannot be, or parts with
            the same ID.
    """

    name = "cryptomatte"

    def __init__(
        self,
        parts: Sequence[str],
        compression: Compression = Compression.ZIP,
        *,
        type_name: str = "CryptoPart",
        ranks: int = 6,
    ) -> None:
        super().__init__(parts, compression)
        if not compression.lossless:
            raise ChoiceError(
                f"a Cryptomatte cannot be written with {compression.value}, which changes IDs",
                "",
                "use zip, zips or piz",
            )
        if not _LAYER.fullmatch(type_name):
            raise ChoiceError(
                f"the Cryptomatte type {type_name!r} cannot be a channel name",
                "",
                "use letters, digits and _, not a digit first",
            )
        if ranks % 2 or not 2 <= ranks <= 200:
            raise ChoiceError(
                f"a Cryptomatte cannot have {ranks} ranks", "", "give an even number, 2 to 200"
            )
        self.type_name = type_name
        self.ranks = ranks
        self._ids = name_ids(self.parts)
        prefix = f"cryptomatte/{type_key(type_name)}"
        self.header = {
            f"{prefix}/name": type_name,
            f"{prefix}/hash": "MurmurHash3_32",
            f"{prefix}/conversion": "uint32_to_float32",
            f"{prefix}/manifest": manifest(self.parts),
        }

    def files(self, frame: StyleFrame) -> Iterator[tuple[str, Channels]]:
        """Yields the one file."""
        ids, coverages = rank_mattes(frame.mattes, self._ids, self.ranks, frame.threads)
        empty = np.zeros(frame.mattes.shape[1:], np.float32)
        channels: dict[str, Floats] = {}
        for rank in range(self.ranks):
            layer = f"{self.type_name}{rank // 2:02d}"
            id_name, coverage_name = ("b", "a") if rank % 2 else ("r", "g")
            there = rank < len(ids)
            channels[f"{layer}.{id_name}"] = ids[rank] if there else empty
            channels[f"{layer}.{coverage_name}"] = coverages[rank] if there else empty
        yield self.name, channels


STYLES: Mapping[str, type[OutputStyle]] = {
    style.name: style for style in (PartsStyle, LayersStyle, CryptomatteStyle)
}


def make_style(
    name: str, parts: Sequence[str], compression: Compression = Compression.ZIP
) -> OutputStyle:
    """The style called `name`, with its defaults. Raises ChoiceError for an unknown one."""
    if name not in STYLES:
        raise ChoiceError(f"there is no output style {name!r}", "", "use " + ", ".join(STYLES))
    return STYLES[name](parts, compression)


def check_layer_name(part: str) -> str:
    """`part` itself if hosts list it as one layer. Raises ChoiceError."""
    if not _LAYER.fullmatch(part) or len(part) > _LONGEST:
        raise ChoiceError(
            f"the part {part!r} cannot be the name of a layer",
            "",
            "use its slug: letters, digits and _, not a digit first",
        )
    if part.lower() in _RESERVED:
        raise ChoiceError(
            f"the part {part!r} would be taken for a channel set that hosts have already",
            "",
            "use another name than " + ", ".join(sorted(_RESERVED)),
        )
    return part
