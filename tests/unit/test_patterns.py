"""No text makes the product think for long: every pattern, and both ways of a value, take time by its length alone.

What is asserted is CPU time, so that a busy machine does not matter, and against a bound that is a hundred times what
is needed: at 100 KB, what is linear takes about a millisecond and what is quadratic takes half a minute. Lengths grow,
so that a failure is seen long before that.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chalicelib.documents.json_scan import MalformedJson, ValueScanner
from chalicelib.flatten import date_values, values
from chalicelib.flatten.scalars import InvalidValue, NumberText
from tests.builders import flattened

LIBRARY = Path(values.__file__).parents[1]
LENGTHS = (4000, 16_000, 100_000)
BEGINNINGS = [
    *("", "-", "+", "0.", "1e", "1e-", '"', '"a', "\\u", "a:", "2024-07-05T10:15:00.", "2024-07-05 10:15:00.1"),
    *("-- saved query: a", "-- a: ", ":a", "https://a", "http://localhost:", "trailing characters (byte ", "A1"),
]
REPEATED = [
    *("1", "0", "a", "A", "_", ".", "-", " ", "\n", "\t", ":", '"', "\\", "é", "e", "E-", "e-1", "1.", ".1", "a."),
    *("1 ", " 1", "a_", "A_", "A_A", ": A", ":a", '" ', "\\u0030", "\\u00", "1,", "2024-", "[", "a-"),
]
ENDS = ["", "!", "x\n"]


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes], bool]]:
    """Return every pattern of the library: those that a module keeps, and those that stand where they are used.

    Each with whether it is looked for anywhere in a text, and not only at one place.
    """
    for path in sorted(LIBRARY.rglob("*.py")):
        name = ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)
        source = path.read_text("utf-8")
        anchored = set(re.findall(r"\b(\w+)\.(?:match|fullmatch)\(", source)) - set(
            re.findall(r"\b(\w+)\.(?:search|finditer|findall|sub|split)\(", source)
        )
        for kept, value in vars(importlib.import_module(name)).items() if path.stem[:2] != "__" else ():
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, re.Pattern):
                    yield f"{path.stem}.{kept}", each, kept not in anchored
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "pattern")]
                used = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "re"
                method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                for each in given[:1] if used and method != "compile" else given[len(node.args) :]:
                    if isinstance(each, ast.Constant):
                        pattern: Any = each.value
                        yield f"{path.stem}:{node.lineno}", re.compile(pattern), method not in ("match", "fullmatch")


def seconds(
    pattern: re.Pattern[str] | re.Pattern[bytes], text: tuple[str, str, str], length: int, searched: bool
) -> float:
    """Return what it takes to match a pattern with a text of about this length, and to look for it anywhere there."""
    begin, repeated, end = text
    written = begin + repeated * (length // len(repeated)) + end
    sent = written if isinstance(pattern.pattern, str) else written.encode()
    began = time.process_time()
    for use in (pattern.fullmatch, pattern.search if searched else pattern.match):
        use(sent)  # type: ignore[arg-type]
    return time.process_time() - began


def is_linear(pattern: re.Pattern[str] | re.Pattern[bytes], searched: bool = True) -> bool:
    """Feed a pattern its worst: short texts first, so that none runs for ever, then the slowest of them at length."""
    texts = [(begin, repeated, end) for begin in BEGINNINGS for repeated in REPEATED for end in ENDS]
    if any(seconds(pattern, text, 22, searched) > 0.1 for text in texts):
        return False
    worst = sorted(texts, key=lambda text: seconds(pattern, text, 2000, searched), reverse=True)[:5]
    return all(seconds(pattern, text, length, searched) < 0.1 + length * 3e-6 for length in LENGTHS for text in worst)


FOUND = {(pattern, searched): name for name, pattern, searched in patterns()}


def test_the_patterns_are_found() -> None:
    modules = {name.partition(".")[0].partition(":")[0] for name in FOUND.values()}
    assert {
        "values",
        "json_scan",
        "value_reader",
        "date_values",
        "upload_names",
        "parameters",
    } <= modules


@pytest.mark.parametrize(("pattern", "searched"), [pytest.param(*each, id=name) for each, name in FOUND.items()])
def test_a_pattern_takes_time_by_the_length_of_the_text_alone(
    pattern: re.Pattern[str] | re.Pattern[bytes], searched: bool
) -> None:
    assert is_linear(pattern, searched)


@pytest.mark.thorough
@pytest.mark.parametrize("slow", [r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", r"(a|a)+b", r"\s*;"])
def test_a_pattern_that_takes_more_is_seen(slow: str) -> None:
    assert not is_linear(re.compile(slow))


WORST = [
    *("1" * 100_000, "1" * 100_000 + "x", "1." * 50_000, "1." + "1" * 100_000 + "x", "." + "1" * 100_000 + "e"),
    *("1e" + "9" * 100_000, "1e-" + "9" * 100_000 + "x", "0." + "0" * 100_000 + "1", "0" * 100_000, " " * 100_000),
    *("-" * 100_000, "1,234" * 20_000, "2024-07-05" * 10_000, "2024-07-05T10:15:00." + "0" * 100_000, "_" * 100_000),
]


@pytest.mark.parametrize(
    "parse", [partial(values.decimal_units, scale=4), values.integer, values.identifier, date_values.timestamp_ms]
)
def test_a_value_takes_time_by_its_length_alone(parse: Callable[[object], object]) -> None:
    began = time.process_time()
    for text in WORST:
        for sent in (text, NumberText(text)):
            with contextlib.suppress(InvalidValue):
                parse(sent)
    assert time.process_time() - began < 2


JSON_NUMBERS = ["1" * 100_000, "1e" + "9" * 100_000, "-0." + "0" * 100_000 + "1", "1" * 4000 + ".5", "0e" + "1" * 9999]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("field", ["total_amount", "order_id", "order_date", "quantity", "name", "note", "key"])
def test_an_order_takes_time_by_its_length_alone_and_its_neighbours_load(fast: bool, field: str) -> None:
    sound = '{"order_id": 1, "order_date": "2024-01-01", "products": [{"quantity": 1}]}'
    for value in (
        *JSON_NUMBERS,
        *(f'"{text}"' for text in WORST),
        '"' + "\\u0031" * 20_000 + '"',
        f'"{" :" * 50_000}"',
    ):
        odd = {
            "quantity": sound.replace('"quantity": 1', f'"quantity": {value}'),
            "name": sound.replace('"products"', f'"customer": {{"name": {value}}}, "products"'),
            "order_id": sound.replace('"order_id": 1', f'"order_id": {value}'),
            "order_date": sound.replace('"2024-01-01"', value),
            "key": sound.replace('"products"', f'{value if value[0] == chr(34) else chr(34) * 2}: 1, "products"'),
        }
        record = odd.get(field, sound.replace('"products"', f'"{field}": {value}, "products"'))
        began = time.process_time()
        _, _, rejected, loaded = flattened(f"[{sound},{record},{sound}]".encode(), fast)
        assert time.process_time() - began < 1.5
        assert loaded + len(rejected) == 3
        assert {each.record_number for each in rejected} <= {2}


@pytest.mark.parametrize("size", [100, 100_000])
def test_the_scanner_takes_time_by_the_length_alone_also_in_pieces(size: int) -> None:
    began = time.process_time()
    for text in (*JSON_NUMBERS, *(f'"{text}"' for text in WORST), '"' + "\\u0031" * 20_000 + '"', "[" * 100_000):
        scanner, data = ValueScanner(), text.encode()
        with contextlib.suppress(MalformedJson):
            for start in range(0, len(data), size):
                scanner.feed(data[start : start + size], last=start + size >= len(data))
    assert time.process_time() - began < 4
