"""Pack image collections into flat arrays which the backbone trainer reads as memory maps.

For every source NAME three files are written into the output folder:

* ``NAME.images.npy``  uint8 [N, 384, 384, 3], sRGB;
* ``NAME.labels.npy``  uint8 [N, 384, 384], label index, 0 = background, 255 = outside the image;
* ``NAME.meta.json``   name, licence, origin, count, labelled, groups, sizes, and what is particular
  to the source (label names, held-out stems, clip names, ...).

An image is scaled so that its long side is 384, its aspect is kept, and it lies in the top-left
corner of its canvas; ``sizes`` holds the [height, width] of that true area.  Two images of one
group show the same clip, family or label set, so they can serve as a reference/target pair.

``manifest.json`` lists all packed sources without the per-image arrays.

Example::

    python pack.py --out DIR --stills STILLS/ccp --clips CLIPS/davis
    python pack.py --out DIR --renders RENDERS --only renders
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]
Meta = dict[str, object]

SIZE = 384
IGNORE = 255
HOLD_OUT_EVERY = 8
PER_IMAGE_KEYS = ("groups", "sizes", "items")
LEFT_OUT_CLIPS = ("breakdance", "horsejump-high", "libby")
COMPOSITES_PER_STAMP = 3
MAX_COMPOSITES = 900

# Kinds kept out of the training data: the demonstration segments an object of this kind, and it
# has to be new to the backbone.
EXCLUDED_STAMP = re.compile(
    r"rocket|missile|shuttle|space|apollo|saturn|soyuz|satellite|lander|probe|orbit|astronaut"
    r"|torpedo|nasa|lunar|firework",
    re.IGNORECASE,
)
# Folders of stamps which are drawings, have no surface of their own, are weapons, or fly.
UNSUITED_STAMP = re.compile(r"(^|/)(cartoon|symbols|naturalforces|military|flight|flags)/")


@dataclass(frozen=True)
class Item:
    """One picture of a source.

    ``load`` returns (image uint8 [h, w, 3], labels uint8 [h, w] or None for "all background").
    """

    name: str
    group: int
    load: Callable[[], tuple[U8, U8 | None]]


@dataclass(frozen=True)
class Source:
    """A named collection of pictures with its licence and citation."""

    name: str
    licence: str
    origin: str
    labelled: bool
    items: Sequence[Item]
    extra: Meta = field(default_factory=dict)


# ---------------------------------------------------------------------------------------------
# Pictures


def read_rgb(path: Path) -> U8:
    """Read a picture as uint8 [h, w, 3], sRGB."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def read_index(path: Path) -> U8:
    """Read an 8-bit index mask as uint8 [h, w] (palette indices are kept, not their colours)."""
    with Image.open(path) as picture:
        if picture.mode not in ("L", "P"):
            raise ValueError(f"{path}: an 8-bit index mask is expected, this one is {picture.mode}")
        return np.asarray(picture)


def load_pair(image: Path, mask: Path | None, binary: bool = False) -> tuple[U8, U8 | None]:
    """Read a picture and its mask; ``binary`` turns every non-zero index into 1."""
    rgb = read_rgb(image)
    if mask is None:
        return rgb, None
    labels = read_index(mask)
    if labels.shape != rgb.shape[:2]:
        raise ValueError(f"{mask}: size {labels.shape} differs from its picture {rgb.shape[:2]}")
    return rgb, (labels > 0).astype(np.uint8) if binary else labels


def fitted_size(height: int, width: int, size: int = SIZE) -> tuple[int, int]:
    """Height and width with the long side at ``size`` and the aspect kept."""
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit(image: U8, labels: U8 | None, size: int = SIZE) -> tuple[U8, U8, tuple[int, int]]:
    """Scale a picture and its labels into the top-left corner of a square canvas.

    Takes uint8 [h, w, 3] and uint8 [h, w] or None; returns uint8 [size, size, 3], uint8
    [size, size] with 255 outside the picture, and the (height, width) of the true area.
    """
    height, width = fitted_size(image.shape[0], image.shape[1], size)
    canvas = np.zeros((size, size, 3), np.uint8)
    scaled = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    canvas[:height, :width] = np.asarray(scaled)
    index = np.full((size, size), IGNORE, np.uint8)
    if labels is None:
        index[:height, :width] = 0
    else:
        small = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
        index[:height, :width] = np.asarray(small)
    return canvas, index, (height, width)


# ---------------------------------------------------------------------------------------------
# Sources


