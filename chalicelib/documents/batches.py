"""Builds batches of records: numbered in the order of their file, and never too many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from chalicelib.documents.rejected import RejectedRecord, SpooledRaw

MAX_BATCH_RECORDS = 20_000
"""A batch of more would take much memory, however short its records are."""

Raw = bytes | msgspec.Raw


@dataclass
class Batch:
    """Records that were read together.

    `numbers[i]` is the record number of `raws[i]`, from 1; what is in `rejected` has numbers of its own. `unchecked`
    holds the indexes in `raws` of records that are JSON but that msgspec cannot check: for the strict decoder only.
    `end` is the source's offset behind them, in decompressed bytes.
    """

    numbers: list[int] = field(default_factory=list)
    raws: list[Raw] = field(default_factory=list)
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
        self._batch = Batch()
        self._full: list[Batch] = []
        self._next = 1

    def add(self, raw: bytes, unchecked: bool) -> None:
        """Add one record; `unchecked` says that msgspec could not check it."""
        if unchecked:
            self._batch.unchecked.add(len(self._batch.raws))
        self._batch.raws.append(raw)
        self._batch.numbers.append(self._next)
        self._advance()

    def add_all(self, raws: list[msgspec.Raw]) -> None:
        """Add records that msgspec has checked."""
        start = 0
        while start < len(raws):
            part = raws[start : start + MAX_BATCH_RECORDS - self._batch.read]
            self._batch.raws += part
            self._batch.numbers += range(self._next, self._next + len(part))
            start += len(part)
            self._advance(len(part))

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
        self._full.append(self._batch)
        self._batch = Batch()
