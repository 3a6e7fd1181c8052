"""Edge to S3 for uploads: a link for one file, and what became of the file, told from the object and the ledger."""

from __future__ import annotations

import json
import secrets
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.api.upload_names import RANDOM_BYTES, UploadId, content_type, safe_name
from chalicelib.aws.presigned import download_link, upload_form
from chalicelib.errors import UnreadableEntry
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import DELETED, FAILED, FINISHED, LOADING, PARTLY_LOADED, QUARANTINED, version_of
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WAITING = "waiting"

ATTEMPTS = 3
"""How often Lambda delivers an event to a function that fails: once, and twice again."""
ATTEMPT = timedelta(seconds=900)
"""The longest that one attempt can take: the function's timeout."""
PAUSES = timedelta(minutes=3)
"""How long Lambda waits before the second attempt and before the third, together."""
MARGIN = timedelta(minutes=1)
STILL_SENDING = timedelta(hours=1)
"""How long a file may still be on its way after its link has expired: S3 looks at the time when a request begins."""

SAMPLE_RECORDS = 5
SAMPLE_BYTES = 1024 * 1024
"""How much of a quarantine file, compressed, is read for the sample."""
SAMPLE_PLAIN_BYTES = 16 * SAMPLE_BYTES
RAW = b', "raw": "'
"""What separates a refused record's reason from the record. Quotes within either are escaped."""


@dataclass(frozen=True)
class UploadLink:
    """A form that takes one file. `fields` are to be sent as they are, before the file."""

    upload_id: str
    key: str
    url: str
    fields: dict[str, str]
    expires_at: datetime
    max_bytes: int


@dataclass(frozen=True)
class Stored:
    """An object that is there. `version` is the version id, else the ETag, as the ledger has it."""

    version: str
    modified_at: datetime


