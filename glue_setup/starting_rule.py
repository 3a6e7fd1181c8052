"""Rules of EventBridge that start a state machine: on a schedule, or for events on a bus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from glue_setup.clients import Clients
from glue_setup.machines import role_name
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State, as_text
from glue_setup.target import Target

ABSENT = ("ResourceNotFoundException",)


class StartingRule(Resource):
    """A rule that starts the state machine of its name under a role: by a `schedule`, or by what fits a `pattern`.

    `key` is the name of both within the stage, `role` that of the role; `name` is what plan and apply call it.
    """

    def __init__(
        self,
        target: Target,
        clients: Clients,
        name: str,
        key: str,
        role: str,
        *,
        schedule: str = "",
        pattern: Mapping[str, Any] | None = None,
        bus: str = "default",
    ) -> None:
        super().__init__(target, clients, name)
        self._key, self._role = key, role
        self._rule = f"{target.prefix}-{key}"
        self._events = clients.events
        self._of: dict[str, Any] = {} if bus == "default" else {"EventBusName": bus}
        self._bus = bus
        self._arn = target.rule(key, bus)
        self._when = {"EventPattern": json.dumps(pattern)} if pattern else {"ScheduleExpression": schedule}
        self._target = {
            "Id": key,
            "Arn": target.machine(key),
            "RoleArn": target.role(role_name(target, role)),
            "Input": "{}",
        }

    def find(self) -> dict[str, Any] | None:
        """Read it, its tags and its targets. Raises Refused for one of another stage."""
        try:
            rule: dict[str, Any] = self._events.describe_rule(Name=self._rule, **self._of)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ABSENT:
                raise
            return None
        tags = {tag["Key"]: tag["Value"] for tag in self._events.list_tags_for_resource(ResourceARN=self._arn)["Tags"]}
        self.check_owner(tags.get(TAG))
        targets = self._events.list_targets_by_rule(Rule=self._rule, **self._of)["Targets"]
        return rule | {"tags": tags, "targets": targets}

    def state(self, existing: dict[str, Any]) -> State:
        """Return when it starts what, with its owner."""
        return {
            **self.check_owner(existing["tags"].get(TAG)),
            "starts": ", ".join(_shown(each) for each in existing["targets"]),
            **_when(existing),
        }

    def desired(self, current: State | None) -> State:
        """Return when it should start what; whether it is enabled is left to others."""
        return {OWNER: self.target.owner, "starts": _shown(self._target), **_when(self._when)}

    def make(self, plan: Plan) -> None:
        """Put the rule and its target; a rule that is disabled stays so."""
        tags = [{"Key": TAG, "Value": self.target.owner}]
        state = "ENABLED" if plan.creates else plan.existing.get("State", "ENABLED")
        self._events.put_rule(Name=self._rule, State=state, **self._when, **self._of)
        self._events.tag_resource(ResourceARN=self._arn, Tags=tags)
        self._events.put_targets(Rule=self._rule, Targets=[self._target], **self._of)

    def delete(self, existing: dict[str, Any], delete_data: bool) -> None:
        """Delete it with its targets."""
        if existing["targets"]:
            ids = [each["Id"] for each in existing["targets"]]
            self._events.remove_targets(Rule=self._rule, Ids=ids, **self._of)
        self._events.delete_rule(Name=self._rule, **self._of)

    def terraform(self) -> Blocks:
        """Return the rule and its target."""
        name, role = self._key.replace("-", "_"), self._role.replace("-", "_")
        bus = {"event_bus_name": self._bus} if self._of else {}
        when = {
            "schedule_expression" if kind == "ScheduleExpression" else "event_pattern": text
            for kind, text in self._when.items()
        }
        rule = {"name": self._rule, **when, **bus, "tags": self.tags}
        started = {
            "rule": f"${{aws_cloudwatch_event_rule.{name}.name}}",
            **bus,
            "target_id": self._key,
            "arn": f"${{aws_sfn_state_machine.{name}.arn}}",
            "role_arn": f"${{aws_iam_role.{role}.arn}}",
            "input": "{}",
        }
        return {"aws_cloudwatch_event_rule": {name: rule}, "aws_cloudwatch_event_target": {name: started}}


def _when(rule: Mapping[str, Any]) -> dict[str, str]:
    if rule.get("EventPattern"):
        return {"events": as_text(json.loads(rule["EventPattern"]))}
    return {"every": str(rule.get("ScheduleExpression", ""))}


def _shown(target: Mapping[str, Any]) -> str:
    return json.dumps({name: target.get(name) for name in ("Id", "Arn", "RoleArn", "Input")}, sort_keys=True)
