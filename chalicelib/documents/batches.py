"""Builds batches of records: numbered in the order of their file, and never too many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
import numpy as np
from msgspec import Struct, field

from chalicelib.documents.rejected import RejectedRecord, SpooledRaw
from chalicelib.documents.slices import Slices, together

MAX_BATCH_RECORDS = 20_000
"""A batch of more would take much memory, however short its records are."""

Raw = bytes | msgspec.Raw


class Batch(Struct):
    """Records that were read together.

    `numbers[i]` is the record number of `raws[i]`, from 1; what is in `rejected` has numbers of its own. `unchecked`
    holds the indexes in `raws` of records that are JSON but that msgspec cannot check: for the strict decoder only.
    `end` is the source's offset behind them, in decompressed bytes.
    """

    numbers: Sequence[int] = ()
    raws: Sequence[Raw] = ()
    unchecked: set[int] = field(default_factory=set)
    rejected: list[RejectedRecord] = field(default_factory=list)
    end: int = 0

    @property
    def read(self) -> int:
        """How many records the batch accounts for."""
        return len(self.raws) + len(self.rejected)


class BatchBuilder:
    """Numbers records, from 1, and puts them into batches, whatever array, line or envelope they stand in."""

    def __init__(self) -> None:
        self._batch = _Open()
        self._full: list[Batch] = []
        self._next = 1

    def add(self, raw: bytes, unchecked: bool) -> None:
        """Add one record; `unchecked` says that msgspec could not check it."""
        if unchecked:
            self._batch.unchecked.add(self._batch.records)
        self._batch.add([raw], range(self._next, self._next + 1))
        self._advance()

    def add_all(self, raws: Slices | list[msgspec.Raw]) -> None:
        """Add records whose grammar was checked."""
        start = 0
        while start < len(raws):
            part = raws[start : start + MAX_BATCH_RECORDS - self._batch.read]
            self._batch.add(part, range(self._next, self._next + len(part)))
            start += len(part)
            self._advance(len(part))

    def add_between(self, raws: Slices, rejected: Sequence[tuple[int, str, bytes]]) -> None:
        """Add records whose grammar was checked, and between them those that are rejected as a whole.

        Each of these comes with how many of `raws` are before it, and with its reason.
        """
        base, total = self._next, len(raws) + len(rejected)
        before = np.fromiter((each[0] for each in rejected), np.int64, len(rejected))
        numbers_rejected = before + np.arange(len(rejected))
        ordinals = np.arange(len(raws))
        numbers = ordinals + np.searchsorted(before, ordinals, side="right")
        start = 0
        while start < total:
            end = min(start + MAX_BATCH_RECORDS - self._batch.read, total)
            first, last = np.searchsorted(numbers, (start, end)).tolist()
            if first < last:
                self._batch.add(raws[first:last], (base + numbers[first:last]).tolist())
            first, last = np.searchsorted(numbers_rejected, (start, end)).tolist()
            self._batch.rejected += [
                RejectedRecord(number, "", reason, raw)
                for number, (_, reason, raw) in zip(
                    (base + numbers_rejected[first:last]).tolist(), rejected[first:last], strict=True
                )
            ]
            self._advance(end - start)
            start = end

    def reject(self, reason: str, raw: bytes | SpooledRaw) -> None:
        """Add a record that is rejected as a whole."""
        self._batch.rejected.append(RejectedRecord(self._next, "", reason, raw))
        self._advance()

    def batches(self, end: int, *, rest: bool) -> Iterator[Batch]:
        """Return the batches that are full, and with `rest` the one that is not; `end` is the source's offset."""
        if rest and self._batch.read:
            self._close()
        while self._full:
            batch = self._full.pop(0)
            batch.end = end
            yield batch

    def _advance(self, count: int = 1) -> None:
        self._next += count
        if self._batch.read >= MAX_BATCH_RECORDS:
            self._close()

    def _close(self) -> None:
        self._full.append(self._batch.closed())
        self._batch = _Open()


class _Open:
    """A batch that is not full yet: records as they were found, alone or many at once."""

    def __init__(self) -> None:
        self.records = 0
        self.unchecked: set[int] = set()
        self.rejected: list[RejectedRecord] = []
        self._parts: list[Slices | list[bytes] | list[msgspec.Raw]] = []
        self._numbers: list[Sequence[int]] = []

    @property
    def read(self) -> int:
        return self.records + len(self.rejected)

    def add(self, raws: Slices | list[bytes] | list[msgspec.Raw], numbers: Sequence[int]) -> None:
        """Add records with these numbers."""
        if isinstance(raws, Slices) and raws.unusual is not None:
            self.unchecked.update((np.flatnonzero(raws.unusual) + self.records).tolist())
        self.records += len(raws)
        self._parts.append(raws)
        self._numbers.append(numbers)

    def closed(self) -> Batch:
        """Return the batch. What was found in one text stays where it is."""
        is_one = len(self._numbers) == 1
        numbers = self._numbers[0] if is_one else list(chain.from_iterable(self._numbers))
        raws: Sequence[Raw] | None = self._parts[0] if is_one else together(self._parts)
        if raws is None:
            raws = list(chain.from_iterable(self._parts))
        return Batch(numbers, raws, self.unchecked, self.rejected)
