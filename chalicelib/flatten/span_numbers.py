"""Parses numbers where they stand in a text, exactly: eight digits at once, for all of them together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chalicelib.flatten.columns import Bools, Int64s

Words = npt.NDArray[np.uint64]

MOST_DIGITS = 18
"""Numbers of more digits may not fit 64 bits."""

_WORD = 8
_MOST_BESIDE_POINT = 16
_POINTS, _LOW, _HIGH = (np.uint64(byte * 0x0101010101010101) for byte in (0x2E, 0x01, 0x80))
_ZEROS, _ABOVE_NINE = (np.uint64(byte * 0x0101010101010101) for byte in (0x30, 0x76))
_MASKS = np.array([((1 << 64) - 1) ^ ((1 << (8 * (_WORD - n))) - 1) for n in range(_WORD + 1)], dtype=np.uint64)
"""What lets the last `n` of eight characters through."""
_TEN_TO = 10 ** np.arange(_WORD + 1, dtype=np.int64)
_MINUS = ord("-")


@dataclass(frozen=True)
class Numbers:
    """Numbers as `units` over 10 to the power of `decimals`. Of those that are not `plain` nothing is known.

    Plain are up to 18 digits with or without a point among them and a minus before; `is_negative` has the minus.
    """

    units: Int64s
    decimals: Int64s
    is_negative: Bools
    plain: Bools


def parse_numbers(text: npt.NDArray[np.uint8], words: Words, starts: Int64s, ends: Int64s) -> Numbers:
    """Parse numbers that lie in `text` at these bounds; `words` are the eight bytes from each of its bytes on.

    There have to be 24 bytes before the first number and behind the last one.
    """
    is_negative: Bools = text[starts] == _MINUS
    begins = starts + is_negative
    sizes = ends - begins
    points = np.minimum(_first_point(words, begins), sizes)
    decimals = np.maximum(sizes - points - 1, 0)
    plain = (sizes > 0) & (points + decimals > 0) & (points + decimals <= MOST_DIGITS)
    plain &= (points <= _MOST_BESIDE_POINT) & (decimals <= _MOST_BESIDE_POINT)
    points, decimals = np.where(plain, points, 0), np.where(plain, decimals, 0)
    whole, is_whole = _digits(words, begins + points, points)
    fraction, is_fraction = _digits(words, np.where(plain, ends, begins), decimals)
    plain &= is_whole & is_fraction
    units = np.where(plain, whole * _power(decimals) + fraction, 0)
    return Numbers(np.where(is_negative, -units, units), decimals, is_negative, plain)


def _first_point(words: Words, begins: Int64s) -> Int64s:
    """Return how many characters lie before the first point, 24 or more where it is not among so many."""
    at = np.full(len(begins), 3 * _WORD, dtype=np.int64)
    for word in (2, 1, 0):
        bits = words[begins + _WORD * word] ^ _POINTS
        hits = (bits - _LOW) & ~bits & _HIGH
        first = (np.bitwise_count((hits & (~hits + np.uint64(1))) - np.uint64(1)) >> 3).astype(np.int64)
        at = np.where(hits > 0, first + _WORD * word, at)
    return at


def _digits(words: Words, ends: Int64s, counts: Int64s) -> tuple[Int64s, Bools]:
    """Return the numbers that up to 16 characters before each of these ends make, and whether all are digits."""
    low = np.minimum(counts, _WORD)
    number, good = _eight(words[ends - _WORD], low)
    if (counts > _WORD).any():
        high, fine = _eight(words[ends - 2 * _WORD], counts - low)
        number, good = number + high * _TEN_TO[_WORD], good & fine
    return number, good


def _eight(word: Words, counts: Int64s) -> tuple[Int64s, Bools]:
    """Return the numbers that the last `counts` of eight characters make, and whether all of these are digits."""
    bits = (word ^ _ZEROS) & _MASKS[counts]
    good: Bools = (((bits + _ABOVE_NINE) | bits) & _HIGH) == 0
    # Neighbours are put together: of digits pairs, of pairs fours, of fours eight. The first character is the lowest.
    bits = bits * np.uint64(10) + (bits >> np.uint64(8))
    bits &= np.uint64(0x00FF00FF00FF00FF)
    bits = bits * np.uint64(100) + (bits >> np.uint64(16))
    bits &= np.uint64(0x0000FFFF0000FFFF)
    bits = bits * np.uint64(10_000) + (bits >> np.uint64(32))
    return (bits & np.uint64(0xFFFFFFFF)).astype(np.int64), good


def _power(exponents: Int64s) -> Int64s:
    powers: Int64s = np.where(
        exponents > _WORD,
        _TEN_TO[_WORD] * _TEN_TO[np.clip(exponents - _WORD, 0, _WORD)],
        _TEN_TO[np.minimum(exponents, _WORD)],
    )
    return powers
