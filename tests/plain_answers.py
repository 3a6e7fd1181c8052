"""The answers to the saved queries in plain Python, from expected rows: a second opinion that shares no code with SQL.

`python -m tests.plain_answers` writes sample_data/answers.json anew, and which contract and queries it is made for.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from local.expected import MADE_FOR, digests
from tests.contracts import ORDERS_FILE

SAMPLES = Path(__file__).parent.parent / "sample_data"
FILES = ("orders_etl", "orders_ugly")
"""In the order of their drop: what comes later wins."""

Row = dict[str, Any]
Answer = list[list[Any]]


def expected_rows(stem: str) -> list[Row]:
    """Return the rows that a sample file is to become, without where they came from."""
    return [json.loads(line) for line in (SAMPLES / f"{stem}.expected.ndjson").read_text("utf-8").splitlines()]


def answers() -> dict[str, Any]:
    """Return what each query of the demo is to answer once both samples are loaded, in order."""
    rows = [row | {"file": number} for number, stem in enumerate(FILES) for row in expected_rows(stem)]
    latest: dict[str, tuple[int, int]] = {}
    for row in rows:
        latest[row["order_id"]] = max(latest.get(row["order_id"], (-1, 0)), (row["file"], row["record_number"]))
    kept = [row for row in rows if latest[row["order_id"]] == (row["file"], row["record_number"])]
    lines = [row for row in kept if row["line_number"] is not None]
    orders = list({row["order_id"]: row for row in kept}.values())
    return {
        "total_per_customer": {"rows": _naive(rows)},
        "sales_per_customer": {"rows": _per_customer(orders)},
        "sales_by_month": {"rows": _by_month(orders)},
        "sales_by_category": {"rows": _by_category(lines)},
        "top_products": {"parameters": {"limit": "5"}, "rows": _top_products(lines, 5)},
        "total_mismatches": {
            "columns": ["order_id", "total_amount", "line_total", "difference", "line_count"],
            "rows": _mismatches(orders, lines),
        },
        "repeat_customers": {
            "columns": ["customer_id", "customer_name", "order_count", "total_sales"],
            "rows": _repeat(orders),
        },
    }


def _sum(values: Iterable[Any]) -> str | None:
    known = [Decimal(value) for value in values if value is not None]
    return str(sum(known)) if known else None


def _groups(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _absent(rows: Iterable[Row], column: str) -> int:
    return sum(row[column] is None for row in rows)


def _last(rows: Iterable[Row], column: str) -> Any:
    named = [row for row in rows if row[column] is not None]
    return max(named, key=lambda row: (row["order_date"], row["order_id"]))[column] if named else None


def _largest_first(amount: int, *then: int) -> Callable[[list[Any]], Any]:
    def key(row: list[Any]) -> Any:
        return (
            row[amount] is None,
            -Decimal(row[amount] or 0),
            *((row[i] is None, row[i] or "") for i in then),
        )

    return key


def _naive(rows: list[Row]) -> Answer:
    """Sum the order's total once a line: what the first query of everybody does."""
    answer = [[k, _sum(r["total_amount"] for r in v)] for k, v in _groups(rows, lambda r: r["customer_id"]).items()]
    return sorted(answer, key=_largest_first(1, 0))


def _per_customer(orders: list[Row]) -> Answer:
    answer = [
        [
            customer,
            "guest" if customer is None else _last(rows, "customer_name"),
            _sum(row["total_amount"] for row in rows),
            len(rows),
            _absent(rows, "total_amount"),
            min(row["order_date"] for row in rows),
            max(row["order_date"] for row in rows),
        ]
        for customer, rows in _groups(orders, lambda row: row["customer_id"]).items()
    ]
    return sorted(answer, key=_largest_first(2, 0))


def _by_month(orders: list[Row]) -> Answer:
    return sorted(
        [
            month,
            _sum(row["total_amount"] for row in rows),
            len(rows),
            _absent(rows, "total_amount"),
            len({row["customer_id"] for row in rows} - {None}),
            _absent(rows, "customer_id"),
        ]
        for month, rows in _groups(orders, lambda row: row["order_month"]).items()
    )


def _units(rows: list[Row]) -> int | None:
    known = [row["quantity"] for row in rows if row["quantity"] is not None]
    return sum(known) if known else None


def _by_category(lines: list[Row]) -> Answer:
    answer = [
        [
            category,
            _sum(row["line_amount"] for row in rows),
            _units(rows),
            len(rows),
            _absent(rows, "line_amount"),
            len({row["order_id"] for row in rows}),
        ]
        for category, rows in _groups(lines, lambda row: row["product_category"]).items()
    ]
    return sorted(answer, key=_largest_first(1, 0))


def _top_products(lines: list[Row], limit: int) -> Answer:
    groups = _groups(lines, lambda row: (row["product_id"], None if row["product_id"] else row["product_name"]))
    answer = [
        [
            product,
            _last(rows, "product_name"),
            _sum(row["line_amount"] for row in rows),
            _units(rows),
            len({row["order_id"] for row in rows}),
        ]
        for (product, _), rows in groups.items()
    ]
    return [[rank, *row] for rank, row in enumerate(sorted(answer, key=_largest_first(2, 0, 1)), 1)][:limit]


def _mismatches(orders: list[Row], lines: list[Row]) -> Answer:
    of_order = _groups(lines, lambda row: row["order_id"])
    answer = []
    for order in orders:
        mine = of_order.get(order["order_id"], [])
        total = Decimal(_sum(row["line_amount"] for row in mine) or "0.0000")
        if order["total_amount"] is not None and Decimal(order["total_amount"]) != total:
            difference = Decimal(order["total_amount"]) - total
            answer.append([order["order_id"], order["total_amount"], str(total), str(difference), len(mine)])
    return sorted(answer, key=lambda row: (-abs(Decimal(row[3])), row[0]))


def _repeat(orders: list[Row]) -> Answer:
    answer = [
        [customer, _last(rows, "customer_name"), len(rows), _sum(row["total_amount"] for row in rows)]
        for customer, rows in _groups(orders, lambda row: row["customer_id"]).items()
        if customer is not None and len(rows) >= 2
    ]
    return sorted(answer, key=lambda row: (-row[2], -Decimal(row[3] or 0), row[0]))


if __name__ == "__main__":
    for name, made in (("answers.json", answers()), (MADE_FOR, digests(ORDERS_FILE.parent))):
        (SAMPLES / name).write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
