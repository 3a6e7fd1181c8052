"""Proves that the lax parser lost nothing of a record: that it read every key, and identifiers digit by digit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chalicelib.contracts.model import Contract
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.decoded import Level, sums_per_document
from chalicelib.flatten.lax_parser import NUMBERS, LaxParser, Raw
from chalicelib.flatten.raw_keys import Keys, discriminating_offsets, plain_integers


class Proof:
    """Compares the keys in the raw bytes of records of `contract` with the values that `parser` read."""

    def __init__(self, contract: Contract, parser: LaxParser) -> None:
        self._parser = parser
        columns_of_both = (*contract.order_columns, *contract.line_columns)
        self._keys = {column.name: contract.steps(column)[-1] for column in columns_of_both}
        self._offsets = discriminating_offsets(set(self._keys.values()))
        self._numbers = frozenset(column.name for column in columns_of_both if column.type in NUMBERS)

    def complete(self, keys: Keys, documents: Level, lines: Level, ends: Int64s, raws: Sequence[Raw]) -> Bools | None:
        """Return of which records every key that holds a value was read, or None when of all.

        Each value that was parsed stands behind a key of its own, which is one of the contract's, and no key is left
        out of the count: so the keys are at least as many as the values, in each record, and where both numbers are the
        same there is no other key. A text that looks like a key is counted too, and only makes the record incomplete.
        Keys that hold null are subtracted, one for each that is counted; msgspec says whether they are the contract's.
        """
        # No record has fewer keys than values, so that equal sums are equal for each record.
        value_count = int(documents.value_counts.sum() + lines.value_counts.sum())
        if keys.are_only(value_count, [*documents.texts, *lines.texts]) or len(keys) == value_count:
            return None
        nulls = keys.nulls
        complete: Bools = keys.count - nulls == documents.value_counts + sums_per_document(lines.value_counts, ends)
        doubtful: list[int] = np.flatnonzero(complete & (nulls > 0)).tolist()
        if doubtful:
            self._parser.check_keys(complete, doubtful, raws)
        return complete

    def check_identifiers(
        self, sound: Bools, complete: Bools | None, keys: Keys, documents: Level, lines: Level, ends: Int64s
    ) -> None:
        """Clear `sound` where a complete record has an identifier that is not written in digits alone.

        Of each key, the numbers that were parsed are counted, and the keys of that name whose values are digits alone.
        All keys of a complete record are the contract's, so that each that is counted holds one of those numbers: where
        as many are counted as were parsed, each was. A number in another column, under the same key, counts as well.
        """
        for key, parsed in self._parsed_numbers(len(sound), documents, lines, ends).items():
            count, clean = plain_integers(keys, key, int(parsed.sum()), self._offsets[key])
            fine = clean & (count == parsed)
            sound &= fine if complete is None else fine | ~complete

    def _parsed_numbers(self, count: int, documents: Level, lines: Level, ends: Int64s) -> dict[str, Int64s]:
        """Return, for each key of an identifier read as an integer, how many numbers each record has under it."""
        integers = self._parser.integers
        keys = {self._keys[name] for name in integers}
        parsed: dict[str, Int64s] = {}
        for column in (*documents.columns, *lines.columns):
            key = self._keys[column.name]
            if key in keys and column.name in integers | self._numbers:
                level = documents if column in documents.columns else lines
                numbers = level.valid(column).astype(np.int64)
                if level is lines:
                    numbers = sums_per_document(numbers, ends)
                parsed[key] = parsed.get(key, np.zeros(count, np.int64)) + numbers
        return parsed
