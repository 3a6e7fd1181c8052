"""What the runtime has to bring: Lambda's boto3 is its own, and differs by region and over time."""

from __future__ import annotations

import re

from chalicelib.errors import EtlError

OLDEST_BOTOCORE = (1, 35, 69)
"""The first botocore whose PutObject takes IfMatch, without which no ledger entry can be written."""


class BotocoreTooOld(EtlError):
    """The installed botocore cannot make a call that every load makes."""


def check_botocore(version: str) -> None:
    """Raise BotocoreTooOld for a version that cannot write the ledger; one that cannot be read is let through."""
    numbers = tuple(map(int, re.findall(r"[0-9]{1,6}", version)[:3]))
    if numbers and numbers < OLDEST_BOTOCORE:
        oldest = ".".join(map(str, OLDEST_BOTOCORE))
        raise BotocoreTooOld(
            f"botocore {version} is too old: PutObject takes IfMatch, which the ledger is written with, from {oldest} "
            "on. In Lambda, let the function's runtime be updated (aws lambda put-runtime-management-config "
            f"--update-runtime-on Auto) or add a layer with a newer boto3; elsewhere: pip install 'boto3>={oldest}'"
        )
