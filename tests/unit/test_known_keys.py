"""Known keys are expected to come again: whatever comes instead, rows and rejections are the same."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import flattened_tables
from tests.contracts import contract_with
from tests.examples import examples
from tests.unit.compiled_splitting import (
    short_texts_are_split_by_compiled_code as short_texts_are_split_by_compiled_code,
)
from tests.unit.test_ways_taken import decoded_fast

CONTRACT = contract_with(
    "\n".join(
        [
            'a = { path = "a", type = "integer" }',
            'b = { path = "o.b", type = "text" }',
            'n = { path = "rows[].n", type = "integer" }',
        ]
    ),
    table='rows = "rows[]"',
)
BEGIN = '"id":1,"at":"2024-07-05"'
LENGTHS = [1, 2, 7, 8, 14, 15, 16, 17, 29, 30, 31, 32, 33, 60]
KEYS = ["a", "b", "o", "n", "rows", "x", "\\u0061", "\\/", "\u00e9" * 8, "k" * 15, "k" * 16, "k" * 30, "k" * 31]


def assert_same(texts: Iterable[str], loaded: int | None = None) -> None:
    """Assert that both ways make the same of documents, of which so many are loaded."""
    text = ("[" + ",".join(texts) + "]").encode()
    strict = flattened_tables(text, False, CONTRACT)
    assert repr(flattened_tables(text, True, CONTRACT)[:3]) == repr(strict[:3])
    assert loaded in (None, strict[2])


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("outer", ["%s", '"x":{%s}', '"x":[{%s}]', '"o":{%s}', '"rows":[{%s}]'])
def test_a_key_that_comes_twice_rejects_its_document_alone_also_where_it_is_expected(length: int, outer: str) -> None:
    one, other = "k" * length, "k" * (length - 1) + "l"
    sound = outer % f'"{one}":1,"{other}":2,"z":3'
    twice = [
        outer % f'"{one}":1,"{one}":2',
        outer % f'"{one}":1,"{other}":2,"{one}":3',
        outer % f'"{one}":1,"{other}":2,"z":3,"{other}":4',
        outer % f'"z":1,"{other}":2,"z":3',
        outer % f'"{one}":1,"{other}":2,"\\u006b{one[1:]}":3',
    ]
    others = [text for each in twice for text in (sound, each, sound)]
    assert_same([f"{{{BEGIN},{text}}}" for text in (sound, sound, *others)], 2 + 2 * len(twice))


@pytest.mark.parametrize("count", [100, 255, 256, 257, 400])
def test_objects_of_more_keys_than_are_known_of_one_are_read_and_so_are_those_of_many_shapes(count: int) -> None:
    rng = random.Random(count)
    keys = [f"key {i}" for i in range(count)]
    texts = []
    for i in range(20):
        rng.shuffle(keys)
        # More objects than there may be known keys, each with keys of its own.
        inner = {key: {f"{key} {i} {j}": j for j in range(rng.randrange(3))} for key in keys[: rng.randrange(count)]}
        fields = [f'"{key}":{json.dumps(inner.get(key, 1))}' for key in keys]
        texts.append(f"{{{BEGIN},{','.join(fields)}}}")
        fields.append(rng.choice(fields))
        texts.append(f"{{{BEGIN},{','.join(fields)}}}")
    assert_same(texts, 20)


def test_documents_whose_keys_come_in_any_order_or_are_missing_take_the_fast_way() -> None:
    rng = random.Random(1)
    fields = [
        '"a":7',
        '"o":{"b":"c","d":1}',
        '"rows":[{"n":1,"m":2},{"m":3,"n":4}]',
        '"x":{"y":[{"z":1},{"z":2,"w":3}]}',
    ]
    texts = []
    for _ in range(300):
        chosen = [each for each in fields if rng.random() < 0.8]
        rng.shuffle(chosen)
        texts.append(f"{{{','.join([*chosen[:1], BEGIN, *chosen[1:]])}}}")
    assert decoded_fast(CONTRACT, [text.encode() for text in texts]) == len(texts)
    assert_same(texts, len(texts))


@st.composite
def objects(draw: st.DrawFn, depth: int = 3) -> str:
    """Draw an object as a text, whose keys may come twice, in any spelling."""
    members = []
    for key in draw(st.lists(st.sampled_from(KEYS), max_size=5)):
        inner = [st.just("1"), st.just('"\\u00e9 x"'), st.just("null"), st.just("[]")]
        if depth:
            inner += [
                objects(depth - 1),
                st.lists(objects(depth - 1), max_size=2).map(lambda each: f"[{','.join(each)}]"),
            ]
        members.append(f'"{key}"{draw(st.sampled_from(["", " "]))}:{draw(st.one_of(inner))}')
    return "{" + ",".join(members) + "}"


@pytest.mark.thorough
@examples(25, many=150)
@given(st.lists(objects(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_whatever_keys_come_after_one_another_both_ways_make_the_same(given: list[str], rng: random.Random) -> None:
    bodies = [each[1:-1] for each in given]
    texts = [rng.choice(bodies) for _ in range(12)]
    assert_same(f"{{{BEGIN}{',' * bool(each)}{each}}}" for each in texts)
