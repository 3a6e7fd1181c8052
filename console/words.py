"""Numbers, times and states as people read them. Pure."""

from __future__ import annotations

from datetime import datetime

STATES = {
    "queued": "waiting for its turn",
    "sending": "sending",
    "waiting": "waiting",
    "loading": "loading",
    "loaded": "loaded",
    "partly_loaded": "partly loaded",
    "quarantined": "quarantined",
    "failed": "failed",
    "deleted": "deleted",
    "unknown": "not known",
}
TONES = {
    "loaded": "good",
    "partly_loaded": "warn",
    "unknown": "warn",
    "quarantined": "bad",
    "failed": "bad",
    "ALARM": "bad",
    "OK": "good",
    "INSUFFICIENT_DATA": "idle",
    "deleted": "idle",
}
"""How a state is coloured; one that goes on has none of these."""


def count(number: int | None, one: str, many: str | None = None) -> str:
    """Return a number with what it counts: `1 order`, `12,000 orders`."""
    number = number or 0
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int | None) -> str:
    """Return a number of bytes: `812 bytes`, `1.2 MB`."""
    if number is None:
        return "–"
    amount = float(number)
    for unit in ("bytes", "KB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1000
    raise AssertionError


def seconds(number: float | None) -> str:
    """Return a duration: `0.42 s`, `3 min 20 s`."""
    if number is None:
        return "–"
    if number < 60:
        return f"{number:.2f} s" if number < 10 else f"{number:.0f} s"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes:,} min {rest} s"


def dollars(amount: float | None) -> str:
    """Return an amount with two digits that say something, however small: `$0.000014`, `$12.30`."""
    if amount is None:
        return "–"
    if amount <= 0:
        return "$0"
    digits = 2
    while round(amount, digits) < 10 ** (1 - digits) and digits < 12:
        digits += 1
    return f"${amount:,.{digits}f}"


def moment(text: str | None) -> str:
    """Return a time of the API's, in the time zone of this machine: `2026-11-26 22:41:25`."""
    return "–" if not text else f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"


def ago(text: str | None, now: datetime) -> str:
    """Return how long ago a time of the API's was: `just now`, `3 minutes ago`."""
    if not text:
        return "never"
    passed = (now - datetime.fromisoformat(text)).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if passed >= length:
            return f"{count(int(passed // length), unit)} ago"
    return "just now"


def name_of(key: str) -> str:
    """Return the file's name in a key."""
    return key.rpartition("/")[2] or key
