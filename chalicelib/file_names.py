"""Names of the files that a source object becomes, derived from nothing but itself: two deliveries write one name."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

KEY_DIGITS, VERSION_DIGITS, PART_DIGITS = 16, 12, 4
"""Hexadecimal digits of a file's name that stand for the source's key, for its version, and for the month's part."""

_NAME = re.compile(
    rf"orders_etl_\d{{8}}_\d{{6}}_([0-9a-f]{{{KEY_DIGITS}}})[0-9a-f]{{{VERSION_DIGITS + PART_DIGITS}}}\.parquet"
)


@dataclass(frozen=True)
class FileNames:
    """Names of a source object's files: `orders_etl_YYYYMMDD_HHMMSS_<digest>.parquet`, made of its own properties.

    The same object always writes the same names, and two objects of one second never do. From a name the ledger's
    entry of its source is found: see `ledger_start`.
    """

    key: str
    version: str
    modified_at: datetime

    def of(self, part: int) -> str:
        """Return the name of a month's part, from 1."""
        return f"{self.prefix}{part:0{PART_DIGITS}x}.parquet"

    @property
    def prefix(self) -> str:
        """What all names of this version of the object begin with."""
        digest = f"{_digest(self.key)[:KEY_DIGITS]}{_digest(self.version)[:VERSION_DIGITS]}"
        return f"orders_etl_{self.modified_at:%Y%m%d_%H%M%S}_{digest}"


def ledger_name(key: str) -> str:
    """Return the name of a source key's ledger entry: a digest, since keys may be as long as S3 allows."""
    return f"{_digest(key)}.json"


def ledger_start(file: str) -> str | None:
    """Return what the name of a file's ledger entry begins with, or None for a file that is none of ours."""
    found = _NAME.fullmatch(file.rpartition("/")[2])
    return found[1] if found else None


def is_of(file: str, key: str) -> bool:
    """Tell whether the name of a file, in whatever folder, is one of those that a source key's versions give."""
    return ledger_start(file) == _digest(key)[:KEY_DIGITS]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
