"""The crawler of the original design, and the role it runs under."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from chalicelib.assembly import datasets
from chalicelib.stage import Stage
from glue_setup import definitions, policies
from glue_setup.errors import Refused
from glue_setup.ownership import OWNER, TAG, owner_of, refuse_other, with_owner
from glue_setup.place import Place
from glue_setup.resource import Plan, Resource, State, as_text
from glue_setup.settling import Settling

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_iam import IAMClient

MANAGED_POLICY = "service-role/AWSGlueServiceRole"
INLINE_POLICY = "read-table"
NOT_YET = ("unable to assume", "not authorized to perform")
"""What Glue says of a role that IAM has not told every server about yet, with InvalidInputException."""


class CrawlerRole(Resource):
    """The role of the crawler: AWS's managed policy for Glue, and reading the table's files. Nothing is written."""

    def __init__(self, client: IAMClient, stage: Stage, place: Place, name: str) -> None:
        self.name = f"role {name}"
        self._iam = client
        self._role = name
        self._owner = owner_of(stage)
        self._trust = definitions.crawler_trust()
        self._policy = policies.crawler(stage.settings, place)
        self._managed = place.managed_policy(MANAGED_POLICY)

    def desired(self, current: State | None) -> State:
        """Return who may take the role and what it may do; further policies attached to it stay."""
        return {
            OWNER: self._owner,
            "trust": as_text(self._trust),
            "managed policy": self._managed,
            f"policy {INLINE_POLICY}": as_text(self._policy),
        }

    def current(self) -> State | None:
        """Read it. Raises Refused for a role of another stage."""
        try:
            # botocore decodes policy documents into dictionaries.
            role = self._iam.get_role(RoleName=self._role)["Role"]
        except self._iam.exceptions.NoSuchEntityException:
            return None
        owner = next((tag["Value"] for tag in role.get("Tags", []) if tag["Key"] == TAG), None)
        refuse_other(self.name, owner, self._owner, "give this stage another name in .chalice/config.json")
        state = {**with_owner(owner), "trust": as_text(role.get("AssumeRolePolicyDocument"))}
        if self._managed in self._attached():
            state["managed policy"] = self._managed
        try:
            inline = self._iam.get_role_policy(RoleName=self._role, PolicyName=INLINE_POLICY)
        except self._iam.exceptions.NoSuchEntityException:
            return state
        return state | {f"policy {INLINE_POLICY}": as_text(inline["PolicyDocument"])}

    def make(self, plan: Plan) -> None:
        """Create it if need be; the rest may be put again and again."""
        if plan.creates:
            self._iam.create_role(
                RoleName=self._role,
                AssumeRolePolicyDocument=json.dumps(self._trust),
                Description="The crawler of the orders table.",
            )
        else:
            self._iam.update_assume_role_policy(RoleName=self._role, PolicyDocument=json.dumps(self._trust))
        self._iam.tag_role(RoleName=self._role, Tags=[{"Key": TAG, "Value": self._owner}])
        self._iam.attach_role_policy(RoleName=self._role, PolicyArn=self._managed)
        self._iam.put_role_policy(
            RoleName=self._role, PolicyName=INLINE_POLICY, PolicyDocument=json.dumps(self._policy)
        )

    def remove(self, delete_data: bool) -> str:
        """Delete it with what we attached; AWS refuses while somebody else's policy is attached."""
        try:
            if self.current() is None:
                return "absent"
        except Refused as refused:
            return f"kept: {refused.reasons[0]}"
        if self._managed in self._attached():
            self._iam.detach_role_policy(RoleName=self._role, PolicyArn=self._managed)
        if INLINE_POLICY in self._iam.list_role_policies(RoleName=self._role)["PolicyNames"]:
            self._iam.delete_role_policy(RoleName=self._role, PolicyName=INLINE_POLICY)
        self._iam.delete_role(RoleName=self._role)
        return "removed"

    def _attached(self) -> list[str]:
        pages = self._iam.get_paginator("list_attached_role_policies").paginate(RoleName=self._role)
        return [policy.get("PolicyArn", "") for page in pages for policy in page["AttachedPolicies"]]


