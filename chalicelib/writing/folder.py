"""A folder on disk as the store of a sink."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class Folder:
    """Files below `path`, by keys as in S3. One appears by being moved there, from the same file system."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put_file(self, key: str, path: Path) -> None:
        """Let a file appear."""
        target = self._path / key
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    def stage(self, key: str, path: Path) -> tuple[str, Path]:
        """Have a file wait where it is."""
        return key, path

    def complete(self, upload: tuple[str, Path]) -> None:
        """Let a staged file appear."""
        self.put_file(*upload)

    def abort(self, upload: tuple[str, Path]) -> None:
        """Leave a staged file to whoever removes the directory that it is in."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove files, and folders that are then empty."""
        for key in keys:
            file = self._path / key
            file.unlink(missing_ok=True)
            with suppress(OSError):
                file.parent.rmdir()
