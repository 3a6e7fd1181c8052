"""Edge to S3 for the REST API: links that expire, and a look at single objects."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.config import Config
from msgspec import Struct

from chalicelib.aws.errors import NOT_FOUND, edge, unless_code
from chalicelib.aws.session import make_client
from chalicelib.loading.models import ObjectSummary, version_of

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

ENCRYPTION = "AES256"


def link_client(**options: Any) -> S3Client:
    """Return a client whose links are of Signature V4 and lead to the bucket's own region.

    Without the addressing style botocore signs links for the global address, which redirects a POST to a bucket in
    another region. `options` are those of `boto3.client`.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        retries={"mode": "standard", "max_attempts": 3},
        connect_timeout=3,
        read_timeout=10,
    )
    made: S3Client = make_client("s3", config=config, **options)
    return made


class ObjectVersion(Struct, frozen=True):
    """A version of an object: the version id, else the ETag, as the ledger has it, and when it was written, in UTC.

    `size` is in bytes.
    """

    version: str
    modified_at: datetime
    size: int


class KeyVersion(Struct, frozen=True):
    """One version of a key as S3's list of versions has it. `deletion`: it says that the key was deleted."""

    version: str
    modified_at: datetime
    size: int | None
    deletion: bool


@edge
class LinkBucket:
    """The bucket of a stage over a client of `link_client`. Every method raises AwsError."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def upload_form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> tuple[str, dict[str, str]]:
        """Return URL and fields of a form that takes one file under exactly this key, for `seconds`.

        The file has 1 to `max_bytes` bytes; content type and encryption are fixed. S3 refuses what differs.
        """
        fixed = {"Content-Type": content_type, "x-amz-server-side-encryption": ENCRYPTION}
        conditions: list[Any] = [{name: value} for name, value in fixed.items()]
        conditions.append(["content-length-range", 1, max_bytes])
        form = self._client.generate_presigned_post(self._bucket, key, dict(fixed), conditions, ExpiresIn=seconds)
        return form["url"], form["fields"]

    def download_link(self, key: str, name: str, seconds: int) -> str:
        """Return a link that downloads one object as a file of this name, for `seconds`."""
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        request = {"Bucket": self._bucket, "Key": key, "ResponseContentDisposition": disposition}
        return self._client.generate_presigned_url("get_object", Params=request, ExpiresIn=seconds)

    def head(self, key: str) -> ObjectVersion | None:
        """Return the object's current version, or None where there is no object."""
        answer = unless_code(NOT_FOUND, lambda: self._client.head_object(Bucket=self._bucket, Key=key))
        if answer is None:
            return None
        version = version_of(answer.get("VersionId"), answer["ETag"].strip('"'))
        return ObjectVersion(version, answer["LastModified"], answer["ContentLength"])

    def read(self, key: str) -> tuple[bytes, datetime] | None:
        """Return an object's bytes and when it was written, or None where there is no object."""
        answer = unless_code(NOT_FOUND, lambda: self._client.get_object(Bucket=self._bucket, Key=key))
        return None if answer is None else (answer["Body"].read(), answer["LastModified"])

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Store bytes under `key`."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    def read_start(self, key: str, size: int) -> bytes:
        """Return the first `size` bytes of an object, nothing of one that is empty or not there."""
        part = f"bytes=0-{size - 1}"
        answer = unless_code(
            NOT_FOUND | {"InvalidRange"}, lambda: self._client.get_object(Bucket=self._bucket, Key=key, Range=part)
        )
        return b"" if answer is None else answer["Body"].read()

    def stream(self, key: str) -> StreamingBody | None:
        """Return an object's bytes to read piece by piece, or None where there is no object."""
        answer = unless_code(NOT_FOUND, lambda: self._client.get_object(Bucket=self._bucket, Key=key))
        return None if answer is None else answer["Body"]

    def list_below(self, prefix: str, after: str = "") -> tuple[list[ObjectSummary], bool]:
        """Return up to 1000 objects below `prefix` whose keys follow `after`, and whether there are more."""
        answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=after)
        objects = [
            ObjectSummary(each["Key"], each["ETag"].strip('"'), each["Size"], each["LastModified"])
            for each in answer.get("Contents", ())
        ]
        return objects, bool(answer.get("IsTruncated"))

    def versions(self, key: str) -> list[KeyVersion]:
        """Return the versions of a key, deletions among them, newest first: the 1000 newest at most."""
        answer: Any = self._client.list_object_versions(Bucket=self._bucket, Prefix=key)
        listed = [*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())]
        # Keys that only begin with this one are listed too.
        of_key = [each for each in listed if each["Key"] == key]
        of_key.sort(key=lambda each: (each["IsLatest"], each["LastModified"]), reverse=True)
        return [
            KeyVersion(
                version_of(each.get("VersionId"), each.get("ETag")),
                each["LastModified"],
                each.get("Size"),
                "ETag" not in each,
            )
            for each in of_key
        ]