class Uploads:
    """Uploads into the bucket of `settings`. `client` is S3; `now` returns the time in UTC."""

    def __init__(
        self,
        client: S3Client,
        settings: Settings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._client = client
        self._settings = settings
        self._now = now
        self._random = random

    def offer(self, filename: Any) -> UploadLink:
        """Return a link for one file of this name. Raises RequestError for a name that cannot be taken."""
        settings, now = self._settings, self._now()
        upload = UploadId.new(safe_name(filename), now, self._random(RANDOM_BYTES))
        key = self._key(upload)
        url, fields = upload_form(
            self._client,
            settings.bucket,
            key,
            content_type(upload.name),
            settings.upload_max_bytes,
            settings.upload_seconds,
        )
        expires_at = now + timedelta(seconds=settings.upload_seconds)
        return UploadLink(upload.text, key, url, fields, expires_at, settings.upload_max_bytes)

    def status(self, upload_id: str) -> dict[str, Any]:
        """Return what has become of an upload, as JSON values. Raises UnknownUpload.

        The state is `waiting` until the file is there, `loading` until the ledger says how it ended, then what the
        ledger says; `failed` when it will not get there any more by itself. See docs/api.md for the times.
        """
        upload = UploadId.read(upload_id)
        key = self._key(upload)
        # The object first: an entry that is written in between is then news about that object.
        stored = self._object(key)
        entry, written_at = self._entry(key)
        state, reason = self._state(upload, stored, entry, written_at)
        told: dict[str, Any] = {
            "upload_id": upload_id,
            "key": key,
            "status": state,
            "orders_read": 0,
            "orders_loaded": 0,
            "orders_rejected": 0,
            "rows": 0,
            "files": 0,
            "reason": reason,
            "received_at": stored.modified_at.isoformat() if stored else None,
            "refused": [],
            "quarantine_url": None,
        }
        if entry is not None and state == entry.state and state in FINISHED:
            told |= self._ending(upload, entry)
        return told

    def _ending(self, upload: UploadId, entry: Entry) -> dict[str, Any]:
        counts = {
            "orders_read": entry.orders_read,
            "orders_loaded": entry.orders_loaded,
            "orders_rejected": entry.orders_rejected,
            "rows": entry.rows,
            # A file that is refused whole leaves what an earlier one of its key had loaded.
            "files": 0 if entry.state == QUARANTINED else len(entry.files),
        }
        if not entry.quarantine:
            return counts
        refused = self._sample(entry.quarantine) if entry.state == PARTLY_LOADED else []
        name = f"{upload.name}.refused.ndjson.gz" if entry.state == PARTLY_LOADED else f"{upload.name}.report.json"
        seconds = self._settings.download_seconds
        link = download_link(self._client, self._settings.bucket, entry.quarantine, name, seconds)
        return counts | {"refused": refused, "quarantine_url": link}

    def _state(
        self, upload: UploadId, stored: Stored | None, entry: Entry | None, written_at: datetime
    ) -> tuple[str, str | None]:
        now = self._now()
        if stored is None and entry is None:
            return self._not_there(upload, now)
        if entry is not None and (stored is None or entry.version == stored.version):
            if entry.state in FINISHED:
                return entry.state, entry.reason
            if entry.state == DELETED:
                return FAILED, "the file was deleted, and its rows with it: send it again"
            if stored is None:
                return FAILED, "the file was removed before it was loaded: send it again"
            if entry.state == FAILED and entry.attempts >= ATTEMPTS:
                return FAILED, f"loading failed {entry.attempts} times, the last time for: {entry.reason}"
            left = ATTEMPT + MARGIN + (timedelta() if entry.attempts >= ATTEMPTS else PAUSES)
            if now - written_at > left:
                return FAILED, f"loading was begun {entry.attempts} times and never ended: send the file again"
            return LOADING, None
        if stored is not None and now - stored.modified_at > ATTEMPTS * ATTEMPT + PAUSES + MARGIN:
            return FAILED, "the file is there, but loading it was never begun: send it again"
        return LOADING, None

    def _not_there(self, upload: UploadId, now: datetime) -> tuple[str, str | None]:
        expired_at = upload.issued_at + timedelta(seconds=self._settings.upload_seconds)
        if now < expired_at:
            return WAITING, None
        when = f"no file had come when the link expired at {expired_at.isoformat()}"
        if now < expired_at + STILL_SENDING:
            return WAITING, f"{when}: one that is still being sent is taken"
        return FAILED, f"{when}: ask for a new link with POST /uploads"

    def _key(self, upload: UploadId) -> str:
        return f"{self._settings.incoming_prefix}{upload.text}/{upload.name}"

    def _object(self, key: str) -> Stored | None:
        try:
            answer = self._client.head_object(Bucket=self._settings.bucket, Key=key)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        version = answer.get("VersionId")
        etag = answer["ETag"].strip('"')
        return Stored(version_of(version, etag), answer["LastModified"])

    def _entry(self, key: str) -> tuple[Entry | None, datetime]:
        place = f"{self._settings.ledger_prefix}{ledger_name(key)}"
        try:
            answer = self._client.get_object(Bucket=self._settings.bucket, Key=place)
        except ClientError as error:
            if _is_missing(error):
                return None, self._now()
            raise
        try:
            return Entry.from_json(json.loads(answer["Body"].read())), answer["LastModified"]
        except (UnreadableEntry, ValueError):
            # The next load of the object sets it aside and is news of the object.
            return None, answer["LastModified"]

    def _sample(self, key: str) -> list[dict[str, Any]]:
        """Return number, path and reason of the first refused records. What was sent of them is left out."""
        asked = f"bytes=0-{SAMPLE_BYTES - 1}"
        body = self._client.get_object(Bucket=self._settings.bucket, Key=key, Range=asked)["Body"].read()
        found: list[dict[str, Any]] = []
        for line in _lines(body):
            head, separator, _ = line.partition(RAW)
            if not separator or len(found) == SAMPLE_RECORDS:
                break
            record = json.loads(head + b"}")
            found.append({name: record[name] for name in ("record_number", "path", "reason")})
        return found


def _lines(compressed: bytes) -> Iterator[bytes]:
    """Yield the lines of a gzip file as far as the bytes given and the limits go; the last may be cut short."""
    plain = zlib.decompressobj(wbits=31).decompress(compressed, SAMPLE_PLAIN_BYTES)
    yield from plain.split(b"\n")


def _is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404", "NotFound")
