"""What the sweep remembers of ledger entries that it has read, in few bytes each. Pure.

A record never stands for itself: it holds the ETag and the time that S3 showed with the entry, and says something only
while a listing of the ledger shows both. Nobody has to trust it, and nothing is lost with it but the time to read the
entries once more.
"""

from __future__ import annotations

import base64
import hashlib
from array import array
from binascii import Error
from collections.abc import Iterable, Sequence
from datetime import datetime
from struct import Struct
from typing import Any, NamedTuple

from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import DELETED, FAILED, FINISHED, GONE, LOADING, ObjectSummary, VersionedJson

FORMAT = 1
"""Raised when records come to mean something else: the index is then made anew."""

DIGITS = 16
"""Of how many hexadecimal digits at the begin of an entry's name its place in the index is made."""

SETTLED, ABSENT, HAS_ROWS = 1, 2, 4
"""Nothing was left to be done about the entry, its grace time over; it says that its object is gone; it has rows."""

MOST_FILES = 0xFFFF

_HEAD = Struct(">16sQIQBHH")
_NO_SOURCE = 0


class IndexRecord(NamedTuple):
    """What an entry said when it was read.

    `digest` is the begin of its key's digest, `etag` and `modified` are how S3 showed it then. `source` stands for key,
    ETag and time of the version that ended, 0 where the entry proves nothing of any. `files` stand for the keys of its
    files, the first `expected` of them for those that have to be in the table.
    """

    digest: bytes
    etag: int
    modified: int
    source: int
    flags: int
    expected: int
    files: tuple[int, ...]

    @property
    def position(self) -> str:
        """Where the record stands in the index: what the entry's name begins with."""
        return self.digest.hex()[:DIGITS]

    @property
    def size(self) -> int:
        """How many hashes it has: one of its object, and its files'. Most have two."""
        return 1 + len(self.files)

    @property
    def is_settled(self) -> bool:
        """Whether there was nothing left to be done about the entry."""
        return bool(self.flags & SETTLED)

    def is_of(self, listed: ObjectSummary) -> bool:
        """Tell whether the entry is the one that was read."""
        return self.etag == hashed(listed.etag) and self.modified == _second(listed.modified_at)


def record_of(entry: Entry, stored: VersionedJson, is_settled: bool) -> IndexRecord | None:
    """Return what to remember of an entry as it was read; None where its files are too many to be counted."""
    files = tuple(hashed(file) for file in (*entry.files, *entry.quarantine_files))
    if len(files) > MOST_FILES:
        return None
    flags = SETTLED * is_settled + ABSENT * (entry.state in (GONE, DELETED))
    flags += HAS_ROWS * (entry.loaded_version is not None)
    return IndexRecord(
        digest_of(entry.key),
        hashed(stored.etag.strip('"')),
        _second(stored.modified_at),
        _source_of(entry),
        flags,
        len(entry.files),
        files,
    )


def is_at_rest(entry: Entry) -> bool:
    """Tell whether nothing is to be done about an entry, whatever its age: no load, and nothing to be removed."""
    return entry.state not in (LOADING, FAILED) and not entry.publishing and not entry.superseded


def source_hash(key: str, etag: str, modified_at: datetime) -> int:
    """Return what stands for a version of a source object, as a listing shows it."""
    return hashed(f"{etag}\0{_second(modified_at)}\0{key}")


def hashed(text: str) -> int:
    """Return 64 bits that stand for a text, never 0."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


def digest_of(key: str) -> bytes:
    """Return the digest by which a source key's record is looked up."""
    return bytes.fromhex(ledger_name(key)[: 2 * DIGITS])


def packed(records: Sequence[IndexRecord], epoch: str) -> dict[str, Any]:
    """Return records of an epoch, which stand in the order of their digests, as JSON."""
    heads = b"".join(_HEAD.pack(*each[:6], len(each.files)) for each in records)
    files = array("Q", (file for each in records for file in each.files))
    checksum = hashlib.sha256(heads + files.tobytes()).hexdigest()
    return {
        "format": FORMAT,
        "epoch": epoch,
        "checksum": checksum,
        "heads": _text(heads),
        "files": _text(files.tobytes()),
    }


def unpacked(stored: Any, epoch: str) -> list[IndexRecord]:
    """Read records; none where they are damaged, of another format or epoch: the entries are then read anew."""
    try:
        if (stored["format"], stored["epoch"]) != (FORMAT, epoch):
            return []
        heads, content = (base64.b64decode(stored[name], validate=True) for name in ("heads", "files"))
        if hashlib.sha256(heads + content).hexdigest() != stored["checksum"]:
            return []
        files = array("Q")
        files.frombytes(content)
        return list(_read(heads, files))
    except (TypeError, KeyError, ValueError, Error):
        return []


def _read(heads: bytes, files: array[int]) -> Iterable[IndexRecord]:
    start = 0
    for digest, etag, modified, source, flags, expected, count in _HEAD.iter_unpack(heads):
        of_it = tuple(files[start : start + count])
        yield IndexRecord(digest, etag, modified, source, flags, expected, of_it)
        start += count


def _source_of(entry: Entry) -> int:
    if entry.state not in FINISHED or entry.etag is None or entry.source_modified_at is None:
        return _NO_SOURCE
    return source_hash(entry.key, entry.etag, datetime.fromisoformat(entry.source_modified_at))


def _second(time: datetime) -> int:
    """Return the second of a time: listings and objects show it with different fractions."""
    return int(time.timestamp())


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
