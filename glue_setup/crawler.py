"""The crawler of a stage that has one, and the role it runs under."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from chalicelib.settings import Settings
from glue_setup import policies
from glue_setup.clients import Clients
from glue_setup.errors import Refused
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State, as_text
from glue_setup.target import Target
from glue_setup.terraform_json import snake

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import RoleTypeDef

MANAGED_POLICY = "service-role/AWSGlueServiceRole"
INLINE_POLICY = "read-table"
NOT_YET = ("unable to assume", "not authorized to perform")
"""What Glue says of a role that not all of IAM knows yet, with InvalidInputException."""
MAX_ROLE_NAME = 64
"""IAM refuses a longer name."""

TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
"""Who may take the crawler's role: Glue.

Without a condition on `aws:SourceAccount`: no documentation says that Glue sends one when it runs a crawler, and where
it does not the role can never be taken. Only who may pass the role, in this account, can have Glue take it."""


def crawler_name(settings: Settings) -> str:
    """Return the crawler's name: GLUE_CRAWLER, or one of its own in a stage whose loads do not start it."""
    return settings.crawler or f"{settings.bucket}-crawler"


def role_name(target: Target) -> str:
    """Return the name of the crawler's role."""
    return f"{target.prefix}-crawler"[:MAX_ROLE_NAME]


def definition(target: Target) -> dict[str, Any]:
    """Return the crawler, but for its role.

    It may make the tables and register partitions, and nothing else: its defaults remove columns and wipe metadata
    that it did not set. `TableLevelConfiguration` counts from the bucket: 2 is a table's folder, so that no month
    becomes a table of its own.
    """
    return {
        "DatabaseName": target.settings.database,
        "Targets": {"S3Targets": [{"Path": f"s3://{target.settings.bucket}/{folder}"} for folder in target.tables]},
        "SchemaChangePolicy": {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "Configuration": {
            "Version": 1.0,
            "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
            "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 2},
        },
    }


class CrawlerRole(Resource):
    """The role of the crawler: AWS's managed policy for Glue, and reading the tables' files. Nothing is written."""

    def __init__(self, target: Target, clients: Clients) -> None:
        self._role = role_name(target)
        super().__init__(target, clients, f"role {self._role}")
        self._iam = clients.iam
        self._policy = policies.crawler(target)
        self._managed = target.managed_policy(MANAGED_POLICY)

    def find(self) -> RoleTypeDef | None:
        """Read it. Raises Refused for a role of another stage."""
        try:
            # botocore decodes policy documents into dictionaries.
            role = self._iam.get_role(RoleName=self._role)["Role"]
        except self._iam.exceptions.NoSuchEntityException:
            return None
        self.check_owner(_tag(role))
        return role

    def state(self, existing: RoleTypeDef) -> State:
        """Return who may take it and what it may do."""
        trust = as_text(existing.get("AssumeRolePolicyDocument"))
        state = {**self.check_owner(_tag(existing)), "trust": trust}
        if self._managed in self._attached():
            state["managed policy"] = self._managed
        try:
            inline = self._iam.get_role_policy(RoleName=self._role, PolicyName=INLINE_POLICY)
        except self._iam.exceptions.NoSuchEntityException:
            return state
        return state | {f"policy {INLINE_POLICY}": as_text(inline["PolicyDocument"])}

    def desired(self, current: State | None) -> State:
        """Return who may take the role and what it may do; further policies attached to it stay."""
        return {
            OWNER: self.target.owner,
            "trust": as_text(TRUST),
            "managed policy": self._managed,
            f"policy {INLINE_POLICY}": as_text(self._policy),
        }

    def make(self, plan: Plan) -> None:
        """Create it if need be; the rest may be put again and again."""
        role, trust = self._role, json.dumps(TRUST)
        if plan.creates:
            description = "The crawler of the orders table."
            self._iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust, Description=description)
        else:
            self._iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust)
        self._iam.tag_role(RoleName=role, Tags=[{"Key": TAG, "Value": self.target.owner}])
        self._iam.attach_role_policy(RoleName=role, PolicyArn=self._managed)
        self._iam.put_role_policy(RoleName=role, PolicyName=INLINE_POLICY, PolicyDocument=json.dumps(self._policy))

    def delete(self, existing: RoleTypeDef, delete_data: bool) -> None:
        """Delete it with what we attached; AWS refuses while somebody else's policy is attached."""
        if self._managed in self._attached():
            self._iam.detach_role_policy(RoleName=self._role, PolicyArn=self._managed)
        if INLINE_POLICY in self._iam.list_role_policies(RoleName=self._role)["PolicyNames"]:
            self._iam.delete_role_policy(RoleName=self._role, PolicyName=INLINE_POLICY)
        self._iam.delete_role(RoleName=self._role)

    def terraform(self) -> Blocks:
        """Return the role and its policies."""
        role = {"name": self._role, "tags": self.tags, "assume_role_policy": json.dumps(TRUST)}
        inline = {"role": "${aws_iam_role.crawler.id}", "name": self._role, "policy": json.dumps(self._policy)}
        managed = {"role": "${aws_iam_role.crawler.name}", "policy_arn": self._managed}
        return {
            "aws_iam_role": {"crawler": role},
            "aws_iam_role_policy": {"crawler": inline},
            "aws_iam_role_policy_attachment": {"crawler": managed},
        }

    def _attached(self) -> list[str]:
        pages = self._iam.get_paginator("list_attached_role_policies").paginate(RoleName=self._role)
        return [policy.get("PolicyArn", "") for page in pages for policy in page["AttachedPolicies"]]


