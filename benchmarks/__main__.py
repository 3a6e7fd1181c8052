"""`make bench`: ours and the peers on one file in one run; ratios are what lasts, the machine is not."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import cost, goals, measure, orders, plot, report, starts
from benchmarks.goals import Case, Figures
from benchmarks.measure import Run
from benchmarks.peers import OURS, PEERS

BROKEN, UNKNOWN = 0.02, 0.10
LARGE_COPIES = 20

CASES = (
    Case("loop + pandas", "array", 1),
    Case("json_normalize", "array", 1),
    Case("polars", "array", 1),
    Case("polars", "array", 2),
    Case("chdb", "array", 1),
    Case("chdb", "array", 2),
    Case("DuckDB", "array", 1),
    Case("DuckDB", "array", 2),
    Case("DuckDB", "lines", 1),
    Case("DuckDB", "lines", 2),
    Case(OURS, "array", 1),
    Case(OURS, "array", 2),
    Case(OURS, "lines", 1),
    Case(OURS, "lines", 2),
    Case(OURS, "dirty", 1),
    Case(OURS, "dirty", 2),
)


@dataclass
class Bench:
    """The files, and what was measured on them."""

    directory: Path
    figures: Figures
    sources: dict[str, Path] = field(default_factory=dict)

    def make(self, count: int) -> None:
        """Write the input files: the same orders in each form, and once with broken ones among them."""
        for form in ("array", "lines", "dirty"):
            path = self.directory / ("orders.ndjson" if form == "lines" else f"{form}.json")
            shares = (BROKEN, UNKNOWN) if form == "dirty" else (0.0, 0.0)
            orders.write(path, count, lines=form == "lines", broken=shares[0], unknown=shares[1])
            self.sources[form] = path
            self.figures.megabytes[form] = path.stat().st_size / cost.MB

    def run(self, case: Case, attempt: str, *, memory: bool = False) -> Run:
        """Run one case once."""
        out = self.out(case, attempt)
        command = measure.python(
            "-m", "benchmarks.peers", case.peer, str(self.sources[case.form]), str(out), str(case.cores)
        )
        return measure.run(command, cores=case.cores, memory=memory)

    def out(self, case: Case, attempt: str) -> Path:
        """Where an attempt's files go."""
        return self.directory / f"{case.peer}-{case.form}-{case.cores}-{attempt}"


def main() -> None:
    """Make the data, run everything, print the tables and write them with machine and versions."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="orders-bench-") as directory:
        bench = Bench(Path(directory), Figures(others=measure.busy_cores()))
        bench.make(options.megabytes * orders.A_MEGABYTE)
        cases = [case for case in CASES if _installed(case) and (not options.ours or case.peer == OURS)]
        _throughput(bench, cases, options.runs)
        if not options.ours:
            _same_work(bench, cases)
            _layout(bench)
        if not options.no_large:
            _large(bench, options.megabytes * orders.A_MEGABYTE)
    bench.figures.imports = starts.measure(options.runs)
    written = report.markdown(bench.figures, goals.GOALS)
    print(written)
    costs = _costs(bench.figures, options.megabytes)
    print(costs)
    if not options.ours:
        folder = options.results
        report.write(folder, bench.figures, goals.GOALS, written + "\n" + costs)
        plot.write(folder / "throughput.svg", bench.figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100, help="size of the array of orders (100)")
    parser.add_argument("--runs", type=int, default=5, help="how often each is run; the median counts (5)")
    parser.add_argument("--ours", action="store_true", help="run ours alone, and write no results")
    parser.add_argument("--no-large", action="store_true", help="leave out the file of twenty times the size")
    parser.add_argument("--results", type=Path, default=report.RESULTS, help="where the results go")
    return parser.parse_args()


def _installed(case: Case) -> bool:
    if importlib.util.find_spec(PEERS[case.peer].module) is not None:
        return True
    print(f"{case.peer} is not installed here and left out", file=sys.stderr)
    return False


def _throughput(bench: Bench, cases: list[Case], runs: int) -> None:
    """Run all cases in turn, so that whatever else the machine does hurts all alike."""
    for attempt in range(runs):
        for case in cases:
            _show_progress(f"run {attempt + 1} of {runs}: {case}")
            bench.figures.runs.setdefault(case, []).append(bench.run(case, str(attempt)))
            if attempt:
                _remove(bench.out(case, str(attempt)))
    for case in cases:
        _show_progress(f"memory: {case}")
        bench.figures.peak_mb[case] = bench.run(case, "memory", memory=True).peak_mb
        _remove(bench.out(case, "memory"))


def _same_work(bench: Bench, cases: list[Case]) -> None:
    """Check that all wrote the same rows. Ours of the dirty file are compared with ours on another number of cores."""
    from benchmarks.totals import totals

    by_input: dict[str, dict[Case, tuple[str, ...]]] = {}
    for case in cases:
        kind = "dirty" if case.form == "dirty" else "clean"
        by_input.setdefault(kind, {})[case] = totals(bench.out(case, "0"))
    for each in by_input.values():
        if len(set(each.values())) != 1:
            lines = "\n".join(f"{case}: {total}" for case, total in each.items())
            raise SystemExit(f"not the same work:\n{lines}")
    bench.figures.rows = int(next(iter(by_input["clean"].values()))[0])


def _layout(bench: Bench) -> None:
    from benchmarks import layout

    ours, theirs = bench.out(Case(OURS, "array", 1), "0"), bench.directory / "pandas-default"
    layout.pandas_file(ours, theirs)
    figures = bench.figures
    figures.sizes = layout.size(ours), layout.size(theirs)
    figures.bytes_read = layout.bytes_read(ours, partitioned=True), layout.bytes_read(theirs, partitioned=False)


def _large(bench: Bench, count: int) -> None:
    """Measure memory on a file of twenty times the size, on one core and on two."""
    path = bench.directory / "large.json"
    orders.write(path, count, copies=LARGE_COPIES)
    bench.sources["large"] = path
    bench.figures.megabytes["large"] = path.stat().st_size / cost.MB
    for cores in (1, 2):
        case = Case(OURS, "large", cores)
        _show_progress(f"memory: {case}")
        bench.figures.peak_mb[case] = bench.run(case, "memory", memory=True).peak_mb
        _remove(bench.out(case, "memory"))


def _costs(figures: Figures, megabytes: int) -> str:
    """Return what loads of the file, and of a small one, would cost at the speed of this machine."""
    one, two = figures.seconds(goals.ONE), figures.seconds(goals.TWO)
    work = cost.Work(figures.cpu_seconds_per_gb(), two_cores=one / two, request_seconds=cost.REQUEST_SECONDS)
    large = cost.Drop(round(figures.megabytes["array"] * cost.MB), megabytes * orders.A_MEGABYTE, files=12)
    drops = (large, cost.Drop(cost.MB, orders.A_MEGABYTE, files=1), cost.Drop(10_000, 16, files=1))
    return "\n".join(cost.report(work, drop) for drop in drops)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _show_progress(what: str) -> None:
    print(f"\r{what:60}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
