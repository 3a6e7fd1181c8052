"""The files of one source key, as its ledger entry has them, and the names that are never written again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.file_names import parse_name, version_digest

MOST_BURNED = 64
"""Of how many versions an entry remembers by name that files were to be removed; of older ones it keeps the greatest
generation alone, so that an entry stays small however often its key is overwritten."""


class EntryFiles(Struct, frozen=True, kw_only=True):
    """The files of a key: those that are to be seen, that are about to be, and that are to be no more.

    `files` hold its rows, `quarantine_files` what was rejected of the last version that ended. `publishing` are files
    that may be about to appear, written here before they do; `superseded` are files that are to be removed and perhaps
    not yet were.

    `burned` holds, by digest of the version, the last generation of file names of which one was ever to be removed,
    `burned_floor` that of all versions that are not in it. Such a name is never written again (see `generation_of`),
    so that a removal that comes late takes nothing along.
    """

    files: tuple[str, ...] = ()
    quarantine_files: tuple[str, ...] = ()
    publishing: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    burned: dict[str, int] = field(default_factory=dict)
    burned_floor: int = -1

    def generation_of(self, version: str) -> int:
        """Return the generation of file names that a load of `version` writes: above those that were ever removed.

        It is the same for all loads of a version until one of its names is to be removed, so that two deliveries of
        one event write the same files.
        """
        return self._generation(version_digest(version))

    def _generation(self, digest: str) -> int:
        return max(self.burned.get(digest, -1), self.burned_floor) + 1

    @property
    def removable(self) -> tuple[str, ...]:
        """The superseded files, but what no load can have written: somebody else put that into the entry."""
        return tuple(file for file in self.superseded if parse_name(file))

    @property
    def kept(self) -> frozenset[str]:
        """Every file of the key that is to be seen: of rows and of what was rejected."""
        return frozenset((*self.files, *self.quarantine_files))

    def knows(self, file: str) -> bool:
        """Tell whether a file is the entry's: in a table, about to appear there, or to be removed."""
        return file in self.kept or file in self.publishing or file in self.superseded

    def has_burned(self, file: str) -> bool:
        """Tell whether a file of this key has a name that was to be removed.

        One that is in the table all the same was published too late, by a load that seemed to have ended.
        """
        name = parse_name(file)
        return name is not None and name.generation < self._generation(name.version_digest)

    def announcing(self, files: Iterable[str]) -> Self:
        """Return the entry before `files` appear in the table."""
        return replace(self, publishing=as_stored({*self.publishing, *files} - self.kept))

    def dropping(self, files: Iterable[str], /, **changes: Any) -> Self:
        """Return the entry with `changes` before `files` of its key are removed: the ledger says so first.

        What the changed entry keeps is not removed.
        """
        changed = replace(self, **changes)
        gone = set(files) - changed.kept
        return replace(
            changed,
            publishing=as_stored(set(changed.publishing) - gone),
            superseded=as_stored({*changed.superseded, *gone} - changed.kept),
            **self._burning(gone),
        )

    def _burning(self, files: Iterable[str]) -> dict[str, Any]:
        burned, floor = dict(self.burned), self.burned_floor
        for name in filter(None, map(parse_name, sorted(files))):
            last = max(burned.pop(name.version_digest, -1), name.generation)
            # Put in anew: the versions stand in the order in which names of theirs were last removed.
            burned[name.version_digest] = last
        while len(burned) > MOST_BURNED:
            floor = max(floor, burned.pop(next(iter(burned))))
        return {"burned": burned, "burned_floor": floor}

    def abandoned(self) -> Self:
        """Return the entry after a load that was about to publish ended early: its files are to be removed."""
        return self.dropping(self.publishing, publishing=())


def as_stored(files: Iterable[str]) -> tuple[str, ...]:
    """Return files as an entry has them: in order."""
    return tuple(sorted(files))
