"""One source object on its way: read to its end, its files and rejected records kept unseen, then all published."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.dataset import Dataset
from chalicelib.documents.decompress import SUFFIXES, ByteStream, is_supported
from chalicelib.documents.prefetch import ReadAhead
from chalicelib.documents.rejected import RejectedSource
from chalicelib.errors import UnreadableFile
from chalicelib.file_names import FileNames, in_generation
from chalicelib.flatten.flattener import Lineage
from chalicelib.loading.models import LOADED, PARTLY_LOADED, QUARANTINED, Arrival, Result
from chalicelib.loading.rejected_files import RejectedFiles
from chalicelib.loading.store import ObjectStore, Opened
from chalicelib.writing.convert import Limits, convert
from chalicelib.writing.sink import SinkWriter

MOST_HINTS = 30
"""How many sentences about a load its ledger entry keeps."""

Watch = Callable[[int], None]
"""Called as the source is read, with how many of its bytes were; what it raises ends the load."""


class Load:
    """One source object: `read` it, then `publish` what `read` returned, or `abort`.

    Its rows go to `writer`, as `dataset` has them; what is rejected to files of their names in `generation`. `hints`
    are what may be a fault in the contract, once read.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        dataset: Dataset,
        arrival: Arrival,
        source: Opened,
        writer: SinkWriter,
        generation: int = 0,
    ) -> None:
        self._store = store
        self._dataset = dataset
        self._arrival = arrival
        self._source = source
        self._writer = writer
        self.hints: tuple[str, ...] = ()
        name = in_generation(names_of(arrival, source).rejected, generation)
        origin = RejectedSource(arrival.key, arrival.version, source.modified_at, dataset.name)
        self._rejected = RejectedFiles(store, dataset.prefixes, name, origin)

    def read(self, limits: Limits, watch: Watch) -> Result:
        """Read the source to its end, publishing nothing of it.

        Returns what becomes of it once it is published. Raises CountMismatch, and what the store and `watch` raise.
        """
        try:
            self._reject_up_front(limits)
            converted = convert(
                _Watched(ReadAhead(self._source.stream), watch),
                Lineage(self._arrival.key, self._arrival.version, self._source.modified_at),
                limits,
                writer=self._writer,
                reject=self._rejected.add,
                contract=self._dataset.contract,
            )
        except UnreadableFile as problem:
            self.abort()
            return self._quarantined(problem)
        self._rejected.close()
        counts = converted.counts
        self.hints = tuple(converted.observations.hints(self._dataset.contract)[:MOST_HINTS])
        return replace(
            self._result(PARTLY_LOADED if counts.orders_rejected else LOADED),
            files=self._writer.files,
            counts=counts,
            hints=self.hints,
            quarantine_files=self._rejected.keys,
            quarantine=next(iter(self._rejected.keys), None),
            first_rejected=tuple(self._rejected.first),
        )

    def publish(self, result: Result) -> None:
        """Let everything of a result appear: what is rejected first, which is never less safe than what is loaded.

        Where `quarantine_files` was taken from the result, what was rejected does not appear.
        """
        if result.quarantine_files:
            self._rejected.publish()
        else:
            self._rejected.abort()
        if result.files:
            self._writer.publish()

    def abort(self) -> None:
        """Drop what was kept unseen."""
        self._rejected.abort()
        self._writer.abort()

    def _reject_up_front(self, limits: Limits) -> None:
        if not self._arrival.key.startswith(self._dataset.incoming):
            raise UnreadableFile(
                f"it lies in no contract's folder: drop documents of contract {self._dataset.name} below "
                f"{self._dataset.incoming}"
            )
        if not is_supported(self._arrival.key):
            raise UnreadableFile(f"unsupported file type: name it {', '.join(SUFFIXES)}, or one of these with .gz")
        if limits.max_source_bytes is not None and self._source.size > limits.max_source_bytes:
            raise UnreadableFile(
                f"{self._source.size} bytes are more than the {limits.max_source_bytes} that one load may take "
                "(ETL_MAX_SOURCE_BYTES): split the file, or load it with python -m operate replay"
            )

    def _quarantined(self, problem: UnreadableFile) -> Result:
        self._rejected.refuse(problem)
        return replace(
            self._result(QUARANTINED),
            quarantine_files=self._rejected.keys,
            quarantine=self._rejected.keys[0],
            reason=str(problem),
        )

    def _result(self, state: str) -> Result:
        return Result(state, source_bytes=self._source.size, source_modified_at=self._source.modified_at.isoformat())


def names_of(arrival: Arrival, source: Opened) -> FileNames:
    """Return the names of everything that is made of a source object."""
    return FileNames(arrival.key, arrival.version, source.modified_at)


class _Watched(Struct):
    """The source's bytes, each piece of which is reported to `watch`."""

    stream: ByteStream
    watch: Watch
    position: int = 0

    def read(self, size: int, /) -> bytes:
        data = self.stream.read(size)
        self.position += len(data)
        self.watch(self.position)
        return data
