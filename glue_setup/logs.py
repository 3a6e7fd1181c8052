"""The functions' log groups, made before the functions, so that nothing is logged that never expires."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from glue_setup.definitions import LOG_DAYS
from glue_setup.resource import Plan, Resource, State

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


class LogGroup(Resource):
    """The log group of one function, by its deployed name.

    Chalice's own `log_retention_in_days` names another group for the REST API's function, and that one's log would be
    kept forever.
    """

    def __init__(self, client: CloudWatchLogsClient, function: str) -> None:
        self._group = f"/aws/lambda/{function}"
        self.name = f"log group {self._group}"
        self._logs = client

    def desired(self, current: State | None) -> State:
        """Return how long it is kept."""
        return {"retention": f"{LOG_DAYS} days"}

    def current(self) -> State | None:
        """Read it."""
        found = self._found()
        if found is None:
            return None
        days = found.get("retentionInDays")
        return {"retention": f"{days} days" if days else "forever"}

    def make(self, plan: Plan) -> None:
        """Create it, and set the retention."""
        if plan.creates:
            with contextlib.suppress(self._logs.exceptions.ResourceAlreadyExistsException):
                self._logs.create_log_group(logGroupName=self._group)
        self._logs.put_retention_policy(logGroupName=self._group, retentionInDays=LOG_DAYS)

    def remove(self, delete_data: bool) -> str:
        """Delete it with the data; logs tell what happened to those."""
        if self._found() is None:
            return "absent"
        if not delete_data:
            return f"kept, its lines expire after {LOG_DAYS} days (destroy --delete-data removes it)"
        self._logs.delete_log_group(logGroupName=self._group)
        return "removed"

    def _found(self) -> Any:
        pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._group)
        groups = (group for page in pages for group in page["logGroups"])
        return next((group for group in groups if group.get("logGroupName") == self._group), None)
