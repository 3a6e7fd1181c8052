"""S3 Inventory in place of a listing: its manifest and files, read and checked, as a listing of the bucket would be."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.errors import error_code
from chalicelib.errors import shown
from chalicelib.loading.models import ObjectSummary
from chalicelib.settings import MIB
from glue_setup.errors import SetupError
from operate.inventory_rows import FORMATS, REQUIRED, UnreadableRow, csv_fields, parquet_fields

ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+\.json)")
"""Where a manifest may be: a bucket and a key."""

ABSENT = ("NoSuchKey", "404")


@dataclass(frozen=True)
class File:
    """One file of an inventory; `md5` is in hexadecimal digits."""

    key: str
    md5: str


@dataclass(frozen=True)
class Manifest:
    """What S3 says of one inventory: of which bucket, when it was begun, and its files with their `fields` in order."""

    source: str
    written_at: datetime
    format: str
    fields: tuple[str, ...]
    files: tuple[File, ...]


@dataclass
class LeftOut:
    """Rows of an inventory that are no object below the prefix as it is now."""

    elsewhere: int = 0
    older_versions: int = 0
    delete_markers: int = 0

    def line(self) -> str:
        """Return the counts in words."""
        return (
            f"{self.elsewhere} elsewhere, {self.older_versions} older versions and {self.delete_markers} delete markers"
        )


def address(text: str) -> tuple[str, str]:
    """Return bucket and key of a manifest. Raises ValueError."""
    match = ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no manifest of an inventory: give s3://BUCKET/…/manifest.json")
    return match[1], match[2]


class Inventory:
    """One inventory in S3, by the address of its manifest; `s3` is a boto3 client that may read both.

    Raises SetupError where the manifest is not there, is none, or is not of the bucket `source`.
    """

    def __init__(self, s3: Any, manifest: str, source: str) -> None:
        self._s3 = s3
        self._bucket, self._key = address(manifest)
        self._where = manifest
        self.manifest = _manifest(self._read_manifest(), manifest)
        if self.manifest.source != source:
            raise SetupError(
                f"{manifest} is the inventory of bucket {shown(self.manifest.source)}, and the stage's is {source}"
            )
        self.left_out = LeftOut()

    def objects(self, prefix: str) -> Iterator[ObjectSummary]:
        """Yield the objects below a prefix, each in its newest version, and count what is left out.

        An object may be gone or another since. Raises SetupError for a file that is not there, not what the manifest
        says, or not readable: nothing of such a file is yielded, but for a row in the midst of it.
        """
        self.left_out = LeftOut()
        for file in self.manifest.files:
            with self._downloaded(file) as path:
                try:
                    yield from self._of_file(path, prefix)
                except UnreadableRow as problem:
                    raise SetupError(f"{self._at(file)}: {problem}") from None

    def _of_file(self, path: Path, prefix: str) -> Iterator[ObjectSummary]:
        for row in FORMATS[self.manifest.format](path, self.manifest.fields):
            if row.bucket != self.manifest.source or not row.key.startswith(prefix):
                self.left_out.elsewhere += 1
            elif row.is_delete_marker:
                self.left_out.delete_markers += 1
            elif not row.is_latest:
                self.left_out.older_versions += 1
            else:
                yield row.summary()

    def _read_manifest(self) -> Any:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=self._key)["Body"].read()
            return json.loads(body)
        except ClientError as error:
            if error_code(error) not in ABSENT:
                raise
            raise SetupError(f"{self._where} is not there: an inventory's manifest is written last") from None
        except ValueError:
            raise SetupError(f"{self._where} is no manifest of S3 Inventory: it is not JSON") from None

    @contextmanager
    def _downloaded(self, file: File) -> Iterator[Path]:
        """Have a file on the disk, once its bytes are those that the manifest tells of."""
        digest = hashlib.md5(usedforsecurity=False)
        with tempfile.NamedTemporaryFile(prefix="inventory-") as copy:
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=file.key)["Body"]
            except ClientError as error:
                if error_code(error) not in ABSENT:
                    raise
                raise SetupError(f"{self._at(file)} is not there: take a newer inventory") from None
            for part in body.iter_chunks(MIB):
                digest.update(part)
                copy.write(part)
            copy.flush()
            if digest.hexdigest() != file.md5:
                raise SetupError(
                    f"{self._at(file)} is not what its manifest tells of (MD5 {digest.hexdigest()} for {file.md5}): "
                    "take a newer inventory"
                )
            yield Path(copy.name)

    def _at(self, file: File) -> str:
        return f"s3://{self._bucket}/{shown(file.key, 400)}"


def _manifest(stored: Any, where: str) -> Manifest:
    """Read a manifest. Raises SetupError, which says what is wrong with it and what to do."""

    def wrong(what: str) -> SetupError:
        return SetupError(f"{where} is no manifest of S3 Inventory: {what}")

    if not isinstance(stored, Mapping):
        raise wrong("it is no object")
    texts = {name: stored.get(name) for name in ("sourceBucket", "creationTimestamp", "fileFormat", "fileSchema")}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise wrong(f"it has no {name}")
    kind, schema = str(texts["fileFormat"]), str(texts["fileSchema"])
    if kind not in FORMATS:
        raise SetupError(
            f"{where} is an inventory in {shown(kind)}, which is not read: have S3 write it as CSV or Parquet"
        )
    fields = csv_fields(schema) if kind == "CSV" else parquet_fields(schema)
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise SetupError(
            f"{where} has no {', '.join(missing)}: add Size, LastModifiedDate and ETag to the fields of the inventory"
        )
    if "VersionId" in fields and not {"IsLatest", "IsDeleteMarker"} <= set(fields):
        raise SetupError(f"{where} has versions, and no IsLatest and IsDeleteMarker that would say which one is there")
    try:
        written_at = datetime.fromtimestamp(int(str(texts["creationTimestamp"])) / 1000, UTC)
        files = tuple(File(str(each["key"]), str(each["MD5checksum"]).lower()) for each in stored["files"])
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise wrong("its creationTimestamp is no time, or its files have no key and MD5checksum") from None
    return Manifest(str(texts["sourceBucket"]), written_at, kind, fields, files)
