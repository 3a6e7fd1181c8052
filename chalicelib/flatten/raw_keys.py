"""Counts keys, and digits of identifiers, in the raw bytes of all records of a batch at once.

The parser of the fast way drops keys that are not in its schema, reads the last of repeated keys, and reads `12.7` or
`"0012"` as the integer 12: what is counted here proves that it did not (see proof.py). The grammar has been checked
before (see documents), and that is what makes counting sound:

- A key is a quoted text, white space, and a colon. Counting every colon that follows a quote therefore counts every
  key, and perhaps colons inside texts: never too few. Where the count equals the number of values that the parser
  read, there was no key besides.
- Counting every colon, and subtracting those inside the texts that the parser read, comes to the same in a sixth of
  the time. It holds for all records together, and only where no colon inside a text is written as an escape.
- A key whose value begins with `n` holds null, which the parser does not report; it is left out of the count, and the
  names of such records' keys are checked with msgspec.
- An integer that is to be text keeps its digits only if it is written as digits alone, without sign, point or exponent.

What is counted by a key's name alone (`plain_integers`) proves something only of records that have no keys but the
contract's: a field that the contract does not name may have the same key.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt

from chalicelib.flatten.batch_text import SPACES, WORD, Text
from chalicelib.flatten.columns import Bools, Int64s

Bytes = npt.NDArray[np.uint8]

MAX_DIGITS = 18
"""Longer integers may not fit 64 bits."""

MOST_SPACES = 16
"""Between a key, its colon and its value. A colon with more before it counts as a key's, which is the safe side."""

_ENDS = SPACES.copy()
_ENDS[list(b",}]")] = True
_ZEROS, _BELOW_TEN, _HIGHEST = (np.uint64(byte * 0x0101010101010101) for byte in (0x30, 0x76, 0x80))
_ONE = np.uint64(1)
_COLON, _QUOTE = ord(":"), ord('"')


