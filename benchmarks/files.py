"""The files that are measured: what is in each, who reads it, and how it is written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import broken, orders, store
from benchmarks.peers import CHDB, DUCKDB, DUCKDB_JSON, LOOP, OURS, POLARS
from tests.contracts import ORDERS_FILE

MB = 10**6
DUCKDBS = (DUCKDB, DUCKDB_JSON)
BROKEN = 0.02
COMPACT = (",", ":")

Make = Callable[..., Iterator[dict[str, Any]]]


def _wide(count: int, seed: int) -> Iterator[dict[str, Any]]:
    return orders.widened(orders.orders(count, seed), seed)


SHAPES: dict[str, Make] = {
    "days": orders.orders,
    "months 12": partial(orders.orders, in_any_order=True),
    "months 72": partial(orders.orders, in_any_order=True, days=orders.SIX_YEARS),
    "wide": _wide,
    "store": store.store,
}


@dataclass(frozen=True)
class File:
    """One file of documents of a shape, in a form: `array`, `lines`, `pretty`.

    `breaks` turns the documents' texts into those of the file, so that some or all of them are rejected. The peers
    read it too, `loop + pandas` and the like on one core; the files of a group are measured in turn with one another.
    """

    name: str
    group: str
    shape: str
    form: str = "array"
    suffix: str = ".json"
    peers: tuple[str, ...] = (OURS,)
    contract: str = str(ORDERS_FILE)
    breaks: Callable[[Iterable[str], int], Iterator[str]] | None = None


def _breaks(share: float, *kinds: Callable[[dict[str, Any]], None]) -> Callable[[Iterable[str], int], Iterator[str]]:
    return lambda texts, seed: broken.broken(texts, share, kinds, seed)


MADE = (
    File("days", "days", "days", peers=(LOOP, POLARS, CHDB, DUCKDB, OURS)),
    File("months 12", "months", "months 12", peers=(DUCKDB, OURS)),
    File("months 72", "months", "months 72", peers=(DUCKDB, OURS)),
    File("wide", "wide", "wide", peers=(*DUCKDBS, OURS)),
    File("wide NDJSON", "wide", "wide", "lines", ".ndjson", peers=(DUCKDB, OURS)),
    File("wide NDJSON.gz", "wide", "wide", "lines", ".ndjson.gz", peers=(DUCKDB, OURS)),
    File("store", "store", "store", peers=(*DUCKDBS, OURS), contract=str(store.CONTRACT)),
    File("clean", "rejected", "days"),
    File("clean NDJSON", "rejected", "days", "lines", ".ndjson"),
    *(File(f"2 %: {kind}", "rejected", "days", breaks=_breaks(BROKEN, way)) for kind, way in broken.ELEMENTS.items()),
    File("2 %: each of these", "rejected", "days", breaks=_breaks(BROKEN, *broken.ELEMENTS.values())),
    File(
        "2 %: broken lines",
        "rejected",
        "days",
        "lines",
        ".ndjson",
        breaks=lambda texts, seed: broken.broken_lines(texts, BROKEN, seed),
    ),
    *(File(f"all: {kind}", "rejected", "days", breaks=_breaks(1.0, way)) for kind, way in broken.SHAPES.items()),
    File("compact", "pretty", "days"),
    File("pretty", "pretty", "days", "pretty"),
)


@dataclass(frozen=True)
class Written:
    """A file on disk: its documents, and those of them that are to be rejected."""

    path: Path
    documents: int
    rejected: int

    @property
    def megabytes(self) -> float:
        """The size, of 10^6 bytes, as it was before gzip."""
        if self.path.suffix != ".gz":
            return self.path.stat().st_size / MB
        with gzip.open(self.path) as file:
            return sum(map(len, iter(lambda: file.read(MB), b""))) / MB


def write(file: File, folder: Path, megabytes: float, seed: int) -> Written:
    """Write a file of about so many megabytes."""
    clean = documents(file.shape, megabytes, seed)
    texts, rejected = clean, 0
    if file.breaks:
        texts = tuple(file.breaks(clean, seed))
        rejected = sum(made is not text for made, text in zip(texts, clean, strict=True))
    if file.group == "pretty":
        indented: dict[str, Any] = {"indent": 2} if file.form == "pretty" else {"separators": COMPACT}
        texts = tuple(json.dumps(json.loads(text), ensure_ascii=False, **indented) for text in texts)
    path = folder / f"{file.name.replace(' ', '_').replace(':', '').replace('%', 'of_100')}{file.suffix}"
    whole = "\n".join([*texts, ""]) if file.form == "lines" else "[" + ",\n".join(texts) + "]\n"
    path.write_bytes(gzip.compress(whole.encode(), 6) if path.suffix == ".gz" else whole.encode())
    return Written(path, len(texts), rejected)


@lru_cache(maxsize=1)
def documents(shape: str, megabytes: float, seed: int) -> tuple[str, ...]:
    """Return the documents of a shape as texts, about so many megabytes of them; days and months as Python writes
    them, the others without spaces, as others do."""
    separators = None if shape.startswith(("days", "months")) else COMPACT
    dump = partial(json.dumps, ensure_ascii=False, separators=separators)
    some = [len(dump(each).encode()) for each in islice(SHAPES[shape](1_000, seed), 1_000)]
    count = max(16, round(megabytes * MB * len(some) / sum(some)))
    return tuple(dump(each) for each in SHAPES[shape](count, seed))


def repeated(written: Written, size: int) -> Written:
    """Write an array again and again into one file of about `size` bytes beside it: as large as may be, cheaply."""
    once = written.path.read_bytes().strip()[1:-1]
    copies = max(1, size // len(once))
    path = written.path.with_name(f"large_{written.path.name}")
    with path.open("wb") as file:
        file.write(b"[" + once)
        for _ in range(copies - 1):
            file.write(b"," + once)
        file.write(b"]\n")
    return Written(path, written.documents * copies, 0)
