"""A small moving subject with two painted parts, written to disk: references, plates, a clip."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import OpenEXR

HEIGHT, WIDTH = 72, 96
ABOUT_SHOT_FILES = 3
"""Files about the whole shot that come back with its mattes: contact sheet, review page, report."""
PARTS = ("body", "left wheel")
BODY_COLOUR = (0.8, 0.15, 0.1)
WHEEL_COLOUR = (0.1, 0.2, 0.9)


def cart(x: int, *, seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """A red body on a blue wheel, ``x`` pixels from the left.

    Returns float32 [H, W, 3] display sRGB 0..1, and uint8 [H, W] labels: 1 body, 2 wheel.
    """
    rng = np.random.default_rng(seed)
    image = rng.uniform(0.4, 0.5, (HEIGHT, WIDTH, 3)).astype(np.float32)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[22:44, x : x + 34] = 1
    rows, cols = np.ogrid[:HEIGHT, :WIDTH]
    labels[(rows - 50) ** 2 + (cols - x - 12) ** 2 <= 9**2] = 2
    image[labels == 1] = BODY_COLOUR
    image[labels == 2] = WHEEL_COLOUR
    return image, labels


def write_png(path: Path, image: npt.NDArray[np.float32]) -> None:
    """Write float32 [H, W, 3] RGB 0..1 as an 8-bit PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.round(image * 255).astype(np.uint8)
    assert cv2.imwrite(str(path), np.ascontiguousarray(whole[..., ::-1]))


def write_labels(path: Path, labels: npt.NDArray[np.uint8]) -> None:
    """Write uint8 [H, W] as a grey PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), labels)


def write_references(folder: Path, count: int = 2) -> Path:
    """Write ``count`` stills with label maps and labels.json; return the folder."""
    for index in range(count):
        image, labels = cart(8 + 20 * index, seed=100 + index)
        write_png(folder / "images" / f"still_{index}.png", image)
        write_labels(folder / "masks" / f"still_{index}.png", labels)
    names = {str(index + 1): name for index, name in enumerate(PARTS)}
    (folder / "labels.json").write_text(json.dumps(names), encoding="utf-8")
    return folder


def write_plate(folder: Path, frames: int, *, first: int = 1001) -> str:
    """Write a PNG sequence in which the cart goes to and fro; return its pattern."""
    for number in range(frames):
        x = 5 + abs((2 * number) % 80 - 40)
        write_png(folder / f"cart.{first + number:04d}.png", cart(x, seed=number)[0])
    return str(folder / "cart.####.png")


def write_clip(folder: Path, frames: int) -> Path:
    """Write JPEGImages/, Annotations/ and labels.json; return the folder."""
    for number in range(frames):
        image, labels = cart(8 + 2 * number, seed=number)
        write_png(folder / "JPEGImages" / f"{number:05d}.png", image)
        write_labels(folder / "Annotations" / f"{number:05d}.png", labels)
    names = {str(index + 1): name for index, name in enumerate(PARTS)}
    (folder / "labels.json").write_text(json.dumps(names), encoding="utf-8")
    return folder


def read_alpha(path: Path) -> tuple[dict[str, object], npt.NDArray[np.generic]]:
    """Return header and alpha, [H, W], of a matte."""
    with OpenEXR.File(str(path)) as file:
        return dict(file.header()), np.array(file.channels()["A"].pixels)


def write_odd_exr(path: Path) -> None:
    """Write one anamorphic, overscan, portrait EXR frame with NaN pixels.

    Pixel aspect 2; display window (0, 0)-(63, 95); data window (-4, -6)-(67, 101).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    pixels = rng.uniform(0.1, 0.3, (108, 72, 3)).astype(np.float16)
    pixels[30:60, 20:40] = BODY_COLOUR
    pixels[3, 5] = np.nan
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "pixelAspectRatio": 2.0,
        "displayWindow": (np.array([0, 0], np.int32), np.array([63, 95], np.int32)),
        "dataWindow": (np.array([-4, -6], np.int32), np.array([67, 101], np.int32)),
    }
    channels = {name: pixels[..., index].copy() for index, name in enumerate("RGB")}
    with OpenEXR.File(header, channels) as file:
        file.write(str(path))
