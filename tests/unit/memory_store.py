"""S3 in memory as ingestion needs it: versions, conditional writes, staged uploads, and a crash at any call."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.ledger import Arrival

BUCKET = "bucket"
BEGINNING = datetime(2024, 8, 1, 12, tzinfo=UTC)


class Crash(BaseException):
    """The process ends here: nothing after the call happens."""


@dataclass
class Stored:
    """One version of a source object."""

    arrival: Arrival
    size: int
    modified_at: datetime
    stream: Any


@dataclass
class MemoryStore:
    """`objects` is what S3 shows; `crash_after` counts calls down, and the one that reaches 0 is the last."""

    objects: dict[str, bytes] = field(default_factory=dict)
    versions: dict[tuple[str, str], tuple[bytes, datetime]] = field(default_factory=dict)
    staged: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    crash_after: int | None = None
    calls: list[str] = field(default_factory=list)
    _clock: int = 0

    def drop(self, key: str, body: bytes, versioned: bool = True) -> Arrival:
        """Put a source object and return the event that tells of it."""
        self._clock += 1
        etag = hashlib.md5(body).hexdigest()
        version_id = f"v{self._clock}" if versioned else None
        self.versions[key, version_id or etag] = body, BEGINNING + timedelta(seconds=self._clock)
        return Arrival(BUCKET, key, version_id or etag, version_id, etag, f"{self._clock:04X}", len(body))

    def forget(self, arrival: Arrival) -> None:
        """Delete a version of a source object for good."""
        del self.versions[arrival.key, arrival.version]

    def open(self, arrival: Arrival) -> Stored | None:
        self._begin("open")
        found = self.versions.get((arrival.key, arrival.version))
        self._done()
        if found is None:
            return None
        return Stored(arrival, len(found[0]), found[1], io.BytesIO(found[0]))

    def put_file(self, key: str, path: Path) -> None:
        self.put(key, path.read_bytes())

    def put(self, key: str, body: bytes) -> None:
        self._begin(f"put {key}")
        self.objects[key] = body
        self._done()

    def stage(self, key: str, pieces: Iterable[bytes]) -> int:
        self._begin(f"stage {key}")
        number = len(self.calls)
        self.staged[number] = key, b"".join(pieces)
        self._done()
        return number

    def complete(self, upload: int) -> None:
        self._begin("complete")
        key, body = self.staged.pop(upload)
        self.objects[key] = body
        self._done()

    def abort(self, upload: int) -> None:
        self._begin("abort")
        self.staged.pop(upload, None)
        self._done()

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._begin(f"delete {key}")
            self.objects.pop(key, None)
            self._done()

    def read_json(self, key: str) -> tuple[dict[str, Any], str] | None:
        self._begin(f"read {key}")
        body = self.objects.get(key)
        self._done()
        return None if body is None else (json.loads(body), hashlib.md5(body).hexdigest())

    def write_json(self, key: str, value: dict[str, Any], etag: str | None) -> str | None:
        self._begin(f"write {key}")
        there = self.objects.get(key)
        known = None if there is None else hashlib.md5(there).hexdigest()
        if known != etag:
            self._done()
            return None
        body = json.dumps(value).encode()
        self.objects[key] = body
        self._done()
        return hashlib.md5(body).hexdigest()

    def _begin(self, call: str) -> None:
        self.calls.append(call)

    def _done(self) -> None:
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after <= 0:
                self.crash_after = None
                raise Crash
