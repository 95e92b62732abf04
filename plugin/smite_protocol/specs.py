"""What a job is asked to do: one frozen dataclass per kind of job."""

# ruff: noqa: RUF009  (wire_field declares fields, like dataclasses.field)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Dict, Mapping, Optional, Tuple, Type

from .fields import wire_field

PATH_LENGTH = 4096
MODEL_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}"
MODEL_NAME_SAYS = "1 to 64 letters, digits, '_', '-' or '.', not starting with '.'"
SHOT_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}"
SHOT_NAME_SAYS = "1 to 128 letters, digits, '_', '-' or '.', not starting with '.'"
QUALITIES = ("draft", "standard", "paper")
ON_MISSING = ("fail", "hold", "skip")
BASELINES = ("", "copy_first")
STYLES = ("parts", "layers", "cryptomatte")
EDGES = ("", "hard", "soft", "fine")
PRECISIONS = ("half", "float")
COMPRESSIONS = ("zip", "zips", "piz", "dwaa")
LAYERS = ("alpha", "rgba")
BUILT_IN_CONFIGS = "ocio://"
"""How the names of OpenColorIO's built-in configs begin; others are paths."""
NEXT_VERSION = 0
"""Instead of a version: the lowest above all that exist."""
MOST_PROXY = 16


def _new_field(doc: str, **about: Any) -> Any:
    """Declare a field of protocol 3; a server that does not know it would do other work."""
    return wire_field(doc, since=3, essential=True, **about)


def _config_field() -> Any:
    """Declare the field for the config that a colour space is a name of."""
    return _new_field(
        "OpenColorIO config that the colour space is a name of: an absolute path, or `ocio://...`;"
        " none: the server's",
        default=None,
        length=PATH_LENGTH,
    )


@dataclass(frozen=True)
class Spec:
    """Base of the job specifications; on the wire a map with ``kind`` and the fields."""

    kind: ClassVar[str] = ""
    variants: ClassVar[Mapping[str, Type[Any]]] = {}


@dataclass(frozen=True)
class LearnSpec(Spec):
    """Learn a part model from reference stills."""

    kind: ClassVar[str] = "learn"
    name: str = wire_field(
        "name of the part model", length=64, pattern=MODEL_NAME, says=MODEL_NAME_SAYS
    )
    refs: Optional[str] = wire_field(
        "absolute folder of the references; none: they are sent as files",
        default=None,
        length=PATH_LENGTH,
    )
    parts: Tuple[str, ...] = wire_field(
        "part names to learn, in order; empty: all that the references name",
        default=(),
        length=128,
        items=255,
    )
    groups: Tuple[Tuple[str, Tuple[str, ...]], ...] = wire_field(
        "parts to merge: pairs of the new name and the merged names",
        default=(),
        length=128,
        items=255,
    )
    settings: Dict[str, Any] = wire_field(
        "learning settings that differ from the defaults", default={}, items=64
    )
    colour_space: Optional[str] = wire_field(
        "colour space of the stills; none: from the files", default=None, length=128
    )
    ocio: Optional[str] = _config_field()


