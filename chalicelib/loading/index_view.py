"""What a round asks the index: is this version loaded, is this file somebody's, and what is not there at all."""

from __future__ import annotations

import base64
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum

from chalicelib.loading.index_records import ABSENT, DIGITS, HAS_ROWS, IndexRecord, digest_of, hashed, source_hash
from chalicelib.loading.models import ObjectSummary

MOST = 4_000_000
"""How many records of one file each a view has at most, 170 MB, and fewer of more files; a round goes through objects
and files once for each view."""


class Proof(Enum):
    """What the index proves of an object that is listed."""

    ELSEWHERE = "elsewhere"
    """It is for another view to tell."""
    NONE = "none"
    """Its entry has to be read, if the object is recent."""
    LOADED = "loaded"
    """Its entry says how this version ended."""
    CAME_BACK = "came back"
    """Its entry says that there is no object."""


class IndexView:
    """The records that a round needs, in some 42 bytes each: of entries written since `horizon`; with `deletes` all.

    `records` are those from the position `begin` on. A view has no more than `most` of them: `end` is where the next
    one begins, None where there is none.

    Objects and files that the round comes by are marked, so that in the end it is known which of them are not there.
    An object is missed only with `deletes`, a file only where its entry is recent and settled.
    """

    def __init__(
        self,
        records: Iterable[IndexRecord],
        horizon: datetime | None,
        deletes: bool,
        begin: str = "",
        most: int = MOST,
    ) -> None:
        self.begin = begin
        self.end: str | None = None
        self._begins, self._rests = array("Q"), array("Q")
        """Digests, the first eight bytes, which file names have as well, and the next eight."""
        self._slots = array("I")
        self._hashes = array("Q")
        """From its slot on, each record has what stands for its object, then for each of its files."""
        self._expected = array("H")
        self._is_missed, self._is_absent = bytearray(), bytearray()
        since = 0 if horizon is None else int(horizon.timestamp())
        for each in records:
            is_recent = each.modified >= since
            if each.position < begin or not (is_recent or deletes):
                continue
            is_full = len(self._begins) >= most or len(self._hashes) >= 2 * most
            if is_full and each.position > f"{self._begins[-1]:0{DIGITS}x}":
                self.end = each.position
                break
            self._add(each, is_recent, deletes)
        self._slots.append(len(self._hashes))
        self._marks = bytearray(len(self._hashes))

    def _add(self, record: IndexRecord, is_recent: bool, deletes: bool) -> None:
        self._begins.append(int.from_bytes(record.digest[:8], "big"))
        self._rests.append(int.from_bytes(record.digest[8:], "big"))
        self._slots.append(len(self._hashes))
        self._hashes.append(record.source)
        self._hashes.extend(record.files)
        self._expected.append(record.expected if is_recent and record.is_settled else 0)
        self._is_missed.append(deletes and record.is_settled and bool(record.flags & HAS_ROWS))
        self._is_absent.append(record.is_settled and bool(record.flags & ABSENT))

    def covers(self, position: str) -> bool:
        """Tell whether the view is to tell of a key whose digest begins so."""
        return self.begin <= position and (self.end is None or position < self.end)

    def see_object(self, listed: ObjectSummary) -> Proof:
        """Mark an object as there; return what its entry proves."""
        digest = digest_of(listed.key)
        if not self.covers(digest.hex()[:DIGITS]):
            return Proof.ELSEWHERE
        number = self._find(int.from_bytes(digest[:8], "big"))
        if number is None or self._rests[number] != int.from_bytes(digest[8:], "big"):
            return Proof.NONE
        slot = self._slots[number]
        self._marks[slot] = 1
        if self._is_absent[number]:
            return Proof.CAME_BACK
        is_loaded = self._hashes[slot] == source_hash(listed.key, listed.etag, listed.modified_at)
        return Proof.LOADED if is_loaded else Proof.NONE

    def see_file(self, file: str, key_digest: str) -> bool:
        """Tell whether the entry of a file's key knows it; mark it as there.

        `key_digest` is what the file's name has of its key's digest.
        """
        number = self._find(int(key_digest, 16))
        if number is None:
            return False
        hash_of_file = hashed(file)
        for slot in range(self._slots[number] + 1, self._slots[number + 1]):
            if self._hashes[slot] == hash_of_file:
                self._marks[slot] = 1
                return True
        return False

    def missing(self, after: str) -> Iterator[str]:
        """Return what the names of entries behind `after` begin with of which object or a file was not come by."""
        for number in range(bisect_left(self._begins, int(after or "0", 16)), len(self._begins)):
            slot = self._slots[number]
            is_gone = self._is_missed[number] and not self._marks[slot]
            if is_gone or self._marks.find(0, slot + 1, slot + 1 + self._expected[number]) >= 0:
                position = f"{self._begins[number]:0{DIGITS}x}"
                if position > after:
                    yield position

    def marks(self) -> str:
        """Return what was come by, as text."""
        return base64.b64encode(zlib.compress(self._marks)).decode()

    def mark(self, marks: str) -> bool:
        """Mark what was come by before; return False where that was noted of another index."""
        try:
            read = zlib.decompress(base64.b64decode(marks, validate=True)) if marks else bytes(len(self._hashes))
        except (ValueError, zlib.error):
            return False
        if len(read) != len(self._hashes):
            return False
        self._marks = bytearray(read)
        return True

    def _find(self, begin: int) -> int | None:
        number = bisect_left(self._begins, begin)
        return number if number < len(self._begins) and self._begins[number] == begin else None