def pictures_in(folder: Path) -> list[Path]:
    """The JPEG and PNG files of a folder in sorted order."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))


def pair_item(name: str, group: int, image: Path, mask: Path | None, binary: bool = False) -> Item:
    """An item which reads its picture and mask from files."""
    return Item(name, group, lambda: load_pair(image, mask, binary))


CCP_LICENCE = "Apache-2.0"
CCP_ORIGIN = (
    "Clothing Co-Parsing (CCP): W. Yang, P. Luo, L. Lin, 'Clothing Co-Parsing by Joint Image "
    "Segmentation and Labeling', CVPR 2014; https://github.com/bearpaw/clothing-co-parsing"
)


def split_ccp(stills: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Pictures of the set as (labelled for training, labelled and held out, unlabelled)."""
    masked = {p.stem for p in pictures_in(stills / "masks")}
    images = pictures_in(stills / "images")
    labelled = [p for p in images if p.stem in masked]
    held_out = labelled[::HOLD_OUT_EVERY]
    training = [p for i, p in enumerate(labelled) if i % HOLD_OUT_EVERY]
    return training, held_out, [p for p in images if p.stem not in masked]


def ccp_sources(stills: Path) -> list[Source]:
    """The labelled street-fashion photographs (one group) and the unlabelled ones."""
    training, held_out, unlabelled = split_ccp(stills)
    names = json.loads((stills / "labels.json").read_text(encoding="utf-8"))
    masks = stills / "masks"
    labelled = [pair_item(p.stem, 0, p, masks / f"{p.stem}.png") for p in training]
    extra: Meta = {"held_out": [p.stem for p in held_out], "label_names": names}
    plain = [pair_item(p.stem, i, p, None) for i, p in enumerate(unlabelled)]
    return [
        Source("ccp", CCP_LICENCE, CCP_ORIGIN, True, labelled, extra),
        Source("ccp_unlabelled", CCP_LICENCE, CCP_ORIGIN, False, plain),
    ]


def clip_folders(clips: Path, left_out: Sequence[str]) -> list[Path]:
    """Clip folders in sorted order without the left-out ones."""
    return sorted(p for p in clips.iterdir() if p.is_dir() and p.name not in left_out)


def davis_source(clips: Path, left_out: Sequence[str], step: int = 2) -> Source:
    """Every ``step``-th frame of each clip; group = index of the clip in meta ``clips``."""
    folders = clip_folders(clips, left_out)
    items = [
        pair_item(f"{c.name}/{p.stem}", g, p, c / "Annotations" / f"{p.stem}.png", binary=True)
        for g, c in enumerate(folders)
        for p in pictures_in(c / "JPEGImages")[::step]
    ]
    origin = (
        "DAVIS 2016: F. Perazzi et al., 'A Benchmark Dataset and Evaluation Methodology for Video "
        "Object Segmentation', CVPR 2016; https://davischallenge.org"
    )
    extra: Meta = {
        "clips": [c.name for c in folders],
        "left_out_clips": sorted(left_out),
        "label_names": {"0": "background", "1": "object"},
    }
    return Source("davis", "CC-BY-4.0", origin, True, items, extra)


def renders_source(renders: Path) -> Source:
    """Rendered part objects, files ``family_instance.png`` + ``family_instance.mask.png``.

    Pictures without a mask are skipped, so a render in progress can be packed.  Part names come
    from ``families.json`` (family -> list of part names, label 1 first) where it is there.
    """
    images = [p for p in pictures_in(renders) if not p.name.endswith(".mask.png")]
    images = [p for p in images if p.with_suffix(".mask.png").is_file()]
    families = sorted({p.stem.rsplit("_", 1)[0] for p in images})
    index = {name: i for i, name in enumerate(families)}
    items = [
        pair_item(p.stem, index[p.stem.rsplit("_", 1)[0]], p, p.with_suffix(".mask.png"))
        for p in images
    ]
    extra: Meta = {"families": families}
    parts_file = renders / "families.json"
    if parts_file.is_file():
        parts = json.loads(parts_file.read_text(encoding="utf-8"))
        extra["parts"] = {name: parts[name] for name in families if name in parts}
    origin = "Procedural part objects rendered by tools/training/render_parts.py of this project"
    return Source("renders", "same as this project", origin, True, items, extra)


# ---------------------------------------------------------------------------------------------
# Stamps: cut-out photographs composited over backgrounds


def noise_texture(rng: np.random.Generator, size: int = SIZE) -> U8:
    """A coloured multi-octave noise texture, uint8 [size, size, 3]."""
    total = np.zeros((size, size, 3), np.float32)
    for octave in range(1, 7):
        cells = 2**octave
        coarse = rng.random((cells, cells, 3), np.float32) * 255
        layer = Image.fromarray(coarse.astype(np.uint8)).resize(
            (size, size), Image.Resampling.BICUBIC
        )
        total += np.asarray(layer, np.float32) * (rng.random() / octave)
    total -= total.min()
    low, high = np.sort(rng.random((2, 3), np.float32), axis=0)
    blend = low + (high - low) * total / max(float(total.max()), 1e-6)
    return np.asarray(blend * 255, np.uint8)


