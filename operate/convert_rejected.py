"""The command line that brings what version 0.2 kept in the quarantine into the table of rejected records."""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import cast

from msgspec.structs import replace

from chalicelib.assembly import datasets
from chalicelib.dataset import Prefixes, loaded_by
from chalicelib.documents.rejected import RejectedRecord, RejectedSource
from chalicelib.errors import UnreadableEntry, UnreadableFile, shown
from chalicelib.file_names import FileNames, in_generation, parse_name
from chalicelib.help_text import examples
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import Arrival, VersionedJson
from chalicelib.loading.rejected_files import RejectedFiles
from chalicelib.loading.store import ObjectStore
from glue_setup import command_line
from glue_setup.command_line import say
from operate.bucket import bucket_of

CONVERTED, WOULD_BE, CHANGED, GONE = "converted", "would be converted", "being loaded", "gone"
UNREADABLE = "left, since it cannot be read"
NOT_AS_WRITTEN = (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error)
"""What reading a file raises that is not as version 0.2 wrote it."""
MAX_KEY = 400
"""How much of a key is shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 1 something failed, 2 wrong usage."""
    options = parser().parse_args(arguments)

    def command() -> int:
        settings, store = bucket_of(options)
        made = datasets(settings)
        converter = Converter(
            store,
            made[0].prefixes,
            lambda key: loaded_by(key, made).name,
            None if options.dry_run else say,
        )
        counted = converter.run()
        print(json.dumps(dict(sorted(counted.items()))))
        if count := converter.unreferenced():
            print(
                f"{count} files of replaced versions are left below {settings.quarantine_prefix}: nothing reads them, "
                "and nothing removes them"
            )
        return command_line.FAILED if counted[UNREADABLE] else 0

    return command_line.run("convert-rejected", command)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    made = argparse.ArgumentParser(
        prog="python -m operate convert-rejected",
        description="Bring what was rejected before version 0.3 into the table orders_rejected. Once is enough; it can "
        "be interrupted and run again.",
        **examples("python -m operate convert-rejected --stage dev --dry-run"),
    )
    command_line.add_stage(made)
    made.add_argument("--dry-run", action="store_true", help="show what would be converted; touches nothing")
    return made


class Converter:
    """Converts what ledger entries name in the old form. `say` is told of each; without one, nothing is touched."""

    def __init__(
        self,
        store: ObjectStore,
        prefixes: Prefixes,
        contract_of: Callable[[str], str],
        say: Callable[[str], None] | None,
    ) -> None:
        self._store = store
        self._prefixes = prefixes
        self._contract_of = contract_of
        self._say = say
        self._seen: set[str] = set()

    def run(self) -> Counter[str]:
        """Convert everything; return how many entries ended how."""
        counted: Counter[str] = Counter()
        for name in self._keys(self._prefixes.ledger):
            stored = self._store.read_json(name)
            try:
                entry = Entry.from_json(stored.value, name) if stored else None
            except UnreadableEntry:
                continue
            if stored is None or entry is None or not _is_old(entry.quarantine):
                continue
            self._seen.add(cast(str, entry.quarantine))
            outcome = WOULD_BE if self._say is None else self._convert(name, entry, stored)
            counted[outcome] += 1
            if self._say is not None:
                self._say(f"{shown(entry.key, MAX_KEY)}: {outcome}")
        return counted

    def unreferenced(self) -> int:
        """Return how many files in the old form are there that no entry names, once `run` has been through."""
        return sum(_is_old(key) and key not in self._seen for key in self._keys(self._prefixes.quarantine))

    def _keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys right below a prefix."""
        after, more = "", True
        while more:
            page = self._store.list(prefix, after)
            for listed in page.objects:
                after = listed.key
                if "/" not in listed.key.removeprefix(prefix):
                    yield listed.key
            more = page.more

    def _convert(self, name: str, entry: Entry, stored: VersionedJson) -> str:
        """Write the new file, have the ledger name it, then remove the old one: in this order, as a load does."""
        old = cast(str, entry.quarantine)
        opened = self._store.open(Arrival("", old, ""))
        if opened is None:
            return GONE
        files = self._new_files(entry)
        try:
            try:
                count = _fill(files, old, io.BufferedReader(cast(io.RawIOBase, _Raw(opened.stream))))
            except NOT_AS_WRITTEN:
                return UNREADABLE
            if count != entry.counts.orders_rejected or not files.keys:
                return UNREADABLE
            announced = entry.announcing(files.keys)
            etag = self._store.write_json(name, announced.as_json(), stored.etag)
            if etag is None:
                return CHANGED
            files.publish()
        finally:
            files.abort()
        named = announced.dropping(
            [old],
            quarantine=files.keys[0],
            quarantine_files=files.keys,
            publishing=tuple(each for each in announced.publishing if each not in files.keys),
        )
        etag = self._store.write_json(name, named.as_json(), etag)
        if etag is None:
            return CHANGED
        self._store.delete(named.removable)
        self._store.write_json(name, replace(named, superseded=()).as_json(), etag)
        return CONVERTED

    def _new_files(self, entry: Entry) -> RejectedFiles:
        modified = datetime.fromisoformat(cast(str, entry.source_modified_at))
        name = FileNames(entry.key, entry.version, modified).rejected
        origin = RejectedSource(entry.key, entry.version, modified, self._contract_of(entry.key))
        generation = entry.generation_of(entry.version)
        return RejectedFiles(self._store, self._prefixes, in_generation(name, generation), origin)


class _Raw(io.RawIOBase):
    """A stream that gives what S3 gives, for gzip to read."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        data: bytes = self._stream.read(len(view))  # type: ignore[attr-defined]
        view[: len(data)] = data
        return len(data)


def _fill(files: RejectedFiles, old: str, stream: io.BufferedReader) -> int:
    """Fill the new files with what the old one holds; return how many records that were."""
    if old.endswith(".json"):
        report = json.load(stream)
        files.refuse(UnreadableFile(report["reason"], report["byte_offset"]))
        return 0
    count = 0
    for line in gzip.GzipFile(fileobj=stream):
        read = json.loads(line)
        raw = base64.b64decode(read["raw_base64"]) if "raw_base64" in read else read["raw"].encode()
        files.add(RejectedRecord(read["record_number"], read["path"], read["reason"], raw))
        count += 1
    files.close()
    return count


def _is_old(file: str | None) -> bool:
    name = parse_name(file) if file is not None else None
    return name is not None and name.is_old
