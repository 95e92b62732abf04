"""The pages that are made from the plugin: sentences by message, and the preferences.

``python -m tests.support.host_pages`` (with plugin/ on the path) writes them anew between their
marks; a test compares.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from smite_hosts import TABLE, Preferences
from smite_hosts.preferences import says, variable

DOCS = Path(__file__).resolve().parents[2] / "docs" / "nuke"
TROUBLESHOOTING = DOCS / "troubleshooting.md"
PIPELINE = DOCS / "pipeline.md"


def sentences() -> str:
    """Every sentence with why it comes and what to do, in the order of the table."""
    blocks = []
    for sentence in TABLE.values():
        if sentence.key == "other":
            continue
        text = sentence.text.replace("{", "*").replace("}", "*")
        blocks.append(f"### {sentence.key}\n\n> {text}\n\n{sentence.why} {sentence.remedy}")
    return "\n\n".join(blocks)


def preferences() -> str:
    """A row per preference: name, built-in value, environment variable, meaning."""
    rows = ["| name | built in | environment | what |", "|---|---|---|---|"]
    for info in fields(Preferences):
        default = "none" if info.default in ("", ()) else f"`{info.default}`".replace("|", "\\|")
        rows.append(f"| `{info.name}` | {default} | `{variable(info.name)}` | {says(info.name)} |")
    return "\n".join(rows)


def generated() -> dict[Path, tuple[str, str]]:
    """Page -> mark and block."""
    return {TROUBLESHOOTING: ("sentences", sentences()), PIPELINE: ("preferences", preferences())}


def marked(mark: str, block: str) -> str:
    """A block between its marks."""
    return f"<!-- {mark}: generated -->\n{block}\n<!-- end -->"


def main() -> None:
    """Write the blocks anew."""
    for page, (mark, block) in generated().items():
        text = page.read_text("utf-8")
        before, _, rest = text.partition(f"<!-- {mark}: generated -->")
        after = rest.partition("<!-- end -->")[2]
        page.write_text(before + marked(mark, block) + after, "utf-8")


if __name__ == "__main__":
    main()
