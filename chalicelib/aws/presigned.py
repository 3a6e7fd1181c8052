"""Edge to S3: links that expire. A POST for one upload, a GET for one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ENCRYPTION = "AES256"


def link_client(**options: Any) -> S3Client:
    """Return a client whose links are of Signature V4 and lead to the bucket's own region.

    Without the addressing style botocore signs links for the global address, which redirects a POST to a bucket in
    another region. `options` go to `boto3.client`.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        retries={"mode": "standard", "max_attempts": 3},
        connect_timeout=3,
        read_timeout=10,
    )
    return boto3.client("s3", config=config, **options)


def upload_form(
    client: S3Client, bucket: str, key: str, content_type: str, max_bytes: int, seconds: int
) -> tuple[str, dict[str, str]]:
    """Return URL and fields of a form that takes one file under exactly this key, for `seconds`.

    The file has 1 to `max_bytes` bytes; content type and encryption are fixed. S3 refuses what differs.
    """
    fixed = {"Content-Type": content_type, "x-amz-server-side-encryption": ENCRYPTION}
    conditions: list[Any] = [{name: value} for name, value in fixed.items()]
    conditions.append(["content-length-range", 1, max_bytes])
    form = client.generate_presigned_post(bucket, key, dict(fixed), conditions, ExpiresIn=seconds)
    return form["url"], form["fields"]


def download_link(client: S3Client, bucket: str, key: str, name: str, seconds: int) -> str:
    """Return a link that downloads one object as a file of this name, for `seconds`."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    asked = {"Bucket": bucket, "Key": key, "ResponseContentDisposition": disposition}
    return client.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)
