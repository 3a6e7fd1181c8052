"""The figures of a run, and the goals that they are compared with."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks import broken
from benchmarks.measure import Run
from benchmarks.peers import DUCKDB, DUCKDB_JSON, LOOP, OURS

CORES = (1, 2)
LARGE = " at 2 GB"
"""Ends the name of a file that is repeated up to 2 GB, for its memory alone."""


@dataclass(frozen=True)
class Case:
    """One way of doing the work, on one file, on so many cores."""

    file: str
    peer: str
    cores: int

    def __str__(self) -> str:
        return f"{self.file}: {self.peer}, {self.cores} core{'s' * (self.cores > 1)}"


@dataclass(frozen=True)
class Size:
    """A file's size in MB of 10^6 bytes, before gzip, its documents, and the rows that they make in all tables."""

    megabytes: float
    documents: int
    rows: int = 0


@dataclass
class Figures:
    """All figures of one run of the benchmarks.

    `others` is how many cores other programs kept busy before the run. `parquet` has sizes of folders of Parquet, and
    `bytes_read` what each question reads of them, in bytes; `hostile` CPU seconds a MB of each kind of input.
    """

    seed: int = 0
    others: float = 0.0
    files: dict[str, Size] = field(default_factory=dict)
    runs: dict[Case, list[Run]] = field(default_factory=dict)
    peak_mb: dict[Case, float] = field(default_factory=dict)
    parquet: dict[str, int] = field(default_factory=dict)
    bytes_read: dict[str, dict[str, int]] = field(default_factory=dict)
    imports: dict[str, float] = field(default_factory=dict)
    hostile: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def seconds(self, case: Case) -> float:
        """Return the median seconds of a case."""
        return statistics.median(run.seconds for run in self.runs[case])

    def cpu_seconds(self, case: Case) -> float:
        """Return the median CPU seconds of a case."""
        return statistics.median(run.cpu_seconds for run in self.runs[case])

    def throughput(self, case: Case) -> float:
        """Return MB a second of a case."""
        return self.files[case.file].megabytes / self.seconds(case)


@dataclass(frozen=True)
class Goal:
    """What a figure on one core and on two is to be, at least or at most; None where there is no such goal.

    `value` computes the figure for so many cores, and raises KeyError where it was not measured.
    """

    name: str
    value: Callable[[Figures, int], float]
    targets: tuple[float | None, float | None]
    at_least: bool = True
    unit: str = "×"

    def figure(self, figures: Figures, cores: int) -> float | None:
        """Return the figure, None where there is no goal for so many cores or nothing was measured."""
        if self.targets[cores - 1] is None:
            return None
        try:
            return self.value(figures, cores)
        except (KeyError, ValueError, ZeroDivisionError):
            return None

    def missed_by(self, figures: Figures, cores: int) -> float:
        """Return by which share of the target the figure misses it, 0 where it does not."""
        target, value = self.targets[cores - 1], self.figure(figures, cores)
        if target is None or value is None:
            return 0.0
        return max(0.0, (target - value if self.at_least else value - target) / target)


def _speed(file: str, peer: str, *targets: float | None, theirs: str | None = None, name: str = "") -> Goal:
    """Return a goal for how many times as fast ours is on a file as a peer on it, or as on another of its documents.

    On one core CPU seconds are compared: what the clock says where nobody else is at work, and steadier where others
    are. On two the clock counts.
    """

    def value(figures: Figures, cores: int) -> float:
        seconds = figures.cpu_seconds if cores == 1 else figures.seconds
        return seconds(Case(theirs or file, peer, cores)) / seconds(Case(file, OURS, cores))

    both = (targets[0], targets[1] if len(targets) > 1 else None)
    return Goal(name or f"{file}, against {theirs if theirs else peer}", value, both)


