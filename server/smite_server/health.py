"""Whether a server is well: a list of what is not, empty when all is."""

from __future__ import annotations

from dataclasses import dataclass

from .metrics import Metrics

SLOW_LOOP_SECONDS = 2.0
SILENT_LOOP_SECONDS = 5.0
CRASH_SECONDS = 600.0
CRASHES = 3
GIBIBYTE = 1024**3


@dataclass(frozen=True)
class Health:
    """``reasons`` are sentences about what is wrong; none: the server is well."""

    reasons: tuple[str, ...]

    @property
    def status(self) -> str:
        """ "ok" or "degraded"."""
        return "degraded" if self.reasons else "ok"


def health_of(
    metrics: Metrics, free_bytes: int, low_disk_bytes: int, problem: str | None = None
) -> Health:
    """Return how a server is; ``problem`` is why its store cannot be read, if so."""
    reasons = [] if problem is None else [problem]
    if free_bytes < low_disk_bytes:
        reasons.append(
            f"The spool's disk has {free_bytes / GIBIBYTE:.1f} GiB left, less than"
            f" {low_disk_bytes / GIBIBYTE:.1f}."
        )
    if metrics.silence > SILENT_LOOP_SECONDS:
        reasons.append(f"The server's loop has not turned for {metrics.silence:.0f} s.")
    elif metrics.view.lag > SLOW_LOOP_SECONDS:
        reasons.append(f"Requests wait up to {metrics.view.lag:.1f} s for the server's loop.")
    crashes = metrics.crashes_within(CRASH_SECONDS)
    if crashes >= CRASHES:
        minutes = CRASH_SECONDS / 60
        reasons.append(f"{crashes} workers have died in the last {minutes:.0f} minutes.")
    return Health(tuple(reasons))
