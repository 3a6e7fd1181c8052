"""The contract as Arrow types: what the Parquet files hold, and what the parser is told to read."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from chalicelib.contract import DECIMAL_PRECISION, DECIMAL_SCALE, Contract, Type

ARROW_TYPES: dict[Type, pa.DataType] = {
    Type.IDENTIFIER: pa.string(),
    Type.TEXT: pa.string(),
    Type.JSON_TEXT: pa.string(),
    Type.DECIMAL: pa.decimal128(DECIMAL_PRECISION, DECIMAL_SCALE),
    Type.INTEGER: pa.int64(),
    Type.POSITION: pa.int32(),
    # Athena's timestamps have millisecond precision and no zone; the values are UTC.
    Type.TIMESTAMP: pa.timestamp("ms"),
    Type.MONTH: pa.string(),
}


@cache
def file_schema(contract: Contract) -> pa.Schema:
    """Return the one schema that every Parquet file of the table has: all columns but the partition."""
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in contract.file_columns])
