"""The views, made by Athena's own DDL, which is free and checks them against the table."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

from chalicelib.aws.athena import Athena
from chalicelib.aws.glue import find_table
from chalicelib.dataset import Dataset
from glue_setup.clients import Clients
from glue_setup.errors import Refused
from glue_setup.resource import Plan, Resource, State
from glue_setup.tables import STATEMENT, input_of
from glue_setup.target import Target

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableTypeDef

DDL_SECONDS = 120.0
"""How long one statement may take; they take a few seconds, behind whatever is queued."""


class View(Resource):
    """One view of a dataset, made by `statement`.

    Athena rewrites a view's text, so that it cannot be compared with the statement. The digest of both is kept with
    the view instead: a statement that changed, and a view that somebody replaced, both show. A statement that somebody
    runs with CREATE OR REPLACE drops the digest with the rest of the parameters.
    """

    def __init__(self, target: Target, clients: Clients, dataset: Dataset, view: str, statement: str) -> None:
        super().__init__(target, clients, f"view {dataset.database}.{view}")
        self._glue = clients.glue
        self._dataset = dataset
        self._view = view
        self._statement = statement

    def waits(self) -> str | None:
        """In crawler mode a view cannot be made before the crawler has made the table."""
        declared = self.settings.catalog_mode != "crawler"
        if declared or all(find_table(self._glue, self._dataset.database, each.name) for each in self._dataset.tables):
            return None
        return "it needs the tables"

    def find(self) -> TableTypeDef | None:
        """Read it. Raises Refused when a table has its name."""
        existing = find_table(self._glue, self._dataset.database, self._view)
        if existing is not None and existing.get("TableType") != "VIRTUAL_VIEW":
            raise Refused(self.name, ["a table has this name: rename that, or set another GLUE_DATABASE"])
        return existing

    def state(self, existing: TableTypeDef) -> State:
        """Return which statement made it."""
        stored, _, text = existing.get("Parameters", {}).get(STATEMENT, "").partition("/")
        return {"digest of its statement": stored if stored and text == _digest(_text(existing)) else "another"}

    def desired(self, current: State | None) -> State:
        """Return the digest that the view must carry."""
        return {"digest of its statement": _digest(self._statement)}

    def make(self, plan: Plan) -> None:
        """Run the statement and note its digest on the view."""
        athena = Athena(self.clients.athena, self.settings, {})
        athena.wait(athena.start(self._statement), DDL_SECONDS)
        existing = self.find()
        if existing is None:
            return
        digest = f"{_digest(self._statement)}/{_digest(_text(existing))}"
        view = input_of(existing)
        view["Parameters"] = view.get("Parameters", {}) | {STATEMENT: digest}
        self._glue.update_table(DatabaseName=self._dataset.database, TableInput=cast(Any, view))

    def delete(self, existing: TableTypeDef, delete_data: bool) -> None:
        """Delete it from the catalog."""
        self._glue.delete_table(DatabaseName=self._dataset.database, Name=self._view)


def _text(view: TableTypeDef) -> str:
    return view.get("ViewOriginalText", "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
