"""The rows that the examples' samples become, by the third reading: nothing of the product is in it.

`python -m tests.example_rows` writes examples/contracts/*/expected.json anew. A row of it has no keys of NULL, none of
what says which file it came from, and no extra_fields; decimals are text without trailing zeros, dates ISO 8601.
"""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tests.unit.third_reading import Reading, steps_of

EXAMPLES = Path(__file__).parents[1] / "examples" / "contracts"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/contract.toml"))
MODIFIED = datetime(2024, 9, 1, tzinfo=UTC)
"""When the samples were last modified, for the tests."""

Row = dict[str, Any]


def records(name: str) -> list[Any]:
    """Return the records of a sample: the elements of the array at the contract's `records`, else its values."""
    head = tomllib.loads((EXAMPLES / name / "contract.toml").read_text("utf-8"))["document"]
    text = (EXAMPLES / name / "sample.json").read_text("utf-8")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]
    for key in steps_of(head["records"][0]) if "records" in head else ():
        value = value[key]
    assert isinstance(value, list), name
    return value


@cache
def rows(name: str) -> dict[str, list[Row]]:
    """Return the rows of each table, with the types that the product has."""
    toml = (EXAMPLES / name / "contract.toml").read_text("utf-8")
    reading, head = Reading(toml, MODIFIED), tomllib.loads(toml)["document"]
    main, *others = (table["columns"] for table in reading.tables.values())
    for columns in others:
        columns |= {key: main[key] for key in (head.get("version"),) if key}
    made, rejected = reading.read([json.dumps(record, ensure_ascii=False) for record in records(name)])
    assert not rejected, (name, rejected)
    if "date" in head:
        months = {row["record_number"]: row[head["date"]].strftime("%Y-%m") for row in next(iter(made.values()))}
        for row in (row for table in made.values() for row in table):
            row["month"] = months[row["record_number"]]
    return made


def plain(row: Row) -> Row:
    """Return a row as expected.json has it."""
    kept = ((key, value) for key, value in row.items() if value is not None and key != "extra_fields")
    return {key: plain_value(value) for key, value in kept}


def plain_value(value: Any) -> Any:
    """Return a cell as expected.json has it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Decimal):
        return f"{value.normalize() + 0:f}"
    return str(value) if isinstance(value, date) else value


def main() -> None:
    """Write every expected.json."""
    for name in NAMES:
        tables = []
        for table, made in rows(name).items():
            lines = ",\n".join(f"    {json.dumps(plain(row), ensure_ascii=False)}" for row in made)
            tables.append(f'  "{table}": [\n{lines}\n  ]')
        (EXAMPLES / name / "expected.json").write_text("{\n" + ",\n".join(tables) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
