"""addUserKnob: its numbers, its options, and back into text.

Numbers: nuke.KnobType (https://learn.foundry.com/nuke/developers/70/pythonreference/
nuke.KnobType-class.html) and the NDK's Knob Types (.../63/ndkdevguide/knobs-and-handles/
knobtypes.html). Options l, t, T, M, R, n, +FLAG and -FLAG as in saved gizmos.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from . import choice_knobs as choice
from . import number_knobs as numbers
from . import text_knobs as text
from .knob import FLAGS, Knob, Tab_Knob, Text_Knob
from .tcl_words import quote, tcl_list

KINDS: dict[int, Callable[..., Knob]] = {
    1: text.EvalString_Knob,
    2: text.File_Knob,
    3: numbers.Int_Knob,
    4: choice.Enumeration_Knob,
    6: numbers.Boolean_Knob,
    7: numbers.Double_Knob,
    10: choice.ChannelMask_Knob,
    11: choice.Channel_Knob,
    12: numbers.XY_Knob,
    13: numbers.XYZ_Knob,
    14: numbers.WH_Knob,
    15: numbers.BBox_Knob,
    17: choice.Format_Knob,
    18: numbers.Color_Knob,
    19: numbers.AColor_Knob,
    20: Tab_Knob,
    22: text.PyScript_Knob,
    26: Text_Knob,
    30: numbers.UV_Knob,
    32: text.Script_Knob,
    35: choice.Pulldown_Knob,
    41: choice.Link_Knob,
    43: text.Multiline_Eval_String_Knob,
    68: choice.CascadingEnumeration_Knob,
}
_WITH_ITEMS = (4, 35, 68)
# HIDDEN is what Manage User Knobs writes for a knob that is hidden: an assumption that it is
# INVISIBLE for Python.
_FLAGS = {**FLAGS, "HIDDEN": FLAGS["INVISIBLE"]}


def make_user_knob(words: list[str]) -> Knob:
    """The knob of `addUserKnob {words}`. ValueError, in one sentence, where it is none."""
    said = "addUserKnob {" + " ".join(words[:2]) + "}"
    if len(words) < 2 or not words[0].isdigit() or int(words[0]) not in KINDS:
        raise ValueError(f"{said}: no knob has this number; known: {sorted(KINDS)}.")
    kind, name = int(words[0]), words[1]
    if not re.fullmatch(r"[A-Za-z_]\w*", name) and not (kind == 26 and name == ""):
        raise ValueError(f"{said}: a knob's name is letters, digits and _.")
    options, flags = _options(words[2:], said)
    if kind in _WITH_ITEMS:
        made = KINDS[kind](name, options.get("l"), tcl_list(options.get("M", "")))
    else:
        made = KINDS[kind](name, options.get("l"))
    _apply(made, options, flags, said)
    made._user = True
    return made


def _options(words: list[str], said: str) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    flags: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word[:1] in "+-" and word[1:] in _FLAGS:
            flags.append(word)
        elif word == "R" and len(left) >= 2:
            options["R"] = f"{left.pop(0)} {left.pop(0)}"
        elif word in ("l", "t", "T", "M", "n") and left:
            options[word] = left.pop(0)
        else:
            raise ValueError(f'{said}: "{word}" is no option of a knob.')
    return options, flags


def _apply(made: Knob, options: dict[str, str], flags: list[str], said: str) -> None:
    made._tooltip = options.get("t", "")
    for flag in flags:
        made._set_flag(flag[1:] if flag[1:] != "HIDDEN" else "INVISIBLE", flag[0] == "+")
    if isinstance(made, Tab_Knob):
        made._group = int(options.get("n", 0))
    if isinstance(made, numbers.Array_Knob) and "R" in options:
        low, high = options["R"].split()
        made._range = (float(low), float(high))
    if "T" not in options:
        return
    if isinstance(made, choice.Link_Knob):
        made._link = options["T"]
    elif isinstance(made, Text_Knob):
        made._words = options["T"]
    elif isinstance(made, text.String_Knob):
        made._value = made._default = options["T"]
    else:
        raise ValueError(f"{said}: T is for buttons, text and links.")


def written(knob: Knob) -> str:
    """`addUserKnob {...}` for a knob that Python or a gizmo has added."""
    kind = next(number for number, cls in KINDS.items() if _is(knob, cls))
    words = [str(kind), knob._name or '""']
    if knob._label:
        words += ["l", quote(knob._label)]
    if knob._tooltip:
        words += ["t", quote(knob._tooltip)]
    if isinstance(knob, Tab_Knob) and knob._group:
        words += ["n", str(knob._group)]
    for flag in ("INVISIBLE", "DISABLED", "STARTLINE"):
        if knob._flags & FLAGS[flag]:
            words.append(f"+{flag}")
    if isinstance(knob, choice.Enumeration_Knob):
        words += ["M", "{" + " ".join(quote(item) for item in knob._items) + "}"]
    if isinstance(knob, text.Script_Knob):
        words += ["T", quote(knob._value)]
    if isinstance(knob, Text_Knob):
        words += ["T", quote(knob._words)]
    if isinstance(knob, choice.Link_Knob):
        words += ["T", knob._link]
    return "addUserKnob {" + " ".join(words) + "}"


def _is(knob: Knob, cls: Callable[..., Knob]) -> bool:
    if type(knob) is text.String_Knob:  # Comes back as an EvalString_Knob: a script has one number.
        return cls is text.EvalString_Knob
    return type(knob) is cls
