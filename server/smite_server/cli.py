"""The `smite` command: checks that what it needs is installed, then hands over to `cli_app`.

This file alone is read by any Python from 3.9 up and needs nothing but the standard library, so
that a light or an old installation answers with one sentence rather than with an import error.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

OLDEST = (3, 11)
NEEDED = (
    *("typer", "rich", "structlog", "platformdirs", "prometheus_client"),
    *("fileseq", "numpy", "torch"),
)
"""A few modules of the [server] extra; one that is missing says that the extra is."""


def missing_modules(names: Sequence[str] = NEEDED) -> list[str]:
    """Return those of ``names`` that are not installed; imports none of them."""
    return [name for name in names if importlib.util.find_spec(name) is None]


def problem_of_installation() -> str | None:
    """Return the sentence that says why the command cannot run here, or None."""
    if sys.version_info < OLDEST:
        found = ".".join(str(number) for number in sys.version_info[:2])
        return f"The smite command needs Python 3.11 or newer; this one is {found}."
    missing = missing_modules()
    if missing:
        return (
            f"The smite command needs the server's packages ({', '.join(missing)} not found);"
            ' install them with: pip install "smite-comp[server]"'
        )
    return None


def main() -> None:
    """Run the command line and leave with its exit status."""
    problem = problem_of_installation()
    if problem is not None:
        sys.stderr.write(f"smite: {problem}\n")
        sys.exit(2)
    from .cli_app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
