"""The Athena workgroup: where results go, what a query may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from glue_setup.clients import Clients
from glue_setup.errors import Refused
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State
from glue_setup.target import Target
from glue_setup.terraform_json import snake

if TYPE_CHECKING:
    from mypy_boto3_athena.type_defs import WorkGroupConfigurationTypeDef

BYTES_SCANNED_CUTOFF = 10 * 10**9
"""A query that scans more bytes is cancelled: at $5 per TB it would have cost more than 5 cents. At least 10**7."""


def configuration(target: Target) -> WorkGroupConfigurationTypeDef:
    """Return the workgroup's configuration. It is enforced: no caller chooses where results go or what they cost."""
    return {
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": True,
        "RequesterPaysEnabled": False,
        "BytesScannedCutoffPerQuery": BYTES_SCANNED_CUTOFF,
        "ResultConfiguration": {
            "OutputLocation": target.settings.results_location,
            "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
            "ExpectedBucketOwner": target.account,
        },
    }


class Workgroup(Resource):
    """The workgroup, enforced: what a caller asks of results and limits is overruled."""

    remedy = "give this stage an ATHENA_WORKGROUP of its own"

    def __init__(self, target: Target, clients: Clients) -> None:
        self._workgroup = target.settings.workgroup
        super().__init__(target, clients, f"workgroup {self._workgroup}")
        self._athena = clients.athena
        self._configuration: Any = configuration(target)

    def find(self) -> dict[str, Any] | None:
        """Read configuration and owner. Raises Refused for the account's primary workgroup and another stage's."""
        try:
            answer = self._athena.get_work_group(WorkGroup=self._workgroup)
        except ClientError as error:
            details = error.response.get("Error", {})
            # Athena has no error of its own for a workgroup that is not there.
            if details.get("Code") == "InvalidRequestException" and "not found" in details.get("Message", ""):
                return None
            raise
        if self._workgroup == "primary":
            reason = "everybody in the account works in it: give ATHENA_WORKGROUP a name of the pipeline's own"
            raise Refused(self.name, [reason])
        if "WorkGroup" not in answer:
            return None
        existing = cast("dict[str, Any]", answer["WorkGroup"].get("Configuration", {}))
        tags = self._athena.list_tags_for_resource(ResourceARN=self.target.workgroup).get("Tags", [])
        owner = self.check_owner(next((tag.get("Value") for tag in tags if tag.get("Key") == TAG), None))
        location = str(existing.get("ResultConfiguration", {}).get("OutputLocation") or "")
        # One without a location is taken over: it may be what a run that stopped half-way left.
        if not owner and location and not location.startswith(f"s3://{self.settings.bucket}/"):
            raise Refused(self.name, [f"it exists and writes to {location}: {self.remedy}"])
        return existing | owner

    def state(self, existing: dict[str, Any]) -> State:
        """Return the configuration and whose it is."""
        results = existing.get("ResultConfiguration", {})
        state = {
            OWNER: existing.get(OWNER),
            "enforced": existing.get("EnforceWorkGroupConfiguration"),
            "results": results.get("OutputLocation"),
            "results' encryption": results.get("EncryptionConfiguration", {}).get("EncryptionOption"),
            "results' owner": results.get("ExpectedBucketOwner"),
            "scanned bytes at most": existing.get("BytesScannedCutoffPerQuery"),
            "metrics": existing.get("PublishCloudWatchMetricsEnabled"),
            "requester pays": existing.get("RequesterPaysEnabled", False),
        }
        return {field: str(value) for field, value in state.items() if value is not None}

    def desired(self, current: State | None) -> State:
        """Return the configuration; engine version, state and further tags are left to others."""
        return self.state(self._configuration | {OWNER: self.target.owner})

    def make(self, plan: Plan) -> None:
        """Create it, or update its whole configuration in one call."""
        tags: Any = [{"Key": TAG, "Value": self.target.owner}]
        if plan.creates:
            self._athena.create_work_group(
                Name=self._workgroup,
                Configuration=self._configuration,
                Description="Queries over the orders table.",
                Tags=tags,
            )
            return
        if OWNER in plan.fields:
            self._athena.tag_resource(ResourceARN=self.target.workgroup, Tags=tags)
        if plan.fields != {OWNER}:
            updates = {key: value for key, value in self._configuration.items() if key != "ResultConfiguration"}
            updates["ResultConfigurationUpdates"] = self._configuration["ResultConfiguration"]
            self._athena.update_work_group(WorkGroup=self._workgroup, ConfigurationUpdates=cast(Any, updates))

    def delete(self, existing: dict[str, Any], delete_data: bool) -> None:
        """Delete it with its history of queries."""
        self._athena.delete_work_group(WorkGroup=self._workgroup, RecursiveDeleteOption=True)

    def terraform(self) -> Blocks:
        """Return the workgroup; Terraform spells two of its settings otherwise."""
        text = {
            "enforce_work_group_configuration": "enforce_workgroup_configuration",
            "publish_cloud_watch_metrics_enabled": "publish_cloudwatch_metrics_enabled",
        }
        declared = {text.get(name, name): value for name, value in snake(self._configuration).items()}
        workgroup = {"name": self._workgroup, "tags": self.tags, "configuration": declared}
        return {"aws_athena_workgroup": {"etl": workgroup}}
