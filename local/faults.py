"""Which of real AWS's first minutes the embedded AWS plays: LOCAL_FAULTS=slow-notification:20,validation-race:2.

Each fault has a name and an amount. Seconds count from the first use of what was just made, so that a slow machine
changes nothing; times count calls of one resource. Nothing is played unless it is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from local.errors import LocalError

VARIABLE = "LOCAL_FAULTS"

FAULTS: Mapping[str, str] = {
    "slow-notification": "seconds in which S3 announces nothing under a notification configuration that is new",
    "missing-version": "seconds in which S3 answers 404 for a version, once versioning was switched on",
    "validation-race": "times S3 rejects a notification configuration: Unable to validate the following destination",
    "settling-role": "times Lambda rejects a destination, by two messages in turn, and Glue a new crawler's role",
    "young-queue": "seconds in which SQS does not know a queue that it has just made",
    "young-stage": "seconds in which API Gateway answers 403 under a stage that it has just made",
}
"""What the amount of each fault means."""


def parse(text: str) -> dict[str, float]:
    """Return the amount of each fault that `text` names. Raises LocalError for what is no fault."""
    amounts = {}
    for each in filter(None, (part.strip() for part in text.split(","))):
        name, _, amount = each.partition(":")
        if name not in FAULTS or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", amount):
            remedy = f"give NAME:AMOUNT, several with commas; the names are {', '.join(FAULTS)}"
            raise LocalError(f"{VARIABLE} has {each!r}", remedy)
        amounts[name] = float(amount)
    return amounts
