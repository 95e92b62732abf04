"""What differs between Nuke 14 and 17, as far as a plugin sees it; each entry with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DOCS = "https://learn.foundry.com/nuke/developers"


@dataclass(frozen=True)
class Difference:
    """One fact that is not the same in all versions: values by major version."""

    name: str
    values: dict[int, Any]
    source: str


DIFFERENCES = (
    Difference(
        "version",
        {14: (14, 0, 7), 15: (15, 1, 1), 16: (16, 0, 1), 17: (17, 0, 2)},
        "Any release of the series; 14.0v7 and 17.0v2 are those of the API references that were "
        f"read ({DOCS}/140/pythonreference, {DOCS}/17.0/pythondevguide).",
    ),
    Difference(
        "python",
        {14: (3, 9), 15: (3, 10), 16: (3, 11), 17: (3, 11)},
        "VFX reference platforms CY2022, CY2023 and CY2024 (vfxplatform.com); 16.0v1 has 3.11.7 "
        "(https://github.com/adrianpueyo/Stamps/issues/15). For 17 an assumption: 3.11 or later.",
    ),
    Difference(
        "qt",
        {14: "PySide2", 15: "PySide2", 16: "PySide6", 17: "PySide6"},
        "Foundry Q100715, How to address Python PySide issues in Nuke 16 "
        "(https://support.foundry.com/hc/en-us/articles/25604028087570); modules of 17.1: "
        f"{DOCS}/17.1/pythondevguide/_modules/index.html.",
    ),
    Difference(
        "graph_scope_variables",
        {14: False, 15: False, 16: True, 17: True},
        f"nuke.gsv is in the API reference of 17.0 ({DOCS}/17.0/pythondevguide/search.html) and "
        f"not of 14.0 ({DOCS}/140/pythonreference/search.html); that 16 is the first, and 15.1 "
        "has none, is an assumption.",
    ),
    Difference(
        "class_id",
        {14: False, 15: True, 16: True, 17: True},
        f"Knob.ClassID is in {DOCS}/151/pythondevguide/_autosummary/nuke.File_Knob.html and not "
        f"in {DOCS}/131/pythondevguide/_autosummary/nuke.EvalString_Knob.html; that 14 has none "
        "is an assumption.",
    ),
    Difference(
        "progress_keywords",
        {14: False, 15: False, 16: False, 17: True},
        "ProgressTask(name, maximum, flags) is in "
        f"{DOCS}/17.1/pythondevguide/_autosummary/nuke.ProgressTask.html; the page of 13.1 has "
        "no parameters.",
    ),
    Difference(
        "ocio_configs",
        {
            14: ("nuke-default", "aces_1.2", "custom"),
            15: ("nuke-default", "aces_1.2", "cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "custom"),
            16: (
                "nuke-default",
                "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1",
                "fn-nuke_studio-config-v1.0.0_aces-v1.3_ocio-v2.1",
                "custom",
            ),
            17: (
                "nuke-default",
                "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1",
                "fn-nuke_studio-config-v1.0.0_aces-v1.3_ocio-v2.1",
                "custom",
            ),
        },
        'An assumption: the names differ by version and studios add theirs; only "custom" counts '
        "for a plugin.",
    ),
)

VERSIONS = (14, 15, 16, 17)


@dataclass(frozen=True)
class Version:
    """One version of Nuke: the facts of DIFFERENCES, by name."""

    major: int

    def __post_init__(self) -> None:
        if self.major not in VERSIONS:
            raise ValueError(f"The fake knows Nuke {VERSIONS}, not {self.major}.")

    def fact(self, name: str) -> Any:
        for difference in DIFFERENCES:
            if difference.name == name:
                return difference.values[self.major]
        raise KeyError(f"No difference is called {name}.")

    @property
    def string(self) -> str:
        major, minor, release = self.fact("version")
        return f"{major}.{minor}v{release}"