def _peak(large: bool) -> Goal:
    def value(figures: Figures, cores: int) -> float:
        of = [case for case in figures.peak_mb if case.peer == OURS and case.cores == cores]
        return max(figures.peak_mb[case] for case in of if case.file.endswith(LARGE) == large)

    name = "peak memory, the worst of the 2 GB files" if large else "peak memory, the worst of all files"
    return Goal(name, value, (220, 220), at_least=False, unit=" MB")


def _at_most(name: str, target: float, value: Callable[[Figures], float], unit: str = "×") -> Goal:
    return Goal(name, lambda figures, cores: value(figures), (target, None), at_least=False, unit=unit)


def _month(figures: Figures) -> float:
    """Return the worst ratio of bytes read among the questions about a month."""
    from benchmarks.layout import MONTH, QUESTIONS

    names = [name for name, parameters in QUESTIONS.items() if parameters == MONTH]
    return max(figures.bytes_read["days"][name] / figures.bytes_read["one file by pandas"][name] for name in names)


def _unnamed(figures: Figures) -> float:
    """Return the worst ratio of bytes that questions about other columns read because there are unnamed fields."""
    from benchmarks.layout import WHOLE_ROWS

    wide, named = figures.bytes_read["wide"], figures.bytes_read["wide, named fields alone"]
    return max(wide[name] / named[name] for name in wide if name not in WHOLE_ROWS)


def _import(name: str, theirs: str) -> Callable[[Figures], float]:
    return lambda figures: figures.imports[name] / figures.imports[theirs]


GOALS = (
    _speed("days", DUCKDB, 1.3, 2.0),
    _speed("days", LOOP, 6.0),
    _speed("months 12", DUCKDB, 1.3, 1.7),
    _speed("months 72", DUCKDB, 1.3, 1.7),
    _speed("wide", DUCKDB, 0.8, 1.0, name="wide, against DuckDB that drops unnamed fields"),
    _speed("wide", DUCKDB_JSON, 1.5, 1.7, name="wide, against DuckDB that keeps each document's JSON"),
    _speed("wide NDJSON", DUCKDB, 0.8, 1.0),
    _speed("wide NDJSON.gz", DUCKDB, 0.8, 1.0),
    _speed("store", DUCKDB, 0.9, 1.2, name="store, against DuckDB making the same two tables"),
    *(_speed(f"2 %: {kind}", OURS, 0.6, 0.6, theirs="clean") for kind in (*broken.ELEMENTS, "each of these")),
    _speed("2 %: broken lines", OURS, 0.6, 0.6, theirs="clean NDJSON"),
    *(_speed(f"all: {kind}", OURS, 0.3, theirs="clean") for kind in broken.SHAPES),
    _speed("pretty", OURS, 0.8, theirs="compact", name="pretty, against compact, in documents a second"),
    _peak(large=False),
    _peak(large=True),
    _at_most(
        "hostile input, the worst of all kinds, a MB", 1.0, lambda figures: max(figures.hostile.values()), unit=" s"
    ),
    _at_most(
        "wide, Parquet against DuckDB's that keeps the JSON",
        1.3,
        lambda figures: figures.parquet["wide"] / figures.parquet["wide, DuckDB, JSON kept"],
    ),
    _at_most(
        "wide, bytes that questions which read no unnamed fields read, against a file without them", 1.1, _unnamed
    ),
    _at_most(
        "days, Parquet against pandas' default file",
        0.9,
        lambda figures: figures.parquet["days"] / figures.parquet["one file by pandas"],
    ),
    _at_most("days, bytes that a month's question reads against that file, the worst", 0.5, _month),
    _at_most(
        "import of the S3 function against pandas + pyarrow + boto3",
        0.6,
        _import("orders-etl, S3 function", "pandas, pyarrow and boto3"),
    ),
    _at_most(
        "import of the REST function against a bare Chalice app with boto3",
        1.3,
        _import("orders-etl, REST function", "a bare Chalice app, with boto3"),
    ),
)
