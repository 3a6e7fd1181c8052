"""The views, made by Athena's own DDL, which is free and checks them against the table."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from chalicelib.assembly import datasets
from chalicelib.aws.glue import find_table
from chalicelib.settings import Settings
from glue_setup.errors import Refused
from glue_setup.resource import Plan, Resource, State
from glue_setup.tables import input_of

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableTypeDef

STATEMENT = "orders_etl_statement"
"""View parameter that holds the digest of the statement which made it and of the text that Athena made of that."""
DDL_SECONDS = 120.0
"""How long one statement may take; they take a few seconds, behind whatever is queued."""


class RunsSql(Protocol):
    """What is needed of chalicelib.aws.athena.Athena."""

    def start(self, sql: str) -> str:
        """Start a statement and return its execution id."""

    def wait(self, execution_id: str, timeout: float) -> object:
        """Return when it has succeeded, raise when it has not within `timeout` seconds."""


class View(Resource):
    """One view.

    Athena rewrites a view's text, so that it cannot be compared with the statement. The digest of both is kept with
    the view instead: a statement that changed, and a view that somebody replaced, both show. A statement that somebody
    runs with CREATE OR REPLACE drops the digest with the rest of the parameters.
    """

    def __init__(self, glue: GlueClient, athena: RunsSql, settings: Settings, name: str, statement: str) -> None:
        self.name = f"view {settings.database}.{name}"
        self._glue = glue
        self._athena = athena
        self._settings = settings
        self._view = name
        self._statement = statement

    def waits(self) -> str | None:
        """In crawler mode a view cannot be made before the crawler has made the table."""
        settings = self._settings
        if settings.catalog_mode == "projection" or find_table(
            self._glue, settings.database, datasets(settings)[0].table
        ):
            return None
        return "it needs the table"

    def desired(self, current: State | None) -> State:
        """Return the digest that the view must carry."""
        return {"digest of its statement": _digest(self._statement)}

    def current(self) -> State | None:
        """Read which statement made it. Raises Refused when a table has its name."""
        found = self._found()
        if found is None:
            return None
        stored, _, text = found.get("Parameters", {}).get(STATEMENT, "").partition("/")
        return {"digest of its statement": stored if stored and text == _digest(_text(found)) else "another"}

    def make(self, plan: Plan) -> None:
        """Run the statement and note its digest on the view."""
        self._athena.wait(self._athena.start(self._statement), DDL_SECONDS)
        found = self._found()
        if found is None:
            return
        view = input_of(found)
        digest = f"{_digest(self._statement)}/{_digest(_text(found))}"
        view["Parameters"] = view.get("Parameters", {}) | {STATEMENT: digest}
        self._glue.update_table(DatabaseName=self._settings.database, TableInput=cast(Any, view))

    def remove(self, delete_data: bool) -> str:
        """Delete it from the catalog."""
        try:
            if self._found() is None:
                return "absent"
        except Refused:
            return "kept: it is a table"
        self._glue.delete_table(DatabaseName=self._settings.database, Name=self._view)
        return "removed"

    def _found(self) -> TableTypeDef | None:
        found = find_table(self._glue, self._settings.database, self._view)
        if found is not None and found.get("TableType") != "VIRTUAL_VIEW":
            raise Refused(self.name, ["a table has this name: rename that, or set another GLUE_DATABASE"])
        return found


def _text(view: TableTypeDef) -> str:
    return view.get("ViewOriginalText", "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
