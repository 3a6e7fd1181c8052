"""How the text of a setting is read: each function returns the value, or raises ValueError with the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable

LEAST_REFRESH_SECONDS = 10
"""Refreshes that follow loads more often would only run side by side."""
MOST_EMAILS = 10
"""AWS Budgets tells no more addresses of one threshold."""


def text(pattern: str, remedy: str) -> Callable[[str], str]:
    """Return what reads a text that a pattern matches as a whole."""

    def parse(raw: str) -> str:
        if not re.fullmatch(pattern, raw):
            raise ValueError(remedy)
        return raw

    return parse


def number(low: int, high: int) -> Callable[[str], int]:
    """Return what reads a whole number within limits."""

    def parse(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", raw) or not low <= int(raw) <= high:
            raise ValueError(f"give a whole number from {low} to {high}")
        return int(raw)

    return parse


def refresh_seconds(raw: str) -> int:
    """Return the least seconds between two refreshes, 0 for none."""
    if raw != "0" and not (re.fullmatch(r"[1-9][0-9]{1,4}", raw) and LEAST_REFRESH_SECONDS <= int(raw) <= 86_400):
        raise ValueError(f"give 0 for none, or a whole number from {LEAST_REFRESH_SECONDS} to 86400")
    return int(raw)


bucket = text(r"(?!xn--)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "give a bucket name (3 to 63 lower-case characters)")
prefix = text(r"[a-z0-9][a-z0-9_-]{0,62}/", "give one lower-case folder name that ends with a slash")
name = text(r"[a-z0-9][a-z0-9_]{0,127}", "give lower-case letters, digits and underscores")
workgroup = text(r"[a-zA-Z0-9._-]{1,128}", "give letters, digits, dots, dashes and underscores")
crawler = text(r"[a-zA-Z0-9._-]{0,255}", "give the crawler's name, or nothing for none")
mode = text(r"partitions|projection|crawler", "give partitions, projection or crawler")
stage = text(r"[a-zA-Z0-9_-]{1,64}", "give the stage's name")
auth = text(r"iam|api_key|none", "give iam, api_key or none")
bus = text(
    r"(?!aws\.)[A-Za-z0-9._-]{1,256}",
    "give the name of an event bus, such as default (events are switched by ETL_EVENTS)",
)
topic_name = text(r"[A-Za-z0-9_-]{1,256}", "give a topic's name, not its ARN, or nothing for none")
topic = text(
    r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}",
    "give the ARN of an SNS topic, or nothing for none",
)
EMAIL = re.compile(r"[^@\s,]+@[^@\s,.]+(\.[^@\s,.]+)+")
ORIGIN = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?")


def origins(raw: str) -> tuple[str, ...]:
    """Return web origins."""
    listed = tuple(each.strip() for each in raw.split(","))
    if not all(map(ORIGIN.fullmatch, listed)):
        raise ValueError("give origins such as https://shop.example, with commas between; * is not taken")
    return listed


def emails(raw: str) -> tuple[str, ...]:
    """Return e-mail addresses."""
    addresses = tuple(each.strip() for each in raw.split(","))
    if len(addresses) > MOST_EMAILS or not all(EMAIL.fullmatch(each) for each in addresses):
        raise ValueError(f"give up to {MOST_EMAILS} e-mail addresses such as data@shop.example, with commas between")
    return addresses


def switch(raw: str) -> bool:
    """Return whether something is on."""
    if raw not in ("true", "false"):
        raise ValueError("give true or false")
    return raw == "true"
