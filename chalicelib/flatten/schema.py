"""The contract as Arrow types: what the Parquet files hold, and what rows hold on their way there."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from chalicelib.contracts.model import DECIMAL_PRECISION, DECIMAL_SCALE, Contract, From, Type

ARROW_TYPES: dict[Type, pa.DataType] = {
    Type.IDENTIFIER: pa.string(),
    Type.TEXT: pa.string(),
    Type.JSON_TEXT: pa.string(),
    # Half of what decimal128 takes, and as it stands in the files: money is within 18 digits.
    Type.DECIMAL: pa.decimal64(DECIMAL_PRECISION, DECIMAL_SCALE),
    Type.INTEGER: pa.int64(),
    Type.POSITION: pa.int32(),
    # Athena's timestamps have millisecond precision and no zone; the values are UTC.
    Type.TIMESTAMP: pa.timestamp("ms"),
    Type.MONTH: pa.string(),
}


@cache
def file_schema(contract: Contract) -> pa.Schema:
    """Return the one schema that every Parquet file of the table has: all columns but the partition.

    Raises ContractError.
    """
    contract.check()
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in contract.file_columns])


CONSTANT = pa.dictionary(pa.int8(), pa.string())
"""A text that is the same in all rows of a source, on its way to the file, where it is a text like others."""


@cache
def row_schema(contract: Contract) -> pa.Schema:
    """Return the schema of rows on their way to a file: the file's, but for what is the same in all of them."""
    schema = file_schema(contract)
    for i, column in enumerate(contract.file_columns):
        if column.source in (From.SOURCE_KEY, From.SOURCE_VERSION):
            schema = schema.set(i, schema.field(i).with_type(CONSTANT))
    return schema
