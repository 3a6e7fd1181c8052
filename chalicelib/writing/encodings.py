"""How columns are written: codec, encodings and statistics, by what the contract says of them and by their rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Table
from chalicelib.contracts.sources import Origin
from chalicelib.flatten import columns
from chalicelib.settings import MIB

TEXTS = (Type.IDENTIFIER, Type.TEXT, Type.JSON)

DICTIONARY_BYTES = MIB
"""What the dictionary of a column may take in a row group; texts beyond it are written plain."""

LONG_TEXT_BYTES = 64
"""From this mean length on it is looked how texts repeat; shorter ones go to a dictionary."""

SAMPLE = 500
"""How many rows are looked at to tell how texts repeat: enough to meet some twice where a dictionary can hold them."""

BATCH_BYTES = 256 * 1024
"""What the widest column may take of the rows that are encoded before it is looked whether a page is full: a page is
encoded, compressed and copied as a whole, so that long texts, a thousand at a time, would take ten times this, each
time."""

MOST_BATCH_ROWS = 1024
"""How many rows are encoded at once, at most, as Arrow has it."""

LEAST_REPEATED = 4
"""How many rows a text of a dictionary stands for, at least: fewer may be the lines of one order."""


def writer_options(table: Table, rows: pa.Table) -> dict[str, Any]:
    """Return the options of Arrow's Parquet writer for a table, of which `rows` are some."""
    differences = _differences(table, rows)
    of_documents = table.at_level(0)
    # Of amounts that a document has once, nearly each document's is another: a dictionary would only be on top of it.
    plain = {column.name for column in of_documents if column.type in (Type.DECIMAL, Type.DOUBLE, Type.BOOLEAN)}
    return {
        # The only good codec that the Lambda layer's pyarrow has.
        "compression": "snappy",
        "version": "2.6",
        "writer_engine_version": "V2",
        # Eight bytes and integer encodings instead of sixteen fixed ones; every reader knows decimals on INT64.
        "store_decimal_as_integer": True,
        # The types stand in the Parquet schema; Arrow's own copy only makes the footer longer.
        "store_schema": False,
        # Lets Athena skip pages within a row group.
        "write_page_index": True,
        # Least and greatest of texts that come in no order would only cost time: they span everything in each file.
        "write_statistics": [
            column.name for column in table.file_columns if column.type not in TEXTS or column.name in table.identity
        ],
        "use_dictionary": [c.name for c in table.file_columns if c.name not in differences.keys() | plain],
        "dictionary_pagesize_limit": DICTIONARY_BYTES,
        "column_encoding": differences,
        "write_batch_size": _batch_rows(rows),
    }


def _batch_rows(rows: pa.Table) -> int:
    """Return how many rows are encoded at once."""
    widest = max((column.nbytes for column in rows.columns), default=0)
    return max(1, min(MOST_BATCH_ROWS, BATCH_BYTES * len(rows) // max(widest, 1)))


def _differences(table: Table, rows: pa.Table) -> dict[str, str]:
    """Return the columns that are written as differences to the row before, with the encoding that does it.

    A document's identity, dates and number repeat on its rows and mostly grow from document to document: differences
    take a quarter of a dictionary's bytes, and every question reads the identity of all months to find the latest
    versions. Long texts that differ from document to document, such as its unnamed fields, would fill a dictionary
    with a copy for each row; as differences, what the rows of a document share is there once.
    """
    differences = dict.fromkeys(table.identity, "DELTA_BYTE_ARRAY")
    differences |= {
        column.name: "DELTA_BINARY_PACKED"
        for column in table.at_level(0)
        if column.source is Origin.RECORD_NUMBER or (column.required and column.type is Type.TIMESTAMP)
    }
    differences |= {
        column.name: "DELTA_BYTE_ARRAY"
        for column in table.file_columns
        if rows.schema.field(column.name).type == pa.string() and not _is_for_dictionary(rows[column.name])
    }
    return differences


def _is_for_dictionary(texts: pa.ChunkedArray) -> bool:
    """Tell whether a column's texts are short, or so few that each stands for many rows."""
    present = len(texts) - texts.null_count
    if texts.nbytes < LONG_TEXT_BYTES * present or present == 0:
        return True
    every = max(1, len(texts) // SAMPLE)
    some = [text for chunk in texts.chunks for text in columns.take(chunk, np.arange(0, len(chunk), every)).to_pylist()]
    met = Counter(Counter(text for text in some if text is not None).values())
    # Chao's estimate of how many there are, from how many were met once and how many twice.
    distinct = met.total() + met[1] * (met[1] - 1) / (2 * (met[2] + 1))
    dictionary_bytes = distinct * texts.nbytes / present
    return bool(distinct * LEAST_REPEATED <= present and dictionary_bytes <= DICTIONARY_BYTES)
