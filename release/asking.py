"""Asking a deployed stage: through its REST API as a signed caller, or through Athena where that takes a key."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session

from chalicelib.errors import EtlError
from glue_setup.errors import SetupError
from release.smoke import Answer

if TYPE_CHECKING:
    import boto3

    from chalicelib.aws.athena import Athena
    from chalicelib.queries.saved import SavedQuery

QUERY = "order_lines_of"
ASK_SECONDS = 120.0
YOUNG_SECONDS = 60.0
"""How long a stage of the API that was just made may answer 403 to everybody: mostly seconds."""
PAUSE_SECONDS = 2.0
NOT_ALLOWED = "is not authorized"
"""What API Gateway says of a caller who lacks the permission, and of no young stage."""


class Rest:
    """Asks the REST API with the session's credentials, which need execute-api:Invoke."""

    how = f"the REST API: GET /queries/{QUERY}"

    def __init__(
        self,
        session: boto3.Session,
        url: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._url = url
        self._monotonic = monotonic
        self._sleep = sleep

    def lines_of(self, order_id: str) -> Answer:
        """Ask, and follow the execution if it takes longer than the API waits. Raises SetupError."""
        status, body = self._get(f"/queries/{QUERY}?{urlencode({'order_id': order_id})}")
        execution_id = str(body["execution_id"])
        deadline = self._monotonic() + ASK_SECONDS
        while status == 202 or body.get("state") in ("QUEUED", "RUNNING"):
            if self._monotonic() > deadline:
                raise SetupError(f"execution {execution_id} has not ended within {ASK_SECONDS:g} s: try again")
            self._sleep(1.0)
            status, body = self._get(f"/executions/{execution_id}")
        if "rows" not in body:
            _, body = self._get(f"/executions/{execution_id}/results")
        return _answer(execution_id, body)

    def _get(self, path: str) -> tuple[int, Mapping[str, Any]]:
        url = f"{self._url}{path}"
        young_until = self._monotonic() + YOUNG_SECONDS
        while True:
            answer = self._send(url)
            if answer.status_code != 403 or NOT_ALLOWED in answer.text or self._monotonic() >= young_until:
                break
            self._sleep(PAUSE_SECONDS)
        if answer.status_code == 403:
            raise SetupError(f"GET {url} was refused: allow execute-api:Invoke on it to the caller ({answer.text})")
        if answer.status_code >= 300:
            raise SetupError(f"GET {url} answered {answer.status_code}: {answer.text}")
        return answer.status_code, json.loads(answer.text)

    def _send(self, url: str) -> Any:
        request = AWSRequest("GET", url)
        credentials = self._session.get_credentials()
        if credentials is None:
            raise SetupError("the REST API cannot be asked without credentials: run `aws configure` or `aws sso login`")
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self._session.region_name).add_auth(request)
        try:
            return URLLib3Session(timeout=40).send(request.prepare())
        except HTTPClientError as error:
            raise SetupError(f"GET {url} did not answer: {error}; try again") from None


class Direct:
    """Asks Athena in the stage's workgroup: where API_AUTH=api_key, or nothing was deployed but the loader."""

    how = f"Athena: {QUERY}"

    def __init__(self, athena: Athena, query: SavedQuery) -> None:
        self._athena = athena
        self._query = query

    def lines_of(self, order_id: str) -> Answer:
        """Ask, and wait. Raises SetupError."""
        statement = self._query.bind({"order_id": order_id})
        try:
            execution_id = self._athena.start(statement.sql, statement.parameters, name=QUERY)
            page = self._athena.page(self._athena.wait(execution_id, ASK_SECONDS)).describe()
        except EtlError as error:
            raise SetupError(f"{QUERY} could not be asked: {error}") from None
        return _answer(execution_id, page)


def _answer(execution_id: str, page: Mapping[str, Any]) -> Answer:
    names = [column["name"] for column in page["columns"]]
    return Answer(execution_id, [dict(zip(names, row, strict=True)) for row in page["rows"]])