class Crawler(Resource):
    """The crawler. It makes the table and registers partitions, and changes nothing that is there."""

    def __init__(
        self,
        client: GlueClient,
        stage: Stage,
        place: Place,
        role: str,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = stage.settings
        self._crawler = definitions.crawler_name(settings)
        self.name = f"crawler {self._crawler}"
        self._glue = client
        self._settings = settings
        self._owner = owner_of(stage)
        self._arn = place.glue(f"crawler/{self._crawler}")
        self._role_arn = place.role(role)
        self._definition = definitions.crawler(settings)
        self._settling = Settling(("InvalidInputException",), NOT_YET, sleep, monotonic)

    def desired(self, current: State | None) -> State:
        """Return the crawler with its safe policies; schedule, description and further tags are left to others."""
        return {OWNER: self._owner, **self._state(self._definition | {"Role": self._role_arn})}

    def current(self) -> State | None:
        """Read it. Raises Refused for a crawler over other files or of another stage."""
        found = self._found()
        if found is None:
            return None
        paths = [target.get("Path", "") for target in found.get("Targets", {}).get("S3Targets", [])]
        if [path.rstrip("/") for path in paths] != [datasets(self._settings)[0].table_location.rstrip("/")]:
            raise Refused(
                self.name,
                [f"it exists and crawls {', '.join(paths) or 'nothing in S3'}: choose another GLUE_CRAWLER"],
            )
        owner = self._glue.get_tags(ResourceArn=self._arn).get("Tags", {}).get(TAG)
        refuse_other(self.name, owner, self._owner, "choose another GLUE_CRAWLER")
        return {**with_owner(owner), **self._state(found)}

    def make(self, plan: Plan) -> None:
        """Create or update it, as soon as Glue can take its role, and put this stage's name on it."""
        if plan.creates or {change.field for change in plan.changes} != {OWNER}:
            self._put(plan)
        self._glue.tag_resource(ResourceArn=self._arn, TagsToAdd={TAG: self._owner})

    def _put(self, plan: Plan) -> None:
        request = self._definition | {
            "Name": self._crawler,
            "Role": self._role_arn,
            "Configuration": json.dumps(self._definition["Configuration"]),
        }
        call = self._glue.create_crawler if plan.creates else self._glue.update_crawler
        told = f"{self.name}: Glue could not take role {self._role_arn}"
        self._settling.wait(lambda: call(**cast(Any, request)), told)

    def remove(self, delete_data: bool) -> str:
        """Delete it, unless it crawls something else."""
        try:
            if self._found() is None or self.current() is None:
                return "absent"
        except Refused as refused:
            return f"kept: {refused.reasons[0]}"
        self._glue.delete_crawler(Name=self._crawler)
        return "removed"

    def _found(self) -> dict[str, Any] | None:
        try:
            return cast("dict[str, Any]", self._glue.get_crawler(Name=self._crawler)["Crawler"])
        except self._glue.exceptions.EntityNotFoundException:
            return None

    def _state(self, crawler: dict[str, Any]) -> State:
        configuration = crawler.get("Configuration") or {}
        if isinstance(configuration, str):
            configuration = json.loads(configuration)
        return {
            # Glue answers the role's name where it was given the ARN.
            "role": str(crawler.get("Role", "")).rsplit("/", 1)[-1],
            "database": str(crawler.get("DatabaseName", "")),
            "target": crawler["Targets"]["S3Targets"][0]["Path"].rstrip("/") + "/",
            "schema changes": as_text(crawler.get("SchemaChangePolicy", {})),
            "recrawl": as_text(crawler.get("RecrawlPolicy", {}).get("RecrawlBehavior", "CRAWL_EVERYTHING")),
            "configuration": as_text(configuration),
        }
