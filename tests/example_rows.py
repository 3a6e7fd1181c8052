"""The rows of the examples' samples, read by the standard library alone: a second opinion, in the words of the docs.

`python -m tests.example_rows` writes examples/contracts/*/expected.json anew. A row has no keys of NULL, none of what
says which file it came from, and no extra_fields; decimals are text with all their digits, dates are ISO 8601.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples" / "contracts"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/contract.toml"))
STEP = re.compile(r'"(?P<quoted>[^"]+)"|\[(?P<inside>[^\]]*)\]|(?P<key>[^.\[\]]+)')
MINOR_DIGITS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]
Step = tuple[str, Any]


def steps_of(path: str) -> list[Step]:
    """Split a path into ("key", name), ("each", None), ("index", number) and ("where", (keys, text))."""
    steps: list[Step] = []
    for match in STEP.finditer(path):
        inside = match["inside"]
        if inside is None:
            steps.append(("key", match["quoted"] or match["key"]))
        elif not inside:
            steps.append(("each", None))
        elif inside.isdecimal():
            steps.append(("index", int(inside)))
        else:
            steps.append(("where", inside.split("=", 1)))
    return steps


def follow(value: Any, steps: list[Step]) -> Any:
    """Return what lies at the steps, None where nothing does."""
    for kind, at in steps:
        if kind == "key":
            value = value.get(at) if isinstance(value, dict) else None
        elif not isinstance(value, list):
            value = None
        elif kind == "index":
            value = value[at] if at < len(value) else None
        else:
            value = next((each for each in value if str(follow(each, steps_of(at[0]))) == at[1]), None)
    return value


def documents(contract: Row, text: str) -> Iterator[tuple[int, Any]]:
    """Give each document of a file with the number of its record."""
    head = contract["document"]
    try:
        values = [json.loads(text, parse_float=Decimal)]
    except json.JSONDecodeError:
        values = [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
    number = 0
    for value in values:
        lists = [follow(value, steps_of(path)) for path in head.get("records", [])]
        whole = value if isinstance(value, list) else [value]
        for record in next((each for each in lists if isinstance(each, list)), whole):
            number += 1
            yield number, follow(record, steps_of(head.get("at", "")))


def chains(document: Any, rows: list[Step]) -> Iterator[tuple[list[Any], list[int]]]:
    """Give the elements that make rows, each below those that enclose it, with the number of each in the document."""
    counts = [0] * len(rows)

    def inner(chain: list[Any], numbers: list[int], left: list[Step]) -> Iterator[tuple[list[Any], list[int]]]:
        if not left:
            yield chain, numbers
            return
        each = left.index(("each", None))
        for element in follow(chain[-1], left[:each]) or []:
            counts[len(numbers)] += 1
            yield from inner([*chain, element], [*numbers, counts[len(numbers)]], left[each + 1 :])

    yield from inner([document], [], rows)


def date_of(value: Any, formats: str | list[str]) -> datetime:
    for each in [formats] if isinstance(formats, str) else formats:
        try:
            if each == "iso":
                moment = datetime.fromisoformat(str(value))
            elif each.startswith("epoch_"):
                unit = {each.removeprefix("epoch_"): 1}
                moment = EPOCH + timedelta(**{k: v * int(value) for k, v in unit.items()})
            else:
                moment = datetime.strptime(str(value), each)
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    raise ValueError(f"{value!r} is no date in {formats}")


def digits_of(column: Row, at: Any) -> int:
    """Return how many digits of the amount are minor units; `at` gives the value at another path."""
    if isinstance(column.get("divide_by"), int):
        return len(str(column["divide_by"])) - 1
    digits = column.get("digits", 0)
    if isinstance(digits, dict):
        return MINOR_DIGITS[at(digits["currency"]).upper()]
    return digits if isinstance(digits, int) else int(at(digits))


def cell(column: Row, value: Any, at: Any) -> Any:
    kind = column["type"]
    if kind == "decimal":
        amount = Decimal(str(value)).scaleb(-digits_of(column, at))
        return str(amount.quantize(Decimal(1).scaleb(-column.get("scale", 4))))
    if kind in ("date", "timestamp"):
        moment = date_of(value, column.get("format", "iso")).astimezone(UTC).replace(tzinfo=None)
        return moment.date().isoformat() if kind == "date" else moment.isoformat(timespec="milliseconds")
    if kind == "boolean":
        return str(value).lower() in ("true", "1")
    if kind in ("integer", "double"):
        return int(value) if kind == "integer" else float(value)
    if kind == "json" and not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=float)
    return value if isinstance(value, str) else json.dumps(value, default=float)


def row_of(columns: dict[str, Row], chain: list[Any], numbers: list[int]) -> Row:
    def at(path: str) -> Any:
        steps = steps_of(path)
        level = steps.count(("each", None))
        last = max((i + 1 for i, step in enumerate(steps) if step == ("each", None)), default=0)
        return follow(chain[level], steps[last:]) if level < len(chain) else None

    row: Row = {}
    for name, column in columns.items():
        if "path" in column:
            paths = [column["path"]] if isinstance(column["path"], str) else column["path"]
            nulls = column.get("null", [])
            values = (value for value in map(at, paths) if value is not None and value not in nulls)
            value = next(values, None)
            row[name] = None if value is None else cell(column, value, at)
        elif column.get("from") == "row_number":
            level = column["of"].count("[]") if "of" in column else len(numbers)
            row[name] = numbers[level - 1] if numbers else None
    for name, column in columns.items():
        if "product" in column:
            first, second = (row[each] for each in column["product"])
            scales = sum(
                columns[each].get("scale", 4 * (columns[each]["type"] == "decimal")) for each in column["product"]
            )
            scale = column.get("scale", min(scales, 9))
            missing = first is None or second is None
            row[name] = None if missing else str((Decimal(first) * Decimal(second)).quantize(Decimal(1).scaleb(-scale)))
    return {name: value for name, value in row.items() if value is not None}


def expected_rows(folder: Path) -> dict[str, list[Row]]:
    """Return the rows of each table that the sample in a folder becomes."""
    contract = tomllib.loads((folder / "contract.toml").read_text("utf-8"))
    head, tables = contract["document"], contract["tables"]
    main = next(iter(tables.values()))["columns"]
    identity = [head["identity"]] if isinstance(head["identity"], str) else head["identity"]
    shared = [*identity, *([head["version"]] if "version" in head else [])]
    made: dict[str, list[Row]] = {name: [] for name in tables}
    for number, document in documents(contract, (folder / "sample.json").read_text("utf-8")):
        month = row_of({"date": main[head["date"]]}, [document], [])["date"][:7] if "date" in head else None
        for name, table in tables.items():
            columns = {each: main[each] for each in shared} | table["columns"]
            found = list(chains(document, steps_of(table["rows"]))) if "rows" in table else [([document], [])]
            for chain, numbers in found or [([document], [])]:
                row = row_of(columns, chain, numbers) | {"record_number": number}
                made[name].append(row | ({"month": month} if month else {}))
    return made


def main() -> None:
    """Write every expected.json."""
    for name in NAMES:
        tables = []
        for table, rows in expected_rows(EXAMPLES / name).items():
            lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in rows)
            tables.append(f'  "{table}": [\n{lines}\n  ]')
        (EXAMPLES / name / "expected.json").write_text("{\n" + ",\n".join(tables) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
