"""The tables of a run as Markdown, and all its figures as JSON, with machine and versions."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.goals import Figures, Goal
from benchmarks.peers import OURS

RESULTS = Path(__file__).resolve().parent / "results"
VERSIONS = ("pyarrow", "numpy", "arro3-io", "msgspec", "pandas", "duckdb", "polars", "chdb-core")


def markdown(figures: Figures, goals: Iterable[Goal]) -> str:
    """Return all tables of a run."""
    return "\n".join(
        [*_machine(figures), *_throughput(figures), *_goals(figures, goals), *_bytes(figures), *_imports(figures)]
    )


def write(folder: Path, figures: Figures, goals: Iterable[Goal], text: str) -> None:
    """Write the tables and the figures behind them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(f"# Results of `make bench`\n\n{text}\n", "utf-8")
    (folder / "results.json").write_text(json.dumps(_everything(figures, goals), indent=1) + "\n", "utf-8")


def _machine(figures: Figures) -> Iterator[str]:
    yield f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]},"
    yield f"Python {platform.python_version()}, {', '.join(f'{k} {v}' for k, v in _versions().items())}."
    sizes = ", ".join(f"{form} {megabytes:.0f} MB" for form, megabytes in figures.megabytes.items())
    yield f"Input: {sizes}; {figures.rows:,} rows. {datetime.now(UTC):%Y-%m-%d}."
    yield f"Other programs kept {figures.others:.1f} cores busy when the run began; figures of two cores need none."


def _throughput(figures: Figures) -> Iterator[str]:
    count = max(len(runs) for runs in figures.runs.values())
    yield f"\n| whole process, median of {count} | form | cores | MB/s | spread, s | CPU s | peak MB |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for case, runs in figures.runs.items():
        name = f"**{case.peer}**" if case.peer == OURS else case.peer
        times = [run.seconds for run in runs]
        spread = f"{min(times):.2f}–{max(times):.2f}"
        cpu = statistics.median(run.cpu_seconds for run in runs)
        peak = figures.peak_mb.get(case, 0)
        speed = figures.throughput(case)
        yield f"| {name} | {case.form} | {case.cores} | {speed:.0f} | {spread} | {cpu:.2f} | {peak:.0f} |"


def _goals(figures: Figures, goals: Iterable[Goal]) -> Iterator[str]:
    yield "\n| figure | goal | value | |"
    yield "| --- | ---: | ---: | --- |"
    for goal in goals:
        value = _value(goal, figures)
        target = f"{'≥' if goal.at_least else '≤'} {goal.target:g}{goal.unit}"
        if value is None:
            yield f"| {goal.name} | {target} | not measured | |"
        else:
            shown = f"{value:.2f}" if goal.unit == "×" else f"{value:.0f}"
            yield f"| {goal.name} | {target} | {shown}{goal.unit} | {'met' if goal.met(value) else '**missed**'} |"


def _bytes(figures: Figures) -> Iterator[str]:
    ours, theirs = figures.sizes
    if not theirs:
        return
    yield "\n| bytes | ours | one file by pandas | ratio |"
    yield "| --- | ---: | ---: | ---: |"
    yield f"| size | {ours:,} | {theirs:,} | {ours / theirs:.2f} |"
    for name, read in figures.bytes_read[0].items():
        other = figures.bytes_read[1][name]
        yield f"| read by {name} | {read:,} | {other:,} | {read / other:.2f} |"


def _imports(figures: Figures) -> Iterator[str]:
    yield "\n| import | ms |"
    yield "| --- | ---: |"
    for name, seconds in figures.imports.items():
        yield f"| {name} | {seconds * 1000:.0f} |"


def _value(goal: Goal, figures: Figures) -> float | None:
    try:
        return goal.value(figures)
    except (KeyError, ZeroDivisionError, ValueError):
        return None


def _everything(figures: Figures, goals: Iterable[Goal]) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": _versions(),
        "megabytes": figures.megabytes,
        "rows": figures.rows,
        "runs": [{**asdict(case), "runs": [asdict(run) for run in runs]} for case, runs in figures.runs.items()],
        "peak_mb": [{**asdict(case), "peak_mb": round(peak, 1)} for case, peak in figures.peak_mb.items()],
        "sizes": figures.sizes,
        "bytes_read": figures.bytes_read,
        "imports": figures.imports,
        "goals": [{"name": g.name, "target": g.target, "value": _value(g, figures)} for g in goals],
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
