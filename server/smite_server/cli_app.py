"""The commands put together, and what becomes of their errors.

Exit status: 0 done, 1 the work failed, 2 bad input, 130 cancelled. Whatever goes wrong, standard
error gets one sentence; ``SMITE_DEBUG=1`` shows the traceback of a fault in the program instead.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer

from smite_protocol.errors import SmiteError

from . import (
    __version__,
    cli_evaluate,
    cli_jobs,
    cli_keys,
    cli_learn,
    cli_models,
    cli_preview,
    cli_review,
    cli_segment,
    cli_serve,
)
from . import doctor as cli_doctor
from .cli_options import give_keys
from .cli_output import say
from .config import smite_home

INTERRUPTED = 130
UsageProblem: type[Exception] = next(
    found for found in typer.BadParameter.__mro__ if found.__name__ == "ClickException"
)
"""The base of typer's own errors, wherever this version of typer keeps it."""

app = typer.Typer(
    name="smite",
    help="Learn parts from a few painted stills; get one matte sequence per part of a shot.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"smite {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and leave."
    ),
) -> None:
    """Learn parts from a few painted stills; get one matte sequence per part of a shot."""


app.command("serve")(cli_serve.serve)
app.command("learn")(cli_learn.learn)
app.command("segment")(cli_segment.segment)
app.command("jobs")(cli_jobs.jobs)
app.command("watch")(cli_jobs.watch)
app.command("cancel")(cli_jobs.cancel)
app.command("pause")(cli_jobs.pause)
app.command("resume")(cli_jobs.resume)
app.command("retry")(cli_jobs.retry)
app.command("reorder")(cli_jobs.reorder)
app.command("review")(cli_review.review)
app.command("preview")(cli_preview.preview)
app.command("evaluate")(cli_evaluate.evaluate)
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_keys.app, name="keys")
app.command("doctor")(cli_doctor.doctor)
give_keys(app)


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return its exit status. Raises nothing."""
    try:
        status = app(args=list(arguments), prog_name="smite", standalone_mode=False)
    except SmiteError as problem:
        say(problem.message)
        return problem.exit_code
    except (KeyboardInterrupt, typer.Abort):
        say("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`smite jobs | head`); nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageProblem as problem:
        return _usage(problem)
    except Exception as problem:  # noqa: BLE001  (the outermost handler: no traceback for users)
        return _fault(problem)
    return status if isinstance(status, int) else 0


def _usage(problem: Exception) -> int:
    """Tell what is wrong with the options, in one sentence; return the exit status."""
    if type(problem).__name__ == "NoArgsIsHelpError":
        typer.echo(str(problem))
        return 2
    text = " ".join(problem.format_message().split())  # type: ignore[attr-defined]
    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "smite"
    ending = "" if text.endswith((".", "?", "!")) else "."
    say(f"{text}{ending} See: {command} --help")
    return 2


def _fault(problem: Exception) -> int:
    """Tell of a fault in the program itself; return the exit status."""
    if os.environ.get("SMITE_DEBUG"):
        traceback.print_exception(problem)
        return 1
    told = f"{type(problem).__name__}: {problem}"
    where = _write_fault(problem)
    say(f"This is a fault in smite, not in your input ({told}){where}.")
    return 1


def _write_fault(problem: Exception) -> str:
    """Write the traceback to a file of the user's log folder; return where, as words."""
    log: Path = smite_home() / "logs" / f"fault-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        log.write_text("".join(traceback.format_exception(problem)), encoding="utf-8")
    except OSError:
        return "; run it again with SMITE_DEBUG=1 to see where"
    return f"; the details are in {log}"
