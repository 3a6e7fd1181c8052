"""Edge to S3: streams that survive a broken connection, files that appear all at once, objects with conditions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ReadTimeoutError
from msgspec import Struct, field
from urllib3.exceptions import HTTPError

from chalicelib.aws.errors import BROKEN, NOT_FOUND, edge, error_code, unless_code
from chalicelib.aws.session import make_client
from chalicelib.errors import NotThereYet
from chalicelib.loading.models import Arrival, Folders, ObjectSummary, Page, VersionedJson, version_of
from chalicelib.settings import MIB

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

PART_BYTES = 8 * MIB
MOST_DELETED = 1000
"""How many objects S3 removes by one request."""
CONNECTIONS = 16
"""How many requests may be under way at the same time over one client."""
RESUMES = 3
"""How often in a row reading goes on after a connection that broke before it gave anything."""

SETTLES = timedelta(minutes=15)
"""How long a version that was announced may not be there yet, where versioning was just switched on."""

_MISSING = NOT_FOUND | {"NoSuchVersion"}
_GONE = _MISSING | {"412", "PreconditionFailed", "MethodNotAllowed", "405"}
_NO_VERSION = frozenset({"400", "InvalidArgument"})
_LOST_RACE = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey"})
_BROKEN = (HTTPClientError, IncompleteReadError, ReadTimeoutError, HTTPError, ConnectionError)


def s3_client(region: str | None = None) -> S3Client:
    """Return a client that retries what may pass."""
    config = Config(retries={"mode": "standard", "max_attempts": 6}, read_timeout=60, max_pool_connections=CONNECTIONS)
    made: S3Client = make_client("s3", region_name=region, config=config)
    return made


class SourceObject(Struct):
    """An object that is being read; `modified_at` is in UTC, `size` in bytes."""

    size: int
    modified_at: datetime
    stream: ResumingStream


@edge
class ResumingStream:
    """Reads one version of an object to its end, going on where a broken connection left off."""

    def __init__(self, client: S3Client, get: dict[str, Any], answer: Any) -> None:
        self._client = client
        self._get = {**get, "IfMatch": answer["ETag"]}
        self._body = answer["Body"]
        self._size = answer["ContentLength"]
        self._position = 0
        self._resumes = 0

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, at least one unless the object has ended."""
        while self._position < self._size:
            try:
                data: bytes = self._body.read(min(size, self._size - self._position))
                if data:
                    self._position += len(data)
                    # A large object may take many connections: what counts is whether it goes on.
                    self._resumes = 0
                    return data
                raise ConnectionError(f"the object ended after {self._position} of {self._size} bytes")
            except _BROKEN:
                if self._resumes == RESUMES:
                    raise
                self._resumes += 1
                self._body = self._client.get_object(**self._get, Range=f"bytes={self._position}-")["Body"]
        return b""


class Upload(Struct):
    """A multipart upload whose parts are there and which nobody sees until it is completed."""

    key: str
    upload_id: str
    parts: list[Any] = field(default_factory=list)


