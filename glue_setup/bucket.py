"""The one bucket: private, encrypted, versioned, TLS only, with expiry for what nobody needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from chalicelib.stage import Stage
from glue_setup import definitions
from glue_setup.emptying import empty, foreign
from glue_setup.errors import Refused
from glue_setup.ownership import OWNER, TAG, owner_of, refuse_other
from glue_setup.place import Place
from glue_setup.resource import Change, Plan, Resource, State, as_text
from glue_setup.statements import ours, plain, with_ours

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CreateBucketRequestTypeDef

PRIVATE = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
RULE = "lifecycle rule "


class Bucket(Resource):
    """The bucket and those of its properties that we set.

    Statements of its policy, lifecycle rules and tags of other origin are kept; notifications, CORS and logging are
    never changed. Over plain HTTP (`tls` false: an embedded AWS) the TLS-only statement is left out, since it would
    shut everybody out.
    """

    def __init__(self, client: S3Client, stage: Stage, place: Place, tls: bool = True) -> None:
        self._bucket = stage.settings.bucket
        self.name = f"bucket {self._bucket}"
        self._s3 = client
        self._stage = stage
        self._settings = stage.settings
        self._owner = owner_of(stage)
        self._place = place
        self._tls = tls

    def desired(self, current: State | None) -> State:
        """Return what should be there; an encryption by a KMS key of the account's own is stronger and stays."""
        encryption = (current or {}).get("encryption", "")
        state = {
            OWNER: self._owner,
            "region": self._place.region,
            "public access": "blocked",
            "object ownership": "BucketOwnerEnforced",
            "encryption": encryption if encryption.startswith("aws:kms") else "AES256",
            "versioning": "Enabled",
        }
        if self._tls:
            state["policy statement"] = as_text(plain(definitions.tls_only(self._settings, self._place)))
        return state | {f"{RULE}{rule.get('ID')}": as_text(_comparable(rule)) for rule in self._rules()}

    def current(self) -> State | None:
        """Read those properties. Raises Refused for a bucket in another region, of another account or stage."""
        region = self._region()
        if region is None:
            return None
        state = {
            OWNER: self._checked_owner(),
            "region": region,
            "public access": self._public_access(),
            "object ownership": self._ownership(),
            "encryption": self._encryption(),
            "versioning": self._s3.get_bucket_versioning(Bucket=self._bucket).get("Status"),
        }
        statement = ours(self._policy(), definitions.TLS_SID)
        state["policy statement"] = as_text(statement) if statement else None
        for rule in self._lifecycle().get("Rules", []):
            if rule.get("ID", "").startswith(definitions.OURS):
                state[f"{RULE}{rule['ID']}"] = as_text(_comparable(rule))
        return {field: value for field, value in state.items() if value is not None}

    def make(self, plan: Plan) -> None:
        """Create it if need be, then set what differs, what protects first."""
        changes = list(plan.changes)
        if plan.creates:
            self._create()
            # What AWS gives a new bucket by itself need not be set again.
            changes = list(self.plan().changes)
        for change in changes:
            self._set(change)
        if any(change.field.startswith(RULE) for change in changes):
            self._put_lifecycle()

    def remove(self, delete_data: bool) -> str:
        """Delete the data and the bucket, if asked to; what lies outside of our prefixes is never deleted."""
        if self._region() is None:
            return "absent"
        try:
            owner = self._checked_owner()
        except Refused as refused:
            return f"kept: {refused.reasons[0]}"
        if not delete_data:
            return "kept, with all data (destroy --delete-data removes both)"
        if owner is None and not self._set_up():
            return f"kept: nothing tells that it is this stage's: run apply, which sets its tag {TAG}, then this again"
        prefixes = [*self._settings.prefixes, definitions.RELEASE_PREFIX]
        count = sum(empty(self._s3, self._bucket, prefix) for prefix in prefixes)
        others = foreign(self._s3, self._bucket, prefixes)
        if others:
            named = ", ".join(others[:5])
            self._put_tags({key: value for key, value in self._tags().items() if key != TAG})
            return (
                f"kept: our {count} object versions are deleted, but it also holds {named}: remove what you can spare"
            )
        self._s3.delete_bucket(Bucket=self._bucket)
        return f"removed, with {count} object versions"

    def check_owner(self) -> None:
        """Raise Refused for a bucket of another stage or account, or in another region."""
        if self._region() is not None:
            self._checked_owner()

    def _checked_owner(self) -> str | None:
        """Return the stage that the bucket's tag names. Raises Refused when it, or else its content, is another's."""
        remedy = "give this stage an ETL_BUCKET of its own"
        owner = self._tags().get(TAG)
        refuse_other(self.name, owner, self._owner, remedy)
        signs = [] if owner else [*self._other_records(), *self._other_notifications()]
        if signs:
            tag = f"to make it this stage's all the same, set its tag {TAG} to {self._owner}"
            raise Refused(self.name, [f"another stage uses it, {', '.join(signs)}: {remedy}; {tag}"])
        return owner

    def _other_records(self) -> list[str]:
        listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=definitions.RELEASE_PREFIX)
        ours = f"{definitions.RELEASE_PREFIX}{self._stage.name}.json"
        return [f"{each['Key']} tells" for each in listed.get("Contents", []) if each["Key"] != ours]

    def _other_notifications(self) -> list[str]:
        found = self._s3.get_bucket_notification_configuration(Bucket=self._bucket)
        incoming, ours = self._settings.incoming_prefix, self._stage.function("load_orders")
        signs = []
        for each in found.get("LambdaFunctionConfigurations", []):
            rules = each.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            prefix = next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), "")
            function = each["LambdaFunctionArn"].rsplit(":function:", 1)[-1].partition(":")[0]
            if function != ours and (prefix.startswith(incoming) or incoming.startswith(prefix)):
                signs.append(f"it announces {prefix or 'all objects'} to function {function}")
        return signs

    def _set_up(self) -> bool:
        """Tell whether apply has been at this bucket: no version of it left out the lifecycle rules."""
        return any(rule.get("ID", "").startswith(definitions.OURS) for rule in self._lifecycle().get("Rules", []))

    def _tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self._read("get_bucket_tagging", "NoSuchTagSet").get("TagSet", [])}

    def _put_tags(self, tags: dict[str, str]) -> None:
        # This call replaces all tags, and S3 refuses to lose CloudFormation's: all that are there are put again.
        # https://github.com/cloud-custodian/cloud-custodian/pull/2861
        if tags:
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            self._s3.put_bucket_tagging(Bucket=self._bucket, Tagging={"TagSet": cast(Any, pairs)})
        else:
            self._s3.delete_bucket_tagging(Bucket=self._bucket)

    def _region(self) -> str | None:
        try:
            head = self._s3.head_bucket(Bucket=self._bucket, ExpectedBucketOwner=self._place.account)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in {"404", "NoSuchBucket"}:
                return None
            if code in {"403", "AccessDenied", "Forbidden"}:
                raise Refused(
                    self.name,
                    [
                        f"it exists, but not for account {self._place.account}: if it belongs to somebody else choose "
                        "another ETL_BUCKET, if it is yours allow s3:ListBucket to the caller"
                    ],
                ) from None
            raise
        region = head.get("BucketRegion") or self._place.region
        if region != self._place.region:
            raise Refused(
                self.name,
                [f"it is in {region}, the stage in {self._place.region}: set AWS_DEFAULT_REGION={region}"],
            )
        return region

    def _create(self) -> None:
        request: CreateBucketRequestTypeDef = {"Bucket": self._bucket, "ObjectOwnership": "BucketOwnerEnforced"}
        if self._place.region != "us-east-1":
            # us-east-1 is the one region that S3 refuses to be told.
            request["CreateBucketConfiguration"] = {"LocationConstraint": cast(Any, self._place.region)}
        try:
            self._s3.create_bucket(**request)
        except self._s3.exceptions.BucketAlreadyOwnedByYou:
            return

    def _set(self, change: Change) -> None:
        if change.field == OWNER:
            self._put_tags(self._tags() | {TAG: self._owner})
        elif change.field == "public access":
            self._s3.put_public_access_block(Bucket=self._bucket, PublicAccessBlockConfiguration=cast(Any, PRIVATE))
        elif change.field == "object ownership":
            self._s3.put_bucket_ownership_controls(
                Bucket=self._bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
            )
        elif change.field == "encryption":
            self._s3.put_bucket_encryption(
                Bucket=self._bucket,
                ServerSideEncryptionConfiguration={
                    # A bucket key saves calls to KMS only; SSE-S3 makes none.
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                },
            )
        elif change.field == "versioning":
            self._s3.put_bucket_versioning(Bucket=self._bucket, VersioningConfiguration={"Status": "Enabled"})
        elif change.field == "policy statement":
            self._put_policy()

    def _put_policy(self) -> None:
        statement = definitions.tls_only(self._settings, self._place) if self._tls else None
        policy = with_ours(self._policy(), definitions.TLS_SID, statement)
        if policy:
            self._s3.put_bucket_policy(Bucket=self._bucket, Policy=json.dumps(policy))
        else:
            self._s3.delete_bucket_policy(Bucket=self._bucket)

    def _put_lifecycle(self) -> None:
        found = self._lifecycle()
        others = [r for r in found.get("Rules", []) if not r.get("ID", "").startswith(definitions.OURS)]
        extra = {}
        if "TransitionDefaultMinimumObjectSize" in found:
            # Left out, S3 would set its default over what somebody chose.
            extra["TransitionDefaultMinimumObjectSize"] = found["TransitionDefaultMinimumObjectSize"]
        self._s3.put_bucket_lifecycle_configuration(
            Bucket=self._bucket, LifecycleConfiguration={"Rules": [*others, *self._rules()]}, **extra
        )

    def _rules(self) -> list[Any]:
        return definitions.lifecycle_rules(self._settings)

    def _public_access(self) -> str | None:
        found = self._read("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
        if not found:
            return None
        block = found["PublicAccessBlockConfiguration"]
        open_doors = [name for name in PRIVATE if not block.get(name)]
        return f"without {', '.join(open_doors)}" if open_doors else "blocked"

    def _ownership(self) -> str | None:
        found = self._read("get_bucket_ownership_controls", "OwnershipControlsNotFoundError")
        return found["OwnershipControls"]["Rules"][0]["ObjectOwnership"] if found else None

    def _encryption(self) -> str | None:
        found = self._read("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError")
        if not found:
            return None
        rule = found["ServerSideEncryptionConfiguration"]["Rules"][0]
        return str(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"))

    def _policy(self) -> dict[str, Any]:
        found = self._read("get_bucket_policy", "NoSuchBucketPolicy")
        policy: dict[str, Any] = json.loads(found["Policy"]) if found else {}
        if isinstance(policy.get("Statement"), dict):
            policy["Statement"] = [policy["Statement"]]
        return policy

    def _lifecycle(self) -> dict[str, Any]:
        return self._read("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")

    def _read(self, call: str, absent: str) -> dict[str, Any]:
        try:
            return dict(getattr(self._s3, call)(Bucket=self._bucket))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == absent:
                return {}
            raise


def _comparable(rule: Any) -> dict[str, Any]:
    """Return a lifecycle rule in one spelling: S3 may answer an empty filter where an empty prefix was put."""
    plain = {key: value for key, value in rule.items() if key not in {"Filter", "Prefix"}}
    filtered = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    return plain | {"Filter": filtered if filtered.get("Prefix") != "" else {}}
