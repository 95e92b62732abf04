"""Markdown tables of measured rows; pure functions of what is in the JSON files.

A figure is the mean over seeds, with the standard deviation over seeds where there are several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

Row = Mapping[str, Any]
Chosen = dict[tuple[str, int, str], dict[int, Row]]
"""(row, references, method) -> seed -> row."""

NOTHING = "–"
BASELINES = {
    "copied": "copied",
    "colours": "RGB",
    "latents": "VAE latents",
    "queries": "queries",
    "untrained-queries": "untrained queries",
    "untrained": "untrained, learned",
}
"""Method -> head of its column."""

ORDER = (
    "one pass",
    "tracking",
    "low-pass",
    "both",
    "both, embeddings only",
    "standard",
    "paper",
    "one pass, embeddings only",
)


def current(rows: Iterable[Row]) -> Chosen:
    """The rows of the weights that were measured last; of each, the one measured last."""
    every = list(rows)
    if not every:
        return {}
    backbone = max(every, key=lambda row: str(row["at"]))["backbone"]
    chosen: Chosen = {}
    for row in sorted(every, key=lambda row: str(row["at"])):
        if row["backbone"] == backbone:
            seeds = chosen.setdefault((row["row"], row["references"], row["method"]), {})
            seeds[row["seed"]] = row
    return chosen


def figure(values: Sequence[float | None], digits: int = 2) -> str:
    """``0.57 ± 0.03``: mean and standard deviation; without the latter for one value."""
    there = [value for value in values if value is not None]
    if not there:
        return NOTHING
    text = f"{fmean(there):.{digits}f}"
    return text if len(there) < 2 else f"{text} ± {stdev(there):.{digits}f}"


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of what is there, or None."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def values(seeds: Mapping[int, Row] | None, name: str) -> list[float | None]:
    """One figure of a row, seed by seed."""
    return [row.get(name) for _, row in sorted((seeds or {}).items())]


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A markdown table."""
    rule = "|" + "---|" * len(head)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(x)} |" for x in lines)])


def quality_tables(rows: Iterable[Row]) -> str:
    """The tables of quality.py: shots, stills, and what they were made with."""
    chosen = current(rows)
    if not chosen:
        return "Nothing is measured yet."
    shots = sorted({key[:2] for key in chosen if not key[0].startswith("stills/")}, key=_shot_order)
    stills = sorted({key[:2] for key in chosen if key[0].startswith("stills/")})
    head = ["references", "IoU", "F"]
    times = ["s to learn", "s/frame"]
    shot_head = ["shot", "trained on", *head, "flicker", *BASELINES.values(), "beats all", *times]
    still_names = {name: text for name, text in BASELINES.items() if name != "copied"}
    still_head = ["photographs", "trained on", *head, *still_names.values(), "beats all", *times]
    davis = [shot for shot in shots if shot[0].startswith("davis/")]
    shot_lines = [_quality_line(chosen, shot, BASELINES, flicker=True) for shot in shots]
    if davis:
        shot_lines.append(_mean_line(chosen, davis))
    still_lines = [_quality_line(chosen, still, still_names, flicker=False) for still in stills]
    tables = [markdown(shot_head, shot_lines)] if shots else []
    tables += [markdown(still_head, still_lines)] if stills else []
    return "\n\n".join([*tables, _made_with(chosen)])


def _shot_order(shot: tuple[str, int]) -> tuple[int, str]:
    groups = ("davis", "pumavos", "demo")
    group = shot[0].split("/")[0]
    return (groups.index(group) if group in groups else len(groups), shot[0])


def _quality_line(
    chosen: Chosen, about: tuple[str, int], baselines: Mapping[str, str], *, flicker: bool
) -> list[str]:
    own = chosen.get((*about, "smite"))
    others = {name: values(chosen.get((*about, name)), "miou_foreground") for name in baselines}
    ious = values(own, "miou_foreground")
    anyone = next(iter((own or next(_seeds_of(chosen, about))).values()))
    return [
        about[0].removeprefix("stills/"),
        str(anyone.get("trained_on", NOTHING)),
        str(about[1]),
        figure(ious),
        figure(values(own, "f_measure")),
        *([figure(values(own, "flicker"), 3)] if flicker else []),
        *(figure(found) for found in others.values()),
        beaten(mean(ious), {baselines[name]: mean(found) for name, found in others.items()}),
        figure([mean(values(own, "seconds_learning"))], 0),
        figure([mean(values(own, "seconds_per_frame"))]),
    ]


def _seeds_of(chosen: Chosen, about: tuple[str, int]) -> Iterator[dict[int, Row]]:
    return (seeds for key, seeds in chosen.items() if key[:2] == about)


def beaten(own: float | None, others: Mapping[str, float | None]) -> str:
    """ "yes", or the names of what is as good or better; nothing where there is no figure."""
    known = {name: value for name, value in others.items() if value is not None}
    if own is None or not known:
        return NOTHING
    better = [name for name, value in known.items() if value >= own]
    return f"no: {', '.join(better)}" if better else "yes"


