"""The target of a deployment: a stage with its datasets in one account and region, and the ARNs that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import NoRegionError

from chalicelib.assembly import datasets
from chalicelib.dataset import Dataset
from chalicelib.settings import LOCAL_STAGE, Settings
from chalicelib.stage import Stage
from glue_setup.clients import CONFIG

if TYPE_CHECKING:
    import boto3

LOCAL_ACCOUNT, LOCAL_REGION = "123456789012", "us-east-1"
"""Those of the embedded AWS, for what is written while it does not run."""


@dataclass(frozen=True)
class Target:
    """A stage in one account and region. `partition` is `aws`, `aws-cn` or `aws-us-gov`."""

    stage: Stage
    datasets: tuple[Dataset, ...]
    account: str
    region: str
    partition: str = "aws"

    @property
    def settings(self) -> Settings:
        """The stage's settings."""
        return self.stage.settings

    @property
    def prefix(self) -> str:
        """How the names of what belongs to the stage alone begin: app and stage."""
        return f"{self.stage.app}-{self.stage.name}"

    @property
    def owner(self) -> str:
        """The stage's name among all stages of an account: app, stage and bucket, which no two stages share."""
        return f"{self.stage.app}/{self.stage.name}/{self.settings.bucket}"

    @property
    def tables(self) -> tuple[str, ...]:
        """The folders of the bucket that have the files of the datasets' tables, each ending with a slash."""
        return tuple(folder for dataset in self.datasets for folder in dataset.folders.values())

    @property
    def bucket(self) -> str:
        """The ARN of the stage's bucket."""
        return f"arn:{self.partition}:s3:::{self.settings.bucket}"

    @property
    def rejected(self) -> tuple[str, str]:
        """The folders of the bucket that have what was rejected: the table's files, and its long records."""
        prefixes = self.datasets[0].prefixes
        return prefixes.rejected, prefixes.long_rejected

    def objects(self, *prefixes: str) -> list[str]:
        """Return the ARN pattern of everything in the bucket below each prefix."""
        return [f"{self.bucket}/{prefix}*" for prefix in prefixes]

    @property
    def workgroup(self) -> str:
        """The ARN of the stage's Athena workgroup."""
        return self._arn("athena", f"workgroup/{self.settings.workgroup}")

    def glue(self, resource: str) -> str:
        """Return the ARN of a Glue resource: `catalog`, `database/D`, `table/D/T`, `crawler/C`."""
        return self._arn("glue", resource)

    def function(self, name: str) -> str:
        """Return the ARN of a Lambda function, by its name in app.py."""
        return self._arn("lambda", f"function:{self.stage.function(name)}")

    def machine(self, name: str) -> str:
        """Return the ARN of a state machine of the stage, by its own name."""
        return self._arn("states", f"stateMachine:{self.prefix}-{name}")

    def executions(self, name: str) -> str:
        """Return the ARN pattern of a state machine's executions; of a map's children by `MACHINE/LABEL`."""
        return self._arn("states", f"execution:{self.prefix}-{name}:*")

    def rule(self, name: str, bus: str = "default") -> str:
        """Return the ARN of a rule of EventBridge's, which names its bus unless that is the default one."""
        return self._arn("events", f"rule/{'' if bus == 'default' else f'{bus}/'}{self.prefix}-{name}")

    @property
    def failed_queue(self) -> str:
        """The ARN of the queue that keeps the events whose load failed."""
        return self._arn("sqs", self.stage.failed_queue)

    @property
    def event_bus(self) -> str:
        """The ARN of the event bus that the stage's events go to."""
        return self._arn("events", f"event-bus/{self.settings.event_bus}")

    @property
    def event_rule_name(self) -> str:
        """The name of the rule that passes the stage's events on to its topic."""
        return f"{self.prefix}-sources"

    @property
    def event_rule(self) -> str:
        """The ARN of that rule."""
        return self.rule("sources", self.settings.event_bus)

    @property
    def events_topic(self) -> str:
        """The ARN of the topic that the stage's events are passed on to."""
        return self._arn("sns", self.settings.events_topic)

    def alarm(self, name: str) -> str:
        """Return the ARN of a CloudWatch alarm."""
        return self._arn("cloudwatch", f"alarm:{name}")

    def log_streams(self, function: str) -> str:
        """Return the ARN pattern of a function's log group and the streams in it, by the function's name in app.py.

        CloudWatch Logs checks writing against the ARN of a stream, which follows a colon, hence the `:*`.
        """
        return self._arn("logs", f"log-group:{self.log_group(function)}:*")

    def log_group(self, function: str) -> str:
        """Return the name of a function's log group, by the function's name in app.py."""
        return f"/aws/lambda/{self.stage.function(function)}"

    def managed_policy(self, name: str) -> str:
        """Return the ARN of a policy that AWS manages."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"

    def role(self, name: str) -> str:
        """Return the ARN of a role of this account."""
        return f"arn:{self.partition}:iam::{self.account}:role/{name}"

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def target_of(session: boto3.Session, stage: Stage, account: str | None = None, region: str | None = None) -> Target:
    """Return the target that the session leads to; `account` and `region` are looked up where they are not given.

    Raises botocore's NoRegionError, NoCredentialsError and ClientError.
    """
    is_local = stage.name == LOCAL_STAGE
    region = region or session.region_name or (LOCAL_REGION if is_local else None)
    if not region:
        raise NoRegionError()
    if account is None:
        sts = session.client("sts", region_name=region, config=CONFIG)
        # Where no endpoint is set, what is written for the embedded AWS must not depend on who is logged in to AWS.
        unset = is_local and "amazonaws.com" in sts.meta.endpoint_url
        account = LOCAL_ACCOUNT if unset else str(sts.get_caller_identity()["Account"])
    return Target(stage, datasets(stage.settings), account, region, session.get_partition_for_region(region))
