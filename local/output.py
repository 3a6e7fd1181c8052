"""The last lines of what a tool printed, fit for a person: no stack traces, only what they end with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

TAIL_LINES = 25


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last lines of `text`, each stack trace cut down to the error it ends with."""
    return "\n".join(list(_without_traces(text))[-lines:])


def tail_of_file(path: Path, lines: int = TAIL_LINES) -> str:
    """Return the tail of a text file, or nothing where there is none."""
    try:
        return tail(path.read_text("utf-8", "replace"), lines)
    except OSError:
        return ""


def _without_traces(text: str) -> Iterator[str]:
    inside = False
    for line in text.splitlines():
        if line.startswith("Traceback (most recent call last)"):
            inside = True
        elif not inside or not line.startswith((" ", "\t")):
            inside = False
            yield line
