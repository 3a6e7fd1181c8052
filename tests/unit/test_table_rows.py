"""What rows take is reckoned before they are made, by document only where all of them might be too much."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.contracts.reading import read_text
from chalicelib.flatten import columns
from chalicelib.flatten.table_rows import Level, Made, joined, most_bytes, row_sizes
from chalicelib.native_library import library
from tests.guarded import guarded

CONTRACT = read_text(
    """
    [document]
    identity = "id"
    date = "at"

    [tables.parts]
    rows = "lines[].parts[]"

    [tables.parts.columns]
    id = { path = "id", type = "identifier", required = true }
    at = { path = "at", type = "timestamp", required = true }
    line = { path = "lines[].name", type = "text" }
    part = { path = "lines[].parts[].name", type = "text" }
    """,
    "drawn",
)


def texts(sizes: list[int | None]) -> pa.Array:
    return pa.array([None if size is None else "x" * size for size in sizes], pa.string())


def level(parents: list[int], above: Level) -> Level:
    array = np.array(parents, dtype=np.int64)
    return Level(array, above.documents[array])


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=1, max_size=5), st.data())
def test_what_all_rows_may_take_is_no_less_than_what_those_of_each_document_do(
    counts: list[list[int]], data: st.DataObject
) -> None:
    """`counts` are how many parts each line of each document has."""
    everyone = np.arange(len(counts))
    documents = Level(everyone, everyone)
    lines = level([i for i, each in enumerate(counts) for _ in each], documents)
    parts = level(
        [i for i, count in enumerate(count for each in counts for count in each) for _ in range(count)], lines
    )
    size = st.none() | st.integers(0, 3000)

    def drawn(count: int) -> pa.Array:
        return texts(data.draw(st.lists(size, min_size=count, max_size=count)))

    levels = {"": documents, "lines[]": lines, "lines[].parts[]": parts}
    made: Made = {("parts", name): drawn(len(of)) for name, of in (("id", documents), ("line", lines), ("part", parts))}
    others: Made = {("others", "id"): texts([100_000])}
    unnamed = {name: drawn(len(of)) for name, of in levels.items()}
    table = CONTRACT.main
    assert most_bytes(table, levels, made | others, unnamed) >= row_sizes(table, levels, made, unnamed).sum()


def test_lengths_of_several_columns_are_added_row_by_row_whatever_part_of_a_column_it_is() -> None:
    given = [texts([9, 1, None, 3]).slice(1), texts([0, 20, 5]), pa.nulls(3, pa.string())]
    assert columns.lengths_together(given, 3).tolist() == [1, 20, 8]
    assert columns.lengths_together([], 2).tolist() == [0, 0]


def guarded_text(data: bytes) -> pa.Array:
    """Return a column of two texts, one of them empty, of which nothing behind the last byte may be read."""
    ends = np.array([0, len(data), len(data)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), 2, [None, guarded(ends.tobytes()), guarded(data)])


def test_nothing_is_read_behind_what_is_put_on_rows() -> None:
    compiled = library()
    assert compiled is not None
    for size in range(70):
        text = "x" * size
        column = guarded_text(text.encode())
        units = pa.Array.from_buffers(pa.int64(), 1, [guarded(b"\1"), guarded(size.to_bytes(8, "little"))])
        elements = np.array([1, 0, 0, -1], dtype=np.int64)
        made = columns.repeated(compiled, [column], elements)[0]
        assert made.to_pylist() == ["", text, text, None]
        assert columns.repeated(compiled, [units], np.zeros(9, dtype=np.int64))[0].to_pylist() == [size] * 9
        once, twice = (f"{{{text}}}", f"{{{text},{text}}}") if text else (None, None)
        assert joined(compiled, 4, [(column, elements)]).to_pylist() == [None, once, once, None]
        assert joined(compiled, 4, [(column, elements)] * 2).to_pylist() == [None, twice, twice, None]
