"""Emptying a versioned bucket page by page: versions, delete markers and open uploads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.errors import shown
from glue_setup.errors import SetupError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

PAGE = 1000
"""S3 lists and deletes at most this many at a time."""


def empty(client: S3Client, bucket: str, prefix: str) -> int:
    """Delete everything under `prefix`, as long as it takes; return how many versions and delete markers went.

    Each page is listed from the start, so a run that was interrupted is simply repeated.
    """
    _abort_uploads(client, bucket, prefix)
    count = 0
    while doomed := _page(client, bucket, prefix):
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
        for error in answer.get("Errors", []):
            key = shown(error.get("Key", ""))
            raise SetupError(
                f"{key!r} in bucket {bucket} cannot be deleted: {error.get('Code')} {error.get('Message')}"
            )
        count += len(doomed)
    return count


def others_than(client: S3Client, bucket: str, prefixes: Sequence[str]) -> list[str]:
    """Return folders and objects at the bucket's top level, old versions included, that lie outside `prefixes`."""
    names: dict[str, None] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Delimiter="/"):
        for folder in page.get("CommonPrefixes", []):
            names[folder.get("Prefix", "")] = None
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            names[each.get("Key", "")] = None
    return [shown(name) for name in names if name not in prefixes]


def _page(client: S3Client, bucket: str, prefix: str) -> list[ObjectIdentifierTypeDef]:
    page = client.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=PAGE)
    versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]


def _abort_uploads(client: S3Client, bucket: str, prefix: str) -> None:
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        for upload in page.get("Uploads", []):
            try:
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            except client.exceptions.NoSuchUpload:
                continue
