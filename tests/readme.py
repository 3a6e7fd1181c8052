"""What the README says that a command prints, beside what it does print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
_TOOK = re.compile(r"\b\d+(\.\d)? s\b")


def not_printed(command: str, printed: str) -> list[str]:
    """Return the lines of the README's output of a command that it did not print, or not in this order.

    How long a step took may differ, and `...` stands for any lines.
    """
    text = README.read_text("utf-8")
    (shown,) = re.findall(rf"^```console\n{re.escape(command)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    remaining = _lines(printed)
    return [line for line in _lines(shown) if line.strip() != "..." and line not in remaining]


def _lines(text: str) -> Iterator[str]:
    return (_TOOK.sub("0 s", line.rstrip()) for line in text.splitlines() if line.strip())
