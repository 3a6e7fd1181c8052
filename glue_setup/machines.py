"""State machines of Step Functions and the roles that AWS's services take: what backfill and refresh are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from glue_setup.clients import Clients
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State, as_text
from glue_setup.target import Target
from glue_setup.terraform_json import literal

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import RoleTypeDef

MAX_ROLE_NAME = 64
"""IAM refuses a longer name."""

ROLE_NOT_YET = ("AccessDeniedException", "StateMachineDeleting")
"""What Step Functions answers while a role that was just made is not known everywhere, or a machine is going."""


def role_name(target: Target, name: str) -> str:
    """Return the name of a role of the stage."""
    return f"{target.prefix}-{name}"[:MAX_ROLE_NAME]


def trust(target: Target, service: str) -> dict[str, Any]:
    """Return who may take a role: one of AWS's services, for this account alone.

    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html#prevent-cross-service-confused-deputy
    """
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": target.account}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


class ServiceRole(Resource):
    """A role that a service takes, with one inline policy. `name` is its own within the stage."""

    def __init__(self, target: Target, clients: Clients, name: str, service: str, policy: Mapping[str, Any]) -> None:
        self._key = name
        self._role = role_name(target, name)
        super().__init__(target, clients, f"role {self._role}")
        self._iam = clients.iam
        self._trust = trust(target, service)
        self._policy = policy

    def find(self) -> RoleTypeDef | None:
        """Read it. Raises Refused for a role of another stage."""
        try:
            role = self._iam.get_role(RoleName=self._role)["Role"]
        except self._iam.exceptions.NoSuchEntityException:
            return None
        self.check_owner(_role_tag(role))
        return role

    def state(self, existing: RoleTypeDef) -> State:
        """Return who may take it and what it may do."""
        state = {
            **self.check_owner(_role_tag(existing)),
            "trust": as_text(existing.get("AssumeRolePolicyDocument")),
        }
        try:
            inline = self._iam.get_role_policy(RoleName=self._role, PolicyName=self._role)
        except self._iam.exceptions.NoSuchEntityException:
            return state
        return state | {"policy": as_text(inline["PolicyDocument"])}

    def desired(self, current: State | None) -> State:
        """Return who may take it and what it may do; further policies attached to it stay."""
        return {OWNER: self.target.owner, "trust": as_text(self._trust), "policy": as_text(self._policy)}

    def make(self, plan: Plan) -> None:
        """Create it if need be; the rest may be put again and again."""
        role, taken_by = self._role, json.dumps(self._trust)
        if plan.creates:
            self._iam.create_role(RoleName=role, AssumeRolePolicyDocument=taken_by)
        else:
            self._iam.update_assume_role_policy(RoleName=role, PolicyDocument=taken_by)
        self._iam.tag_role(RoleName=role, Tags=[{"Key": TAG, "Value": self.target.owner}])
        self._iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(self._policy))

    def delete(self, existing: RoleTypeDef, delete_data: bool) -> None:
        """Delete it with its policy; AWS refuses while somebody else's is attached."""
        if self._role in self._iam.list_role_policies(RoleName=self._role)["PolicyNames"]:
            self._iam.delete_role_policy(RoleName=self._role, PolicyName=self._role)
        self._iam.delete_role(RoleName=self._role)

    def terraform(self) -> Blocks:
        """Return the role and its policy."""
        name = self._key.replace("-", "_")
        role = {"name": self._role, "tags": self.tags, "assume_role_policy": json.dumps(self._trust)}
        inline = {"role": f"${{aws_iam_role.{name}.id}}", "name": self._role, "policy": json.dumps(self._policy)}
        return {"aws_iam_role": {name: role}, "aws_iam_role_policy": {name: inline}}


class StateMachine(Resource):
    """A state machine that runs under the role of its name; `definition` is in Amazon States Language.

    `kind` is what AWS calls its type, STANDARD or EXPRESS; it never changes.
    """

    def __init__(
        self, target: Target, clients: Clients, name: str, definition: Mapping[str, Any], kind: str = "STANDARD"
    ) -> None:
        self._key = name
        self._machine = f"{target.prefix}-{name}"
        super().__init__(target, clients, f"state machine {self._machine}")
        self._states = clients.states
        self._arn = target.machine(name)
        self._role_arn = target.role(role_name(target, name))
        self._definition = definition
        self._kind = kind

    def find(self) -> dict[str, Any] | None:
        """Read it and its tags. Raises Refused for one of another stage."""
        try:
            machine: dict[str, Any] = self._states.describe_state_machine(stateMachineArn=self._arn)
        except self._states.exceptions.StateMachineDoesNotExist:
            return None
        if machine.get("status") == "DELETING":
            return None
        listed = self._states.list_tags_for_resource(resourceArn=self._arn).get("tags", [])
        tags = {tag["key"]: tag["value"] for tag in listed}
        self.check_owner(tags.get(TAG))
        return machine | {"tags": tags}

    def state(self, existing: dict[str, Any]) -> State:
        """Return what it does and under which role, with its owner."""
        return {
            **self.check_owner(existing["tags"].get(TAG)),
            "role": existing["roleArn"],
            "definition": as_text(json.loads(existing["definition"])),
        }

    def desired(self, current: State | None) -> State:
        """Return what it should do; logging and tracing are left to others."""
        return {OWNER: self.target.owner, "role": self._role_arn, "definition": as_text(self._definition)}

    def make(self, plan: Plan) -> None:
        """Create or update it, as soon as Step Functions can take its role, and put this stage's name on it."""
        request = {"roleArn": self._role_arn, "definition": json.dumps(self._definition)}
        tags = [{"key": TAG, "value": self.target.owner}]

        def put() -> None:
            if plan.creates:
                self._states.create_state_machine(name=self._machine, type=self._kind, tags=tags, **request)
            else:
                self._states.update_state_machine(stateMachineArn=self._arn, **request)
                self._states.tag_resource(resourceArn=self._arn, tags=tags)

        self.clients.settled(
            put, ROLE_NOT_YET, [""], f"{self.name}: Step Functions could not take role {self._role_arn}"
        )

    def delete(self, existing: dict[str, Any], delete_data: bool) -> None:
        """Delete it; executions that run go on to their end."""
        self._states.delete_state_machine(stateMachineArn=self._arn)

    def terraform(self) -> Blocks:
        """Return the state machine."""
        name = self._key.replace("-", "_")
        machine = {
            "name": self._machine,
            "tags": self.tags,
            "role_arn": f"${{aws_iam_role.{name}.arn}}",
            "definition": literal(json.dumps(self._definition)),
        }
        kind = {} if self._kind == "STANDARD" else {"type": self._kind}
        return {"aws_sfn_state_machine": {name: machine | kind}}


def _role_tag(role: RoleTypeDef) -> str | None:
    return next((tag["Value"] for tag in role.get("Tags", []) if tag["Key"] == TAG), None)
