"""The use cases behind the REST API's routes. Edges are passed in; answers are JSON values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.api.errors import Answer, failure_in_words
from chalicelib.api.query_options import (
    DOWNLOAD_FORMATS,
    MAX_AGE,
    PAGE_SIZE,
    QUERY_OPTIONS,
    REJECTED_SIZE,
    SOURCES_SIZE,
    WAIT,
)
from chalicelib.api.requests import ApiRequest, inner_token, page_token
from chalicelib.aws.athena import check_page
from chalicelib.aws.athena_results import Execution, Page
from chalicelib.dataset import Dataset
from chalicelib.errors import DeadlinePassed, ParameterError, QueryFailed, RequestError, RowTooLarge, UnknownContract
from chalicelib.queries.saved import SavedQuery, Statement, find
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.api.sources import Sources
    from chalicelib.api.uploads import Uploads
    from chalicelib.aws.athena import Athena
    from chalicelib.aws.presigned import LinkBucket

ANSWER_BY = 26.0
"""Seconds after which rows are no longer fetched: the caller gets a link instead."""
KEY_EXAMPLE = "orders_json_incoming/orders.json"
MAX_ANSWER_BYTES = 5_500_000
"""Lambda takes answers of up to 6 MB, counted with the body as a JSON text within JSON."""


class Api:
    """The operations behind the routes.

    `datasets` and `bucket` are the stage's, `queries` the saved ones by name, `monotonic` a clock in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        datasets: Sequence[Dataset],
        queries: Mapping[str, SavedQuery],
        uploads: Uploads,
        sources: Sources,
        athena: Athena,
        bucket: LinkBucket,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._datasets = {dataset.name: dataset for dataset in datasets}
        self._saved = queries
        self._uploads = uploads
        self._sources = sources
        self._athena = athena
        self._bucket = bucket
        self._monotonic = monotonic

    def offer_upload(self, request: ApiRequest) -> Answer:
        """POST /uploads."""
        request.check_parameters()
        fields = request.json_object(filename="orders.json", contract=next(iter(self._datasets)))
        if "filename" not in fields:
            raise RequestError({"filename": "is missing: give the file's name, such as orders.json"})
        link = self._uploads.offer(fields["filename"], fields.get("contract"))
        status_url = request.link(f"/uploads/{link.upload_id}")
        body = {
            "upload_id": link.upload_id,
            "contract": link.contract,
            "key": link.key,
            "url": link.url,
            "fields": link.fields,
            "expires_at": link.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "max_bytes": link.max_bytes,
            "status_url": status_url,
        }
        return Answer(body, 201, {"Location": status_url})

    def upload(self, request: ApiRequest, upload_id: str) -> Answer:
        """GET /uploads/{upload_id}."""
        request.check_parameters()
        return Answer(self._uploads.status(upload_id))

    def sources(self, request: ApiRequest) -> Answer:
        """GET /sources."""
        request.check_parameters("prefix", "contains", SOURCES_SIZE.name, "page_token")
        page = self._sources.page(
            request.text("prefix"), request.text("contains"), request.option(SOURCES_SIZE), request.text("page_token")
        )
        return Answer(page)

    def source(self, request: ApiRequest) -> Answer:
        """GET /source."""
        request.check_parameters("key")
        return Answer(self._sources.source(request.required("key", KEY_EXAMPLE)))

    def rejected(self, request: ApiRequest) -> Answer:
        """GET /rejected."""
        request.check_parameters("key", REJECTED_SIZE.name, "page_token")
        key = request.required("key", KEY_EXAMPLE)
        return Answer(self._sources.rejected(key, request.option(REJECTED_SIZE), request.text("page_token")))

    def contracts(self, request: ApiRequest) -> Answer:
        """GET /contracts."""
        request.check_parameters()
        return Answer({"contracts": [self._contract(dataset, request) for dataset in self._datasets.values()]})

    def contract(self, request: ApiRequest, name: str) -> Answer:
        """GET /contracts/{name}."""
        request.check_parameters()
        if name not in self._datasets:
            raise UnknownContract(name, list(self._datasets))
        # Only this call pays for putting the schema together.
        from chalicelib.contracts.json_schema import json_schema

        dataset = self._datasets[name]
        return Answer(self._contract(dataset, request) | {"json_schema": json_schema(dataset.contract)})

    def queries(self, request: ApiRequest) -> Answer:
        """GET /queries."""
        request.check_parameters()
        queries = [query.describe() | {"url": request.link(f"/queries/{query.name}")} for query in self._saved.values()]
        return Answer({"queries": queries})

    def ask(self, request: ApiRequest, name: str) -> Answer:
        """GET /queries/{name}."""
        began = self._monotonic()
        query = find(self._saved, name)
        statement, options, key = self._checked(query, request)
        execution_id = self._athena.start(
            statement.sql,
            statement.parameters,
            name=statement.name,
            token=None if key is None else f"{request.caller}\n{key}",
            max_age_minutes=options[MAX_AGE.name],
        )
        try:
            execution = self._athena.wait(execution_id, max(0.0, options[WAIT.name] - (self._monotonic() - began)))
            if self._monotonic() - began > ANSWER_BY:
                raise DeadlinePassed(f"execution {execution_id}", ANSWER_BY)
        except DeadlinePassed:
            status_url = request.link(f"/executions/{execution_id}")
            body = {"execution_id": execution_id, "query": name, "status_url": status_url}
            return Answer(body, 202, {"Location": status_url, "Retry-After": "1"})
        page = self._page(execution, options[PAGE_SIZE.name], None)
        return Answer(self._describe(execution, request) | page)

    def execution(self, request: ApiRequest, execution_id: str) -> Answer:
        """GET /executions/{id}."""
        request.check_parameters()
        return Answer(self._describe(self._athena.execution(execution_id), request))

    def results(self, request: ApiRequest, execution_id: str) -> Answer:
        """GET /executions/{id}/results."""
        request.check_parameters(PAGE_SIZE.name, "page_token")
        size = request.option(PAGE_SIZE)
        token = request.text("page_token")
        inner = None if token is None else inner_token(token)
        check_page(size, inner)
        return Answer(self._page(self._athena.execution(execution_id), size, inner))

    def download(self, request: ApiRequest, execution_id: str) -> Answer:
        """GET /executions/{id}/download."""
        request.check_parameters("format")
        format_ = request.choice("format", DOWNLOAD_FORMATS)
        execution = self._athena.execution(execution_id)
        if not execution.finished:
            raise DeadlinePassed(f"execution {execution_id}", 0)
        if execution.state != "SUCCEEDED":
            raise QueryFailed(execution_id, execution.state, execution.reason or "")
        link = self._csv_link(execution, for_excel=format_ == "excel")
        if link is None:
            raise QueryFailed(execution_id, execution.state, "its results can no longer be read")
        return Answer({"url": link}, 303, {"Location": link})

    def cancel(self, request: ApiRequest, execution_id: str) -> Answer:
        """DELETE /executions/{id}."""
        request.check_parameters()
        self._athena.cancel(execution_id)
        body = {"execution_id": execution_id, "status_url": request.link(f"/executions/{execution_id}")}
        return Answer(body, 202)

    def openapi(self, request: ApiRequest) -> Answer:
        """GET /openapi.json."""
        # Only this call pays for putting the document together.
        from chalicelib.api.openapi import document

        request.check_parameters()
        return Answer(document(list(self._datasets), self._saved, self._settings, request.base_url))

    def _contract(self, dataset: Dataset, request: ApiRequest) -> dict[str, Any]:
        # Only these calls pay for the words.
        from chalicelib.api.contracts import describe

        return describe(dataset) | {"url": request.link(f"/contracts/{dataset.name}")}

    def _checked(self, query: SavedQuery, request: ApiRequest) -> tuple[Statement, dict[str, int], str | None]:
        """Return statement, options and idempotency key. Raises RequestError naming all that is wrong at once."""
        problems: dict[str, str] = {}
        statement, options, key = None, {option.name: option.default for option in QUERY_OPTIONS}, None
        parameters = {name: values for name, values in request.parameters.items() if name not in options}
        with _collected(problems):
            statement = query.bind(parameters)
        for option in QUERY_OPTIONS:
            with _collected(problems):
                options[option.name] = request.option(option)
        with _collected(problems):
            key = request.idempotency_key()
        if problems or statement is None:
            raise RequestError(problems)
        return statement, options, key

    def _csv_link(self, execution: Execution, *, for_excel: bool) -> str | None:
        """Return a link to the CSV of an execution, or None when it is there no more."""
        location = urlsplit(execution.results_location or "")
        key = location.path.lstrip("/")
        if location.netloc != self._settings.bucket or not key.startswith(self._settings.results_prefix):
            return None
        result = self._bucket.head(key)
        if result is None:
            return None
        if for_excel and not (key := self._for_excel(key, result.size)):
            return None
        return self._bucket.download_link(key, f"{execution.query}.csv", self._settings.download_seconds)

    def _for_excel(self, key: str, size: int) -> str:
        """Return the key of Athena's CSV under `key` as spreadsheets read it: made once, and expiring beside it.

        Empty where Athena's is there no more.
        """
        # Only these calls pay for it.
        from chalicelib.api.spreadsheet import check_size, spreadsheet_csv

        made = f"{key.removesuffix('.csv')}.excel.csv"
        if self._bucket.head(made) is None:
            check_size(size)
            stored = self._bucket.read(key)
            if stored is None:
                return ""
            self._bucket.put(made, spreadsheet_csv(stored[0]), "text/csv; charset=utf-8")
        return made

    def _page(self, execution: Execution, size: int, token: str | None) -> dict[str, Any]:
        """Return a page that fits into an answer, with fewer rows than `size` where they are long."""
        while True:
            page: Page = self._athena.page(execution, page_size=size, page_token=token)
            body = page.describe()
            body["next_page_token"] = page_token(page.next_page_token)
            if len(json.dumps(json.dumps(body))) <= MAX_ANSWER_BYTES:
                return body
            if size == 1:
                raise RowTooLarge(execution.execution_id)
            size = max(1, min(size, len(page.rows)) // 2)

    def _describe(self, execution: Execution, request: ApiRequest) -> dict[str, Any]:
        """Return an execution as the API gives it."""
        path = f"/executions/{execution.execution_id}"
        succeeded = execution.state == "SUCCEEDED"
        return {
            **execution.describe(),
            "reason": None if succeeded else failure_in_words(execution.reason),
            "reused": execution.reused,
            "status_url": request.link(path),
            "results_url": request.link(f"{path}/results") if succeeded else None,
        }


@contextmanager
def _collected(problems: dict[str, str]) -> Iterator[None]:
    """Add to `problems` what is wrong with a part of a request, instead of ending at the first."""
    try:
        yield
    except (ParameterError, RequestError) as error:
        problems.update(error.problems)
