"""The fast way to decode a batch: arrow-json parses all of it, numpy proves what the parser is too lax to check.

A record that is not proven sound is left to the indexed way (see indexed.py), which leaves it to the strict one (see
strict.py) where it cannot prove it either; none is judged here. What is decoded here is exactly what the strict way
would have made of it: a property test compares them with one another, and with a third reading of the JSON.

What the parser may read otherwise than the strict way does, and what proves that it did not:

- Keys that the contract does not name vanish, and of a key given twice the last counts. A record is *complete* where
  its keys are as many as the values that were parsed: each value stands behind a key of its own, so that there is no
  other key. Of the others, every key is looked at by its place (see unnamed_texts.py).
- `"007"`, `12.7` and `"1e2"` become integers where integers are due. In complete records all keys are the contract's,
  so that counting the keys whose values are digits alone is enough; in the others each value is looked at.
- Numbers are floats: what is not certain to be the digits that were sent is left to the strict way (conversion.py), and
  so are records with a zero in which a number too small for a float may stand.
- Texts and dates are compared or parsed as they are, and everything of another type is an error of the parser.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from chalicelib.contracts.contract import Contract
from chalicelib.flatten import columns, raw_keys, spans, values
from chalicelib.flatten.batch_text import Text
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.decoded import Decoded, dates_of
from chalicelib.flatten.fitting import FittingRecords
from chalicelib.flatten.lax_parser import Form, Forms, LaxParser, Level, Raw
from chalicelib.flatten.layout import Layout, Node, Unsupported
from chalicelib.flatten.level_columns import LevelColumns
from chalicelib.flatten.picked_columns import PickedColumns
from chalicelib.flatten.proof import IntegerProof, check_zeros
from chalicelib.flatten.table_rows import PART_BYTES, TooLarge, check_enclosing, row_sizes, rows_of
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.flatten.unnamed_texts import UnnamedReader, UnnamedTexts

COUNTED_BATCHES = 8
"""One batch of so many is counted, though the one before had documents with other keys."""


class FastDecoder:
    """Decodes batches of records of `contract`; documents dated after `latest_ms` are left to the strict way.

    `source` makes of a text what the parser reads: a path, or a binary file. Near misses are noted with `fields`.
    Raises Unsupported for a contract that the parser cannot read.
    """

    def __init__(
        self,
        contract: Contract,
        latest_ms: int,
        fields: UnnamedFields,
        source: Callable[[bytes], Any] = io.BytesIO,
    ) -> None:
        self._contract = contract
        self._layout = Layout(contract)
        self._parser = LaxParser(self._layout, source)
        self._fits = FittingRecords(self._layout)
        self._unnamed = UnnamedReader(self._layout, fields)
        self._columns = LevelColumns(self._layout, latest_ms)
        self._leaves = tuple(self._layout.leaves)
        self._proof = IntegerProof(self._layout)
        self._picked = PickedColumns(self._layout)
        self._forms: Forms | None = None
        self._expects_unnamed = False
        self._batches = 0

    def decode(self, raws: Sequence[Raw]) -> Decoded | None:
        """Decode those of `raws`, each a JSON value, that can be proven sound; None when none can."""
        try:
            parsed = self._parsed(raws)
        except Unsupported:
            return None
        if parsed is None:
            return None
        levels, text, which, forms = parsed
        if len(which) < len(raws):
            raws = [raws[i] for i in which.tolist()]
        decoded = self._proven(levels, text, raws, dict(zip(self._leaves, forms, strict=True)))
        if decoded is not None:
            decoded.positions = which[decoded.positions]
        return decoded

    def _parsed(self, raws: Sequence[Raw]) -> tuple[dict[str, Level], Text, Int64s, Forms] | None:
        """Parse those of the records that hold what the parser expects; return also which they are, and as what."""
        if self._forms is None:
            self._forms = self._parser.peek(raws)
        text = Text(raws)
        fits = self._fits.unsuspected(text, self._forms)
        part, levels = text, None
        if np.count_nonzero(fits) * 2 > len(raws):
            part = text if fits.all() else text.only(np.flatnonzero(fits))
            levels = self._parser.parse(part, self._forms)
        if levels is None:
            self._forms = self._parser.peek(raws)
            fits = self._fits.fitting(text, self._forms)
            if not fits.any():
                return None
            part = text if fits.all() else text.only(np.flatnonzero(fits))
            levels = self._parser.parse(part, self._forms)
        return None if levels is None else (levels, part, np.flatnonzero(fits), self._forms)

    def _proven(
        self, levels: dict[str, Level], text: Text, raws: Sequence[Raw], forms: dict[Node, Form]
    ) -> Decoded | None:
        good: Bools = np.ones(len(raws), dtype=np.bool_)
        texts: dict[str, pa.Array] = {}
        complete = self._complete(levels, raw_keys.Keys(text), raws, forms)
        self._expects_unnamed = complete is not None and int(np.count_nonzero(complete)) * 2 < len(raws)
        aside = self._columns.not_chosen(levels)
        for documents in aside.values():
            if documents.any():
                complete = ~documents if complete is None else complete & ~documents
        self._proof.check_integers(good, complete, levels, raw_keys.Keys(text), forms)
        if complete is not None:
            which = np.flatnonzero(~complete)
            aside = {number: documents[which] for number, documents in aside.items()}
            unnamed = self._unnamed.read(text, which, self._asked(forms), aside) if len(which) else None
            if unnamed is None:
                good[which] = False
            else:
                self._put_in(unnamed, which, good, levels, texts, forms)
            for leaf, form in forms.items():
                if form is Form.BYTES:
                    levels[leaf.level].arrays.setdefault(leaf.number, pa.nulls(len(levels[leaf.level]), pa.string()))
        check_zeros(good, text, levels, forms)
        made = self._columns.make(levels, good, self._picked.read(levels))
        sizes: Int64s = np.sum([row_sizes(table, levels, made, texts) for table in self._contract.tables], axis=0)
        is_small: Bools = sizes <= values.MAX_ROWS_BYTES
        if int(sizes[good & is_small].sum()) > PART_BYTES and np.count_nonzero(good) > 1:
            raise TooLarge
        if not good.any() or not is_small[good].all():
            # What one document would repeat so often is for the strict way to judge, before it is made.
            return self._without(good & is_small, raws)
        check_enclosing(self._contract, levels, good)
        tables = [rows_of(self._contract, table, levels, made, texts) for table in self._contract.tables]
        for rows in tables:
            rows.keep(good)
        dates = dates_of(self._contract, made)
        return Decoded(np.flatnonzero(good), None if dates is None else dates[good], tables)

    def _without(self, chosen: Bools, raws: Sequence[Raw]) -> Decoded | None:
        """Decode the chosen of the records alone."""
        positions = np.flatnonzero(chosen)
        decoded = self.decode([raws[i] for i in positions.tolist()]) if len(positions) else None
        if decoded is not None:
            decoded.positions = positions[decoded.positions]
        return decoded

    def _asked(self, forms: dict[Node, Form]) -> list[Node]:
        leaves = [leaf for leaf, form in forms.items() if form in (Form.BYTES, Form.INTEGER)]
        return list(dict.fromkeys([*leaves, *self._picked.nodes]))

    # Proofs ---------------------------------------------------------------------------------------------------------

    def _complete(
        self, levels: dict[str, Level], keys: raw_keys.Keys, raws: Sequence[Raw], forms: dict[Node, Form]
    ) -> Bools | None:
        """Return which records have no key but those whose values were read; None where all are so.

        Each value that was parsed stands behind a key of its own, which is one of the contract's, and no key is left
        out of the count: so the keys are at least as many as the values, in each record, and where both numbers are the
        same there is no other key. A text that looks like a key is counted too, and only makes the record incomplete.
        Keys that hold null are taken off, one for each that is counted; msgspec says whether they are the contract's.
        """
        self._batches += 1
        # Where most documents of a batch have other keys, those of the next mostly have, too: nothing is counted.
        skips = self._expects_unnamed and self._batches % COUNTED_BATCHES != 0
        if skips or self._picked or any(form is Form.BYTES or not leaf.named for leaf, form in forms.items()):
            return np.zeros(len(raws), dtype=np.bool_)
        unnamed = sum(int(level.values.sum()) for level in levels.values())
        texts = (
            columns.text_bytes(array)
            for level in levels.values()
            for array in level.arrays.values()
            if array.type == pa.string()
        )
        # No record has fewer keys than values, so that equal sums are equal for each record.
        if keys.are_only(unnamed, texts) or len(keys) == unnamed:
            return None
        count = np.zeros(len(raws), dtype=np.int64)
        for level in levels.values():
            count += np.bincount(level.documents, level.values, len(raws)).astype(np.int64)
        nulls = keys.nulls
        complete: Bools = keys.count - nulls == count
        self._check_null_keys(complete, nulls, raws)
        return complete

    def _check_null_keys(self, complete: Bools, nulls: Int64s, raws: Sequence[Raw]) -> None:
        """Let pass, of the records with keys that hold null, those whose keys are all of the contract's."""
        assert self._forms is not None
        decoder = self._fits.decoder(self._forms, forbid_unknown=True)
        for i in np.flatnonzero(complete & (nulls > 0)).tolist():
            try:
                decoder.decode(raws[i])
            except (msgspec.DecodeError, RecursionError):
                complete[i] = False

    def _put_in(
        self,
        unnamed: UnnamedTexts,
        which: Int64s,
        good: Bools,
        levels: dict[str, Level],
        texts: dict[str, pa.Array],
        forms: dict[Node, Form],
    ) -> None:
        """Put what was found of the records `which` among all; clear `good` for those of which it is not sure."""
        sound = unnamed.sound.copy()
        position = np.full(len(good), -1)
        position[which] = np.arange(len(which))
        objects = {name: level for name, level in levels.items() if not self._layout.levels[name].is_leaf}
        for name, level in objects.items():
            # Elements are told apart by their number alone, so that each document must have as many both ways.
            parsed = position[level.documents]
            expected = np.bincount(parsed[parsed >= 0], minlength=len(which))
            sound &= np.bincount(unnamed.documents[name], minlength=len(which)) == expected
        good[which[~sound]] = False
        chosen = np.zeros(len(good), dtype=np.bool_)
        chosen[which[sound]] = True
        positions = {name: np.flatnonzero(chosen[level.documents]) for name, level in objects.items()}
        usable = {name: sound[unnamed.documents[name]] for name in objects}
        for name in objects:
            array = columns.filter_rows(unnamed.texts[name], usable[name])
            texts[name] = columns.spread(array, positions[name], len(levels[name]))
        for node in self._picked.nodes:
            level = levels[node.level]
            raws = spans.raw_texts(unnamed.data, unnamed.leaves[node.number], len(unnamed.documents[node.level]))
            usable_raws = columns.filter_rows(raws, usable[node.level])
            level.raws[node.number] = columns.spread(usable_raws, positions[node.level], len(level))
        for leaf, form in forms.items():
            if leaf.is_element:
                continue
            level, position_of = levels[leaf.level], positions[leaf.level]
            if form is Form.BYTES:
                fine = np.ones(len(usable[leaf.level]), dtype=np.bool_)
                kept = columns.filter_rows(
                    spans.kept_as_sent(unnamed.data, unnamed.leaves[leaf.number], leaf.columns[0].nulls, fine),
                    usable[leaf.level],
                )
                level.arrays[leaf.number] = columns.spread(kept, position_of, len(level))
                good[level.documents[position_of[~fine[usable[leaf.level]]]]] = False
            elif form is Form.INTEGER:
                elements, plain = spans.are_plain_digits(unnamed.data, unnamed.leaves[leaf.number])
                good[which[unnamed.documents[leaf.level][elements[~plain]]]] = False
