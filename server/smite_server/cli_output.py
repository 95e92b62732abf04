"""What the commands print: sentences and progress on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from smite_protocol.events import ABOUT_SHOT, Event, MatteReady, Progress, StateChanged
from smite_protocol.states import ConnectionState, ConnectionStatus, waiting_in_words

LOG_SECONDS = 10.0
"""Where standard error is no terminal, progress is a line every so often."""


def say(sentence: str) -> None:
    """Print one sentence for a person on standard error."""
    sys.stderr.write(f"smite: {sentence}\n")
    sys.stderr.flush()


def print_json(data: Mapping[str, Any]) -> None:
    """Print a result as JSON on standard output."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print a result as aligned lines ``name  value``."""
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        sys.stdout.write(f"{name:<{width}}  {value}\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: wrapped to a terminal, in a pipe one plain line for each row."""
    if not sys.stdout.isatty():
        lines = [columns, *rows]
        widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            sys.stdout.write("  ".join(cells).rstrip() + "\n")
        sys.stdout.flush()
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


@contextmanager
def busy(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Show on a terminal that something without a known length is going on."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def as_percent(fraction: float | None) -> str:
    """Return a fraction as a percentage with one decimal; none as a dash."""
    return "-" if fraction is None else f"{100 * fraction:.1f} %"


def as_duration(seconds: float | None) -> str:
    """Return seconds as ``m:ss`` or ``h:mm:ss``; none as a dash."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ProgressView:
    """Shows the events of one job: bars with frames and time left, or a line now and then."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title = title
        self._console = Console(stderr=True, highlight=False)
        self._live = self._console.is_terminal and not quiet
        self._lines = not self._live and not quiet
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            transient=False,
            disable=not self._live,
        )
        self._task: TaskID | None = None
        self._stage = ""
        self._state = ""
        self._connection = ConnectionState.CONNECTING
        self._last_line = 0.0
        self.mattes = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def show(self, event: Event) -> None:
        """Show one event of the job."""
        if isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, MatteReady):
            self.mattes += event.frame != ABOUT_SHOT
        elif isinstance(event, StateChanged) and event.state in ("queued", "paused"):
            paused = event.state == "paused"
            self._say_state("paused" if paused else waiting_in_words(None), news=paused)

    def show_connection(self, status: ConnectionStatus) -> None:
        """Show how the connection to the server stands, where that is news.

        On a terminal it stands in the line of the bar, counted down, until the server is back;
        elsewhere a line is printed when it is lost and when it is back.
        """
        calm = status.state in (ConnectionState.CONNECTED, ConnectionState.CONNECTING)
        if self._task is not None:
            words = self._stage if calm else status.words
            self._bars.update(self._task, description=f"{self._title}: {words}")
        news = status.state in (ConnectionState.LOST, ConnectionState.BACK)
        if self._lines and news and status.state is not self._connection:
            self._console.print(f"{self._title}: {status.words}", markup=False, soft_wrap=True)
        self._connection = status.state

    def note(self, sentence: str) -> None:
        """Print a line above the bars, unless the view is quiet."""
        if self._live or self._lines:
            self._console.print(sentence, markup=False, soft_wrap=True)

    def _start_stage(self, stage: str, total: int) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._stage = stage
        self._last_line = 0.0
        self._task = self._bars.add_task(f"{self._title}: {stage}", total=total or None, left="")

    def _say_state(self, words: str, *, news: bool) -> None:
        """Show what a job that does not run is doing, once; on a line of its own if it is news."""
        if words == self._state:
            return
        self._start_stage(words, 0)
        self._state = words
        if self._lines and news:
            self._console.print(f"{self._title}: {words}", markup=False, soft_wrap=True)

    def _show_progress(self, event: Progress) -> None:
        if event.ahead is not None:
            self._say_state(waiting_in_words(event.ahead), news=event.ahead > 0)
            return
        self._state = ""
        if self._task is None or event.stage != self._stage:
            self._start_stage(event.stage, event.total)
        left = "" if event.seconds_left is None else f"{as_duration(event.seconds_left)} left"
        if self._task is not None:
            self._bars.update(
                self._task, completed=event.done, total=event.total or None, left=left
            )
        now = time.monotonic()
        if self._lines and now - self._last_line >= LOG_SECONDS:
            self._last_line = now
            of = f"/{event.total}" if event.total else ""
            self._console.print(f"{self._title}: {event.stage} {event.done}{of} {left}".rstrip())
