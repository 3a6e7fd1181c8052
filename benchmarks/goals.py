"""The figures of a run, and the goals that they are compared with."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.measure import Run
from benchmarks.peers import OURS


@dataclass(frozen=True)
class Case:
    """One way of doing the work, on one form of the file (`array`, `lines`, `dirty`, `large`), on so many cores."""

    peer: str
    form: str
    cores: int

    def __str__(self) -> str:
        return f"{self.peer}, {self.form}, {self.cores} core{'s' * (self.cores > 1)}"


Imports = dict[str, float]


@dataclass
class Figures:
    """All figures of one run of the benchmarks; sizes in MB of 10^6 bytes, `sizes` and `bytes_read` in bytes.

    `sizes` and `bytes_read` hold ours first, then one file as pandas writes it. `others` is how many cores other
    programs kept busy before the run.
    """

    megabytes: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    others: float = 0.0
    runs: dict[Case, list[Run]] = field(default_factory=dict)
    peak_mb: dict[Case, float] = field(default_factory=dict)
    sizes: tuple[int, int] = (0, 0)
    bytes_read: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    imports: Imports = field(default_factory=dict)

    def seconds(self, case: Case) -> float:
        """Return the median seconds of a case."""
        return statistics.median(run.seconds for run in self.runs[case])

    def cpu_seconds(self, case: Case) -> float:
        """Return the median CPU seconds of a case."""
        return statistics.median(run.cpu_seconds for run in self.runs[case])

    def throughput(self, case: Case) -> float:
        """Return MB a second of a case."""
        return self.megabytes[case.form] / self.seconds(case)

    def cpu_seconds_per_gb(self) -> float:
        """Return what a gigabyte of a clean array costs us on one core."""
        case = Case(OURS, "array", 1)
        return self.cpu_seconds(case) / self.megabytes["array"] * 1000


@dataclass(frozen=True)
class Goal:
    """A target, and what computes its value from the figures; the value is to be `at_least` the target, or at most."""

    name: str
    value: Callable[[Figures], float]
    target: float
    at_least: bool = True
    unit: str = "×"

    def met(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value >= self.target if self.at_least else value <= self.target


def _ratio(ours: Case, theirs: Case) -> Callable[[Figures], float]:
    return lambda figures: figures.throughput(ours) / figures.throughput(theirs)


def _imports(name: str, ours: str, theirs: str, target: float) -> Goal:
    return Goal(f"import of {name}", lambda f: f.imports[ours] / f.imports[theirs], target, at_least=False)


def _month(figures: Figures) -> float:
    """Return the worst ratio of bytes read among the questions about a month."""
    from benchmarks.layout import MONTH, QUESTIONS

    names = [name for name, parameters in QUESTIONS.items() if parameters == MONTH]
    return max(figures.bytes_read[0][name] / figures.bytes_read[1][name] for name in names)


def _peak(name: str, case: Case) -> Goal:
    return Goal(f"peak memory, {name}", lambda figures: figures.peak_mb[case], MOST_MB, at_least=False, unit=" MB")


ONE, TWO = Case(OURS, "array", 1), Case(OURS, "array", 2)
MOST_MB = 220

GOALS = (
    Goal("array, 1 core, against DuckDB on 1 core", _ratio(ONE, Case("DuckDB", "array", 1)), 1.3),
    Goal("array, 2 cores, against DuckDB on 1 core", _ratio(TWO, Case("DuckDB", "array", 1)), 2.0),
    Goal("array, 2 cores, against DuckDB on 2 cores", _ratio(TWO, Case("DuckDB", "array", 2)), 2.0),
    Goal("lines, 2 cores, against DuckDB on 2 cores", _ratio(Case(OURS, "lines", 2), Case("DuckDB", "lines", 2)), 1.0),
    Goal("array, 1 core, against loop + pandas", _ratio(ONE, Case("loop + pandas", "array", 1)), 6.0),
    Goal("2 % broken and 10 % with unknown fields, against clean", _ratio(Case(OURS, "dirty", 1), ONE), 0.6),
    _peak("1 core", ONE),
    _peak("2 cores", TWO),
    _peak("1 core, twenty times the size", Case(OURS, "large", 1)),
    _peak("2 cores, twenty times the size", Case(OURS, "large", 2)),
    Goal("Parquet size against pandas' default file", lambda f: f.sizes[0] / f.sizes[1], 0.9, at_least=False),
    Goal("bytes read for a month's question, the worst", _month, 0.5, at_least=False),
    _imports(
        "the S3 handler against pandas + pyarrow + boto3", "orders-etl, S3 function", "pandas, pyarrow and boto3", 0.6
    ),
    _imports(
        "the REST side against a bare Chalice app with boto3",
        "orders-etl, REST function",
        "a bare Chalice app, with boto3",
        1.3,
    ),
)
