"""The Athena workgroup: where results go, what a query may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from chalicelib.stage import Stage
from glue_setup import definitions
from glue_setup.errors import Refused
from glue_setup.ownership import OWNER, TAG, owner_of, refuse_other, with_owner
from glue_setup.place import Place
from glue_setup.resource import Plan, Resource, State

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient


class Workgroup(Resource):
    """The workgroup, enforced: what a caller asks of results and limits is overruled."""

    def __init__(self, client: AthenaClient, stage: Stage, place: Place) -> None:
        settings = stage.settings
        self.name = f"workgroup {settings.workgroup}"
        self._athena = client
        self._settings = settings
        self._owner = owner_of(stage)
        self._arn = place.workgroup(settings.workgroup)
        self._configuration: Any = definitions.workgroup(settings, place)

    def desired(self, current: State | None) -> State:
        """Return the configuration; engine version, state and further tags are left to others."""
        return {OWNER: self._owner, **_state(self._configuration)}

    def current(self) -> State | None:
        """Read it. Raises Refused for the account's primary workgroup and for one of another stage."""
        if self._settings.workgroup == "primary":
            raise Refused(
                self.name,
                ["everybody in the account works in it: give ATHENA_WORKGROUP a name of the pipeline's own"],
            )
        found = self._found()
        if found is None:
            return None
        return {**with_owner(self._checked_owner(found)), **_state(found)}

    def make(self, plan: Plan) -> None:
        """Create it, or update its whole configuration in one call."""
        if plan.creates:
            self._athena.create_work_group(
                Name=self._settings.workgroup,
                Configuration=self._configuration,
                Description="Queries over the orders table.",
                Tags=[{"Key": TAG, "Value": self._owner}],
            )
            return
        changed = {change.field for change in plan.changes}
        if OWNER in changed:
            self._athena.tag_resource(ResourceARN=self._arn, Tags=[{"Key": TAG, "Value": self._owner}])
        if changed == {OWNER}:
            return
        updates = {key: value for key, value in self._configuration.items() if key != "ResultConfiguration"}
        updates["ResultConfigurationUpdates"] = self._configuration["ResultConfiguration"]
        self._athena.update_work_group(WorkGroup=self._settings.workgroup, ConfigurationUpdates=cast(Any, updates))

    def remove(self, delete_data: bool) -> str:
        """Delete it with its history of queries, unless another stage writes through it."""
        found = self._found()
        if found is None:
            return "absent"
        if self._settings.workgroup == "primary":
            return f"kept: it writes to {_location(found) or 'no fixed place'}, not this stage's"
        try:
            self._checked_owner(found)
        except Refused as refused:
            return f"kept: {refused.reasons[0]}"
        self._athena.delete_work_group(WorkGroup=self._settings.workgroup, RecursiveDeleteOption=True)
        return "removed"

    def _checked_owner(self, configuration: dict[str, Any]) -> str | None:
        """Return the stage that the tag names. Raises Refused when it, or else where results go, is another's."""
        remedy = "give this stage an ATHENA_WORKGROUP of its own"
        answer = self._athena.list_tags_for_resource(ResourceARN=self._arn)
        owner = next((tag.get("Value") for tag in answer.get("Tags", []) if tag.get("Key") == TAG), None)
        refuse_other(self.name, owner, self._owner, remedy)
        location = _location(configuration)
        # One without a location is taken over: it may be what a run that stopped half-way left.
        if not owner and location and not location.startswith(f"s3://{self._settings.bucket}/"):
            raise Refused(self.name, [f"it exists and writes to {location}: {remedy}"])
        return owner

    def _found(self) -> dict[str, Any] | None:
        try:
            answer = self._athena.get_work_group(WorkGroup=self._settings.workgroup)
        except ClientError as error:
            told = error.response.get("Error", {})
            # Athena has no error of its own for a workgroup that is not there.
            if told.get("Code") == "InvalidRequestException" and "not found" in told.get("Message", ""):
                return None
            raise
        workgroup = answer.get("WorkGroup")
        return cast("dict[str, Any]", workgroup.get("Configuration", {})) if workgroup else None


def _location(configuration: dict[str, Any]) -> str:
    return str(configuration.get("ResultConfiguration", {}).get("OutputLocation") or "")


def _state(configuration: dict[str, Any]) -> State:
    results = configuration.get("ResultConfiguration", {})
    state = {
        "enforced": configuration.get("EnforceWorkGroupConfiguration"),
        "results": results.get("OutputLocation"),
        "results' encryption": results.get("EncryptionConfiguration", {}).get("EncryptionOption"),
        "results' owner": results.get("ExpectedBucketOwner"),
        "scanned bytes at most": configuration.get("BytesScannedCutoffPerQuery"),
        "metrics": configuration.get("PublishCloudWatchMetricsEnabled"),
        "requester pays": configuration.get("RequesterPaysEnabled", False),
    }
    return {field: str(value) for field, value in state.items() if value is not None}
