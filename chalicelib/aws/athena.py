"""Edge: Athena. Start a query in our workgroup, follow it to a deadline, read typed pages, cancel it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from chalicelib.aws.athena_results import Execution, Page, Typed, marked
from chalicelib.aws.errors import edge, unless_code
from chalicelib.aws.session import make_client
from chalicelib.errors import DeadlinePassed, ExecutionNotFound, ParameterError, QueryFailed, Throttled
from chalicelib.queries.saved import SavedQuery
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

EXECUTION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
FIRST_PAUSE, LONGEST_PAUSE, PAUSE_GROWTH = 0.1, 2.0, 1.5
MAX_PAGE = 1000
"""Rows that GetQueryResults gives at once, the header row included."""
MAX_TOKEN = 1024
NO_EXECUTION = frozenset({"InvalidRequestException", "AccessDeniedException"})
"""What Athena says of an id that is unknown, or of another workgroup: the role knows ours only."""
NO_RESULTS = frozenset({"InvalidRequestException"})
MAX_AGE_MINUTES = 7 * 24 * 60


def athena_client(**options: Any) -> AthenaClient:
    """Make a client that retries throttling and gives up on a silent connection.

    `options` are those of `boto3.client`.
    """
    config = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=3, read_timeout=10)
    made: AthenaClient = make_client("athena", config=config, **options)
    return made


@edge
class Athena:
    """Queries in the workgroup of `settings`; those of `saved` are known by name.

    With `saved_only`, an execution whose SQL is not that of one of them, as it is now, does not exist:
    ExecutionNotFound. Every method raises AwsError, Throttled among them.
    """

    def __init__(
        self,
        client: AthenaClient,
        settings: Settings,
        saved: Mapping[str, SavedQuery],
        *,
        saved_only: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._settings = settings
        self._saved = saved
        self._saved_only = saved_only
        self._monotonic = monotonic
        self._sleep = sleep

    def start(
        self,
        sql: str,
        parameters: Sequence[str] = (),
        *,
        name: str | None = None,
        token: str | None = None,
        max_age_minutes: int = 0,
    ) -> str:
        """Start a query and return its execution id.

        `parameters` are SQL expressions for each `?`, from `SavedQuery.bind` only. `name` is the saved query's. The
        same `token` with the same question starts once, whoever asks again. Results up to `max_age_minutes` old
        (0 for never, at most a week) may be reused.
        """
        if not 0 <= max_age_minutes <= MAX_AGE_MINUTES:
            raise ValueError(f"max_age_minutes is {max_age_minutes}: give 0 to {MAX_AGE_MINUTES}")
        request: dict[str, Any] = {
            "QueryString": marked(sql, name),
            "QueryExecutionContext": {"Catalog": "AwsDataCatalog", "Database": self._settings.database},
            "WorkGroup": self._settings.workgroup,
        }
        if parameters:
            request["ExecutionParameters"] = list(parameters)
        if max_age_minutes:
            reuse = {"Enabled": True, "MaxAgeInMinutes": max_age_minutes}
            request["ResultReuseConfiguration"] = {"ResultReuseByAgeConfiguration": reuse}
        if token is not None:
            # Athena wants 32 to 128 characters, and refuses a token that comes back with another question.
            request["ClientRequestToken"] = hashlib.sha256(repr((token, sorted(request.items()))).encode()).hexdigest()
        return self._client.start_query_execution(**request)["QueryExecutionId"]

    def execution(self, execution_id: str) -> Execution:
        """Return how far an execution has come.

        Raises ExecutionNotFound when the id is malformed (no call is made), unknown, or of another workgroup.
        """
        if not EXECUTION_ID.fullmatch(execution_id):
            raise ExecutionNotFound(execution_id)
        answer = unless_code(NO_EXECUTION, lambda: self._client.get_query_execution(QueryExecutionId=execution_id))
        if answer is None:
            raise ExecutionNotFound(execution_id)
        execution = Execution.of(answer["QueryExecution"], self._is_saved)
        if execution.workgroup != self._settings.workgroup or (self._saved_only and execution.query is None):
            raise ExecutionNotFound(execution_id)
        return execution

    def wait(self, execution_id: str, timeout: float) -> Execution:
        """Follow an execution until it has succeeded, at most `timeout` seconds; 0 looks once.

        Never starts anything again. Raises QueryFailed when it ended FAILED or CANCELLED, DeadlinePassed when the
        time is over (the query goes on), ExecutionNotFound.
        """
        deadline = self._monotonic() + timeout
        pause = FIRST_PAUSE
        while True:
            try:
                execution = self.execution(execution_id)
            except Throttled:
                # Being throttled while following is no news about the query.
                pause = LONGEST_PAUSE
            else:
                if execution.finished:
                    return _succeeded(execution)
            left = deadline - self._monotonic()
            if left <= 0:
                raise DeadlinePassed(f"execution {execution_id}", timeout)
            self._sleep(min(pause, left))
            pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)

    def page(self, execution: Execution, *, page_size: int = MAX_PAGE, page_token: str | None = None) -> Page:
        """Return one page of the rows of a succeeded execution, at most `page_size` (1 to 1000) of them.

        `execution` is what `wait` or `execution` returned; it is not looked at again. `page_token` is the
        `next_page_token` of the page before. Raises ParameterError for a page size or token that is none, QueryFailed,
        DeadlinePassed when the execution had not ended.
        """
        check_page(page_size, page_token)
        if not execution.finished:
            raise DeadlinePassed(f"execution {execution.execution_id}", 0)
        _succeeded(execution)
        # The first page of a SELECT begins with a header row, which Athena counts.
        has_header = execution.statement_type == "DML" and page_token is None
        answer = self._results(execution, min(page_size + has_header, MAX_PAGE), page_token)
        try:
            return Page.of(answer, has_header)
        except (ValueError, ArithmeticError):
            if page_token is None:
                raise
            # A token that Athena took but never gave may lead to the header row.
            raise _page_error("page_token", "it is not one of this execution: start without it") from None

    def pages(self, execution: Execution) -> Iterator[Page]:
        """Yield every page of a succeeded execution, at least one. Raises as `page` does."""
        page = self.page(execution)
        yield page
        while page.next_page_token:
            page = self.page(execution, page_token=page.next_page_token)
            yield page

    def rows(self, execution: Execution) -> Iterator[tuple[Typed, ...]]:
        """Yield every row of a succeeded execution, typed. Raises as `page` does."""
        for page in self.pages(execution):
            yield from page.rows

    def cancel(self, execution_id: str) -> None:
        """Stop an execution; one that has ended stays as it is. Raises ExecutionNotFound."""
        # `execution` refuses an empty id: botocore would fill in a random one, and stop nothing in silence.
        if not self.execution(execution_id).finished:
            self._client.stop_query_execution(QueryExecutionId=execution_id)

    def _is_saved(self, name: str, sql: str, parameters: Sequence[str]) -> bool:
        query = self._saved.get(name)
        return query is not None and query.is_run_by(sql, parameters)

    def _results(self, execution: Execution, limit: int, page_token: str | None) -> Mapping[str, Any]:
        """Return what GetQueryResults answers, with at most `limit` rows, the header row included."""
        request: dict[str, Any] = {"QueryExecutionId": execution.execution_id, "MaxResults": limit}
        if page_token is not None:
            request["NextToken"] = page_token
        answer = unless_code(NO_RESULTS, lambda: self._client.get_query_results(**request))
        if answer is not None:
            return answer
        if page_token is not None:
            raise _page_error("page_token", "is not a token of these results: begin again without one")
        # The bucket's lifecycle removes results; Athena remembers the execution for 45 days.
        reason = "its results can no longer be read: ask the query again"
        raise QueryFailed(execution.execution_id, execution.state, reason)


def _succeeded(execution: Execution) -> Execution:
    if execution.state != "SUCCEEDED":
        reason = execution.reason or "Athena gave no reason"
        raise QueryFailed(execution.execution_id, execution.state, reason)
    return execution


def check_page(page_size: int, page_token: str | None) -> None:
    """Raise ParameterError for a page size or a token that `Athena.page` refuses without a call."""
    if not 1 <= page_size <= MAX_PAGE:
        raise _page_error("page_size", f"is {page_size}: give 1 to {MAX_PAGE}")
    if page_token is not None and not 1 <= len(page_token) <= MAX_TOKEN:
        raise _page_error("page_token", "is not a token of these results: begin again without one")


def _page_error(name: str, problem: str) -> ParameterError:
    return ParameterError("results", {name: problem})
