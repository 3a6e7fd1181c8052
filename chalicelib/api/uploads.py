"""Uploads: a link for one file, and how far the file has come, by the object and its ledger entry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from chalicelib.api.source_states import (
    NOTHING_YET,
    LedgerRecord,
    State,
    ending,
    read_record,
    state_of,
    state_without_entry,
)
from chalicelib.api.upload_names import RANDOM_BYTES, UploadId, content_type, safe_name
from chalicelib.aws.presigned import LinkBucket, ObjectVersion
from chalicelib.contracts.registry import default
from chalicelib.dataset import Dataset
from chalicelib.documents.rejected import first_rejected
from chalicelib.errors import RequestError, UnknownUpload, shown
from chalicelib.file_names import MAX_KEY_BYTES, receipt_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import FAILED, FINISHED, PARTLY_LOADED
from chalicelib.settings import MIB, Settings

WAITING = "waiting"

STILL_SENDING = timedelta(hours=1)
"""How long a file may still be on its way after its link has expired: S3 looks at the time when a request begins."""

SAMPLE_RECORDS = 5
SAMPLE_BYTES = MIB
"""How much of a quarantine file, compressed, is read for the sample."""


class UploadLink(Struct, frozen=True):
    """A form that takes one file. `fields` are to be sent as they are, before the file."""

    upload_id: str
    contract: str
    key: str
    url: str
    fields: dict[str, str]
    expires_at: datetime
    max_bytes: int


class Uploads:
    """Uploads into a bucket, of documents of its datasets.

    `now` returns the time in UTC, `random` bytes that nobody can guess, as many as asked.
    """

    def __init__(
        self,
        bucket: LinkBucket,
        settings: Settings,
        datasets: Iterable[Dataset],
        *,
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._bucket = bucket
        self._settings = settings
        self._folders = {dataset.name: dataset.incoming for dataset in datasets}
        self._now = now
        self._random = random

    def offer(self, filename: Any, contract: Any = None) -> UploadLink:
        """Return a link for one file of this name, with documents of a contract; None is the default.

        Raises RequestError naming all that is not accepted.
        """
        settings, now = self._settings, self._now()
        problems: dict[str, str] = {}
        checked = []
        for check, value in ((safe_name, filename), (self._contract, contract)):
            try:
                checked.append(check(value))
            except RequestError as problem:
                problems |= problem.problems
        if problems:
            raise RequestError(problems)
        name, of_contract = checked
        upload = UploadId.new(of_contract, name, now, self._random(RANDOM_BYTES))
        key = self._key(upload)
        if len(key.encode()) > MAX_KEY_BYTES:
            surplus = len(key.encode()) - MAX_KEY_BYTES
            raise RequestError({"filename": f"makes a key that is {surplus} bytes too long: give a shorter name"})
        url, fields = self._bucket.upload_form(
            key, content_type(upload.name), settings.upload_max_bytes, settings.upload_seconds
        )
        expires_at = now + timedelta(seconds=settings.upload_seconds)
        return UploadLink(upload.text, of_contract, key, url, fields, expires_at, settings.upload_max_bytes)

    def status(self, upload_id: str) -> dict[str, Any]:
        """Return how far an upload has come, as JSON values. Raises UnknownUpload.

        The state is `waiting` until the file is there, `loading` until the ledger says how it ended, then what the
        ledger says; `failed` when it will not get there any more by itself. See docs/api.md for the times.
        """
        upload = UploadId.read(upload_id)
        key = self._key(upload)
        # The object first: an entry that is written in between is then news about that object.
        stored = self._bucket.head(key)
        record = read_record(self._bucket, self._settings.ledger_prefix, key)
        state, reason = self._state(upload, stored, record)
        status: dict[str, Any] = {
            "upload_id": upload_id,
            "contract": upload.contract or None,
            "key": key,
            "status": state,
            **NOTHING_YET,
            "reason": reason,
            "received_at": stored.modified_at.isoformat() if stored else None,
            "rejected": [],
            "quarantine_url": None,
            "receipt": None,
        }
        if record is not None and any(word.version == record.entry.version for word in record.entry.outbox):
            status["receipt"] = receipt_name(self._settings.receipts_prefix, key)
        if record is not None and state == record.entry.state and state in FINISHED:
            status |= self._ending(upload, record.entry)
        return status

    def _ending(self, upload: UploadId, entry: Entry) -> dict[str, Any]:
        counts = ending(entry)
        if not entry.quarantine:
            return counts
        rejected = []
        if entry.state == PARTLY_LOADED:
            rejected = first_rejected(self._bucket.read_start(entry.quarantine, SAMPLE_BYTES), SAMPLE_RECORDS)
        is_report = entry.quarantine.endswith(".report.json")
        name = f"{upload.name}.report.json" if is_report else f"{upload.name}.rejected.ndjson.gz"
        link = self._bucket.download_link(entry.quarantine, name, self._settings.download_seconds)
        return counts | {"rejected": rejected, "quarantine_url": link}

    def _state(self, upload: UploadId, stored: ObjectVersion | None, record: LedgerRecord | None) -> State:
        """Return the state of an upload from its object and its ledger entry, as far as there are any."""
        now = self._now()
        if record is not None and (stored is None or record.entry.version == stored.version):
            return state_of(record, stored is not None, now)
        if stored is None:
            return self._before_the_file(upload, now)
        # The file has no entry yet, or the entry is of an earlier file of the same link.
        return state_without_entry(stored.modified_at, now)

    def _before_the_file(self, upload: UploadId, now: datetime) -> State:
        expired_at = upload.issued_at + timedelta(seconds=self._settings.upload_seconds)
        if now < expired_at:
            return WAITING, None
        when = f"no file had come when the link expired at {expired_at.isoformat()}"
        if now < expired_at + STILL_SENDING:
            return WAITING, f"{when}: one that is still being sent is taken"
        return FAILED, f"{when}: ask for a new link with POST /uploads"

    def _contract(self, name: Any) -> str:
        """Return the name of the contract to upload to. Raises RequestError, naming those there are."""
        there = ", ".join(self._folders)
        if name is None:
            name = default(self._folders)
            if name is None:
                raise RequestError({"contract": f"is missing: give one of {there}"})
        if not isinstance(name, str):
            raise RequestError({"contract": f"{shown(json.dumps(name))} is not text: give one of {there}"})
        if name not in self._folders:
            raise RequestError({"contract": f"there is no contract {shown(name)!r}: give one of {there}"})
        return name

    def _key(self, upload: UploadId) -> str:
        """Return the key of an upload. Raises UnknownUpload for a contract that is not there any more."""
        folder = self._folders.get(upload.contract) if upload.contract else self._settings.incoming_prefix
        if folder is None:
            raise UnknownUpload(upload.text)
        return f"{folder}{upload.text}/{upload.name}"
