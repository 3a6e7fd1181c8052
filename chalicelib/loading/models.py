"""Objects of a bucket as the core sees them: what a listing shows, and small JSON objects with their age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it; `modified_at` is in UTC, `etag` without quotes, `size` in bytes."""

    key: str
    etag: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class Page:
    """Objects in the order of their keys; `now` is S3's own time, by which their ages are told."""

    objects: tuple[Listed, ...]
    more: bool
    now: datetime


@dataclass(frozen=True)
class Known:
    """What a JSON object says (None where it is not JSON), its ETag, when it was written and the time by S3's clock."""

    value: Any
    etag: str
    modified_at: datetime
    now: datetime

    @property
    def age(self) -> timedelta:
        """How long ago it was written. No other clock than S3's has a say in it."""
        return self.now - self.modified_at
