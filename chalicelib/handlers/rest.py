"""Between Chalice and the API: a request becomes a call, what it returns or raises an answer with its headers."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVarTuple

from chalice.app import Chalice, Request, Response

from chalicelib.api.errors import Answer, answer_to
from chalicelib.api.headers import SECURITY, cross_origin, preflight
from chalicelib.api.requests import ApiRequest
from chalicelib.api.service import Api
from chalicelib.api.sources import Sources
from chalicelib.api.uploads import Uploads
from chalicelib.assembly import datasets
from chalicelib.aws.athena import Athena, athena_client
from chalicelib.aws.presigned import LinkBucket, link_client
from chalicelib.errors import kind_of
from chalicelib.queries.saved import load
from chalicelib.settings import Settings
from chalicelib.telemetry.logs import log

PathParameters = TypeVarTuple("PathParameters")


def respond(
    request: Request | None,
    settings: Settings,
    operation: Callable[[Api, ApiRequest, *PathParameters], Answer],
    *path: *PathParameters,
) -> Response:
    """Answer a request by an operation. An error without an answer goes through: Chalice logs it, answers 500."""
    api_request = ApiRequest.of(request.to_original_event() if request is not None else {})
    try:
        answer = operation(wired_api(settings), api_request, *path)
    except Exception as error:
        failure = answer_to(error, api_request.request_id)
        if failure is None:
            raise
        answer = failure
        if answer.status >= 500:
            log("service does not answer", request_id=api_request.request_id, kind=kind_of(error))
    return Response(answer.body, dict(answer.headers), answer.status)


def finish(request: Request, response: Response, settings: Settings) -> Response:
    """Put in what every answer has, Chalice's own errors included, and log one line."""
    request_id = str(request.context.get("requestId") or "")
    headers = response.headers
    headers.setdefault("Content-Type", "application/json")
    headers.update(SECURITY)
    headers.update(cross_origin(request.headers.get("origin"), settings.api_origins))
    if isinstance(response.body, dict) and "Code" in response.body:
        response.body.setdefault("RequestId", request_id)
        if response.status_code == 415:
            response.body["Message"] += ": send application/json"
    log("request", request_id=request_id, method=request.method, route=request.path, status=response.status_code)
    return response


def answer_preflights(app: Chalice, settings: Settings) -> None:
    """Add an OPTIONS route beside every route. Browsers send no signature with it, and learn nothing else from it."""
    for path, methods in list(app.routes.items()):
        headers = preflight(sorted(methods))
        app.route(path, methods=["OPTIONS"], name="preflight")(
            lambda headers=headers, **_: Response("", dict(headers), 204)
        )


@functools.cache
def wired_api(settings: Settings) -> Api:
    """Return the API with its clients, made on first use."""
    bucket = LinkBucket(link_client(), settings.bucket)
    made = datasets(settings)
    uploads = Uploads(bucket, settings, made, now=lambda: datetime.now(UTC), random=secrets.token_bytes)
    sources = Sources(bucket, settings, made, now=lambda: datetime.now(UTC))
    queries = load(made)
    athena = Athena(athena_client(), settings, queries, saved_only=True)
    return Api(settings, made, queries, uploads, sources, athena, bucket, monotonic=time.monotonic)
