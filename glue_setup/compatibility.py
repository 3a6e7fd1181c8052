"""Which changes of the table Athena cannot read over the files that are already there. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.contracts.contract import Table

REMEDY = "give the new shape a column name of its own, or its contract a table of its own"


def incompatible(columns: Mapping[str, str], partition: Mapping[str, str], table: Table) -> list[str]:
    """Return why a table of a contract does not fit one that exists, one reason a column; nothing when it fits.

    `columns` and `partition` map names to Glue types as the catalog has them. Parquet is read by column name: a column
    of another type fails at query time (HIVE_BAD_DATA), a renamed one reads NULL from every older file, a removed one
    is gone from queries that name it. An added column is fine: it reads NULL from older files.
    https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
    """
    declared = {column.name: column.glue_type for column in table.file_columns}
    reasons = []
    for name, glue_type in columns.items():
        if name not in declared:
            reasons.append(
                f"column {name} ({glue_type}) is not in the contract any more: a renamed column reads NULL from the "
                f"files that are there; bring it back, or {REMEDY}"
            )
        elif _normalized(glue_type) != _normalized(declared[name]):
            reasons.append(
                f"column {name} would change from {glue_type} to {declared[name]}: Athena cannot read the files that "
                f"are there with another type; {REMEDY}"
            )
    expected = {table.partition.name: table.partition.glue_type}
    if {k: _normalized(v) for k, v in partition.items()} != {k: _normalized(v) for k, v in expected.items()}:
        reasons.append(f"the partition would change from {_shown(partition)} to {_shown(expected)}: {REMEDY}")
    return reasons


def _normalized(glue_type: str) -> str:
    return glue_type.lower().replace(" ", "")


def _shown(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {glue_type}" for name, glue_type in columns.items()) or "none"
