"""Front door: Chalice wiring only."""

from __future__ import annotations

import functools
import gc
import importlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVarTuple

from chalice.app import Chalice, CloudWatchEvent, IAMAuthorizer, Rate, Request, Response, S3Event

from chalicelib.library_settings import set_up_libraries
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.api.errors import Answer
    from chalicelib.api.requests import ApiRequest
    from chalicelib.api.service import Api

PathParameters = TypeVarTuple("PathParameters")

INIT_IMPORTS = {
    "app.app": "chalicelib.handlers.rest",
    "app.load": "chalicelib.handlers.load",
    "app.sweep": "chalicelib.handlers.sweep",
}
"""The module that each function imports while it starts, by Lambda's name of its handler."""

if (handler := os.environ.get("_HANDLER")) in INIT_IMPORTS:
    # Now and not at the first event: while it starts, a function has more CPU than its memory gives it.
    # What imports make stays: looking through it for garbage, then or later, is a sixth of the start for nothing.
    gc.disable()
    set_up_libraries(os.environ)
    importlib.import_module(INIT_IMPORTS[handler])
    gc.freeze()
    gc.enable()

settings = Settings.from_environment(os.environ)
app = Chalice(app_name="orders-etl")
route = functools.partial(
    app.route,
    authorizer=IAMAuthorizer() if settings.api_auth == "iam" else None,
    api_key_required=settings.api_auth == "api_key" or None,
)


@app.on_s3_event(bucket=settings.bucket, prefix=settings.incoming_prefix, events=settings.s3_events)
def load(event: S3Event) -> list[str] | dict[str, Any]:
    """Bring every object of the event, or of a backfill's batch, into the lake."""
    from chalicelib.handlers.load import handle

    return handle(event.to_dict(), settings, time_left_of(event.context))


@app.schedule(Rate(settings.sweep_minutes, unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> dict[str, Any]:
    """Find what no event announced, what died half-way and what is nobody's."""
    from chalicelib.handlers.sweep import sweep_bucket

    context: Any = event.context
    return sweep_bucket(settings, context.invoked_function_arn, time_left_of(context))


def time_left_of(context: Any) -> Callable[[], float]:
    """Return a function that gives the seconds until Lambda ends this process."""
    return lambda: context.get_remaining_time_in_millis() / 1000


class AnyS3Event(S3Event):
    """An S3 event that may have no records, as the test event that S3 sends when notifications are set up."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        self.bucket = settings.bucket
        self.key = ""


class AnySchedule(CloudWatchEvent):
    """A scheduled event, or whatever an operator invokes the function with."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        """Nothing of the event is used."""


load.event_class = AnyS3Event
sweep.event_class = AnySchedule


@app.middleware("http")
def finish(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Give every answer its headers, and every error its request id."""
    from chalicelib.handlers import rest

    return rest.finish(request, get_response(request), settings)


def api() -> type[Api]:
    """Return the class of the REST API's operations; the other functions never import it."""
    from chalicelib.api.service import Api

    return Api


def respond(operation: Callable[[Api, ApiRequest, *PathParameters], Answer], *path: *PathParameters) -> Response:
    """Answer the current request by an operation of the API; errors become answers."""
    from chalicelib.handlers import rest

    return rest.respond(app.current_request, settings, operation, *path)


@route("/uploads", methods=["POST"])
def offer_upload() -> Response:
    """Get a link to upload one file of orders."""
    return respond(api().offer_upload)


@route("/uploads/{upload_id}")
def upload(upload_id: str) -> Response:
    """Tell what has become of an upload."""
    return respond(api().upload, upload_id)


@route("/sources")
def sources() -> Response:
    """List what was dropped, newest first."""
    return respond(api().sources)


@route("/source")
def source() -> Response:
    """Tell what has become of one source object, and of its versions."""
    return respond(api().source)


@route("/rejected")
def rejected() -> Response:
    """Return a page of a source object's rejected records."""
    return respond(api().rejected)


@route("/contracts")
def contracts() -> Response:
    """List what is taken: the contracts, their tables and columns."""
    return respond(api().contracts)


@route("/contracts/{name}")
def contract(name: str) -> Response:
    """Tell what is taken by a contract."""
    return respond(api().contract, name)


@route("/queries")
def queries() -> Response:
    """List the saved queries and their parameters."""
    return respond(api().queries)


@route("/queries/{name}")
def ask(name: str) -> Response:
    """Run a saved query."""
    return respond(api().ask, name)


@route("/executions/{execution_id}")
def execution(execution_id: str) -> Response:
    """Tell how far an execution has come."""
    return respond(api().execution, execution_id)


@route("/executions/{execution_id}", methods=["DELETE"])
def cancel(execution_id: str) -> Response:
    """Cancel an execution."""
    return respond(api().cancel, execution_id)


@route("/executions/{execution_id}/results")
def results(execution_id: str) -> Response:
    """Return a page of an execution's rows."""
    return respond(api().results, execution_id)


@route("/executions/{execution_id}/download")
def download(execution_id: str) -> Response:
    """Lead to an execution's rows as CSV."""
    return respond(api().download, execution_id)


@route("/openapi.json")
def openapi() -> Response:
    """Describe this API as an OpenAPI document."""
    return respond(api().openapi)


if settings.api_origins:
    from chalicelib.handlers import rest

    rest.answer_preflights(app, settings)
