"""Athena's results are read from the result file in S3, page by page.

Gap: MiniStack keeps rows in memory, counts pages without the header row, makes page tokens that fit any query, and
writes numbers and NULL into the file in another form. Drop this file together with athena_queries.py.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import athena

from local.athena.executions import UNFINISHED
from local.athena.lake import QueryError
from local.athena.ministack import read_result
from local.athena.values import read_rows
from local.patches.athena_queries import Answer, of_execution, refused, reply

TOUCHES = {
    "ministack.services.athena._get_query_results": "abd778cbcf28",
    "ministack.services.s3._get_object_data": "8735d1f5e331",
}

MAX_RESULTS = 1000


def apply() -> None:
    """Replace the call that reads results."""
    athena._get_query_results = results


@of_execution
def results(execution: dict[str, Any], data: dict[str, Any]) -> Answer:
    """GetQueryResults: rows of the result file; a SELECT's header row is the first, and counts."""
    state = execution["Status"]["State"]
    if state in UNFINISHED:
        return refused(f"Query has not yet finished. Current state: {state}")
    if state != "SUCCEEDED":
        return refused(f"Query did not finish successfully. Final query state: {state}")
    limit = data.get("MaxResults", MAX_RESULTS)
    if not 1 <= limit <= MAX_RESULTS:
        return refused(f"MaxResults is more than maximum allowed length {MAX_RESULTS}.")
    first = _position(execution["QueryExecutionId"], data.get("NextToken"))
    if first is None:
        return refused("Invalid NextToken")
    try:
        content = read_result(*execution["_file"])
    except QueryError as problem:
        denied: Answer = error_response_json("AccessDeniedException", str(problem), 400)
        return denied
    if content is None:
        return refused("Could not find results")
    return _page(execution, content, first, limit)


def _page(execution: dict[str, Any], content: bytes, first: int, limit: int) -> Answer:
    columns = execution["_columns"]
    if "_lines" in execution:
        total = len(execution["_lines"])
        rows: list[list[str | None]] = [list(line.split("\t")) for line in execution["_lines"][first : first + limit]]
    else:
        starts = [*execution["_starts"][first : first + limit + 1], len(content)][: limit + 1]
        total = len(execution["_starts"])
        rows = read_rows(content[starts[0] : starts[-1]], len(columns))
    answer: dict[str, Any] = {
        "ResultSet": {
            "Rows": [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]} for row in rows],
            "ResultSetMetadata": {"ColumnInfo": columns},
        },
        "UpdateCount": 0,
    }
    if first + limit < total:
        token = f"{execution['QueryExecutionId']}:{first + limit}"
        answer["NextToken"] = base64.b64encode(token.encode()).decode()
    return reply(answer)


def _position(execution_id: str, token: str | None) -> int | None:
    """Return the row a page begins with, or None when the token is not one of this execution."""
    if token is None:
        return 0
    try:
        of, _, position = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    # Row 0 has no token: the first page is asked for without one.
    issued = position.isascii() and position.isdecimal() and int(position) > 0
    return int(position) if of == execution_id and issued else None
