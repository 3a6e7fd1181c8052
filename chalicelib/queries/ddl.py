"""A dataset's tables and views as Athena's DDL, for people who make them by hand or compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.contracts.contract import Column, Table
from chalicelib.dataset import Dataset
from chalicelib.queries.views import view_statements


def statements(dataset: Dataset, properties: Callable[[Dataset, Table], Mapping[str, str]]) -> list[str]:
    """Return the statements that make a dataset's tables, each with its `properties`, and then its views."""
    tables = [create_table(dataset, table, properties(dataset, table)) for table in dataset.tables]
    return [*tables, *(statement for _, statement in view_statements(dataset))]


def create_table(dataset: Dataset, table: Table, properties: Mapping[str, str]) -> str:
    """Return `CREATE EXTERNAL TABLE` of one table over its location.

    https://docs.aws.amazon.com/athena/latest/ug/create-table.html
    """
    columns = ",\n".join(f"  {_declared(column)}" for column in table.file_columns)
    comment = f"COMMENT {_text(table.description)}\n" if table.description else ""
    listed = ",\n".join(f"  {_text(key)} = {_text(value)}" for key, value in properties.items())
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{dataset.database}`.`{table.name}` (\n{columns}\n)\n{comment}"
        f"PARTITIONED BY ({_declared(table.partition)})\nSTORED AS PARQUET\n"
        f"LOCATION {_text(dataset.location(table))}\nTBLPROPERTIES (\n{listed}\n)"
    )


def _declared(column: Column) -> str:
    comment = f" COMMENT {_text(column.description)}" if column.description else ""
    return f"`{column.name}` {column.glue_type}{comment}"


def _text(text: str) -> str:
    """Return a text as Hive's DDL, which Athena's is, writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
