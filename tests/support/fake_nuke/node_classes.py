"""The rest of the node classes, and the table of all; see `node_table` for the source."""

from __future__ import annotations

from . import choice_knobs as choice
from . import number_knobs as numbers
from . import text_knobs as text
from .node_table import (
    COPY,
    MASKED,
    MERGE2,
    READ,
    SHUFFLE,
    SHUFFLE2,
    WRITE,
    NodeClass,
    channel,
    enum,
    flag,
    mask,
    of,
    value,
    whole,
)

ROOT = NodeClass(
    # Not in the scan: knobs of the project settings as in saved scripts and in the user guide.
    "Root",
    (
        of(text.File_Knob, "project_directory"),
        whole("first_frame", 1),
        whole("last_frame", 100),
        whole("frame", 1),
        flag("lock_range"),
        value("fps", 24),
        of(choice.Format_Knob, "format"),
        of(choice.Format_Knob, "proxy_format"),
        flag("proxy"),
        value("proxy_scale", 0.5),
        enum("proxy_type", "format|scale"),
        enum("colorManagement", "Nuke|OCIO", "Nuke"),
        of(text.File_Knob, "customOCIOConfigPath"),
        of(text.File_Knob, "OCIOConfigPath"),
        of(text.String_Knob, "workingSpaceLUT", "linear"),
        of(text.Multiline_Eval_String_Knob, "comments"),
        of(text.PythonKnob, "onScriptLoad"),
        of(text.PythonKnob, "onScriptSave"),
        of(text.PythonKnob, "onScriptClose"),
        of(text.Script_Knob, "reloadConfig"),
        of(text.Multiline_Eval_String_Knob, "views", "main"),
    ),
    inputs=0,
)

_RESIZE = "none|width|height|fit|fill|distort"
_FILTER = "impulse|linear|cubic|Keys|Simon|Rifman|Mitchell|Parzen|notch|Lanczos4|Lanczos6|sinc4"

OTHERS = (
    NodeClass(
        "Dissolve",
        (
            mask("channels", "all"),
            value("which"),
            value("metainput"),
            flag("mergerange"),
            *MASKED,
        ),
        inputs=10001,
    ),
    NodeClass(
        "FilterErode",
        (
            mask("channels", "alpha"),
            of(numbers.WH_Knob, "size", 1),
            enum("filter", "box|triangle|quadratic|gaussian"),
            value("mix", 1),
            *MASKED,
        ),
        inputs=2,
    ),
    # Erode (fast) is the class Dilate (user guide, "Erode (fast)").
    NodeClass(
        "Dilate",
        (mask("channels", "alpha"), of(numbers.WH_Knob, "size", 1), value("mix", 1), *MASKED),
        inputs=2,
    ),
    NodeClass(
        "Blur",
        (
            mask("channels", "all"),
            of(numbers.WH_Knob, "size"),
            enum("filter", "box|triangle|quadratic|gaussian", "gaussian"),
            value("quality", 15),
            flag("crop", True),
            value("mix", 1),
            *MASKED,
        ),
        inputs=2,
    ),
    NodeClass(
        "Constant",
        (
            channel("channels", "rgb"),
            of(numbers.AColor_Knob, "color"),
            of(choice.Format_Knob, "format"),
            value("first", 1),
            value("last", 1),
        ),
        inputs=0,
    ),
    NodeClass(
        "CheckerBoard2",
        (of(choice.Format_Knob, "format"), of(numbers.WH_Knob, "boxsize", 64)),
        inputs=0,
    ),
    NodeClass("NoOp", ()),
    NodeClass("Dot", ()),
    NodeClass("PostageStamp", ()),
    NodeClass("Input", (whole("number"),), inputs=1),
    NodeClass("Output", ()),
    NodeClass("FrameRange", (value("first_frame"), value("last_frame"))),
    NodeClass("FrameHold", (value("first_frame", 1), value("increment"))),
    NodeClass("TimeOffset", (value("time_offset"), flag("reverse_input"))),
    NodeClass(
        "Crop",
        (
            of(numbers.BBox_Knob, "box"),
            value("softness"),
            flag("reformat"),
            flag("intersect"),
            flag("crop", True),
        ),
    ),
    NodeClass(
        "Reformat",
        (
            enum("type", "to format|to box|scale"),
            of(choice.Format_Knob, "format"),
            value("box_width", 200),
            value("box_height", 200),
            flag("box_fixed"),
            value("box_pixel_aspect", 1),
            of(numbers.WH_Knob, "scale", 1),
            enum("resize", _RESIZE, "width"),
            flag("center", True),
            flag("flip"),
            flag("flop"),
            flag("turn"),
            enum("filter", _FILTER, "cubic"),
            flag("clamp"),
            flag("black_outside"),
            flag("pbb"),
        ),
    ),
    NodeClass("Switch", (value("which"),), inputs=10000),
    NodeClass("Invert", (mask("channels", "rgb"), flag("clamp"), value("mix", 1), *MASKED), 2),
    NodeClass(
        "Multiply", (mask("channels", "all"), value("value", 1), value("mix", 1), *MASKED), 2
    ),
    NodeClass(
        "Clamp", (mask("channels", "all"), value("minimum"), value("maximum", 1), *MASKED), 2
    ),
    NodeClass(
        "Remove",
        (enum("operation", "remove|keep"), mask("channels", "all"), mask("channels2", "none")),
    ),
    NodeClass("AddChannels", (mask("channels", "alpha"), value("color"))),
    NodeClass("Premult", (mask("channels", "rgb"), channel("alpha", "alpha"), flag("invert"))),
    NodeClass("Viewer", (whole("input_number"), of(text.String_Knob, "viewerProcess")), inputs=10),
    NodeClass("StickyNote", (), inputs=0),
    NodeClass(
        "BackdropNode", (value("bdwidth", 200), value("bdheight", 200), whole("z_order")), inputs=0
    ),
    NodeClass("Group", (flag("lock_connections"),), inputs=0),
    NodeClass("Gizmo", (), inputs=0),
)

CLASSES = {
    made.name: made for made in (READ, WRITE, SHUFFLE2, SHUFFLE, COPY, MERGE2, ROOT, *OTHERS)
}
