"""What the REST API says of a contract: which documents are taken, and the tables they become. Pure."""

from __future__ import annotations

from typing import Any

from chalicelib.contracts.column_types import TAKES
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.description import origin_of, rules_of
from chalicelib.contracts.sources import FromDocument, FromRecord
from chalicelib.contracts.values import Dates
from chalicelib.dataset import Dataset

Json = dict[str, Any]


def describe(dataset: Dataset) -> Json:
    """Return a contract, its tables and their columns as JSON values."""
    contract = dataset.contract
    return {
        "name": contract.name,
        "description": contract.description,
        "incoming": dataset.incoming,
        "document": _document(contract),
        "tables": [_table(table) for table in dataset.tables],
    }


def _document(contract: Contract) -> Json:
    return {
        "records": [str(path) for path in contract.records],
        "at": None if contract.at is None else str(contract.at),
        "identity": list(contract.identity),
        "date": contract.date,
        "version": contract.version,
        "earliest": contract.earliest.isoformat(),
    }


def _table(table: Table) -> Json:
    return {
        "name": table.name,
        "description": table.description,
        "rows": None if table.rows is None else str(table.rows),
        "latest": table.latest,
        "documents": table.documents,
        "columns": [_column(column) for column in table.columns],
    }


def _column(column: Column) -> Json:
    is_sent = isinstance(column.source, FromDocument | FromRecord)
    # Dates of other formats are told by the rules.
    takes = TAKES[column.type] if is_sent and column.formats in ((), (Dates.ISO,)) else None
    return {
        "name": column.name,
        "type": column.glue_type,
        "from": origin_of(column),
        "takes": takes,
        "required": column.required,
        "rules": list(rules_of(column)),
        "description": column.description,
    }
