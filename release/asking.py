"""Asking a deployed stage: through its REST API as a signed caller, or through Athena where that takes a key."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.sources import Origin
from chalicelib.dataset import Dataset
from chalicelib.errors import EtlError
from chalicelib.queries.parameters import render
from glue_setup.errors import SetupError
from release.smoke import Answer
from release.smoke_document import SmokeDocument

if TYPE_CHECKING:
    import boto3

    from chalicelib.aws.athena import Athena
    from chalicelib.queries.saved import SavedQuery

ASK_SECONDS = 120.0
YOUNG_SECONDS = 60.0
"""How long a stage of the API that was just made may answer 403 to everybody: mostly seconds."""
PAUSE_SECONDS = 2.0
NOT_ALLOWED = "is not authorized"
"""What API Gateway says of a caller who lacks the permission, and of no young stage."""


class Rest:
    """Asks the REST API with the session's credentials, which need execute-api:Invoke."""

    def __init__(
        self,
        session: boto3.Session,
        url: str,
        query: SavedQuery,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._url = url
        self._query = query
        self.how = f"the REST API: GET /queries/{query.name}"
        self._monotonic = monotonic
        self._sleep = sleep

    def rows_of(self, document: SmokeDocument) -> Answer:
        """Ask, and follow the execution if it takes longer than the API waits. Raises SetupError."""
        status, body = self._get(f"/queries/{self._query.name}?{urlencode(document.identity)}")
        execution_id = str(body["execution_id"])
        deadline = self._monotonic() + ASK_SECONDS
        while status == 202 or body.get("state") in ("QUEUED", "RUNNING"):
            if self._monotonic() > deadline:
                raise SetupError(f"execution {execution_id} has not ended within {ASK_SECONDS:g} s: try again")
            self._sleep(1.0)
            status, body = self._get(f"/executions/{execution_id}")
        if "rows" not in body:
            _, body = self._get(f"/executions/{execution_id}/results")
        return _answer(execution_id, body, self._query)

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
        if answer.status_code in (400, 404):
            raise SetupError(
                f"GET {url} answered {answer.status_code}: {answer.text}; the deployed API is not the one of this "
                f"project, which has the query {self._query.name} with these parameters: deploy it, or run the smoke "
                "test of the version that is deployed"
            )
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
    """Asks Athena in the stage's workgroup with the caller's rights: where the API takes a key, where nothing was
    deployed but the loader, and where no saved query asks by the identity, which is what `query` is None for."""

    def __init__(self, athena: Athena, dataset: Dataset, query: SavedQuery | None) -> None:
        self._athena = athena
        self._dataset = dataset
        self._query = query
        self._from = dataset.contract.main.latest or dataset.contract.main.name
        self.how = f"Athena: {query.name if query else self._from}"

    def rows_of(self, document: SmokeDocument) -> Answer:
        """Ask, and wait. Raises SetupError."""
        try:
            if self._query is None:
                execution_id = self._athena.start(self._select(document))
            else:
                statement = self._query.bind({name: str(value) for name, value in document.identity.items()})
                execution_id = self._athena.start(statement.sql, statement.parameters, name=self._query.name)
            page = self._athena.page(self._athena.wait(execution_id, ASK_SECONDS)).describe()
        except EtlError as error:
            raise SetupError(f"{self.how} could not be asked: {error}") from None
        return _answer(execution_id, page, self._query)

    def _select(self, document: SmokeDocument) -> str:
        main = self._dataset.contract.main
        rows = document.rows[main.name]
        # What is the same in all rows and names this document alone: its identity, the object, the month.
        names = [*document.identity, main.of(Origin.SOURCE_KEY).name, main.partition.name]
        terms = [f"{name} = {render(rows[0][name])}" for name in names if name in rows[0]]
        columns = ", ".join(rows[0])
        return f'SELECT {columns} FROM "{self._dataset.database}"."{self._from}" WHERE {" AND ".join(terms)}'  # noqa: S608 - names are the contract's, values are rendered


def query_of(contract: Contract, queries: Iterable[SavedQuery]) -> SavedQuery | None:
    """Return a saved query of a contract that asks for one document: whose parameters are those of its identity.

    Others that it takes have a default. None where there is none.
    """
    for query in queries:
        types = {each.name: each.type for each in query.parameters if each.required}
        if query.contract != contract.name or set(types) != set(contract.identity):
            continue
        if all(types[name] == _PARAMETER_TYPES.get(contract.main[name].type) for name in types):
            return query
    return None


_PARAMETER_TYPES = {Type.IDENTIFIER: "text", Type.TEXT: "text", Type.INTEGER: "integer"}


def _answer(execution_id: str, page: Mapping[str, Any], query: SavedQuery | None) -> Answer:
    names = [column["name"] for column in page["columns"]]
    # What a query computes is not the column whose name it has.
    own = [name for name in names if not (query and re.search(rf"\bAS\s+{re.escape(name)}\b", query.template, re.I))]
    rows = (dict(zip(names, row, strict=True)) for row in page["rows"])
    return Answer(execution_id, [{name: row[name] for name in own} for row in rows])
