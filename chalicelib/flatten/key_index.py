"""Where the keys of a batch of documents stand, and their values: found for all documents at once, by numpy.

The text is JSON whose grammar has been checked, without white space between its tokens. Then:

- Quotes that no backslash escapes open and close texts in turn; what lies between an opening and a closing one is text.
  Of the other characters, braces, brackets, colons and commas outside texts are the structure.
- Sorted by their depth, and by their position within it, the tokens of one object stand one behind the other: its
  opening brace, then a colon and a comma for each key, then its closing brace. A value lies between its colon and the
  token that follows in this order.

So keys, values, and which object each belongs to come out of a handful of passes over the tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.json_text import quoted

Int32s = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint64]

MOST_LEVELS = 120
"""Documents that are nested deeper are left to the strict way."""

_WORD = 8
_LONGEST_KEY = 64
_MASKS = np.array([(1 << (8 * length)) - 1 for length in range(_WORD + 1)], dtype=np.uint64)
_FACTORS = [np.uint64(f) for f in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)]
_QUOTE, _COLON, _COMMA, _BACKSLASH = b'":,\\'
_OPEN, _CLOSE = ord("{") | 0x20, ord("}") | 0x20
_OBJECT, _ARRAY = b"{["


class KeyNames:
    """Numbers for keys, by their bytes: the same over all batches. A key that has none is number 0."""

    BITS = 14
    MOST = 2000
    """More different keys are no names but data, such as identifiers of what they hold."""
    MANY = 200
    """More new keys than these in one batch are mostly not to come again."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        self.names: list[bytes] = [b""]
        # Of two keys that share a slot of the first table, the later one stands in the second, by other bits.
        self._tables = [np.zeros(1 << self.BITS, dtype=np.int32) for _ in range(2)]
        self._words = np.zeros((_LONGEST_KEY // _WORD, 64), dtype=np.uint64)
        self._lengths = np.full(64, -1, dtype=np.int64)
        keys = [quoted(name).encode()[1:-1] for name in first]
        data = b" ".join([*keys, b" " * _LONGEST_KEY])
        lengths = np.fromiter(map(len, keys), np.int32, len(keys))
        starts = (np.cumsum(lengths + 1) - lengths - 1).astype(np.int32)
        self.numbers(data, words_of(data), starts, lengths, most_new=self.MOST)

    def numbers(
        self, data: bytes, words: Words, starts: Int32s, lengths: Int32s, most_new: int = MANY
    ) -> tuple[Int32s, Words]:
        """Return the number of each key, 0 for one that has none, and words of which equal keys have the same.

        Of more than `most_new` keys that are new, only those are numbered that are there more than once.
        """
        parts = self._parts(words, starts, lengths)
        mixed = lengths.astype(np.uint64) * _FACTORS[2]
        for i, part in enumerate(parts):
            mixed ^= part * _FACTORS[i % 2]
            mixed ^= mixed >> np.uint64(29)
        mixed *= _FACTORS[3]
        slots = (mixed >> np.uint64(64 - self.BITS)).astype(np.int32)
        numbers = self._tables[0][slots]
        unknown = np.flatnonzero(~self._are(numbers, parts, lengths))
        others = (mixed[unknown] >> np.uint64(64 - 2 * self.BITS)).astype(np.int32) & ((1 << self.BITS) - 1)
        numbers[unknown] = self._tables[1][others]
        same = self._are(numbers[unknown], [part[unknown] for part in parts], lengths[unknown])
        unknown = unknown[~same]
        numbers[unknown] = 0
        if len(unknown) and len(self.names) <= self.MOST:
            _, firsts, times = np.unique(mixed[unknown], return_index=True, return_counts=True)
            firsts = np.sort(firsts if len(firsts) <= most_new else firsts[times > 1])
            self._number(data, parts, starts, lengths, mixed, numbers, unknown, unknown[firsts])
        return numbers, mixed

    def _number(
        self,
        data: bytes,
        parts: list[Words],
        starts: Int32s,
        lengths: Int32s,
        mixed: Words,
        numbers: Int32s,
        unknown: Int64s,
        new: Int64s,
    ) -> None:
        """Give numbers to the `new` ones of the `unknown` keys, as far as there are any, and to equal ones."""
        low = (1 << self.BITS) - 1
        for i in new.tolist():
            slot, other = (
                int(mixed[i] >> np.uint64(64 - self.BITS)),
                int(mixed[i] >> np.uint64(64 - 2 * self.BITS)) & low,
            )
            if len(self.names) > self.MOST or not self._add(data, parts, starts, lengths, i, slot, other):
                continue
            number = len(self.names) - 1
            same = self._are(np.full(1, number), [part[unknown] for part in parts], lengths[unknown])
            numbers[unknown[same]] = number

    def _are(self, numbers: Int32s, parts: list[Words], lengths: Int32s) -> Bools:
        same: Bools = self._lengths[numbers] == lengths
        for i, part in enumerate(parts):
            same &= self._words[i, numbers] == part
        return same

    def _parts(self, words: Words, starts: Int32s, lengths: Int32s) -> list[Words]:
        parts = [words[starts] & _MASKS[np.minimum(lengths, _WORD)]]
        longest = min(int(lengths.max(initial=0)), _LONGEST_KEY)
        for begin in range(_WORD, longest, _WORD):
            part = np.zeros(len(starts), dtype=np.uint64)
            which = np.flatnonzero(lengths > begin)
            part[which] = words[starts[which] + begin] & _MASKS[np.minimum(lengths[which] - begin, _WORD)]
            parts.append(part)
        return parts

    def _add(
        self, data: bytes, parts: list[Words], starts: Int32s, lengths: Int32s, i: int, slot: int, other: int
    ) -> bool:
        """Give a number to a key that has none. False for one that is too long, or finds no free slot."""
        table, free_slot = (self._tables[0], slot) if self._tables[0][slot] == 0 else (self._tables[1], other)
        if lengths[i] > _LONGEST_KEY or table[free_slot]:
            return False
        number = len(self.names)
        if number == len(self._lengths):
            self._words = np.concatenate([self._words, np.zeros_like(self._words)], axis=1)
            self._lengths = np.concatenate([self._lengths, np.full_like(self._lengths, -1)])
        self.names.append(data[starts[i] : starts[i] + lengths[i]])
        table[free_slot] = number
        self._words[:, number] = 0
        for j, part in enumerate(parts):
            self._words[j, number] = part[i]
        self._lengths[number] = lengths[i]
        return True


@dataclass(frozen=True)
class KeyIndex:
    """The keys of a batch, sorted by depth and then by position, and the objects and arrays that hold them.

    For each key: `keys` is its number, `hashes` of equal keys are the same, `name_starts` is where it begins, two
    characters before `starts` where it ends. `starts` and `ends` bound its value, `holders` is its object's number.
    Holders are numbered in the same order; the documents themselves come first, in their order. Of each, `opened_by`
    is the key whose value it is, or -1, `within` the array that it is an element of, or -1. `begins` is where it opens.
    `key_depths` and `holder_depths` say for each depth, from the documents' own, where its keys and holders end in
    these arrays.
    """

    keys: Int32s
    hashes: Words
    name_starts: Int32s
    starts: Int32s
    ends: Int32s
    holders: Int32s
    begins: Int32s
    is_object: Bools
    opened_by: Int32s
    within: Int32s
    key_depths: Int64s
    holder_depths: Int64s
    _tokens: tuple[Int32s, npt.NDArray[np.uint8], Int32s]

    @cached_property
    def elements(self) -> tuple[Int32s, Int32s, Int32s]:
        """Elements of arrays, scalars too, by array: the holder that each lies in, and what bounds it."""
        positions, kinds, holder_of = self._tokens
        # Commas between documents are in no holder.
        begins = np.flatnonzero(((kinds == _COMMA) | (kinds == _ARRAY)) & ~self.is_object[holder_of] & (holder_of >= 0))
        starts, ends = positions[begins] + 1, positions[np.minimum(begins + 1, len(positions) - 1)]
        full = starts < ends
        return holder_of[begins][full], starts[full], ends[full]


def index_keys(data: bytes, names: KeyNames) -> KeyIndex | None:
    """Index documents that are objects, one behind the other with a line feed between, padded at both ends.

    Returns None where one is nested too deep (see `is_too_deep`).
    """
    text = np.frombuffer(data, dtype=np.uint8)
    words = words_of(data)
    tokens, kinds = _tokens(data, text)
    structure = np.flatnonzero(kinds != _QUOTE).astype(np.int32)
    kinds = kinds[structure]
    folded = kinds | 0x20
    opens = folded == _OPEN
    closes = folded == _CLOSE
    depths = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32)
    if depths.max(initial=0) > MOST_LEVELS:
        return None
    # A closing token lies in what it closes, as the opening one does.
    depths = (depths + closes).astype(np.uint8)
    order = np.argsort(depths, kind="stable").astype(np.int32)
    kinds, opens, at = kinds[order], opens[order], structure[order]
    positions = tokens[at]
    holder_of = np.cumsum(opens, dtype=np.int32) - 1
    opening = np.flatnonzero(opens).astype(np.int32)
    colons = np.flatnonzero(kinds == _COLON).astype(np.int32)
    opened_by, within = _enclosing(order, kinds, depths, holder_of, opening)
    closing_quotes = tokens[at[colons] - 1]
    starts_of_keys = tokens[at[colons] - 2] + 1
    keys, hashes = names.numbers(data, words, starts_of_keys, closing_quotes - starts_of_keys)
    depth_counts = np.bincount(depths[order][colons], minlength=2)[1:]
    holder_counts = np.bincount(depths[order][opening], minlength=2)[1:]
    return KeyIndex(
        keys,
        hashes,
        starts_of_keys,
        positions[colons] + 1,
        positions[np.minimum(colons + 1, len(positions) - 1)],
        holder_of[colons],
        positions[opening],
        kinds[opening] == _OBJECT,
        opened_by,
        within,
        np.cumsum(depth_counts),
        np.cumsum(holder_counts),
        (positions, kinds, holder_of),
    )


def words_of(data: bytes) -> Words:
    """Return the eight bytes from each byte on, the first one lowest."""
    return np.ndarray((len(data) - _WORD + 1,), dtype="<u8", buffer=data, strides=(1,))


def is_too_deep(record: bytes) -> bool:
    """Tell whether a record is nested deeper than can be indexed."""
    _, kinds = _tokens(record, np.frombuffer(record, dtype=np.uint8))
    folded = kinds | 0x20
    depths = np.cumsum((folded == _OPEN).view(np.int8) - (folded == _CLOSE).view(np.int8), dtype=np.int32)
    return bool(depths.max(initial=0) > MOST_LEVELS)


def _enclosing(
    order: Int32s, kinds: npt.NDArray[np.uint8], depths: npt.NDArray[np.uint8], holder_of: Int32s, opening: Int32s
) -> tuple[Int32s, Int32s]:
    """Return of each holder the key whose value it is, or the array that it is an element of; -1 for the other."""
    # The token before an opening one, by position, is its key's colon, or is the array's own if it is an element.
    back = np.empty(len(order), dtype=np.int32)
    back[order] = np.arange(len(order), dtype=np.int32)
    before = np.maximum(order[opening] - 1, 0)
    slots = back[before]
    is_value = kinds[slots] == _COLON
    key_of_slot = np.cumsum(kinds == _COLON, dtype=np.int32) - 1
    nested = depths[order][opening] > 1
    opened_by = np.where(is_value & nested, key_of_slot[slots], -1).astype(np.int32)
    within = np.where(~is_value & nested, holder_of[slots], -1).astype(np.int32)
    return opened_by, within


def _tokens(data: bytes, text: npt.NDArray[np.uint8]) -> tuple[Int32s, npt.NDArray[np.uint8]]:
    """Return the positions of quotes that open or close texts and of structural characters outside, and their kinds."""
    folded = text | 0x20
    is_token = text == _QUOTE
    is_token |= text == _COLON
    is_token |= text == _COMMA
    is_token |= folded == _OPEN
    is_token |= folded == _CLOSE
    if b"\\" in data:
        is_token[_escaped(text)] = False
    tokens = np.flatnonzero(is_token).astype(np.int32)
    kinds = text[tokens]
    quotes = kinds == _QUOTE
    inside = np.cumsum(quotes, dtype=np.uint8) & 1
    keep = quotes | (inside == 0)
    return (tokens, kinds) if keep.all() else (tokens[keep], kinds[keep])


def _escaped(text: npt.NDArray[np.uint8]) -> Int64s:
    """Return the positions of characters that follow a backslash which is not escaped itself."""
    backslashes = np.flatnonzero(text == _BACKSLASH)
    is_first = np.ones(len(backslashes), dtype=np.bool_)
    is_first[1:] = np.diff(backslashes) != 1
    firsts = np.flatnonzero(is_first)
    in_run = np.arange(len(backslashes)) - np.repeat(firsts, np.diff(np.append(firsts, len(backslashes))))
    positions: Int64s = backslashes[in_run % 2 == 0] + 1
    return positions