def background(rng: np.random.Generator, photos: Sequence[Path], size: int = SIZE) -> U8:
    """A random crop of a random photograph, or noise one time in four; uint8 [size, size, 3]."""
    if not photos or rng.random() < 0.25:
        return noise_texture(rng, size)
    picture = Image.fromarray(read_rgb(photos[int(rng.integers(len(photos)))]))
    side = int(min(picture.size) * rng.uniform(0.5, 1.0))
    x = int(rng.integers(picture.width - side + 1))
    y = int(rng.integers(picture.height - side + 1))
    box = (x, y, x + side, y + side)
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS, box=box))


def transformed(stamp: Image.Image, rng: np.random.Generator, size: int = SIZE) -> Image.Image:
    """A stamp (RGBA) mirrored, turned and scaled at random to 35-90 percent of ``size``."""
    if rng.random() < 0.5:
        stamp = stamp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    stamp = premultiplied(stamp.crop(stamp.getchannel("A").getbbox()))
    stamp = stamp.rotate(rng.normal(0, 25), Image.Resampling.BICUBIC, expand=True)
    stamp = stamp.crop(stamp.getchannel("A").getbbox())
    scale = size * rng.uniform(0.35, 0.9) / max(stamp.size)
    width, height = (max(8, round(side * scale)) for side in stamp.size)
    return stamp.resize(
        (width, height), Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC
    )


def premultiplied(stamp: Image.Image) -> Image.Image:
    """RGBA with its colours multiplied by alpha, so that resampling leaks no hidden colour."""
    pixels = np.asarray(stamp, np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def composite(stamp: Path, photos: Sequence[Path], seed: Sequence[int]) -> tuple[U8, U8]:
    """Place a stamp over a background: (uint8 [384, 384, 3], uint8 [384, 384] with 1 = object)."""
    rng = np.random.default_rng(seed)
    with Image.open(stamp) as picture:
        cutout = np.asarray(transformed(picture.convert("RGBA"), rng), np.float32)
    canvas = background(rng, photos).astype(np.float32)
    labels = np.zeros(canvas.shape[:2], np.uint8)
    height, width = cutout.shape[:2]
    y = int(rng.integers(SIZE - height + 1)) if height <= SIZE else 0
    x = int(rng.integers(SIZE - width + 1)) if width <= SIZE else 0
    cutout = cutout[: SIZE - y, : SIZE - x]
    area = np.s_[y : y + cutout.shape[0], x : x + cutout.shape[1]]
    alpha = cutout[..., 3:] / 255
    gain = rng.uniform(0.8, 1.15)
    canvas[area] = canvas[area] * (1 - alpha) + cutout[..., :3] * gain
    labels[area] = alpha[..., 0] > 0.5
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), labels


def is_photographic(path: Path, min_side: int = 120, min_colours: int = 2000) -> bool:
    """Whether a PNG is a cut-out photograph: large, many colours, a partly transparent alpha."""
    with Image.open(path) as picture:
        if min(picture.size) < min_side or not picture.has_transparency_data:
            return False
        pixels = np.asarray(picture.convert("RGBA"))
    opaque = pixels[..., 3] > 127
    if not 0.1 < opaque.mean() < 0.97:
        return False
    colours = pixels[..., :3][opaque].astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    return len(np.unique(colours)) >= min_colours