@edge
class Storage:
    """The one bucket of a stage: a loading.store.ObjectStore. Every method raises AwsError."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def open(self, arrival: Arrival) -> SourceObject | None:
        """Open the version that was announced, or return None when it is there no more.

        Raises NotThereYet where a version that has just come is not there yet. For about 15 minutes after versioning
        was first switched on, S3 may answer so.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
        """
        get = self._get(arrival)
        try:
            answer = self._client.get_object(**get)
        except ClientError as error:
            if error_code(error) not in _GONE:
                raise
            age = None if arrival.event_time is None else _now(error.response) - arrival.event_time
            is_missing = error_code(error) in _MISSING
            if is_missing and arrival.version_id and age is not None and age < SETTLES:
                raise NotThereYet(arrival.key) from None
            return None
        stream = ResumingStream(self._client, get, answer)
        return SourceObject(answer["ContentLength"], answer["LastModified"], stream)

    def current(self, key: str) -> Arrival | None:
        """Return the newest version of an object, or None when the key is there no more."""
        head = unless_code(_GONE, lambda: self._client.head_object(Bucket=self._bucket, Key=key))
        if head is None:
            return None
        version_id, etag = head.get("VersionId"), head["ETag"].strip('"')
        version = version_of(version_id, etag)
        return Arrival(self._bucket, key, version, version_id, etag, size=head["ContentLength"])

    def modified_at(self, arrival: Arrival) -> datetime | None:
        """Return when the version that was announced was written, or None when there is none of that name.

        The ledger may know a version by its ETag, from before the bucket kept versions, or a deletion by its marker.
        """
        head = unless_code(_GONE | _NO_VERSION, lambda: self._client.head_object(**self._get(arrival)))
        return None if head is None else head["LastModified"]

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Page:
        """Return objects below `prefix` whose keys follow `after`, in the order of S3."""
        answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=after, MaxKeys=limit)
        objects = [
            ObjectSummary(each["Key"], each["ETag"].strip('"'), each["Size"], each["LastModified"])
            for each in answer.get("Contents", ())
        ]
        return Page(tuple(objects), bool(answer.get("IsTruncated")), _now(answer))

    def folders(self, prefix: str) -> Folders:
        """Return the folders right below `prefix`, which ends with a slash, that have anything in them."""
        names: list[str] = []
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix, "Delimiter": "/"}
        while True:
            answer = self._client.list_objects_v2(**request)
            names += (each["Prefix"] for each in answer.get("CommonPrefixes", ()))
            if not answer.get("IsTruncated"):
                return Folders(tuple(names), _now(answer))
            request["ContinuationToken"] = answer["NextContinuationToken"]

    def put_file(self, key: str, path: Path) -> None:
        """Store a file under `key`, all at once."""
        with path.open("rb") as body:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=_content_type(key))

    def begin(self, key: str) -> Upload:
        """Begin an object whose parts are sent one by one; see `add`, `complete` and `abort`."""
        begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=_content_type(key))
        return Upload(key, begun["UploadId"])

    def add(self, upload: Upload, part: bytes) -> None:
        """Send the next part of an object, of at least 5 MiB unless it is the last."""
        number = len(upload.parts) + 1
        answer = self._client.upload_part(
            Bucket=self._bucket, Key=upload.key, UploadId=upload.upload_id, PartNumber=number, Body=part
        )
        upload.parts.append({"ETag": answer["ETag"], "PartNumber": number})

    def stage(self, key: str, path: Path) -> Upload:
        """Send a file without making the object appear, and remove it from disk; see `complete` and `abort`."""
        upload = self.begin(key)
        try:
            with path.open("rb") as file:
                while part := file.read(PART_BYTES):
                    self.add(upload, part)
        except BaseException:
            self.abort(upload)
            raise
        path.unlink()
        return upload

    def complete(self, upload: Upload) -> None:
        """Make a staged object appear."""
        self._client.complete_multipart_upload(
            Bucket=self._bucket,
            Key=upload.key,
            UploadId=upload.upload_id,
            MultipartUpload={"Parts": upload.parts},
        )

    def abort(self, upload: Upload) -> None:
        """Drop a staged object. A failure leaves it to the bucket's lifecycle rule."""
        with suppress(ClientError, *BROKEN):
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=upload.key, UploadId=upload.upload_id)

    def put(self, key: str, body: bytes) -> None:
        """Store bytes under `key`."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=_content_type(key))

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, many by one request; those that are not there are no error."""
        for some in _batched(keys, MOST_DELETED):
            if len(some) == 1:
                self._client.delete_object(Bucket=self._bucket, Key=some[0])
                continue
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
            )
            for error in answer.get("Errors", ()):
                # The answer as a whole is a good one, whatever became of each.
                raise ClientError({"Error": {"Code": error.get("Code", "unknown")}}, "DeleteObjects")

    def copy(self, key: str, target: str) -> None:
        """Copy an object within the bucket; one that is there no more leaves nothing to be kept."""
        source: CopySourceTypeDef = {"Bucket": self._bucket, "Key": key}
        unless_code(_GONE, lambda: self._client.copy_object(Bucket=self._bucket, Key=target, CopySource=source))

    def read_start(self, key: str, size: int) -> bytes:
        """Return the first bytes of an object, nothing of one that is not there."""
        answer = unless_code(NOT_FOUND, lambda: self._client.get_object(Bucket=self._bucket, Key=key))
        return b"" if answer is None else answer["Body"].read(size)

    def read_json(self, key: str) -> VersionedJson | None:
        """Return a JSON object with its ETag and age, or None where there is none."""
        answer = unless_code(NOT_FOUND, lambda: self._client.get_object(Bucket=self._bucket, Key=key))
        if answer is None:
            return None
        return VersionedJson(_parsed(answer["Body"].read()), answer["ETag"], answer["LastModified"], _now(answer))

    def write_json(self, key: str, value: dict[str, Any], etag: str | None) -> str | None:
        """Store a JSON object if what is there has this ETag (None: if nothing is there).

        Returns the new ETag, or None when another was quicker.
        """
        condition: dict[str, Any] = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        answer = unless_code(
            _LOST_RACE,
            lambda: self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=json.dumps(value, ensure_ascii=False, indent=1).encode(),
                ContentType="application/json",
                **condition,
            ),
        )
        return None if answer is None else answer["ETag"]

    def _get(self, arrival: Arrival) -> dict[str, Any]:
        get: dict[str, Any] = {"Bucket": self._bucket, "Key": arrival.key}
        if arrival.version_id:
            get["VersionId"] = arrival.version_id
        elif arrival.etag:
            get["IfMatch"] = f'"{arrival.etag}"'
        return get


def _batched(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(keys)
    while batch := list(islice(remaining, size)):
        yield batch


def _parsed(body: bytes) -> Any:
    """Return what JSON says, or None where it is not JSON: whoever reads it has to look at what it is anyway."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _now(answer: Any) -> datetime:
    """Return S3's time when it gave this answer."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date) if date else datetime.now(UTC)


def _content_type(key: str) -> str:
    if key.endswith(".parquet"):
        return "application/vnd.apache.parquet"
    return "application/gzip" if key.endswith(".gz") else "application/json"
