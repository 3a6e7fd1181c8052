"""Names of the files that a source object becomes, derived from nothing but itself: two deliveries write one name."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

KEY_DIGITS, VERSION_DIGITS, PART_DIGITS = 16, 12, 4
"""Hexadecimal digits of a file's name that stand for the source's key, for its version, and for the month's part."""

UNREADABLE = "unreadable/"
"""The folder of the ledger that holds copies of entries which could not be read."""

_NAME = re.compile(
    rf"orders_etl_\d{{8}}_\d{{6}}_(?P<key>[0-9a-f]{{{KEY_DIGITS}}})(?P<version>[0-9a-f]{{{VERSION_DIGITS}}})"
    rf"[0-9a-f]{{{PART_DIGITS}}}(?:_g(?P<generation>[1-9]\d{{0,8}}))?\.parquet"
)


@dataclass(frozen=True)
class FileNames:
    """Names of a source object's files: `orders_etl_YYYYMMDD_HHMMSS_<digest>.parquet`, made of its own properties.

    The same object always writes the same names, and two objects of one second never do. `parse_name` reads them.
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
        digest = f"{_digest(self.key)[:KEY_DIGITS]}{version_digest(self.version)}"
        return f"orders_etl_{self.modified_at:%Y%m%d_%H%M%S}_{digest}"


def ledger_name(key: str) -> str:
    """Return the name of a source key's ledger entry: a digest, since keys may be as long as S3 allows."""
    return f"{_digest(key)}.json"


@dataclass(frozen=True)
class FileName:
    """What the name of one of our files says: digests of its source's key and version, and the generation.

    `key_digest` is what the name of the source's ledger entry begins with.
    """

    key_digest: str
    version_digest: str
    generation: int


def parse_name(file: str) -> FileName | None:
    """Read the name of a table's file, which may be a whole key; None for a file that is none of ours."""
    match = _NAME.fullmatch(file.rpartition("/")[2])
    return FileName(match["key"], match["version"], int(match["generation"] or 0)) if match else None


def in_generation(file: str, generation: int) -> str:
    """Return the name that a file has in a generation: the first, 0, has the plain name.

    Once a file is to be removed, no load may write its name again: the removal could come after it. A load of the
    same version then writes the next generation (see Entry.generation_of).
    """
    return file if generation == 0 else f"{file.removesuffix('.parquet')}_g{generation}.parquet"


def unreadable_name(ledger: str, key: str) -> str:
    """Return where an entry that cannot be read is kept: below the ledger, where no entry is looked for."""
    return f"{ledger}{UNREADABLE}{ledger_name(key)}"


def version_digest(version: str) -> str:
    """Return what stands for a version in the names of its files."""
    return _digest(version)[:VERSION_DIGITS]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