class Crawler(Resource):
    """The crawler. It makes the tables and registers partitions, and changes nothing that is there."""

    remedy = "choose another GLUE_CRAWLER"

    def __init__(self, target: Target, clients: Clients) -> None:
        self._crawler = crawler_name(target.settings)
        super().__init__(target, clients, f"crawler {self._crawler}")
        self._glue = clients.glue
        self._arn = target.glue(f"crawler/{self._crawler}")
        self._role_arn = target.role(role_name(target))
        self._definition = definition(target)

    def find(self) -> dict[str, Any] | None:
        """Read it and its tags. Raises Refused for one of another stage, and one of nobody's over other files."""
        try:
            crawler = cast("dict[str, Any]", self._glue.get_crawler(Name=self._crawler)["Crawler"])
        except self._glue.exceptions.EntityNotFoundException:
            return None
        tags = self._glue.get_tags(ResourceArn=self._arn).get("Tags", {})
        self.check_owner(tags.get(TAG))
        paths = _paths(crawler)
        if TAG not in tags and (not paths or set(paths) - set(_paths(self._definition))):
            crawls = ", ".join(target.get("Path", "") for target in crawler.get("Targets", {}).get("S3Targets", []))
            raise Refused(self.name, [f"it exists and crawls {crawls or 'nothing in S3'}: {self.remedy}"])
        return crawler | {"Tags": tags}

    def state(self, existing: dict[str, Any]) -> State:
        """Return what it crawls and how, with its owner."""
        configuration = existing.get("Configuration") or {}
        if isinstance(configuration, str):
            configuration = json.loads(configuration)
        return {
            **self.check_owner(existing.get("Tags", {}).get(TAG)),
            # Glue answers the role's name where it was given the ARN.
            "role": str(existing.get("Role", "")).rsplit("/", 1)[-1],
            "database": str(existing.get("DatabaseName", "")),
            "target": ", ".join(_paths(existing)),
            "schema changes": as_text(existing.get("SchemaChangePolicy", {})),
            "recrawl": as_text(existing.get("RecrawlPolicy", {}).get("RecrawlBehavior", "CRAWL_EVERYTHING")),
            "configuration": as_text(configuration),
        }

    def desired(self, current: State | None) -> State:
        """Return the crawler with its safe policies; schedule, description and further tags are left to others."""
        return self.state(self._definition | {"Role": self._role_arn, "Tags": self.tags})

    def make(self, plan: Plan) -> None:
        """Create or update it, as soon as Glue can take its role, and put this stage's name on it."""
        if plan.creates or plan.fields != {OWNER}:
            configuration = json.dumps(self._definition["Configuration"])
            request: Any = {"Name": self._crawler, "Role": self._role_arn, "Configuration": configuration}
            call = self._glue.create_crawler if plan.creates else self._glue.update_crawler
            self.clients.settled(
                lambda: call(**self._definition | request),
                ["InvalidInputException"],
                NOT_YET,
                f"{self.name}: Glue could not take role {self._role_arn}",
            )
        self._glue.tag_resource(ResourceArn=self._arn, TagsToAdd=self.tags)

    def delete(self, existing: dict[str, Any], delete_data: bool) -> None:
        """Delete it."""
        self._glue.delete_crawler(Name=self._crawler)

    def terraform(self) -> Blocks:
        """Return the crawler."""
        crawler = {
            "name": self._crawler,
            "tags": self.tags,
            "role": "${aws_iam_role.crawler.arn}",
            "database_name": "${aws_glue_catalog_database.etl.name}",
            "s3_target": snake(self._definition["Targets"]["S3Targets"]),
            "schema_change_policy": snake(self._definition["SchemaChangePolicy"]),
            "recrawl_policy": snake(self._definition["RecrawlPolicy"]),
            "configuration": json.dumps(self._definition["Configuration"]),
        }
        return {"aws_glue_crawler": {"etl": crawler}}


def _tag(role: RoleTypeDef) -> str | None:
    return next((tag["Value"] for tag in role.get("Tags", []) if tag["Key"] == TAG), None)


def _paths(crawler: dict[str, Any]) -> list[str]:
    """Return what a crawler crawls in S3, each ending with a slash, in one order."""
    return sorted(
        target.get("Path", "").rstrip("/") + "/" for target in crawler.get("Targets", {}).get("S3Targets", [])
    )
