"""The sweep's index of the ledger: records of its entries in the order of their names, in segments, in the bucket.

A segment holds the records from the position that it is named after to the next one's. It is written on condition that
nobody else has: what two sweeps do at the same time is done by one of them.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from chalicelib.loading.index_records import DIGITS, IndexRecord, packed, unpacked
from chalicelib.loading.store import ObjectStore

FULL = 20_000
"""How many records of one file each a segment may have, about a megabyte; fewer of more files."""

FIRST = "0" * DIGITS
"""What the first segment is named after; it also has what stands before."""

FOLDER = "sweep_index/"


class ChangedIndex(Exception):
    """Somebody else has written or removed a segment that this run has seen, which it is named after."""


class Segment(NamedTuple):
    """A part of the index: from `start`, which is its name, up to `end`, which is the next one's, None for the last."""

    start: str
    end: str | None
    records: Sequence[IndexRecord]

    def covers(self, position: str) -> bool:
        """Tell whether a position lies before the segment's end."""
        return self.end is None or position < self.end


class LedgerIndex:
    """The index as this run has seen and written it; `state` is the prefix of what the sweep remembers.

    What was written in another `epoch` is passed over, and written anew.
    """

    def __init__(self, store: ObjectStore, state: str, full: int = FULL) -> None:
        self._store = store
        self._folder = f"{state}{FOLDER}"
        self._full = full
        self.epoch = ""
        self._etags: dict[str, str] | None = None
        self._latest: Segment | None = None

    def is_full(self, size: int) -> bool:
        """Tell whether records that have so many hashes are a segment."""
        return size >= 2 * self._full

    def __len__(self) -> int:
        return len(self._segments())

    def forget(self) -> None:
        """See the index anew."""
        self._etags = self._latest = None

    def version(self) -> str:
        """Return what changes with every write to the index."""
        text = "\n".join(f"{start} {_bare(etag)}" for start, etag in sorted(self._segments().items()))
        return hashlib.sha256(text.encode()).hexdigest()

    def segment(self, position: str) -> Segment:
        """Return the segment that a position lies in; one that cannot be read, or is not there, has no records."""
        starts = self._starts()
        return self._read(starts, self._number(starts, position), is_to_be_replaced=True)

    def records(self, position: str) -> Iterator[IndexRecord]:
        """Return the records of the segment that a position lies in, and of all behind it, in their order.

        Raises ChangedIndex where a segment is not the one that this run has seen.
        """
        starts = self._starts()
        for number in range(self._number(starts, position), len(starts)):
            yield from self._read(starts, number, is_to_be_replaced=False).records

    def replace(self, segment: Segment, records: Sequence[IndexRecord]) -> bool:
        """Write the records of a segment, as several where they are many; return False where another was quicker."""
        pieces = self._pieces(records)
        starts = [segment.start, *(piece[0].position for piece in pieces[1:])]
        # The later ones first: until the first is written, it holds their records as well, which nobody looks up there.
        return all(self._write(start, piece) for start, piece in reversed(list(zip(starts, pieces, strict=True))))

    def _pieces(self, records: Sequence[IndexRecord]) -> list[Sequence[IndexRecord]]:
        """Cut records into pieces of about the same size, none of which is more than full but by its last record."""
        whole = sum(each.size for each in records)
        most = whole / (math.ceil(whole / (2 * self._full)) or 1)
        begins, size = [0], 0
        for number, each in enumerate(records):
            if size >= most:
                begins.append(number)
                size = 0
            size += each.size
        return [records[begin:end] for begin, end in pairwise([*begins, len(records)])]

    def _write(self, start: str, records: Sequence[IndexRecord]) -> bool:
        etag = self._store.write_json(self._name(start), packed(records, self.epoch), self._segments().get(start))
        if etag is None:
            return False
        self._segments()[start] = etag
        self._latest = None
        return True

    def _read(self, starts: Sequence[str], number: int, is_to_be_replaced: bool) -> Segment:
        start, end = starts[number], starts[number + 1] if number + 1 < len(starts) else None
        if self._latest is not None and (self._latest.start, self._latest.end) == (start, end):
            return self._latest
        etag = self._segments().get(start)
        stored = self._store.read_json(self._name(start)) if etag else None
        if not is_to_be_replaced and etag is not None and (stored is None or _bare(stored.etag) != _bare(etag)):
            raise ChangedIndex(start)
        if stored is not None:
            self._segments()[start] = stored.etag
        elif etag is not None:
            del self._segments()[start]
        records = unpacked(stored.value, self.epoch) if stored else []
        # The first segment also has what stands before its name.
        begin = "" if start == FIRST else start
        ours = [each for each in records if begin <= each.position and (end is None or each.position < end)]
        self._latest = Segment(start, end, ours)
        return self._latest

    def _segments(self) -> dict[str, str]:
        if self._etags is None:
            self._etags = {}
            after, more = "", True
            while more:
                page = self._store.list(self._folder, after)
                for each in page.objects:
                    start = each.key.removeprefix(self._folder).removesuffix(".json")
                    if len(start) == DIGITS and self._name(start) == each.key:
                        self._etags[start] = each.etag
                more = page.more
                after = page.objects[-1].key if page.objects else after
        return self._etags

    def _starts(self) -> list[str]:
        return sorted({FIRST, *self._segments()})

    def _number(self, starts: Sequence[str], position: str) -> int:
        return max(0, bisect_right(starts, position) - 1)

    def _name(self, start: str) -> str:
        return f"{self._folder}{start}.json"


def _bare(etag: str) -> str:
    """Return an ETag as listings show it."""
    return etag.strip('"')
