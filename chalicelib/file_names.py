"""Names of the files that a source object becomes, derived from nothing but itself: two deliveries write one name."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from msgspec import Struct

KEY_DIGITS, VERSION_DIGITS, PART_DIGITS = 16, 12, 4
"""Hexadecimal digits of a file's name that stand for the source's key, for its version, and for the month's part."""

MAX_KEY_BYTES = 1024
"""UTF-8 bytes of a key, by S3."""

UNREADABLE = "unreadable/"
"""The folder of the ledger that holds copies of entries which could not be read."""

REJECTED_SUFFIX = ".ndjson.gz"
_OF_VERSION_0_2 = r"\.ndjson\.gz|\.report\.json"
"""What files of rejected records ended with, without a part, before each line said whose it is."""

_NAME = re.compile(
    rf"orders_etl_\d{{8}}_\d{{6}}_(?P<key>[0-9a-f]{{{KEY_DIGITS}}})(?P<version>[0-9a-f]{{{VERSION_DIGITS}}})"
    rf"(?:(?P<part>[0-9a-f]{{{PART_DIGITS}}})(?:_g(?P<generation>[1-9]\d{{0,8}}))?(?:\.parquet|\.ndjson\.gz)"
    rf"|{_OF_VERSION_0_2})"
)


class FileNames(Struct, frozen=True):
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
    def rejected(self) -> str:
        """The name of the file of rejected records, which are in no month."""
        return f"{self.prefix}{0:0{PART_DIGITS}x}{REJECTED_SUFFIX}"

    @property
    def prefix(self) -> str:
        """What all names of this version of the object begin with."""
        digest = f"{_digest(self.key)[:KEY_DIGITS]}{version_digest(self.version)}"
        return f"orders_etl_{self.modified_at:%Y%m%d_%H%M%S}_{digest}"


def ledger_name(key: str) -> str:
    """Return the name of a source key's ledger entry: a digest, since keys may be as long as S3 allows."""
    return f"{_digest(key)}.json"


class FileName(Struct, frozen=True):
    """What the name of one of our files says: digests of its source's key and version, and the generation.

    `key_digest` is what the name of the source's ledger entry begins with. `is_old` marks a file of rejected records
    that version 0.2 wrote.
    """

    key_digest: str
    version_digest: str
    generation: int
    is_old: bool = False


def parse_name(file: str) -> FileName | None:
    """Read the name of a file of rows or of rejected records, which may be a whole key; None for one not of ours."""
    match = _NAME.fullmatch(file.rpartition("/")[2])
    if match is None:
        return None
    return FileName(match["key"], match["version"], int(match["generation"] or 0), is_old=match["part"] is None)


def in_generation(file: str, generation: int) -> str:
    """Return the name that a file has in a generation: the first, 0, has the plain name.

    Once a file is to be removed, no load may write its name again: the removal could come after it. A load of the
    same version then writes the next generation (see Entry.generation_of).
    """
    suffix = REJECTED_SUFFIX if file.endswith(REJECTED_SUFFIX) else ".parquet"
    return file if generation == 0 else f"{file.removesuffix(suffix)}_g{generation}{suffix}"


def receipt_name(receipts: str, key: str) -> str:
    """Return where the receipt of a source key is; of one that is too long for a receipt's name, under its digest."""
    name = f"{receipts}{key}.json"
    return name if len(name.encode("utf-8", "surrogatepass")) <= MAX_KEY_BYTES else f"{receipts}{ledger_name(key)}"


def unreadable_name(ledger: str, key: str) -> str:
    """Return where an entry that cannot be read is kept: below the ledger, where no entry is looked for."""
    return f"{ledger}{UNREADABLE}{ledger_name(key)}"


def version_digest(version: str) -> str:
    """Return what stands for a version in the names of its files."""
    return _digest(version)[:VERSION_DIGITS]


def is_of(file: str, key: str) -> bool:
    """Tell whether the name of a file, in whatever folder, is one of those that a source key's versions give."""
    name = parse_name(file)
    return name is not None and name.key_digest == _digest(key)[:KEY_DIGITS]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