class Keys:
    """The keys of a text: positions of their `colons` and of their closing `quotes`, computed when asked for."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __len__(self) -> int:
        return len(self.quotes)

    def are_only(self, count: int, texts: Iterable[Bytes]) -> bool:
        """Tell whether there are but `count` keys, whose values hold these texts; False where uncertain."""
        if self.text.holds_low_escapes:
            return False
        return _colons(self.text.bytes) - sum(_colons(each) for each in texts) == count

    @cached_property
    def colons(self) -> Int64s:
        return self._positions[0]

    @cached_property
    def quotes(self) -> Int64s:
        return self._positions[1]

    @cached_property
    def _positions(self) -> tuple[Int64s, Int64s]:
        text = self.text.bytes
        colons: Int64s = np.flatnonzero(text == _COLON)
        quotes = colons - 1
        before = text[quotes]
        is_key = before == _QUOTE
        if is_key.all():
            return colons, quotes
        if SPACES[before].any():
            quotes = _over_space(text, quotes, -1)
            before = text[quotes]
            is_key = (before == _QUOTE) | SPACES[before]
        return colons[is_key], quotes[is_key]

    @cached_property
    def count(self) -> Int64s:
        """For each record, how many keys it has, at the least."""
        return self.text.per_record(self.quotes)

    @property
    def nulls(self) -> Int64s:
        """For each record, how many of its keys hold null."""
        first = _over_space(self.text.bytes, self.colons + 1, 1)
        return self.text.per_record(first[self.text.bytes[first] == ord("n")])

    def values(self, name: str, expected: int, offset: int = 2) -> Int64s:
        """Return where the values of keys spelled `name` begin: there are `expected` of them or more.

        `offset` says how far before its colon a key is compared first; see `discriminating_offsets`.
        """
        leading = self._leading(name) if expected == len(self.text.starts) - 1 else None
        quotes = self._spelled(name, self._quotes_where(name, offset)) if leading is None else leading
        if len(quotes) >= expected:
            return _over_space(self.text.bytes, quotes + 2, 1)
        # There is space before colons.
        which = np.flatnonzero(self.text.bytes[self.quotes - 1] == name.encode()[-1])
        which = which[np.isin(self.quotes[which], self._spelled(name, self.quotes[which]))]
        return _over_space(self.text.bytes, self.colons[which] + 1, 1)

    def _leading(self, name: str) -> Int64s | None:
        """Return the closing quotes of keys called `name` where each record begins with one."""
        quotes = self.text.starts[:-1] + len(f'{{"{name}')
        if not (self.text.bytes[quotes + 1] == _COLON).all() or len(self._spelled(name, quotes)) < len(quotes):
            return None
        return quotes

    def _quotes_where(self, name: str, offset: int) -> Int64s:
        """Return closing quotes right before a colon that may end a key called `name`, by two bytes."""
        text = self.text.bytes
        maybe = text[offset:] == _COLON
        maybe &= text[: len(text) - offset] == f'"{name}":'.encode()[-1 - offset]
        return np.flatnonzero(maybe) + (offset - 1)

    def _spelled(self, name: str, quotes: Int64s) -> Int64s:
        """Return which of these closing quotes end a key spelled `name`."""
        quoted = f'"{name}"'.encode()
        text = self.text.bytes
        # The last eight bytes, the eight before them, and so on; at the front, some are looked at once more.
        for back in range(0, len(quoted), WORD):
            start = max(0, len(quoted) - back - WORD)
            part = quoted[start : start + WORD]
            here: npt.NDArray[np.uint64] = self.text.words[quotes - (len(quoted) - start - len(part)) - (WORD - 1)]
            same = here >> np.uint64(8 * (WORD - len(part))) == int.from_bytes(part, "little")
            quotes = quotes if same.all() else quotes[same]
        # Else the name is the end of another's, with a quote in it.
        whole: Bools = text[quotes - len(quoted)] != ord("\\")
        return quotes if whole.all() else quotes[whole]


@functools.lru_cache(maxsize=64)
def discriminating_offsets(names: frozenset[str]) -> Mapping[str, int]:
    """Return for each key how far before its colon it has a byte that few others have there: many end in `_id`."""
    keys = {name: f'"{name}":'.encode() for name in names}

    def offset_in(key: bytes) -> int:
        def shared(offset: int) -> int:
            return sum(len(other) > offset and other[-1 - offset] == key[-1 - offset] for other in keys.values())

        return min(range(2, len(key)), key=shared)

    return {name: offset_in(key) for name, key in keys.items()}


def plain_integers(keys: Keys, name: str, expected: int, offset: int = 2) -> tuple[Int64s, Bools]:
    """Count the values of the keys spelled `name`, of which there are `expected` or more.

    Returns, for each record, how many of those values are written in digits alone, and whether there is none but
    these, texts and nulls. Some keys may be overlooked, where a key of the same name elsewhere is counted for one of
    those expected: in a record that has no keys but the contract's, each key that is counted is one of the contract's,
    so that as many digits as numbers were parsed means that each of these is written in digits alone. Nothing follows
    for other records.
    """
    text = keys.text
    first = keys.values(name, expected, offset)
    length = _digits_from(text, first)
    digits = length > 0
    ends = _ENDS[text.bytes[first + length]] & digits & (length <= MAX_DIGITS)
    clean = np.ones(len(text.starts) - 1, dtype=np.bool_)
    if not ends.all():
        # A text is passed over, and so is null: missing from the count, they make it unequal.
        begins = text.bytes[first]
        clean[text.record_of(first[~ends & (begins != _QUOTE) & (begins != ord("n"))])] = False
    return text.per_record(first[digits]), clean


def _digits_from(text: Text, first: Int64s) -> Int64s:
    """Count the digits that follow one another from each of these positions on, as far as three words."""
    length = np.zeros(len(first), dtype=np.int64)
    going: Bools | None = None
    for word in range(3):
        # A byte is a digit's if it is below 10 after XOR with that of "0"; the highest bit marks others. What is
        # carried over to the bytes behind the first that is none does not matter.
        bits = text.words[first + WORD * word] ^ _ZEROS
        others = ((bits + _BELOW_TEN) | bits) & _HIGHEST
        here = (np.bitwise_count((others & (~others + _ONE)) - _ONE) >> 3).astype(np.int64)
        length += here if going is None else here * going
        going = (here == WORD) if going is None else going & (here == WORD)
        if not going.any():
            break
    return length


def _colons(text: Bytes) -> int:
    return int(np.count_nonzero(text == _COLON))


def _over_space(text: npt.NDArray[np.uint8], positions: Int64s, step: int) -> Int64s:
    """Move each position on while it stands on white space, but not for ever."""
    on_space = SPACES[text[positions]]
    for _ in range(MOST_SPACES):
        if not on_space.any():
            break
        positions = positions + step if on_space.all() else positions + np.where(on_space, step, 0)
        on_space &= SPACES[text[positions]]
    return positions
