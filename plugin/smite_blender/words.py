"""Sentences that name things of the host, in Blender's words; the others are as for all hosts."""

from __future__ import annotations

from typing import Mapping

from smite_hosts import HostProblem

TEXTS: Mapping[str, str] = {
    "unsaved_script": (
        "The Blender file has no name yet, so the shot has none either: save the file, or type the"
        " shot's name in the SMITE panel."
    ),
    "no_shot_in_name": (
        "The file's name {script} does not fit the shot pattern {pattern}: save it as the studio"
        " names files, or type the shot's name in the SMITE panel."
    ),
    "no_plate": (
        "The scene {node} has no plate: choose a movie clip, an image sequence or a file in the"
        " SMITE panel."
    ),
    "plate_missing": "The plate {path} cannot be seen from this machine: {detail}.",
    "no_out": (
        "The scene {node} has no folder for the mattes: choose one in the SMITE panel, or save the"
        " Blender file."
    ),
    "no_model": (
        "The scene {node} has no part model: choose one in the SMITE panel, or learn it there."
    ),
    "unknown_model": (
        "The server does not have this part model: {detail} Choose one in the SMITE panel, or learn"
        " it."
    ),
    "no_references": (
        "The scene {node} has no references: add at least one in the SMITE panel, with a picture"
        " and a mask for each part."
    ),
    "reference_without_image": (
        "The {node} has no picture: choose an image, or a plate that is an image sequence whose"
        " frame is taken."
    ),
    "reference_without_parts": (
        "The {node} has no part: add one, name it, and choose its image or mask."
    ),
    "part_without_name": "The {node} has a part without a name ({input}): name it.",
    "nothing_to_reload": "The scene {node} has no mattes yet: press Generate.",
    "fault": (
        "Something went wrong inside the SMITE add-on ({detail}); the log has the details: Open log"
        " in the SMITE panel."
    ),
}
"""By the key of the shared table (`smite_hosts.TABLE`), with the same fields."""


def in_blender(problem: HostProblem) -> str:
    """Return what an artist in Blender reads."""
    text = TEXTS.get(problem.key)
    if text is None or problem.fields is None:
        return problem.message
    return text.format(**problem.fields)