def usable_stamps(folder: Path) -> list[Path]:
    """The photographic stamps below a folder, in sorted order, without the excluded kinds."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
    names = [n for n in names if not EXCLUDED_STAMP.search(n) and not UNSUITED_STAMP.search(n)]
    return [folder / name for name in names if is_photographic(folder / name)]


def stamps_source(folder: Path, photos: Sequence[Path], licence: str, origin: str) -> Source:
    """Three composites of every stamp; group = the stamp."""
    stamps = usable_stamps(folder)
    most = MAX_COMPOSITES // COMPOSITES_PER_STAMP
    if len(stamps) > most:
        stamps = [stamps[i] for i in np.linspace(0, len(stamps) - 1, most).round().astype(int)]

    def item(group: int, path: Path, turn: int) -> Item:
        name = f"{path.stem}_{turn}"
        return Item(name, group, lambda: composite(path, photos, (group, turn)))

    items = [item(g, p, t) for g, p in enumerate(stamps) for t in range(COMPOSITES_PER_STAMP)]
    names = [p.relative_to(folder).as_posix() for p in stamps]
    extra: Meta = {"stamps": names, "label_names": {"0": "background", "1": "object"}}
    return Source("stamps", licence, origin, True, items, extra)


# ---------------------------------------------------------------------------------------------
# Writing


def open_array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """Create a uint8 .npy file of a shape as a writable memory map."""
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def write_source(source: Source, out: Path) -> Meta:
    """Write the arrays and the meta file of one source; returns the meta.

    Arrays are written beside their final names and moved into place when they are complete.
    """
    count = len(source.items)
    if count == 0:
        raise ValueError(f"source {source.name} holds no pictures")
    targets = [out / f"{source.name}.{kind}.npy" for kind in ("images", "labels")]
    partial = [path.with_suffix(".npy.part") for path in targets]
    images = open_array(partial[0], (count, SIZE, SIZE, 3))
    labels = open_array(partial[1], (count, SIZE, SIZE))
    sizes = []
    for i, item in enumerate(source.items):
        images[i], labels[i], area = fit(*item.load())
        sizes.append(list(area))
    images.flush()
    labels.flush()
    for old, new in zip(partial, targets, strict=True):
        old.replace(new)
    meta: Meta = {
        "name": source.name,
        "licence": source.licence,
        "origin": source.origin,
        "count": count,
        "labelled": source.labelled,
        **source.extra,
        "items": [item.name for item in source.items],
        "groups": [item.group for item in source.items],
        "sizes": sizes,
    }
    (out / f"{source.name}.meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return meta


def write_manifest(out: Path) -> list[Meta]:
    """Collect all meta files of the folder, less their per-image arrays, into manifest.json."""
    manifest = []
    for path in sorted(out.glob("*.meta.json")):
        meta = json.loads(path.read_text(encoding="utf-8"))
        groups = meta["groups"]
        short = {k: v for k, v in meta.items() if k not in PER_IMAGE_KEYS}
        manifest.append({**short, "group_count": len(set(groups))})
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def backdrop_photos(args: argparse.Namespace) -> list[Path]:
    """Photographs for behind the stamps: unlabelled stills and frames of the training clips."""
    photos: list[Path] = []
    if args.stills:
        photos += split_ccp(args.stills)[2]
    if args.clips:
        for clip in clip_folders(args.clips, args.leave_out_clips):
            photos += pictures_in(clip / "JPEGImages")[::4]
    return photos


def sources_of(args: argparse.Namespace) -> list[Source]:
    """The sources whose folders were given, limited to ``--only``."""
    wanted = set(args.only or ("ccp", "ccp_unlabelled", "davis", "renders", "stamps"))
    sources: list[Source] = []
    if args.stills and wanted & {"ccp", "ccp_unlabelled"}:
        sources += ccp_sources(args.stills)
    if args.clips and "davis" in wanted:
        sources.append(davis_source(args.clips, args.leave_out_clips))
    if args.renders and "renders" in wanted:
        sources.append(renders_source(args.renders))
    if args.stamps and "stamps" in wanted:
        photos = backdrop_photos(args)
        sources.append(stamps_source(args.stamps, photos, args.stamps_licence, args.stamps_origin))
    return [source for source in sources if source.name in wanted]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line of the packer."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the arrays")
    parser.add_argument("--stills", type=Path, help="CCP folder: images/, masks/, labels.json")
    parser.add_argument("--clips", type=Path, help="DAVIS folder: CLIP/JPEGImages, Annotations")
    parser.add_argument(
        "--leave-out-clips", nargs="*", default=list(LEFT_OUT_CLIPS), metavar="CLIP"
    )
    parser.add_argument("--renders", type=Path, help="output folder of render_parts.py")
    parser.add_argument("--stamps", type=Path, help="folder with cut-out PNG photographs")
    parser.add_argument("--stamps-licence", default="see the copyright file of the stamps")
    parser.add_argument(
        "--stamps-origin",
        default="Photographs of the Tux Paint stamps collection (tuxpaint-stamps), "
        "https://tuxpaint.org/stamps/, composited over photographs of the other sources",
    )
    parser.add_argument("--only", nargs="*", metavar="NAME", help="pack only these sources")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Pack the sources given on the command line and refresh the manifest."""
    args = parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    for source in sources_of(args):
        start = time.perf_counter()
        write_source(source, args.out)
        print(
            f"{source.name}: {len(source.items)} in {time.perf_counter() - start:.1f} s", flush=True
        )
    write_manifest(args.out)


if __name__ == "__main__":
    main()
