"""S3 in memory as ingestion and sweep need it: versions, conditional writes, staged uploads, its own clock.

It can end the process after any call, and answer any call with any error, before or after it took effect.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chalicelib.loading.models import Arrival, Folders, ObjectSummary, Page, VersionedJson
from chalicelib.loading.outbox_relay import Event

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
    """`objects` is what S3 shows beside the source objects, which are in `versions`.

    `crash_after` counts calls down, and the one that reaches 0 is the last. `fault` is asked at the begin and at the
    end of each call (`put table/x`, `put table/x done`) and may raise.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    versions: dict[tuple[str, str], tuple[bytes, datetime]] = field(default_factory=dict)
    newest: dict[str, Arrival] = field(default_factory=dict)
    staged: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    written: dict[str, datetime] = field(default_factory=dict)
    crash_after: int | None = None
    fault: Callable[[str], None] | None = None
    calls: list[str] = field(default_factory=list)
    now: datetime = BEGINNING
    events: int = 0
    sent: list[Event] = field(default_factory=list)
    not_relayed: list[tuple[str, Exception]] = field(default_factory=list)

    def drop(self, key: str, body: bytes, versioned: bool = True, seconds: int = 1) -> Arrival:
        """Put a source object, so many seconds after what was before, and return the event that tells of it."""
        etag = hashlib.md5(body).hexdigest()
        arrival = self._event(key, versioned, etag, len(body), seconds)
        if not versioned:
            self._drop_unversioned(key)
        self.versions[key, arrival.version] = body, self.now
        self.newest[key] = arrival
        return arrival

    def remove(self, key: str, versioned: bool = True) -> Arrival:
        """Delete a source object, its versions stay; return the event that tells of it."""
        self.newest.pop(key, None)
        if not versioned:
            self._drop_unversioned(key)
        return replace(self._event(key, versioned, "", None), removed=True)

    def forget(self, arrival: Arrival) -> None:
        """Delete a version of a source object for good."""
        del self.versions[arrival.key, arrival.version]
        if self.newest.get(arrival.key) == arrival:
            del self.newest[arrival.key]

    def pass_time(self, **amount: float) -> None:
        """Let S3's clock go on."""
        self.now += timedelta(**amount)

    def open(self, arrival: Arrival) -> Stored | None:
        self._begin("open")
        version = self.versions.get((arrival.key, arrival.version))
        if version is None and arrival.key in self.objects:
            version = self.objects[arrival.key], self.written[arrival.key]
        self._done()
        if version is None:
            return None
        return Stored(arrival, len(version[0]), version[1], io.BytesIO(version[0]))

    def current(self, key: str) -> Arrival | None:
        self._begin(f"current {key}")
        current = self.newest.get(key)
        if current is None and key in self.objects:
            etag = hashlib.md5(self.objects[key]).hexdigest()
            current = Arrival(BUCKET, key, etag, etag=etag, size=len(self.objects[key]))
        self._done()
        # A listing and HeadObject tell no sequencer.
        return None if current is None else replace(current, sequencer="")

    def modified_at(self, arrival: Arrival) -> datetime | None:
        self._begin(f"modified {arrival.key}")
        version = self.versions.get((arrival.key, arrival.version))
        self._done()
        return None if version is None else version[1]

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Page:
        self._begin(f"list {prefix}")
        summaries = {
            key: ObjectSummary(key, hashlib.md5(content).hexdigest(), len(content), self.written[key])
            for key, content in self.objects.items()
        }
        for key, arrival in self.newest.items():
            modified = self.versions[key, arrival.version][1]
            summaries[key] = ObjectSummary(key, arrival.etag or "", arrival.size or 0, modified)
        keys = sorted(key for key in summaries if key.startswith(prefix) and key > after)
        self._done()
        return Page(tuple(summaries[key] for key in keys[:limit]), len(keys) > limit, self.now)

    def folders(self, prefix: str) -> Folders:
        self._begin(f"folders {prefix}")
        below = [key.removeprefix(prefix) for key in (*self.objects, *self.newest) if key.startswith(prefix)]
        names = {f"{prefix}{key.split('/')[0]}/" for key in below if "/" in key}
        self._done()
        return Folders(tuple(sorted(names)), self.now)

    def put_file(self, key: str, path: Path) -> None:
        self.put(key, path.read_bytes())

    def put(self, key: str, body: bytes) -> None:
        self._begin(f"put {key}")
        self._set(key, body)
        self._done()

    def stage(self, key: str, path: Path) -> int:
        self._begin(f"stage {key}")
        number = len(self.calls)
        self.staged[number] = key, path.read_bytes()
        path.unlink()
        self._done()
        return number

    def begin(self, key: str) -> int:
        self._begin(f"begin {key}")
        number = len(self.calls)
        self.staged[number] = key, b""
        self._done()
        return number

    def add(self, upload: int, part: bytes) -> None:
        self._begin("add")
        key, content = self.staged[upload]
        self.staged[upload] = key, content + part
        self._done()

    def complete(self, upload: int) -> None:
        self._begin("complete")
        self._set(*self.staged.pop(upload))
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

    def copy(self, key: str, target: str) -> None:
        self._begin(f"copy {key}")
        if key in self.objects:
            self._set(target, self.objects[key])
        self._done()

    def read_start(self, key: str, size: int) -> bytes:
        self._begin(f"start {key}")
        body = self.objects.get(key, b"")[:size]
        self._done()
        return body

    def read_json(self, key: str) -> VersionedJson | None:
        self._begin(f"read {key}")
        body = self.objects.get(key)
        self._done()
        if body is None:
            return None
        return VersionedJson(_parsed(body), hashlib.md5(body).hexdigest(), self.written[key], self.now)

    def write_json(self, key: str, value: dict[str, Any], etag: str | None) -> str | None:
        self._begin(f"write {key}")
        there = self.objects.get(key)
        known = None if there is None else hashlib.md5(there).hexdigest()
        if known != etag:
            self._done()
            return None
        body = json.dumps(value).encode()
        self._set(key, body)
        self._done()
        return hashlib.md5(body).hexdigest()

    def send(self, events: Sequence[Event]) -> None:
        """Send events, as EventBridge takes them."""
        self._begin("send")
        self.sent += events
        self._done()

    def _event(self, key: str, versioned: bool, etag: str, size: int | None, seconds: int = 1) -> Arrival:
        self.events += 1
        self.pass_time(seconds=seconds)
        version_id = f"v{self.events}" if versioned else None
        return Arrival(BUCKET, key, version_id or etag, version_id, etag or None, f"{self.events:04X}", size)

    def _drop_unversioned(self, key: str) -> None:
        for each in [each for each in self.versions if each[0] == key]:
            del self.versions[each]

    def _set(self, key: str, body: bytes) -> None:
        self.objects[key] = body
        self.written[key] = self.now

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if self.fault is not None:
            self.fault(call)

    def _done(self) -> None:
        if self.fault is not None:
            self.fault(f"{self.calls[-1]} done")
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after <= 0:
                self.crash_after = None
                raise Crash


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
