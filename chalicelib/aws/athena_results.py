"""What Athena says about an execution and its rows, as Python and as JSON values. Pure: no call is made here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from chalicelib.settings import MIB

TERABYTE = 2**40
DOLLARS_PER_TERABYTE = Decimal(5)
MINIMUM_MEGABYTES = 10

FINISHED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
SAVED = re.compile(r"-- saved query: ([a-z][a-z0-9_]{0,127})\n")
"""The comment that `marked` writes. Athena keeps the text of a query, comments included, with the execution."""

IsSaved = Callable[[str, str, Sequence[str]], bool]
"""Returns whether the saved query of a name is what runs this SQL with these parameters."""

ZONED = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)\d* (\S+)", re.ASCII)

Typed = str | int | float | bool | Decimal | date | datetime | None


class Execution(Struct, frozen=True):
    """One run of a query, as far as it has come.

    `query` is the saved query's name, None for any other SQL. `state` is QUEUED, RUNNING, SUCCEEDED, FAILED or
    CANCELLED; `reason` is Athena's text on why. `statement_type` is DML for SELECT, else DDL or UTILITY.
    `cost_usd` is an estimate in dollars at list price, None until the execution has ended.
    """

    execution_id: str
    query: str | None
    state: str
    reason: str | None
    statement_type: str
    submitted_at: datetime | None
    completed_at: datetime | None
    scanned_bytes: int
    cost_usd: Decimal | None
    reused: bool
    results_location: str | None
    workgroup: str

    @property
    def finished(self) -> bool:
        """Whether the state will not change any more."""
        return self.state in FINISHED

    @classmethod
    def of(cls, answer: Mapping[str, Any], is_saved: IsSaved) -> Execution:
        """Read the `QueryExecution` of GetQueryExecution.

        Anybody who may use the workgroup can begin a query with a saved one's comment: `is_saved` looks at the rest.
        """
        status, statistics = answer["Status"], answer.get("Statistics", {})
        name, sql = unmarked(answer.get("Query", ""))
        saved = name is not None and is_saved(name, sql, answer.get("ExecutionParameters", ()))
        state, statement_type = status["State"], answer.get("StatementType", "")
        scanned = statistics.get("DataScannedInBytes", 0)
        reused = statistics.get("ResultReuseInformation", {}).get("ReusedPreviousResult", False)
        billed = statement_type == "DML" and not reused
        return cls(
            execution_id=answer["QueryExecutionId"],
            query=name if saved else None,
            state=state,
            reason=status.get("StateChangeReason") or None,
            statement_type=statement_type,
            submitted_at=_utc(status.get("SubmissionDateTime")),
            completed_at=_utc(status.get("CompletionDateTime")),
            scanned_bytes=scanned,
            cost_usd=cost(state, scanned if billed else None) if state in FINISHED else None,
            reused=reused,
            results_location=answer.get("ResultConfiguration", {}).get("OutputLocation") or None,
            workgroup=answer.get("WorkGroup", ""),
        )

    def describe(self) -> dict[str, Any]:
        """Return the execution as the REST API gives it: JSON values, the cost a number of dollars."""
        return {
            "execution_id": self.execution_id,
            "query": self.query,
            "state": self.state,
            "reason": self.reason,
            "submitted_at": json_value(self.submitted_at),
            "completed_at": json_value(self.completed_at),
            "scanned_bytes": self.scanned_bytes,
            "cost_usd": None if self.cost_usd is None else float(self.cost_usd),
        }


class Page(Struct, frozen=True):
    """Some rows of a result. `columns` are (name, type) pairs; each row has one value a column, None for NULL."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Typed, ...]]
    next_page_token: str | None

    @classmethod
    def of(cls, answer: Mapping[str, Any], has_header: bool) -> Page:
        """Read the answer of GetQueryResults. With `has_header` a first row of the columns' names is left out.

        Raises ValueError or ArithmeticError for a text that is not of its column's type.
        """
        infos = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        texts = [[cell.get("VarCharValue") for cell in row.get("Data", [])] for row in answer["ResultSet"]["Rows"]]
        if has_header and texts and texts[0] == [info.get("Label") or info["Name"] for info in infos]:
            del texts[0]
        columns = [column(info) for info in infos]
        rows = [tuple(typed(text, type_) for text, (_, type_) in zip(row, columns, strict=True)) for row in texts]
        return cls(columns, rows, answer.get("NextToken") or None)

    def describe(self) -> dict[str, Any]:
        """Return the page as the REST API gives it: every value as `json_value` writes it."""
        return {
            "columns": [{"name": name, "type": type_} for name, type_ in self.columns],
            "rows": [[json_value(value) for value in row] for row in self.rows],
            "next_page_token": self.next_page_token,
        }


