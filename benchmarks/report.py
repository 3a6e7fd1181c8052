"""The tables of a run as Markdown, and all its figures as JSON, with machine and versions."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.goals import CORES, Case, Figures, Goal
from benchmarks.peers import OURS

RESULTS = Path(__file__).resolve().parent / "results"
PAGE = RESULTS.parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
DEAREST = 5
VERSIONS = ("pyarrow", "numpy", "msgspec", "pandas", "duckdb", "polars", "chdb-core")


def markdown(figures: Figures, goals: Iterable[Goal]) -> str:
    """Return all tables of a run."""
    parts = (_machine(figures), goal_table(figures, goals), throughput(figures), _bytes(figures), _rest(figures))
    return "\n".join(line for part in parts for line in part)


def write(folder: Path, figures: Figures, goals: Iterable[Goal], text: str) -> None:
    """Write the tables and the figures behind them, and into docs/performance.md those that have goals."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(f"# Results of `make bench`\n\n{text}\n", "utf-8")
    (folder / "results.json").write_text(json.dumps(_everything(figures, goals), indent=1) + "\n", "utf-8")
    if folder == RESULTS:
        before, _, rest = PAGE.read_text("utf-8").partition(f"{BEGIN}\n")
        table = "\n".join([*_machine(figures), *goal_table(figures, goals)])
        PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}", "utf-8")


def _machine(figures: Figures) -> Iterator[str]:
    yield f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]},"
    yield f"Python {platform.python_version()}, {', '.join(f'{k} {v}' for k, v in _versions().items())}."
    yield f"Seed {figures.seed}; {datetime.now(UTC):%Y-%m-%d}."
    yield f"Other programs kept {figures.others:.1f} cores busy when the run began; figures of two cores need none."
    yield from (f"\n- {note}" for note in figures.notes)


def goal_table(figures: Figures, goals: Iterable[Goal]) -> Iterator[str]:
    """Yield the table of the goals: the figure beside each, and by how much it is missed."""
    yield "\n| figure | goal, 1 core | is | goal, 2 cores | is | |"
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for goal in goals:
        if all(goal.figure(figures, cores) is None for cores in CORES):
            continue
        cells, missed = [], []
        for cores in CORES:
            target, value = goal.targets[cores - 1], goal.figure(figures, cores)
            cells.append("" if target is None else f"{'≥' if goal.at_least else '≤'} {target:g}{goal.unit}")
            cells.append("" if target is None else "not measured" if value is None else _shown(value, goal.unit))
            if share := goal.missed_by(figures, cores):
                missed.append(f"{share:.0%}" + (f" on {cores} core{'s' * (cores > 1)}" if goal.targets[1] else ""))
        yield f"| {goal.name} | {' | '.join(cells)} | {'**missed** by ' + ', '.join(missed) if missed else 'met'} |"


def _shown(value: float, unit: str) -> str:
    return f"{value:.0f}{unit}" if unit == " MB" else f"{value:.2f}{unit}"


def throughput(figures: Figures, group: Container[str] | None = None) -> Iterator[str]:
    """Yield a line for each file, of a group or of all, and one for each who read it.

    The last two columns have how many times as fast ours was, and how many times as little CPU it took, which other
    programs on the machine hardly change.
    """
    if not figures.runs:
        return
    count = max(len(runs) for runs in figures.runs.values())
    yield f"\n| whole process, of {count} | cores | MB/s | seconds | spread | CPU s | peak MB | ours is | by CPU |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, size in figures.files.items():
        if group is not None and name not in group:
            continue
        counts = (f"{size.documents:,} documents" if size.documents else "", f"{size.rows:,} rows" if size.rows else "")
        yield f"| *{', '.join([f'{name}: {size.megabytes:.0f} MB', *filter(None, counts)])}* | | | | | | | | |"
        for case in figures.peak_mb | figures.runs:
            if case.file == name:
                yield f"| {f'**{OURS}**' if case.peer == OURS else case.peer} | {case.cores} |{_times(figures, case)}"


def _times(figures: Figures, case: Case) -> str:
    peak = f"{figures.peak_mb[case]:.0f}" if case in figures.peak_mb else ""
    if case not in figures.runs:
        return f" | | | | {peak} | | |"
    ours = replace(case, peer=OURS)
    ratio = cpu = ""
    if ours != case and ours in figures.runs:
        ratio = f"{figures.seconds(case) / figures.seconds(ours):.2f}×"
        cpu = f"{figures.cpu_seconds(case) / figures.cpu_seconds(ours):.2f}×"
    times = [run.seconds for run in figures.runs[case]]
    seconds = f"{figures.seconds(case):.2f} | {min(times):.2f}–{max(times):.2f}"
    return f" {figures.throughput(case):.0f} | {seconds} | {figures.cpu_seconds(case):.2f} | {peak} | {ratio} | {cpu} |"


def _bytes(figures: Figures) -> Iterator[str]:
    if not figures.parquet:
        return
    names = [*figures.parquet]
    yield f"\n| bytes | {' | '.join(names)} |"
    yield f"| --- {'| ---: ' * len(names)}|"
    yield f"| Parquet | {' | '.join(f'{figures.parquet[name]:,}' for name in names)} |"
    for question in next(iter(figures.bytes_read.values()), {}):
        read = (figures.bytes_read.get(name, {}).get(question) for name in names)
        yield f"| read by {question} | {' | '.join('' if each is None else f'{each:,}' for each in read)} |"


def _rest(figures: Figures) -> Iterator[str]:
    """Yield what was measured without peers: imports, and the dearest kinds of hostile input."""
    if figures.imports:
        yield "\n| import | ms |\n| --- | ---: |"
        yield from (f"| {name} | {seconds * 1000:.0f} |" for name, seconds in figures.imports.items())
    if figures.hostile:
        yield f"\n| hostile input, the dearest of {len(figures.hostile)} kinds | CPU s a MB |\n| --- | ---: |"
        dearest = sorted(figures.hostile.items(), key=lambda each: -each[1])[:DEAREST]
        yield from (f"| {kind} | {seconds:.2f} |" for kind, seconds in dearest)


def _everything(figures: Figures, goals: Iterable[Goal]) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "seed": figures.seed,
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": _versions(),
        "files": {name: asdict(size) for name, size in figures.files.items()},
        "runs": [{**asdict(case), "runs": [asdict(run) for run in runs]} for case, runs in figures.runs.items()],
        "peak_mb": [{**asdict(case), "peak_mb": round(peak, 1)} for case, peak in figures.peak_mb.items()],
        "parquet": figures.parquet,
        "bytes_read": figures.bytes_read,
        "imports": figures.imports,
        "hostile": figures.hostile,
        "goals": [
            {"name": g.name, "targets": g.targets, "values": [g.figure(figures, c) for c in CORES]} for g in goals
        ],
    }


def _versions() -> dict[str, str]:
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        match = None
    return match[1] if match else platform.processor() or platform.machine()
