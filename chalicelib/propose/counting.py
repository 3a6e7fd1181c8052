"""When so few values break a rule that they are the mistake, and how counts are said."""

from __future__ import annotations

LEAST = 20
"""Of fewer, one that breaks a rule may as well be the rule."""


def is_nearly_all(count: int, of: int) -> bool:
    """Tell whether a count is less than all, but at least 95 of 100, of no fewer than 20."""
    return of >= LEAST and count < of and 20 * count >= 19 * of


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the singular where it is one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
