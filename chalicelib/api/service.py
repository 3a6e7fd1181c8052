"""The use cases behind the REST API's routes. Edges are passed in; answers are JSON values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.api.errors import Answer, failure_in_words
from chalicelib.api.requests import Asked, inner_token, page_token
from chalicelib.aws.athena import MAX_AGE_MINUTES, MAX_PAGE
from chalicelib.aws.athena_results import Execution, Page
from chalicelib.errors import DeadlinePassed, ParameterError, QueryFailed, RequestError, RowTooLarge
from chalicelib.queries import saved
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.api.uploads import Uploads
    from chalicelib.aws.athena import Athena
    from chalicelib.aws.presigned import LinkBucket

MAX_WAIT, DEFAULT_WAIT = 25, 20
"""Seconds. The gateway gives up after 29."""
ANSWER_BY = 26.0
"""Seconds after which rows are no longer fetched: the caller gets a link instead."""
MAX_ANSWER_BYTES = 5_500_000
"""Lambda takes answers of up to 6 MB, counted with the body as a JSON text within JSON."""
RESERVED = ("wait", "max_age", "page_size")
"""What /queries/{name} takes besides the query's own parameters."""


class Api:
    """The routes' work. `bucket` is the stage's, `monotonic` a clock in seconds."""

    def __init__(
        self,
        settings: Settings,
        uploads: Uploads,
        athena: Athena,
        bucket: LinkBucket,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._uploads = uploads
        self._athena = athena
        self._bucket = bucket
        self._monotonic = monotonic

    def offer_upload(self, asked: Asked) -> Answer:
        """POST /uploads."""
        asked.only()
        body = asked.json_object("filename")
        if "filename" not in body:
            raise RequestError({"filename": "is missing: give the file's name, such as orders.json"})
        link = self._uploads.offer(body["filename"])
        status_url = asked.link(f"/uploads/{link.upload_id}")
        told = {
            "upload_id": link.upload_id,
            "key": link.key,
            "url": link.url,
            "fields": link.fields,
            "expires_at": link.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "max_bytes": link.max_bytes,
            "status_url": status_url,
        }
        return Answer(told, 201, {"Location": status_url})

    def upload(self, upload_id: str, asked: Asked) -> Answer:
        """GET /uploads/{upload_id}."""
        asked.only()
        return Answer(self._uploads.status(upload_id))

    def queries(self, asked: Asked) -> Answer:
        """GET /queries."""
        asked.only()
        told = [query.describe() | {"url": asked.link(f"/queries/{query.name}")} for query in saved.load().values()]
        return Answer({"queries": told})

    def ask(self, name: str, asked: Asked) -> Answer:
        """GET /queries/{name}."""
        began = self._monotonic()
        query = saved.find(name)
        statement, options, key = self._checked(query, asked)
        execution_id = self._athena.start(
            statement.sql,
            statement.parameters,
            name=statement.name,
            token=None if key is None else f"{asked.caller}\n{key}",
            max_age_minutes=options["max_age"],
        )
        try:
            execution = self._athena.wait(execution_id, max(0.0, options["wait"] - (self._monotonic() - began)))
            if self._monotonic() - began > ANSWER_BY:
                raise DeadlinePassed(f"execution {execution_id}", ANSWER_BY)
        except DeadlinePassed:
            status_url = asked.link(f"/executions/{execution_id}")
            told = {"execution_id": execution_id, "query": name, "status_url": status_url}
            return Answer(told, 202, {"Location": status_url, "Retry-After": "1"})
        page = self._page(execution, options["page_size"], None)
        return Answer(self._told(execution, asked) | page)

    def execution(self, execution_id: str, asked: Asked) -> Answer:
        """GET /executions/{id}."""
        asked.only()
        return Answer(self._told(self._athena.execution(execution_id), asked))

    def results(self, execution_id: str, asked: Asked) -> Answer:
        """GET /executions/{id}/results."""
        asked.only("page_size", "page_token")
        size = asked.integer("page_size", MAX_PAGE, 1, MAX_PAGE, "rows")
        token = asked.text("page_token")
        inner = None if token is None else inner_token(token)
        return Answer(self._page(self._athena.execution(execution_id), size, inner))

    def download(self, execution_id: str, asked: Asked) -> Answer:
        """GET /executions/{id}/download."""
        asked.only()
        execution = self._athena.execution(execution_id)
        if not execution.finished:
            raise DeadlinePassed(f"execution {execution_id}", 0)
        if execution.state != "SUCCEEDED":
            raise QueryFailed(execution_id, execution.state, execution.reason or "")
        link = self._csv_link(execution)
        if link is None:
            raise QueryFailed(execution_id, execution.state, "its results can no longer be read")
        return Answer({"url": link}, 303, {"Location": link})

    def cancel(self, execution_id: str, asked: Asked) -> Answer:
        """DELETE /executions/{id}."""
        asked.only()
        self._athena.cancel(execution_id)
        told = {"execution_id": execution_id, "status_url": asked.link(f"/executions/{execution_id}")}
        return Answer(told, 202)

    def openapi(self, asked: Asked) -> Answer:
        """GET /openapi.json."""
        # Only this call pays for putting the document together.
        from chalicelib.api.openapi import document

        asked.only()
        return Answer(document(saved.load(), self._settings, asked.base_url))

    def _checked(self, query: saved.SavedQuery, asked: Asked) -> tuple[saved.Statement, dict[str, int], str | None]:
        """Return statement, options and idempotency key. Raises RequestError naming all that is wrong at once."""
        problems: dict[str, str] = {}
        options: dict[str, int] = {}
        limits = {
            "wait": (DEFAULT_WAIT, 0, MAX_WAIT, "seconds"),
            "max_age": (0, 0, MAX_AGE_MINUTES, "minutes"),
            "page_size": (MAX_PAGE, 1, MAX_PAGE, "rows"),
        }
        for name, (default, low, high, unit) in limits.items():
            try:
                options[name] = asked.integer(name, default, low, high, unit)
            except RequestError as problem:
                problems |= problem.problems
        key = statement = None
        try:
            key = asked.idempotency_key()
        except RequestError as problem:
            problems |= problem.problems
        given = {name: values for name, values in asked.parameters.items() if name not in RESERVED}
        try:
            statement = query.bind(given, database=self._settings.database, table=self._settings.table)
        except ParameterError as problem:
            problems = problem.problems | problems
        if problems or statement is None:
            raise RequestError(problems)
        return statement, options, key

    def _csv_link(self, execution: Execution) -> str | None:
        """Return a link to the CSV of an execution, or None when it is there no more."""
        location = urlsplit(execution.results_location or "")
        key = location.path.lstrip("/")
        if location.netloc != self._settings.bucket or not key.startswith(self._settings.results_prefix):
            return None
        if self._bucket.head(key) is None:
            return None
        return self._bucket.download_link(key, f"{execution.query}.csv", self._settings.download_seconds)

    def _page(self, execution: Execution, size: int, token: str | None) -> dict[str, Any]:
        """Return a page that fits into an answer, with fewer rows than `size` where they are long."""
        while True:
            page: Page = self._athena.page(execution, page_size=size, page_token=token)
            told = page.describe()
            told["next_page_token"] = page_token(page.next_page_token)
            if len(json.dumps(json.dumps(told))) <= MAX_ANSWER_BYTES:
                return told
            if size == 1:
                raise RowTooLarge(execution.execution_id)
            size = max(1, min(size, len(page.rows)) // 2)

    def _told(self, execution: Execution, asked: Asked) -> dict[str, Any]:
        place = f"/executions/{execution.execution_id}"
        done = execution.state == "SUCCEEDED"
        told: Mapping[str, Any] = execution.describe()
        return {
            **told,
            "reason": None if done else failure_in_words(execution.reason),
            "reused": execution.reused,
            "status_url": asked.link(place),
            "results_url": asked.link(f"{place}/results") if done else None,
        }