@dataclass(frozen=True)
class SegmentSpec(Spec):
    """Make mattes of a shot."""

    kind: ClassVar[str] = "segment"
    model: str = wire_field("name of a part model, or its absolute path", length=PATH_LENGTH)
    plate: Optional[str] = wire_field(
        "absolute path of the plate: `x.####.exr`, `x.%04d.exr`, folder, still or movie; none:"
        " frames are sent",
        default=None,
        length=PATH_LENGTH,
    )
    frames: Optional[str] = wire_field(
        "frame range, e.g. `1001-1048x2,1050`; none: all", default=None, length=1024
    )
    shot: str = wire_field(
        "name of the shot in file names",
        default="shot",
        length=128,
        pattern=SHOT_NAME,
        says=SHOT_NAME_SAYS,
    )
    out: Optional[str] = wire_field(
        "absolute folder for the mattes; none: they come back as bytes",
        default=None,
        length=PATH_LENGTH,
    )
    quality: str = wire_field("speed against quality", default="standard", choices=QUALITIES)
    version: int = wire_field(
        "version in file names; 0 (since protocol 3): the lowest above all that exist",
        default=1,
        low=NEXT_VERSION,
        high=9999,
    )
    template: Optional[str] = wire_field(
        "file name template below `out`; none: the default", default=None, length=1024
    )
    colour_space: Optional[str] = wire_field(
        "colour space of the plate; none: from the files", default=None, length=128
    )
    on_missing: str = wire_field(
        "what a missing or unreadable frame does", default="fail", choices=ON_MISSING
    )
    seed: int = wire_field("seed of the noise", default=0, low=0, high=2**32 - 1)
    settings: Dict[str, Any] = wire_field(
        "engine settings that differ from the quality's", default={}, items=64
    )
    styles: Tuple[str, ...] = _new_field(
        "kinds of files: a sequence per part, layers of one file, a Cryptomatte",
        default=("parts",),
        items=len(STYLES),
        choices=STYLES,
    )
    edges: str = _new_field(
        "how mattes get their edges; empty: `soft` for drafts, else `fine`",
        default="",
        choices=EDGES,
    )
    precision: str = _new_field("values of the mattes", default="half", choices=PRECISIONS)
    compression: str = _new_field(
        "of the files; a Cryptomatte takes none that loses", default="zip", choices=COMPRESSIONS
    )
    layers: str = _new_field(
        "channels of a layer: `A` alone, or `R`, `G`, `B` and `A`, all the matte",
        default="alpha",
        choices=LAYERS,
    )
    with_plate: bool = _new_field("the plate goes into the layers file too", default=False)
    overwrite: bool = _new_field("a version that was delivered may be written over", default=False)
    proxy: int = _new_field(
        "mattes of 1/n of the plate's size, in a folder `proxy_n` of their own",
        default=1,
        low=1,
        high=MOST_PROXY,
    )
    ocio: Optional[str] = _config_field()
    owner: str = _new_field("the files' attribute `owner`", default="", length=1024)
    comment: str = _new_field("the files' attribute `comments`", default="", length=4096)


@dataclass(frozen=True)
class EvaluateSpec(Spec):
    """Score a part model against the annotations of a clip."""

    kind: ClassVar[str] = "evaluate"
    model: str = wire_field(
        "name of a part model, or its absolute path; may be empty with a baseline",
        length=PATH_LENGTH,
    )
    clip: str = wire_field("absolute folder of the annotated clip", length=PATH_LENGTH)
    labels: Tuple[Tuple[int, str], ...] = wire_field(
        "pairs of mask value and part name, where the clip has no labels.json",
        default=(),
        length=128,
        items=256,
        low=0,
        high=65535,
    )
    ignore: Tuple[int, ...] = wire_field(
        "mask values whose pixels do not count", default=(), items=256, low=0, high=65535
    )
    skip_frames: str = wire_field(
        "frames left out of the score, as a frame range", default="", length=1024
    )
    quality: str = wire_field("speed against quality", default="standard", choices=QUALITIES)
    seed: int = wire_field("seed of the noise", default=0, low=0, high=2**32 - 1)
    settings: Dict[str, Any] = wire_field(
        "engine settings that differ from the quality's", default={}, items=64
    )
    out: Optional[str] = wire_field(
        "absolute folder for a contact sheet; none: no sheet", default=None, length=PATH_LENGTH
    )
    baseline: str = wire_field(
        "instead of the model: `copy_first` keeps the first frame's annotation unchanged",
        default="",
        choices=BASELINES,
    )


@dataclass(frozen=True)
class DoctorSpec(Spec):
    """Report what works in the worker: devices, backbone, trackers."""

    kind: ClassVar[str] = "doctor"


Spec.variants = {found.kind: found for found in (LearnSpec, SegmentSpec, EvaluateSpec, DoctorSpec)}
for _variant in Spec.variants.values():
    _variant.variants = {}
