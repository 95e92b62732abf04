"""The node classes that the fake has, with their knobs, defaults and numbers of inputs.

Source of knobs, classes of knobs, defaults and inputs: what a scan of a running Nuke 17.0v3 found,
https://github.com/kirkjr2/nuke-python-reference (data/nodes/*.json), unless a line says otherwise.
That 14 to 16 have the same, as far as listed here, is an assumption. Knobs that nobody in this
project uses are left out: reaching for one raises, and it is added here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import choice_knobs as choice
from . import knob as base
from . import number_knobs as numbers
from . import text_knobs as text

Make = Callable[[], base.Knob]


@dataclass(frozen=True)
class NodeClass:
    """What nodes of a class are made of."""

    name: str
    knobs: tuple[Make, ...]
    inputs: int = 1  # The most.
    buttons: frozenset[str] = field(default_factory=frozenset)


def of(cls: Callable[..., base.Knob], name: str, default: Any = None, *args: Any) -> Make:
    """A maker of one knob with its default."""

    def make() -> base.Knob:
        made = cls(name, None, *args)
        if default is not None:
            made._set(default)
            made._default = made._value if hasattr(made, "_value") else list(made._values)
        return made

    return make


def flag(name: str, default: bool = False) -> Make:
    return of(numbers.Boolean_Knob, name, default)


def enum(name: str, items: str, default: str | None = None) -> Make:
    return of(choice.Enumeration_Knob, name, default, items.split("|"))


def channel(name: str, default: str) -> Make:
    return lambda: choice.Channel_Knob(name, None, default)


def mask(name: str, default: str) -> Make:
    return lambda: choice.ChannelMask_Knob(name, None, default)


def value(name: str, default: float = 0.0) -> Make:
    return of(numbers.Array_Knob, name, default)


def whole(name: str, default: int = 0) -> Make:
    return of(numbers.Int_Knob, name, default)


COMMON: tuple[Make, ...] = (
    of(text.String_Knob, "name"),
    of(text.EvalString_Knob, "help"),
    of(text.PythonKnob, "onCreate"),
    of(text.PythonKnob, "onDestroy"),
    of(text.PythonKnob, "knobChanged"),
    of(text.PythonKnob, "updateUI"),
    of(text.PythonKnob, "autolabel"),
    of(text.String_Knob, "panel"),
    of(numbers.ColorChip_Knob, "tile_color"),
    of(numbers.ColorChip_Knob, "gl_color"),
    of(text.Multiline_Eval_String_Knob, "label"),
    of(text.String_Knob, "note_font"),
    value("note_font_size", 11),
    of(numbers.ColorChip_Knob, "note_font_color"),
    of(text.File_Knob, "icon"),
    flag("selected"),
    value("xpos"),
    value("ypos"),
    flag("hide_input"),
    flag("cached"),
    of(numbers.Disable_Knob, "disable"),
    flag("dope_sheet"),
    flag("bookmark"),
    flag("postage_stamp"),
    value("postage_stamp_frame"),
    whole("lifetimeStart"),
    whole("lifetimeEnd"),
    flag("useLifetime"),
)

MASKED: tuple[Make, ...] = (
    channel("maskChannelInput", "none"),
    channel("maskChannelMask", "alpha"),
    flag("inject"),
    flag("invert_mask"),
    flag("fringe"),
    flag("maskFromFlag"),
)

COLOURS = (
    "default|linear|sRGB|rec709|Cineon|Gamma1.8|Gamma2.2|Gamma2.4|Gamma2.6|Panalog|REDLog|ViperLog|"
    "AlexaV3LogC|PLogLin|SLog|SLog1|SLog2|SLog3|CLog|Log3G10|Log3G12|HybridLogGamma|Protune|BT1886|"
    "st2084|Blackmagic Film Generation 5|ARRILogC4"
)
FILE_TYPES = " |cin|dpx|exr|gif|hdr|jpeg|mov|mxf|pic|png|sgi|targa|tiff|xpm|yuv"

READ = NodeClass(
    "Read",
    (
        of(text.File_Knob, "file"),
        of(choice.Format_Knob, "format"),
        of(text.File_Knob, "proxy"),
        of(choice.Format_Knob, "proxy_format"),
        enum("file_type", FILE_TYPES),
        whole("first", 1),
        enum("before", "hold|loop|bounce|black"),
        whole("last", 1),
        enum("after", "hold|loop|bounce|black"),
        enum("frame_mode", "expression|start at|offset"),
        of(text.String_Knob, "frame"),
        whole("origfirst", 1),
        whole("origlast", 1),
        enum("on_error", "error|black|checkerboard|nearest frame"),
        of(text.Script_Knob, "reload"),
        of(choice.Enumeration_Knob, "colorspace", None, COLOURS.split("|")),
        flag("premultiplied"),
        flag("raw"),
        flag("auto_alpha"),
        enum("localizationPolicy", "on|from auto-localize path|on demand|off", "off"),
        whole("version"),  # Hidden; reload counts it up (an assumption, from saved scripts).
    ),
    inputs=0,
    buttons=frozenset({"reload"}),
)

WRITE = NodeClass(
    "Write",
    (
        mask("channels", "rgb"),
        of(text.File_Knob, "file"),
        of(text.File_Knob, "proxy"),
        enum("frame_mode", "expression|start at|offset"),
        of(text.String_Knob, "frame"),
        of(choice.Enumeration_Knob, "colorspace", None, COLOURS.split("|")),
        flag("premultiplied"),
        flag("raw"),
        enum("file_type", FILE_TYPES),
        value("render_order", 1),
        of(text.PyScript_Knob, "Render", "nukescripts.render_panel((nuke.thisNode(),), False)"),
        whole("first", 1),
        whole("last", 1),
        flag("use_limit"),
        flag("reading"),
        enum("on_error", "error|black|checkerboard|nearest frame"),
        flag("create_directories"),
        of(text.Script_Knob, "reload"),
        of(text.PythonKnob, "beforeRender"),
        of(text.PythonKnob, "beforeFrameRender"),
        of(text.PythonKnob, "afterFrameRender"),
        of(text.PythonKnob, "afterRender"),
        of(text.String_Knob, "views", "main"),
    ),
)

# Knobs that a Write has while its file type is exr (user guide, "Write", exr options).
EXR_KNOBS: tuple[Make, ...] = (
    enum("datatype", "16 bit half|32 bit float"),
    enum(
        "compression",
        "none|Zip (1 scanline)|Zip (16 scanlines)|PIZ Wavelet (32 scanlines)|RLE|B44|B44A|"
        "DWAA|DWAB",
        "Zip (1 scanline)",
    ),
    enum("heroview", "main"),
    enum("metadata", "no metadata|default metadata|default metadata and exr/*|all metadata"),
    flag("autocrop"),
    flag("write_full_layer_names"),
    flag("standard_layer_name_format"),
    enum("interleave", "channels, layers and views|channels and layers|channels"),
)

SHUFFLE2 = NodeClass(
    "Shuffle2",
    (
        channel("in1", "rgba"),
        channel("in2", "none"),
        enum("fromInput1", "B|A"),
        enum("fromInput2", "B|A"),
        of(text.String_Knob, "mappings"),
        channel("out1", "rgba"),
        channel("out2", "none"),
    ),
    inputs=2,
)

# The old Shuffle is not in the scan; knobs as in scripts of Nuke 11 and before.
_SOURCES = "red|green|blue|alpha|black|white|red2|green2|blue2|alpha2"
SHUFFLE = NodeClass(
    "Shuffle",
    (
        channel("in", "rgba"),
        channel("in2", "none"),
        *(enum(name, _SOURCES, name) for name in ("red", "green", "blue", "alpha")),
        channel("out", "rgba"),
    ),
)

COPY = NodeClass(
    "Copy",
    (
        *(channel(f"from{n}", "alpha" if n == 0 else "none") for n in range(4)),
        *(channel(f"to{n}", "alpha" if n == 0 else "none") for n in range(4)),
        mask("channels", "none"),
        enum("bbox", "union|B\tB side|A\tA side"),
        enum("metainput", "B|A|All"),
        value("mix", 1),
        *MASKED,
    ),
    inputs=3,
)

MERGE2 = NodeClass(
    "Merge2",
    (
        enum(
            "operation",
            "atop|average|color-burn|color-dodge|conjoint-over|copy|difference|disjoint-over|"
            "divide|exclusion|from|geometric|hard-light|hypot|in|mask|matte|max|min|minus|"
            "multiply|out|over|overlay|plus|screen|soft-light|stencil|under|xor",
            "over",
        ),
        channel("Achannels", "rgba"),
        channel("Bchannels", "rgba"),
        channel("output", "rgba"),
        mask("also_merge", "none"),
        enum("bbox", "union|intersection|A|B"),
        enum("metainput", "B|A|All"),
        flag("sRGB"),
        flag("screen_alpha"),
        value("mix", 1),
        *MASKED,
    ),
    inputs=100,
)
