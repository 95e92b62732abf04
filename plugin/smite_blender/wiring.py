"""Which nodes show the mattes of a scene: planned here, put into its compositor by `host`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Sequence, Tuple

from smite_hosts.mattes_on_disk import file_of

from .plate import Plate

LAYERS, PARTS, CRYPTOMATTE = "layers", "parts", "cryptomatte"
IMAGE_NODE, CRYPTOMATTE_NODE = "CompositorNodeImage", "CompositorNodeCryptomatteV2"
CRYPTO_LAYER = "CryptoPart"


@dataclass(frozen=True)
class NodePlan:
    """One node: its name in the tree, its kind, and the sequence that it shows.

    ``file`` is the file of the first frame; the node shows ``duration`` frames from the scene frame
    ``start``, whose file number is ``offset`` + 1. ``matte_id`` is a Cryptomatte's part.
    """

    name: str
    kind: str
    file: str
    start: int
    duration: int
    offset: int
    matte_id: str = ""


def plan_nodes(
    style: str,
    files: Mapping[str, Mapping[str, str]],
    frames: Sequence[int],
    plate: Plate,
    parts: Sequence[str],
) -> Tuple[NodePlan, ...]:
    """Return the nodes for mattes of a style: ``files`` is style -> member -> pattern.

    One node shows all layers; of parts and Cryptomattes there is a node for each part. Nothing is
    shown while there is no frame. ``parts`` are slugs; a Cryptomatte waits until they are known.
    """
    members = files.get(style, {})
    if not frames or not members:
        return ()
    first, last = min(frames), max(frames)
    start, duration, offset = plate.scene_frame_of(first), last - first + 1, first - 1

    def node(label: str, kind: str, pattern: str, matte_id: str = "") -> NodePlan:
        file = file_of(pattern, first)
        return NodePlan(f"SMITE {label}", kind, file, start, duration, offset, matte_id)

    if style == LAYERS:
        return (node(LAYERS, IMAGE_NODE, members[LAYERS]),)
    if style == CRYPTOMATTE:
        pattern = members[CRYPTOMATTE]
        return tuple(node(f"{slug} (crypto)", CRYPTOMATTE_NODE, pattern, slug) for slug in parts)
    found: List[NodePlan] = [node(slug, IMAGE_NODE, members[slug]) for slug in sorted(members)]
    return tuple(found)
