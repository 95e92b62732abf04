"""What a learn found out, in lines for a person."""

from __future__ import annotations

from .job_status import JobStatus


def report(status: JobStatus) -> str:
    """Return how well the parts were found, a line each, and the warnings."""
    result = status.result
    held_out = result.get("held_out_iou") or {}
    names = result.get("parts") or {}
    lines = [
        f"{names.get(slug, slug)}: {'-' if value is None else f'{100 * value:.0f} %'}"
        for slug, value in held_out.items()
    ]
    return "\n".join([*lines, *(f"warning: {text}" for text in result.get("warnings", ()))])
