"""A contract's tables as Arrow types: what the Parquet files hold."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from chalicelib.contracts.column_types import DECIMAL_PRECISION, Type
from chalicelib.contracts.contract import Column, Table
from chalicelib.contracts.sources import Origin

_TYPES: dict[Type, pa.DataType] = {
    Type.IDENTIFIER: pa.string(),
    Type.TEXT: pa.string(),
    Type.JSON: pa.string(),
    Type.INTEGER: pa.int64(),
    Type.DOUBLE: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.DATE: pa.date32(),
    # Athena's timestamps have millisecond precision and no zone; the values are UTC.
    Type.TIMESTAMP: pa.timestamp("ms"),
    Type.ROW_NUMBER: pa.int32(),
    Type.MONTH: pa.string(),
}

CONSTANT = pa.dictionary(pa.int8(), pa.string())
"""A text that is the same in all rows of a source, on its way to the file, where it is a text like others."""


def arrow_type(column: Column) -> pa.DataType:
    """Return the type of a column in the files."""
    if column.type is Type.DECIMAL:
        # Half of what decimal128 takes, and as it stands in the files: decimals are within 18 digits.
        return pa.decimal64(DECIMAL_PRECISION, column.scale or 0)
    return _TYPES[column.type]


@cache
def file_schema(table: Table) -> pa.Schema:
    """Return the one schema that every Parquet file of a table has: all columns but the partition."""
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in table.file_columns])


@cache
def row_schema(table: Table) -> pa.Schema:
    """Return the schema of rows on their way to a file: the file's, but for what is the same in all of them."""
    schema = file_schema(table)
    for i, column in enumerate(table.file_columns):
        if column.source in (Origin.SOURCE_KEY, Origin.SOURCE_VERSION):
            schema = schema.set(i, schema.field(i).with_type(CONSTANT))
    return schema
