"""The build for ARM's Lambda makes the same rows: an emulator runs it."""

from __future__ import annotations

import ctypes
import json
import random
from collections.abc import Iterator
from itertools import product

import pytest

from chalicelib import native_library
from chalicelib.contracts.reading import read_text
from tests.builders import flattened_tables
from tests.emulated_arm import EmulatedLibrary
from tests.unit.drawn_contracts import DrawnContract
from tests.unit.rows_by_month import check_split

EDGES = b"A\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xe1\xed\xef\xf0\xf4\xf5\xff"


@pytest.fixture
def arm(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedLibrary]:
    """Have the build for ARM loaded instead of this machine's."""
    native_library.library.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(native_library, "binary_name", lambda system, machine: "linux-aarch64.so")
        patched.setattr(ctypes, "CDLL", EmulatedLibrary)
        library = native_library.library()
    assert isinstance(library, EmulatedLibrary)
    yield library
    native_library.library.cache_clear()


@pytest.mark.slow
def test_the_build_for_arm_makes_the_rows_of_the_strict_way_and_all_of_it_runs(arm: EmulatedLibrary) -> None:
    for seed in range(60):
        drawn = DrawnContract(seed)
        made_for = read_text(drawn.text, "drawn")
        # Long enough to be split, and checked to be UTF-8, by compiled code.
        records = drawn.batch(0.2 * (seed % 3)) + [json.dumps({"padding": "é" * 9000}, ensure_ascii=False)] * (seed % 2)
        for text in ("[" + ",".join(records) + "]", "\n".join(records)):
            strict = flattened_tables(text.encode(), False, made_for)
            assert repr(flattened_tables(text.encode(), True, made_for)[:3]) == repr(strict[:3])
    for seed in range(5):
        check_split(seed)
    assert set(arm.calls) == set(native_library._FUNCTIONS) - {"holds"}


@pytest.mark.parametrize("before", [0, 14, 62])
def test_the_build_for_arm_judges_utf8_as_python_does(arm: EmulatedLibrary, before: int) -> None:
    for some in product(EDGES, repeat=3):
        text = b"x" * before + bytes(some) + b"\x80"
        assert arm.is_utf8(text, len(text)) == (text.decode("utf-8", "ignore").encode() == text), text


def test_the_build_for_arm_finds_phrases(arm: EmulatedLibrary) -> None:
    rng = random.Random(1)
    for _ in range(2000):
        text, phrase = ("".join(rng.choices('ab"', k=rng.randrange(2, most))).encode() for most in (80, 6))
        assert arm.holds(text, len(text), phrase, len(phrase)) == (phrase in text), (text, phrase)
