"""Names of the gizmos' knobs, their inputs, and what kind of node is which."""

from __future__ import annotations

KIND = "smite_kind"
REFERENCE, LEARN, MATTES, PICK = "reference", "learn", "mattes", "pick"
CLASSES = {
    REFERENCE: "SMITE_Reference",
    LEARN: "SMITE_Learn",
    MATTES: "SMITE_Mattes",
    PICK: "SMITE_Pick",
}

STATUS = "smite_status"
"""A line that says how the node's job stands; not saved."""
JOB = "smite_job"
"""The place of the node's last job, as text (`smite_hosts.JobPlace`)."""

SETTINGS = "smite_settings"
"""Settings of the engine, as pairs ``name=value``; of learning, or of making mattes."""

# SMITE_Reference
IMAGE_INPUT = 0
FRAME = "smite_frame"
MOST_PARTS = 8


def part_name(number: int) -> str:
    """The knob with the name of a part; parts and their inputs count from 1."""
    return f"smite_part{number}"


def part_layer(number: int) -> str:
    """The knob with the channel of a part; none: the alpha of the part's input."""
    return f"smite_layer{number}"


# SMITE_Learn
MOST_REFERENCES = 12
NAME = "smite_name"
REPORT = "smite_report"
MODEL = "smite_model"

# SMITE_Mattes
PLATE_INPUT, MODEL_INPUT, FIX_INPUT = 0, 1, 2
SHOT = "smite_shot"
FRAMES = "smite_frames"
QUALITY = "smite_quality"
EDGES = "smite_edges"
STYLE_PARTS, STYLE_CRYPTOMATTE = "smite_style_parts", "smite_style_cryptomatte"
COLOUR = "smite_colour"
OUT = "smite_out"
TEMPLATE = "smite_template"
OVERWRITE = "smite_overwrite"
LAYERS = "smite_layers"
FIRST, LAST = "smite_first", "smite_last"
READY = "smite_ready"
PARTS = "smite_parts"
FILES = "smite_files"
FORMAT = "smite_format"
FIX_PART = "smite_fix_part"
FIX_REACH = "smite_fix_reach"
INNER_READ = "Layers"

# SMITE_Pick
MOST_PICKED = 6


def picked(number: int) -> str:
    """The knob with the layer of a picked part, from 1."""
    return f"smite_pick{number}"