def marked(sql: str, name: str | None) -> str:
    """Return the SQL with a first line that names its saved query. Raises ValueError for a malformed name."""
    if name is None:
        return sql
    comment = f"-- saved query: {name}\n"
    if not SAVED.fullmatch(comment):
        raise ValueError(f"{name!r} is not a saved query's name: use lower-case letters, digits and underscores")
    return comment + sql


def unmarked(sql: str) -> tuple[str | None, str]:
    """Return the name that `marked` wrote, or None, and the SQL after it."""
    mark = SAVED.match(sql)
    return (mark[1], sql[mark.end() :]) if mark else (None, sql)


def cost(state: str, scanned_bytes: int | None) -> Decimal:
    """Return an estimate in dollars of what a finished execution costs; None bytes are for what is never billed.

    $5 a terabyte (2**40 bytes), rounded up to whole megabytes, at least 10 MB. DDL, failed queries and reused results
    are free; a cancelled query is billed for what it scanned. https://aws.amazon.com/athena/pricing/
    """
    if state == "FAILED" or scanned_bytes is None or (state == "CANCELLED" and scanned_bytes == 0):
        return Decimal(0)
    megabytes = max(MINIMUM_MEGABYTES, -(-scanned_bytes // MIB))
    return (DOLLARS_PER_TERABYTE * megabytes * MIB / TERABYTE).quantize(Decimal("0.00000001"))


def column(info: Mapping[str, Any]) -> tuple[str, str]:
    """Return (name, type) of a column from Athena's `ColumnInfo`; a decimal's type has its precision and scale."""
    if info["Type"] == "decimal":
        return info["Name"], f"decimal({info.get('Precision', 38)},{info.get('Scale', 0)})"
    return info["Name"], info["Type"]


def typed(text: str | None, type_: str) -> Typed:
    """Return the value that Athena wrote as `text`, by its type; None is NULL.

    Integers and booleans are native, decimals Decimal, timestamps naive datetime (UTC in our table), or aware with a
    zone. What has no counterpart (arrays, rows, binary, intervals) stays text. Raises ValueError when the text is not
    of the type.
    """
    if text is None:
        return None
    read = READ.get(type_.split("(")[0])
    return read(text) if read else text


def json_value(value: Typed) -> str | int | float | bool | None:
    """Return the value as JSON holds it: decimals as text, dates and timestamps ISO 8601, NaN and infinity as text.

    A timestamp without a zone is UTC, and says so.
    """
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is not a boolean")
    return text == "true"


def _zoned(text: str) -> datetime | str:
    match = ZONED.fullmatch(text)
    if match is None:
        return text
    moment, zone = match.groups()
    if zone == "UTC" or zone[0] in "+-":
        return datetime.fromisoformat(moment + zone.replace("UTC", "Z"))
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return text


READ: dict[str, Callable[[str], Typed]] = {
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "int": int,
    "bigint": int,
    "boolean": _boolean,
    "float": float,
    "real": float,
    "double": float,
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamp with time zone": _zoned,
}
"""How each of Athena's scalar types is read from the text it sends."""
