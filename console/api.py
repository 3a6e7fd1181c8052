"""The deployed REST API as the console calls it: signed with the person's credentials, errors in words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

import boto3
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from console.connection import Connection
from console.errors import ConsoleError

SECONDS = 35.0
"""How long an answer may take: the gateway gives up after 29."""
SEND_SECONDS = 300.0
"""How long S3 may be silent while it takes a file."""
LOG_IN = "log in to AWS again (aws sso login, or new keys), then try again"

Json = dict[str, Any]


class Api:
    """Calls the API of a stage. Every method raises ConsoleError, and may be called from any thread."""

    def __init__(self, connection: Connection) -> None:
        self.url = connection.api_url
        self.region = connection.region
        self.signs = connection.api_key is None
        self._connection = connection
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        # A proxy of the environment is for AWS, and never for the embedded one.
        self._http = httpx.Client(timeout=SECONDS, trust_env=connection.endpoint_url is None)

    def get(self, path: str, **query: str | int) -> Json:
        """Return what a GET answers."""
        return self.call("GET", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Return what a call answers; a redirection is an answer like others."""
        url = f"{self.url}{path}{query_string(query or {})}"
        content = None if body is None else json.dumps(body).encode()
        with _in_words(f"the API at {urlsplit(url).netloc}"):
            answer = self._http.request(
                method, url, content=content, headers=self._headers(method, url, content, headers)
            )
        body_of_answer = _json_object(answer)
        if answer.status_code >= 400:
            raise self._error(answer, body_of_answer or {}, f"{method} {path}")
        if body_of_answer is None:
            kind = answer.headers.get("Content-Type", "nothing that says what it is")
            raise ConsoleError(
                f"what is at {urlsplit(url).netloc} is not the API: it answered {method} {path} with {kind}",
                "see whether a proxy or its log-in page stands between, or another program listens there",
            )
        return body_of_answer

    def send(self, link: Json, file: BinaryIO, name: str) -> None:
        """Send a file by an upload link."""
        with _in_words("S3"):
            answer = self._http.post(
                link["url"], data=link["fields"], files={"file": (name, file)}, timeout=SEND_SECONDS
            )
        if answer.status_code >= 400:
            code = answer.text.partition("<Code>")[2].partition("</Code>")[0] or answer.status_code
            limit = link["max_bytes"]
            raise ConsoleError(
                f"S3 did not take the file ({code})", f"send a file of 1 to {limit:,} bytes, within the link's minutes"
            )

    def download(self, url: str, target: Path) -> None:
        """Store what a link leads to as a file."""
        with _in_words("S3"), self._http.stream("GET", url, timeout=SEND_SECONDS) as answer, target.open("wb") as file:
            if answer.status_code >= 400:
                raise ConsoleError(f"S3 did not give the file ({answer.status_code})", "ask again: links expire")
            for piece in answer.iter_bytes():
                file.write(piece)

    def _headers(self, method: str, url: str, content: bytes | None, more: Mapping[str, str] | None) -> dict[str, str]:
        headers = {**(more or {}), **({} if content is None else {"Content-Type": "application/json"})}
        if self._connection.api_key is not None:
            return headers | {"x-api-key": self._connection.api_key}
        try:
            with self._lock:
                self._session = self._session or self._connection.session()
                credentials = self._session.get_credentials()
            if credentials is None:
                raise ConsoleError("there are no AWS credentials", LOG_IN)
            request = AWSRequest(method, url, data=content, headers=headers)
            SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self.region).add_auth(request)
        except BotoCoreError as problem:
            self._session = None
            raise ConsoleError(f"your AWS credentials cannot be used ({problem})", LOG_IN) from problem
        return dict(request.headers)

    def _error(self, answer: httpx.Response, body: Json, call: str) -> ConsoleError:
        message = str(body.get("Message") or body.get("message") or answer.reason_phrase)
        lower = message.lower()
        if answer.status_code == 403 and any(word in lower for word in ("expired", "security token", "signature")):
            # The next call reads the credentials anew.
            self._session = None
            what = "have expired" if "expired" in lower else f"were not accepted ({message})"
            return ConsoleError(f"your AWS credentials {what}", LOG_IN)
        if answer.status_code == 403 and "missing authentication token" in lower:
            return ConsoleError(
                f"the deployed API has no {call}", "deploy the stage anew: it is older than this console"
            )
        if answer.status_code == 403:
            return ConsoleError(f"you may not call {call}", f"ask for execute-api:Invoke on it ({message})")
        if answer.status_code == 504:
            return ConsoleError(f"{call} took longer than the gateway waits", "try again")
        if isinstance(body.get("Fields"), dict):
            return ConsoleError("something in what was asked is not taken", message, body["Fields"])
        problem, _, remedy = message.rpartition(": ")
        request_id = f" (request {body['RequestId']})" if answer.status_code >= 500 and "RequestId" in body else ""
        return ConsoleError((problem or message) + request_id, remedy if problem else "try again")


def _json_object(answer: httpx.Response) -> Json | None:
    """Return the JSON object that an answer holds, None where it holds none."""
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def query_string(query: Mapping[str, str | int]) -> str:
    """Return a query string as it is signed: names in order, a space as %20. Empty for no query."""
    return f"?{urlencode(sorted(query.items()), quote_via=quote, safe='')}" if query else ""


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException:
        raise ConsoleError(f"{what} did not answer in time", "try again") from None
    except httpx.HTTPError as problem:
        raise ConsoleError(
            f"{what} does not answer ({type(problem).__name__})",
            "see whether you are online, or, for the local stage, whether make local still runs; then try again",
        ) from None
