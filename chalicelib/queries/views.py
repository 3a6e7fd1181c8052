"""The views of a dataset's tables, made from its contract: the latest version of each document, and one row a document.

A document that was sent again replaces the earlier one as a whole, also when its month changed. Of its versions the
one with the greatest version column wins, where the contract has one (NULL is the oldest), then the one with the latest
`source_modified_at`; ties go to the greatest source_key, source_version and record_number.
"""

from __future__ import annotations

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.sources import Origin, Product
from chalicelib.dataset import Dataset

_LOWEST = {
    Type.INTEGER: "-9223372036854775808",
    Type.DATE: "DATE '0001-01-01'",
    Type.TIMESTAMP: "TIMESTAMP '0001-01-01 00:00:00.000'",
}


def view_statements(dataset: Dataset) -> list[tuple[str, str]]:
    """Return (name, `CREATE OR REPLACE VIEW`) of each view of a dataset, in the order in which they have to run."""
    statements = []
    for table in dataset.contract.tables:
        if table.latest:
            statements.append((table.latest, _view(dataset, table.latest, _latest(dataset, table))))
        if table.documents:
            statements.append((table.documents, _view(dataset, table.documents, _documents(dataset, table))))
    return statements


def _view(dataset: Dataset, name: str, select: str) -> str:
    return f"CREATE OR REPLACE VIEW {_in(dataset, name)} AS\n{select}"


def _latest(dataset: Dataset, table: Table) -> str:
    """Return what selects the latest version of each document, in the grain of the table.

    A join, not a window: a predicate on the partition prunes the wide side, while the side that finds the winners reads
    a few narrow columns of all months, since a document may have moved; of the same month, where its date is fixed.
    """
    contract = dataset.contract
    keys = [*table.identity, *([table.partition.name] if contract.date_is_fixed else [])]
    rank = _rank(contract, table)
    names = ",\n".join(f"  line.{column.name}" for column in table.columns)
    same = "\n  AND ".join(f"winner.{key} = line.{key}" for key in keys)
    grouped = ", ".join(keys)
    # Names are the contract's own: its checks let none pass that is not a lower-case word.
    return f"""SELECT
{names}
FROM {_in(dataset, table.name)} AS line
JOIN (
  SELECT
    {grouped},
    MAX(ROW({", ".join(each.format("") for each in rank)})) AS latest
  FROM {_in(dataset, table.name)}
  GROUP BY {grouped}
) AS winner
  ON {same}
  AND winner.latest = ROW({", ".join(each.format("line.") for each in rank)})"""  # noqa: S608


def _rank(contract: Contract, table: Table) -> list[str]:
    """Return what orders the versions of a document, the most decisive first; `{}` stands before each column."""
    rank = []
    if table.version is not None:
        column = table[table.version]
        rank.append(f"COALESCE({{}}{column.name}, {_lowest(column)})")
    lineage = (Origin.SOURCE_MODIFIED_AT, Origin.SOURCE_KEY, Origin.SOURCE_VERSION, Origin.RECORD_NUMBER)
    return rank + [f"{{}}{table.of(origin).name}" for origin in lineage]


def _lowest(column: Column) -> str:
    if column.type is Type.DECIMAL:
        return f"CAST(-{'9' * (18 - (column.scale or 0))} AS {column.glue_type})"
    return _LOWEST[column.type]


def _documents(dataset: Dataset, table: Table) -> str:
    """Return what selects one row a document, in its latest version.

    `line_total` is the sum of the known amounts of its rows, 0 without any; `lines_without_amount` tells how many have
    none. MAX picks the one value that a document's rows share. It is not a grouping key, so that a query that does not
    ask for a column does not read it; the partition is one, so that a predicate on it reaches the table.
    """
    key = [*table.identity]
    month = table.partition.name
    shared = [c for c in table.at_level(0) if c.name not in (*key, month) and c.source is not Origin.EXTRA_FIELDS]
    lineage = [c for c in shared if isinstance(c.source, Origin)]
    columns = list(key)
    columns += [_shared(column) for column in shared if column not in lineage]
    number = table.row_number
    if number is not None:
        columns.append(f"COUNT({number.name}) AS line_count")
        amount = next(
            (c for c in table.columns if isinstance(c.source, Product) and table.level(c) == table.depth), None
        )
        if amount is not None:
            name = amount.name
            columns.append(f"COALESCE(SUM({name}), 0) AS line_total")
            columns.append(f"COUNT({number.name}) - COUNT({name}) AS lines_without_amount")
    columns += [_shared(column) for column in lineage]
    columns.append(month)
    listed = ",\n  ".join(columns)
    source = _in(dataset, table.latest) if table.latest else f"(\n{_latest(dataset, table)}\n)"
    return f"""SELECT
  {listed}
FROM {source}
GROUP BY {", ".join((*key, month))}"""  # noqa: S608


def _shared(column: Column) -> str:
    return f"MAX({column.name}) AS {column.name}"


def _in(dataset: Dataset, name: str) -> str:
    return f'"{dataset.database}"."{name}"'
