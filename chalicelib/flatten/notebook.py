"""Flattens a few orders into a DataFrame, by the code that the Lambda runs: for a notebook."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from chalicelib.contracts import registry
from chalicelib.contracts.model import Contract
from chalicelib.flatten.flattener import MIB, Flattener, Lineage, records_of
from chalicelib.flatten.schema import file_schema, row_schema

if TYPE_CHECKING:
    import pandas as pd


def flatten_orders(
    orders: Mapping[str, Any] | Iterable[Mapping[str, Any]] | bytes | str,
    *,
    contract: Contract | None = None,
    source_key: str = "notebook",
) -> pd.DataFrame:
    """Flatten orders into a DataFrame, one row per order and product, by the code that the Lambda runs.

    `orders` is one order, an object that holds them, an iterable of orders, or JSON in any of the input forms. The
    columns are those of the table's files; money is Decimal, dates are UTC, integers may be NULL. Rejected records are
    in `frame.attrs["rejected"]`, a list of dicts with record_number, path, reason and raw.

    Raises UnreadableFile for text that cannot be read to its end, TypeError for a DataFrame and for a value that JSON
    has no form for.
    """
    import pandas as pd

    contract = contract or registry.contract()
    if hasattr(orders, "columns"):
        raise TypeError(
            f"orders is a {type(orders).__name__}, which gives its columns and not its rows: pass the rows, such as "
            'frame.to_json(orient="records", date_format="iso")'
        )
    flattener = Flattener(Lineage(source_key, "", datetime.now(UTC)), contract)
    batches = records_of(io.BytesIO(_json_of(orders)), 256 * MIB, sys.maxsize, contract)
    parts = [part for batch in batches for part in flattener.flatten(batch)]
    tables = [part.rows for part in parts] or [row_schema(contract).empty_table()]
    # Not pandas' own choice, float64 where a value is NULL: it would round large integers.
    integers = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
    frame: pd.DataFrame = pa.concat_tables(tables).cast(file_schema(contract)).to_pandas(types_mapper=integers.get)
    frame.attrs["rejected"] = [
        {
            "record_number": each.record_number,
            "path": each.path,
            "reason": each.reason,
            "raw": each.raw.decode("utf-8", "replace"),
        }
        for part in parts
        for each in part.rejected
        if isinstance(each.raw, bytes)
    ]
    return frame


def _json_of(orders: Mapping[str, Any] | Iterable[Mapping[str, Any]] | bytes | str) -> bytes:
    if isinstance(orders, bytes):
        return orders
    if isinstance(orders, str):
        return orders.encode()
    documents = orders if isinstance(orders, Mapping) else list(orders)
    return msgspec.json.Encoder(decimal_format="number").encode(to_jsonable(documents))


def to_jsonable(value: Any) -> Any:
    """Return a value as msgspec writes it, and what it would turn to null or reject as Python's json writes it."""
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_jsonable(each) for each in value]
    if isinstance(value, (str, float)):
        # NaN, infinities and halves of surrogate pairs go on, to be rejected with their path.
        return msgspec.Raw(json.dumps(value).encode())
    if isinstance(value, date):
        return value.isoformat()
    # Scalars of numpy give Python's own.
    return to_jsonable(value.item()) if hasattr(value, "item") else value
