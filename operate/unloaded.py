"""Which of millions of objects the ledger has no entry of, by two listings and without reading an entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from chalicelib.file_names import ledger_name
from chalicelib.loading.models import ObjectSummary

DIGITS = 16
"""Hexadecimal digits of an entry's name that are compared: two keys of ten million share them once in 10^5 tries."""


def without_entry(objects: Iterable[ObjectSummary], entries: Iterable[ObjectSummary]) -> Iterator[ObjectSummary]:
    """Yield the objects that have no ledger entry, or one that was last written before the object was.

    What failed half-way has an entry too and is not among them: the run itself reads each entry. Memory is 16 bytes an
    entry; objects pass one by one.
    """
    pairs = np.fromiter(_digests(entries), dtype=[("digest", "u8"), ("written", "i8")])
    pairs.sort(order="digest")
    for each in objects:
        digest = _digest(ledger_name(each.key))
        index = int(np.searchsorted(pairs["digest"], digest))
        is_there = index < len(pairs) and int(pairs["digest"][index]) == int(digest)
        if not is_there or int(pairs["written"][index]) < int(each.modified_at.timestamp()):
            yield each


def _digests(entries: Iterable[ObjectSummary]) -> Iterator[tuple[np.uint64, int]]:
    for each in entries:
        name = each.key.rpartition("/")[2].removesuffix(".json")
        if len(name) >= DIGITS and all(digit in "0123456789abcdef" for digit in name[:DIGITS]):
            yield _digest(name), int(each.modified_at.timestamp())


def _digest(name: str) -> np.uint64:
    return np.uint64(int(name[:DIGITS], 16))
