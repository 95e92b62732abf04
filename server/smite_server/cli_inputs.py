"""The command line's own looks at its inputs, before a server is asked: no pixels are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import fileseq

from smite_protocol.errors import BadInput, BadPath, BadPlate, PathMissing, UnknownModel
from smite_protocol.specs import BUILT_IN_CONFIGS, SHOT_NAME
from smite_protocol.uploads import WireFile, files_of_plate

FRAME_TOKEN = re.compile(r"#+|@+|%0?\d*d")


def absolute(path: str) -> Path:
    """Return ``path`` with ``~`` expanded, absolute; links and ``..`` are kept as typed."""
    return Path(path).expanduser().absolute()


def check_config(text: str | None) -> str | None:
    """Return an OpenColorIO config as the server is asked for it. Raises PathMissing."""
    if text is None or text.startswith(BUILT_IN_CONFIGS):
        return text
    path = absolute(text)
    if not path.is_file():
        raise PathMissing(f"The OpenColorIO config {path} does not exist; check --ocio.")
    return str(path)


def config_root(config: str | None) -> list[Path]:
    """Return what a private server may touch to read a config: its file, if it is one."""
    return [Path(config)] if config is not None and not config.startswith(BUILT_IN_CONFIGS) else []


def check_plate(text: str) -> Path:
    """Return the absolute path of a plate that exists here.

    Raises PathMissing when its folder or file does not exist, BadPlate when a pattern matches
    nothing; the sentence names what is there instead.
    """
    path = absolute(text)
    if not path.parent.is_dir():
        raise PathMissing(f"The plate {path} is in a folder that does not exist; check the path.")
    if path.exists():
        return path
    if not FRAME_TOKEN.search(path.name):
        near = get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], 1)
        instead = f"; did you mean {path.with_name(near[0])}?" if near else "; check the path."
        raise PathMissing(f"The plate {path} does not exist{instead}")
    try:
        next(files_of_plate(path))
    except BadPlate:
        raise BadPlate(f"No frame matches the plate {path}; {_sequences_in(path.parent)}") from None
    return path


def _sequences_in(folder: Path) -> str:
    """Return what sequences a folder holds, as the end of a sentence."""
    found = fileseq.findSequencesOnDisk(str(folder))
    shown = [
        sequence.format("{basename}{padding}{extension} ({range})")
        if sequence.frameSet()
        else Path(str(sequence)).name
        for sequence in found[:4]
    ]
    more = ", and more" if len(found) > len(shown) else ""
    return f"its folder holds {', '.join(shown)}{more}." if shown else "its folder is empty."


def check_folder(text: str, what: str) -> Path:
    """Return the absolute path of a folder that exists here.

    ``what`` names it in messages ("the reference folder"). Raises PathMissing, BadPath.
    """
    path = absolute(text)
    sentence = f"{what[:1].upper()}{what[1:]} {path}"
    if not path.exists():
        raise PathMissing(f"{sentence} does not exist; check the path.")
    if not path.is_dir():
        raise BadPath(f"{sentence} is a file; name the folder that holds it.")
    return path


def check_out(text: str) -> Path:
    """Return the absolute path of an output folder, which may be yet to be made. Raises BadPath."""
    path = absolute(text)
    there = next(step for step in (path, *path.parents) if step.exists())
    if not there.is_dir():
        raise BadPath(f"The output folder {path} cannot be made: {there} is a file.")
    return path


def shot_name(plate: Path, given: str | None) -> str:
    """Return the shot's name: the one given, else one made of the plate's.

    Raises BadInput when a given name cannot be part of file names.
    """
    if given is not None:
        if not re.fullmatch(SHOT_NAME, given):
            raise BadInput(
                f"--shot {given!r} cannot be part of file names; use letters, digits, '_', '-' and"
                " '.', at most 128, not starting with '.'."
            )
        return given
    # One picture of a sequence, `x.1001.exr`, is of the shot x.
    name = plate.name if plate.is_dir() else re.sub(r"(?<=.)\.\d{3,}$", "", plate.stem)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", FRAME_TOKEN.sub("", name))
    return name.strip("._-")[:128] or "shot"


def check_range(text: str | None, option: str) -> str | None:
    """Return a frame range such as ``1001-1048x2,1050``, checked. Raises BadInput."""
    if text is not None:
        _frame_numbers(text, option)
    return text


def _frame_numbers(text: str, option: str) -> frozenset[int]:
    tidy = ",".join(text.replace(",", " ").split())
    try:
        numbers = frozenset(fileseq.FrameSet(tidy)) if tidy else frozenset()
    except (fileseq.FileSeqException, ValueError):
        numbers = frozenset()
    if not numbers:
        raise BadInput(f"{option} {text!r} is no frame range; write for example 1001-1048x2,1050.")
    return numbers


def plate_files(plate: Path, frames: str | None) -> Iterator[WireFile]:
    """Yield the files to send for a plate: those of ``frames``, where the plate is a sequence.

    Raises BadPlate when there are none.
    """
    wanted = None if frames is None else _frame_numbers(frames, "--frames")
    return files_of_plate(plate, wanted)


def check_model(text: str, known: Sequence[str]) -> str:
    """Return what to call the model for the server: its name, or the absolute path of a file.

    ``known`` are the names on the server. Raises UnknownModel with near names.
    """
    if text in known:
        return text
    path = absolute(text)
    if path.is_file():
        return str(path)
    if path.suffix == ".safetensors" or len(Path(text).parts) > 1:
        raise UnknownModel(f"The part model {path} does not exist; check the path.")
    raise UnknownModel(f"There is no part model {text!r}; {_near(text, known)}")


def _near(text: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if not names:
        return "none has been learned yet: run `smite learn NAME --refs DIR` first."
    near = get_close_matches(text, names, 3, 0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}."
