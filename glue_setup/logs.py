"""The functions' log groups, made before the functions, so that nothing is logged that never expires."""

from __future__ import annotations

import contextlib
from typing import Any

from glue_setup.clients import Clients
from glue_setup.resource import Blocks, Plan, Resource, State
from glue_setup.target import Target

LOG_DAYS = 30
"""What the functions log is deleted after this many days; Lambda's own log groups keep it forever."""


class LogGroup(Resource):
    """The log group of one function, by the function's name in app.py.

    Chalice's own `log_retention_in_days` names another group for the REST API's function, and that one's log would be
    kept forever.
    """

    def __init__(self, target: Target, clients: Clients, function: str) -> None:
        self._function = function
        self._group = target.log_group(function)
        super().__init__(target, clients, f"log group {self._group}")
        self._logs = clients.logs

    def find(self) -> Any:
        """Read it."""
        pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._group)
        groups = (group for page in pages for group in page["logGroups"])
        return next((group for group in groups if group.get("logGroupName") == self._group), None)

    def state(self, existing: Any) -> State:
        """Return how long it is kept."""
        days = existing.get("retentionInDays")
        return {"retention": f"{days} days" if days else "forever"}

    def desired(self, current: State | None) -> State:
        """Return how long it should be kept."""
        return {"retention": f"{LOG_DAYS} days"}

    def make(self, plan: Plan) -> None:
        """Create it, and set the retention."""
        if plan.creates:
            with contextlib.suppress(self._logs.exceptions.ResourceAlreadyExistsException):
                self._logs.create_log_group(logGroupName=self._group)
        self._logs.put_retention_policy(logGroupName=self._group, retentionInDays=LOG_DAYS)

    def delete(self, existing: Any, delete_data: bool) -> str | None:
        """Delete it with the data; logs tell what happened to those."""
        if not delete_data:
            return f"kept, its lines expire after {LOG_DAYS} days (destroy --delete-data removes it)"
        self._logs.delete_log_group(logGroupName=self._group)
        return None

    def terraform(self) -> Blocks:
        """Return it, under its function's name."""
        return {"aws_cloudwatch_log_group": {self._function: {"name": self._group, "retention_in_days": LOG_DAYS}}}
