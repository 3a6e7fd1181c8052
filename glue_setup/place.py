"""Where a stage lives: partition, region, account, and the ARNs that follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """One account in one region. `partition` is `aws`, `aws-cn` or `aws-us-gov`."""

    account: str
    region: str
    partition: str = "aws"

    def bucket(self, name: str) -> str:
        """Return the ARN of a bucket."""
        return f"arn:{self.partition}:s3:::{name}"

    def objects(self, bucket: str, prefix: str) -> str:
        """Return the ARN pattern of everything under a prefix."""
        return f"{self.bucket(bucket)}/{prefix}*"

    def workgroup(self, name: str) -> str:
        """Return the ARN of an Athena workgroup."""
        return self._here("athena", f"workgroup/{name}")

    def glue(self, resource: str) -> str:
        """Return the ARN of a Glue resource: `catalog`, `database/D`, `table/D/T`, `crawler/C`."""
        return self._here("glue", resource)

    def function(self, name: str) -> str:
        """Return the ARN of a Lambda function."""
        return self._here("lambda", f"function:{name}")

    def queue(self, name: str) -> str:
        """Return the ARN of an SQS queue."""
        return self._here("sqs", name)

    def alarm(self, name: str) -> str:
        """Return the ARN of a CloudWatch alarm."""
        return self._here("cloudwatch", f"alarm:{name}")

    def log_group(self, function: str) -> str:
        """Return the ARN pattern of a function's log group and the streams in it.

        CloudWatch Logs checks writing against the ARN of a stream, which follows a colon, hence the `:*`.
        """
        return self._here("logs", f"log-group:/aws/lambda/{function}:*")

    def managed_policy(self, name: str) -> str:
        """Return the ARN of a policy that AWS manages."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"

    def role(self, name: str) -> str:
        """Return the ARN of a role of this account."""
        return f"arn:{self.partition}:iam::{self.account}:role/{name}"

    def _here(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"