def _mean_line(chosen: Chosen, shots: Sequence[tuple[str, int]]) -> list[str]:
    """The means over the DAVIS clips; the spread is that of the mean, over seeds."""

    def over(method: str, name: str) -> list[float | None]:
        return mean_over([chosen.get((*shot, method)) for shot in shots], name)

    ious = over("smite", "miou_foreground")
    others = {name: over(name, "miou_foreground") for name in BASELINES}
    return [
        f"**mean of {len(shots)} DAVIS clips**",
        "",
        "1",
        f"**{figure(ious)}**",
        figure(over("smite", "f_measure")),
        figure(over("smite", "flicker"), 3),
        *(figure(found) for found in others.values()),
        beaten(mean(ious), {BASELINES[name]: mean(found) for name, found in others.items()}),
        figure([mean(over("smite", "seconds_learning"))], 0),
        figure([mean(over("smite", "seconds_per_frame"))]),
    ]


def mean_over(rows: Sequence[Mapping[int, Row] | None], name: str) -> list[float | None]:
    """Seed by seed, the mean of a figure over several rows; seeds that a row lacks are left out."""
    if not rows or any(seeds is None for seeds in rows):
        return []
    there = [seeds for seeds in rows if seeds is not None]
    common = sorted(set.intersection(*(set(seeds) for seeds in there)))
    return [mean(seeds[seed].get(name) for seeds in there) for seed in common]


def ablation_tables(rows: Iterable[Row]) -> str:
    """The tables of ablation.py: shots, `standard` beside `paper`, stills."""
    chosen = current(rows)
    if not chosen:
        return "Nothing is measured yet."
    shots = sorted({key[0] for key in chosen if not key[0].startswith("stills/")})
    stills = sorted({key[:2] for key in chosen if key[0].startswith("stills/")})
    tables = [_ablation_of_shots(chosen, shots, _methods(chosen, shots))] if shots else []
    with_paper = [shot for shot in shots if _of_shot(chosen, shot, "paper")]
    if with_paper:
        tables.append(_standard_and_paper(chosen, with_paper))
    if stills:
        names = [row for row, _ in stills]
        tables.append(_ablation_of_stills(chosen, stills, _methods(chosen, names)))
    return "\n\n".join([*tables, _made_with(chosen)])


def _methods(chosen: Chosen, rows: Sequence[str]) -> list[str]:
    return [m for m in ORDER if any(key[0] in rows and key[2] == m for key in chosen)]


def _of_shot(chosen: Chosen, shot: str, method: str) -> dict[int, Row] | None:
    return next((s for key, s in chosen.items() if (key[0], key[2]) == (shot, method)), None)


def _ablation_of_shots(chosen: Chosen, shots: Sequence[str], methods: Sequence[str]) -> str:
    head = ["mIoU / flicker", *shots, "mean", "UNet passes per frame", "s/frame"]

    def both(ious: list[float | None], flicker: list[float | None]) -> str:
        return f"{figure(ious, 3)} / {figure(flicker, 4)}"

    lines = []
    for method in methods:
        found = [_of_shot(chosen, shot, method) for shot in shots]
        lines.append(
            [
                method,
                *(both(values(s, "miou_foreground"), values(s, "flicker")) for s in found),
                both(mean_over(found, "miou_foreground"), mean_over(found, "flicker")),
                figure([_mean_of_any(found, "passes_per_frame")], 1),
                figure([_mean_of_any(found, "seconds_per_frame")]),
            ]
        )
    return markdown(head, lines)


def _mean_of_any(found: Iterable[Mapping[int, Row] | None], name: str) -> float | None:
    return mean(value for seeds in found for value in values(seeds, name))


def _standard_and_paper(chosen: Chosen, shots: Sequence[str]) -> str:
    """The differences are those of the seeds' means."""
    head = ["shot", "mIoU", "of paper", "points", "flicker", "of paper", "ratio", "passes", "paper"]
    columns: tuple[tuple[str, int, Callable[[float, float], str] | None], ...] = (
        ("miou_foreground", 3, lambda own, paper: f"{100 * (own - paper):+.1f}"),
        ("flicker", 4, lambda own, paper: f"{own / paper:.2f}" if paper else NOTHING),
        ("passes_per_frame", 1, None),
    )
    lines = []
    for shot in shots:
        line = [shot]
        for name, digits, compare in columns:
            pair = [mean(values(_of_shot(chosen, shot, m), name)) for m in ("standard", "paper")]
            line += [figure([value], digits) for value in pair]
            if compare is not None:
                own, paper = pair
                line.append(NOTHING if own is None or paper is None else compare(own, paper))
        lines.append(line)
    return markdown(head, lines)


def _ablation_of_stills(
    chosen: Chosen, stills: Sequence[tuple[str, int]], methods: Sequence[str]
) -> str:
    heads = [f"{row.removeprefix('stills/')}, {count}" for row, count in stills]
    lines = [
        [
            method,
            *(
                figure(values(chosen.get((*about, method)), "miou_foreground"), 3)
                for about in stills
            ),
        ]
        for method in methods
        if any((*about, method) in chosen for about in stills)
    ]
    return markdown(["mIoU", *heads], lines)


def _made_with(chosen: Chosen) -> str:
    """What the rows have in common; and a warning where they were made by different code."""
    rows = [row for seeds in chosen.values() for row in seeds.values()]

    def distinct(name: str) -> str:
        return ", ".join(
            sorted({str(row[name]) for row in rows if row.get(name) not in (None, "")})
        )

    engines = {row["engine"] for row in rows if "engine" in row}
    note = (
        f"Weights {distinct('backbone')}, seeds {distinct('seed')}, pictures "
        f"{distinct('pictures')}, {distinct('machine')}, threads {distinct('threads')}."
    )
    if len(engines) > 1:
        note += f" The rows were made by {len(engines)} versions of the engine's code."
    return note
