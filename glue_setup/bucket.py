"""The one bucket: private, encrypted, versioned, TLS only, with expiry for what nobody needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from chalicelib.loading.ledger_index import FOLDER as SWEEP_INDEX
from chalicelib.settings import Settings
from glue_setup.clients import Clients
from glue_setup.emptying import empty, others_than
from glue_setup.errors import Refused
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State, as_text
from glue_setup.statements import Document, normalized, ours, policy_of, tls_only, with_ours
from glue_setup.target import Target
from glue_setup.terraform_json import snake

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CreateBucketRequestTypeDef, LifecycleRuleUnionTypeDef

OURS = "orders-etl-"
"""How the ids of our lifecycle rules begin: a rule with another id is never touched."""
RELEASE_PREFIX = "orders_release/"
"""Where the bucket keeps what was deployed, beside the prefixes of the settings; see release.record."""

RESULTS_DAYS = 7
"""Query results are deleted after this many days; a query can be asked again."""
OLD_VERSIONS_DAYS = 30
"""Overwritten and deleted objects can be brought back for this many days."""
OPEN_UPLOADS_DAYS = 2
"""Parts of uploads that were never completed are deleted after this many days: a load takes minutes."""

PRIVATE = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
OWNED: Any = [{"ObjectOwnership": "BucketOwnerEnforced"}]
# A bucket key saves calls to KMS only; SSE-S3 makes none.
ENCRYPTED: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
RULE = "lifecycle rule "
ETL = "${aws_s3_bucket.etl.id}"


def lifecycle_rules(settings: Settings) -> list[LifecycleRuleUnionTypeDef]:
    """Return our lifecycle rules. Incoming, tables, quarantine and ledger never expire."""
    return [
        {
            "ID": f"{OURS}results",
            "Status": "Enabled",
            "Filter": {"Prefix": settings.results_prefix},
            "Expiration": {"Days": RESULTS_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {
            "ID": f"{OURS}old-versions",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            # A delete marker with nothing behind it only slows the listing that every query makes.
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
        },
        {
            # A megabyte for each 20,000 objects, written again in every round that finds anything new.
            "ID": f"{OURS}sweep-index",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{settings.state_prefix}{SWEEP_INDEX}"},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {
            "ID": f"{OURS}open-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": OPEN_UPLOADS_DAYS},
        },
    ]


def bucket_statement(target: Target) -> Document:
    """Return the statement of the bucket policy that denies every request without TLS."""
    return tls_only("s3:*", [target.bucket, f"{target.bucket}/*"])


class Bucket(Resource):
    """The bucket and those of its properties that we set.

    Statements of its policy, lifecycle rules and tags of other origin are kept; notifications, CORS and logging are
    never changed. Over plain HTTP (an embedded AWS) the TLS-only statement is left out, since it would shut everybody
    out.
    """

    remedy = "give this stage an ETL_BUCKET of its own"

    def __init__(self, target: Target, clients: Clients) -> None:
        self._bucket = target.settings.bucket
        super().__init__(target, clients, f"bucket {self._bucket}")
        self._s3 = clients.s3
        self._rules = lifecycle_rules(target.settings)
        self._statement = bucket_statement(target) if clients.tls else None

    def find(self) -> State | None:
        """Return its region and owner. Raises Refused for one in another region, of another account or stage."""
        region = self._region()
        return None if region is None else {"region": region, **self.check_owner(self._owner())}

    def state(self, existing: State) -> State:
        """Read its properties."""
        statement = ours(self._policy())
        state = {
            **existing,
            "public access": self._public_access(),
            "object ownership": self._object_ownership(),
            "encryption": self._encryption(),
            "versioning": self._s3.get_bucket_versioning(Bucket=self._bucket).get("Status"),
            "policy statement": as_text(statement) if statement else None,
            **{f"{RULE}{rule['ID']}": as_text(_comparable(rule)) for rule in self._lifecycle_rules(is_ours=True)},
        }
        return {field: value for field, value in state.items() if value is not None}

    def desired(self, current: State | None) -> State:
        """Return what should be there; an encryption by a KMS key of the account's own is stronger and stays."""
        encryption = (current or {}).get("encryption", "")
        state = {
            OWNER: self.target.owner,
            "region": self.target.region,
            "public access": "blocked",
            "object ownership": "BucketOwnerEnforced",
            "encryption": encryption if encryption.startswith("aws:kms") else "AES256",
            "versioning": "Enabled",
        }
        if self._statement:
            state["policy statement"] = as_text(normalized(self._statement))
        return state | {f"{RULE}{rule.get('ID')}": as_text(_comparable(rule)) for rule in self._rules}

    def make(self, plan: Plan) -> None:
        """Create it if need be, then set what differs, what protects first."""
        if plan.creates:
            self._create()
            # What AWS gives a new bucket by itself need not be set again.
            plan = self.plan()
        for change in plan.changes:
            self._set(change.field)
        if any(field.startswith(RULE) for field in plan.fields):
            self._put_lifecycle()

    def delete(self, existing: State, delete_data: bool) -> str:
        """Delete the data and the bucket, if asked to; what lies outside of our prefixes is never deleted."""
        if not delete_data:
            return "kept, with all data (destroy --delete-data removes both)"
        # No version of apply left out the lifecycle rules: without them it has never been at this bucket.
        if OWNER not in existing and not self._lifecycle_rules(is_ours=True):
            return f"kept: nothing tells that it is this stage's: run apply, which sets its tag {TAG}, then this again"
        prefixes = [*self.settings.prefixes, *self.target.tables, RELEASE_PREFIX]
        count = sum(empty(self._s3, self._bucket, prefix) for prefix in prefixes)
        others = others_than(self._s3, self._bucket, prefixes)
        if others:
            self._put_tags({key: value for key, value in self._tags().items() if key != TAG})
            return (
                f"kept: our {count} object versions are deleted, but it also holds {', '.join(others[:5])}: remove "
                "what you can spare"
            )
        self._s3.delete_bucket(Bucket=self._bucket)
        return f"removed, with {count} object versions"

    def terraform(self) -> Blocks:
        """Return the bucket; Terraform refuses to destroy it, since it holds the data."""
        parts: dict[str, Any] = {
            "public_access_block": snake(PRIVATE),
            "ownership_controls": {"rule": snake(OWNED[0])},
            "server_side_encryption_configuration": {
                "rule": {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
            },
            "versioning": {"versioning_configuration": {"status": "Enabled"}},
            "policy": {"policy": json.dumps(policy_of(bucket_statement(self.target)))},
            "lifecycle_configuration": {"rule": snake(self._rules)},
        }
        bucket = {"bucket": self._bucket, "tags": self.tags, "lifecycle": {"prevent_destroy": True}}
        return {
            "aws_s3_bucket": {"etl": bucket},
            **{f"aws_s3_bucket_{part}": {"etl": {"bucket": ETL, **each}} for part, each in parts.items()},
        }

    def _owner(self) -> str | None:
        """Return the stage that the tag names. Raises Refused where there is none, and its content is another's."""
        owner = self._tags().get(TAG)
        signs = [] if owner else [*self._other_records(), *self._other_notifications()]
        if signs:
            tag = f"to make it this stage's all the same, set its tag {TAG} to {self.target.owner}"
            raise Refused(self.name, [f"another stage uses it, {', '.join(signs)}: {self.remedy}; {tag}"])
        return owner

    def _other_records(self) -> list[str]:
        listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=RELEASE_PREFIX)
        own = f"{RELEASE_PREFIX}{self.target.stage.name}.json"
        return [f"{each['Key']} tells" for each in listed.get("Contents", []) if each["Key"] != own]

    def _other_notifications(self) -> list[str]:
        notifications = self._s3.get_bucket_notification_configuration(Bucket=self._bucket)
        incoming = self.settings.incoming_prefix
        # Version 0.1 named the function that loads otherwise.
        own = {self.target.stage.function(name) for name in ("load", "load_orders")}
        signs = []
        for each in notifications.get("LambdaFunctionConfigurations", []):
            rules = each.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            prefix = next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), "")
            function = each["LambdaFunctionArn"].rsplit(":function:", 1)[-1].partition(":")[0]
            if function not in own and (prefix.startswith(incoming) or incoming.startswith(prefix)):
                signs.append(f"it announces {prefix or 'all objects'} to function {function}")
        return signs

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
        account, region = self.target.account, self.target.region
        try:
            head = self._s3.head_bucket(Bucket=self._bucket, ExpectedBucketOwner=account)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in {"404", "NoSuchBucket"}:
                return None
            if code not in {"403", "AccessDenied", "Forbidden"}:
                raise
            reason = (
                f"it exists, but not for account {account}: if it belongs to somebody else choose another ETL_BUCKET, "
                "if it is yours allow s3:ListBucket to the caller"
            )
            raise Refused(self.name, [reason]) from None
        actual = head.get("BucketRegion") or region
        if actual != region:
            reason = f"it is in {actual}, the stage in {region}: set AWS_DEFAULT_REGION={actual}"
            raise Refused(self.name, [reason])
        return actual

    def _create(self) -> None:
        request: CreateBucketRequestTypeDef = {"Bucket": self._bucket, "ObjectOwnership": "BucketOwnerEnforced"}
        if self.target.region != "us-east-1":
            # us-east-1 is the one region that S3 does not take here.
            request["CreateBucketConfiguration"] = {"LocationConstraint": cast(Any, self.target.region)}
        try:
            self._s3.create_bucket(**request)
        except self._s3.exceptions.BucketAlreadyOwnedByYou:
            return

    def _set(self, field: str) -> None:
        name = self._bucket
        if field == OWNER:
            self._put_tags(self._tags() | self.tags)
        elif field == "public access":
            self._s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=cast(Any, PRIVATE))
        elif field == "object ownership":
            self._s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": OWNED})
        elif field == "encryption":
            self._s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [ENCRYPTED]})
        elif field == "versioning":
            self._s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        elif field == "policy statement":
            policy = with_ours(self._policy(), self._statement)
            if policy:
                self._s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
            else:
                self._s3.delete_bucket_policy(Bucket=name)

    def _put_lifecycle(self) -> None:
        # Left out, S3 would set its default over what somebody chose.
        size = "TransitionDefaultMinimumObjectSize"
        kept = {key: value for key, value in self._lifecycle().items() if key == size}
        rules = [*self._lifecycle_rules(is_ours=False), *self._rules]
        self._s3.put_bucket_lifecycle_configuration(
            Bucket=self._bucket, LifecycleConfiguration={"Rules": rules}, **cast(Any, kept)
        )

    def _public_access(self) -> str | None:
        answer = self._read("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
        if not answer:
            return None
        missing = [name for name in PRIVATE if not answer["PublicAccessBlockConfiguration"].get(name)]
        return f"without {', '.join(missing)}" if missing else "blocked"

    def _object_ownership(self) -> str | None:
        answer = self._read("get_bucket_ownership_controls", "OwnershipControlsNotFoundError")
        return answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"] if answer else None

    def _encryption(self) -> str | None:
        answer = self._read("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError")
        if not answer:
            return None
        rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
        return str(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"))

    def _policy(self) -> Document:
        answer = self._read("get_bucket_policy", "NoSuchBucketPolicy")
        policy: Document = json.loads(answer["Policy"]) if answer else {}
        if isinstance(policy.get("Statement"), dict):
            policy["Statement"] = [policy["Statement"]]
        return policy

    def _lifecycle(self) -> dict[str, Any]:
        return self._read("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")

    def _lifecycle_rules(self, is_ours: bool) -> list[Any]:
        return [each for each in self._lifecycle().get("Rules", []) if each.get("ID", "").startswith(OURS) == is_ours]

    def _read(self, call: str, absent: str) -> dict[str, Any]:
        try:
            return dict(getattr(self._s3, call)(Bucket=self._bucket))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == absent:
                return {}
            raise


def _comparable(rule: Any) -> dict[str, Any]:
    """Return a lifecycle rule in one spelling: S3 may answer an empty filter where an empty prefix was put."""
    others = {key: value for key, value in rule.items() if key not in {"Filter", "Prefix"}}
    filtered = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    return others | {"Filter": filtered if filtered.get("Prefix") != "" else {}}
