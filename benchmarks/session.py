"""A run of the benchmarks: makes each group's files, lets all take turns on them, and checks that they did the same."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from benchmarks import files, measure, orders, report
from benchmarks.duckdb_sql import UnsupportedContract, statements
from benchmarks.files import File, Written
from benchmarks.goals import CORES, LARGE, Case, Figures, Size
from benchmarks.measure import Run
from benchmarks.peers import DUCKDB, DUCKDB_JSON, LOOP, MODULES, OURS
from chalicelib.contracts import registry

TWO_GB = 2 * 10**9
LARGE_FILES = ("days", "months 72", "wide", "store")


@dataclass
class Session:
    """Files below `directory`, and what was measured on them; `options` are those of the command."""

    directory: Path
    figures: Figures
    options: argparse.Namespace

    def measure(self, chosen: list[File]) -> None:
        """Measure files group by group; each group's files are gone before the next one's are made."""
        for group, members in groupby(chosen, key=lambda file: file.group):
            folder = self.directory / group
            folder.mkdir()
            written = {}
            for file in members:
                _show(f"making {file.name}")
                written[file] = files.write(file, folder, self.options.megabytes, self.options.seed)
            self.measure_group(written)
            print("\r", *report.throughput(self.figures, [file.name for file in written]), sep="\n", file=sys.stderr)
            shutil.rmtree(folder)

    def measure_group(self, written: dict[File, Written]) -> None:
        """Let all take turns on the files of a group, so that whatever else the machine does hurts all alike."""
        for file, each in written.items():
            self.figures.files[file.name] = Size(each.megabytes, each.documents)
        cases = [(file, case) for file in written for case in self.cases(file)]
        for attempt in range(self.options.runs):
            for file, case in cases:
                if not attempt or case in self.figures.runs:
                    self.take_turn(file, case, written[file].path, attempt)
        for file, each in written.items():
            self.check(file, each)
            self.keep_sizes(file, each)
        for file, case in cases:
            if case in self.figures.runs:
                self.look_at_memory(file, case, written[file].path)
        if self.options.large:
            for file in (file for file in written if file.name in LARGE_FILES):
                self.measure_large(file, files.repeated(written[file], TWO_GB))

    def take_turn(self, file: File, case: Case, source: Path, attempt: int) -> None:
        """Run a case for its time; what the first attempt writes is kept to be compared."""
        _show(f"run {attempt + 1} of {self.options.runs}: {case}")
        if run := self.run(file, case, source, str(attempt)):
            self.figures.runs.setdefault(case, []).append(run)
        if attempt:
            _remove(self.out(case, str(attempt)))

    def cases(self, file: File) -> list[Case]:
        """Return who reads a file, on how many cores; a loop is no quicker on two."""
        peers = [peer for peer in file.peers if peer == OURS or not self.options.ours]
        for peer in [peer for peer in peers if importlib.util.find_spec(MODULES[peer]) is None]:
            self.note(
                f"{peer} is not installed here and left out: make bench installs what has a wheel for this machine"
            )
            peers.remove(peer)
        return [Case(file.name, peer, cores) for peer in peers for cores in CORES if peer != LOOP or cores == 1]

    def run(self, file: File, case: Case, source: Path, attempt: str, *, memory: bool = False) -> Run | None:
        """Run one case once; None where the peer cannot read what its owner sent."""
        out = self.out(case, attempt)
        try:
            if case.peer in (DUCKDB, DUCKDB_JSON):
                contract = registry.contract(file.contract)
                text = statements(contract, source, out, case.cores, keeps_json=case.peer == DUCKDB_JSON)
                source = out.with_name(f"{out.name}.sql")
                source.write_text(text, "utf-8")
                (out if len(contract.tables) > 1 else out.parent).mkdir(exist_ok=True)
            command = _command(file, case, source, out)
            return measure.run(command, cores=case.cores, memory=memory, statuses=(0, 1), settings=_SETTINGS)
        except (UnsupportedContract, RuntimeError) as problem:
            if case.peer == OURS or file.group != "yours":
                raise
            self.note(f"{case.peer} is left out of {case.file}: {problem}")
            return None

    def out(self, case: Case, attempt: str) -> Path:
        """Where an attempt's files go."""
        return self.directory / f"{case.file}-{case.peer}-{case.cores}-{attempt}".replace(" ", "_").replace("%", "")

    def check(self, file: File, written: Written) -> None:
        """Check that all made the same rows of a file, and ours on any number of cores the same of everything."""
        from benchmarks.totals import rows, totals

        contract = registry.contract(file.contract)
        cases = [case for case in self.figures.runs if case.file == file.name]
        named = {case: totals(self.out(case, "0"), contract) for case in cases}
        ours = {case: totals(self.out(case, "0"), contract, unnamed=True) for case in cases if case.peer == OURS}
        for agreed in (named, ours):
            if len(set(agreed.values())) > 1:
                self.disagree(file, "not the same rows:\n" + "\n".join(f"{c}: {total}" for c, total in agreed.items()))
        for case in ours:
            kept = self.out(case, "0").with_name(f"{self.out(case, '0').name}.rejected")
            rejected = kept.read_bytes().count(b"\n")
            if file.group != "yours" and rejected != written.rejected:
                self.disagree(file, f"{rejected} documents were rejected by {case}, {written.rejected} are broken")
        self.figures.files[file.name] = replace(self.figures.files[file.name], rows=rows(next(iter(ours.values()))))

    def disagree(self, file: File, problem: str) -> None:
        """Stop; of a user's file, which peers may read in their own way, only ours is kept then."""
        if file.group != "yours":
            raise SystemExit(f"{file.name}: {problem}")
        self.note(f"only {OURS} is shown: {problem}")
        for case in [case for case in self.figures.runs if case.peer != OURS]:
            del self.figures.runs[case]

    def keep_sizes(self, file: File, written: Written) -> None:
        """Keep the sizes of the Parquet, and what questions read of it, of days and wide."""
        if file.name not in ("days", "wide") or self.options.ours:
            return
        from benchmarks import layout

        figures, contract = self.figures, registry.contract(file.contract)
        mine = self.out(Case(file.name, OURS, 1), "0")
        others = {}
        if file.name == "days":
            others["one file by pandas"] = self.directory / "pandas-default"
            layout.pandas_file(mine, others["one file by pandas"])
        else:
            others["wide, DuckDB, JSON kept"] = self.out(Case("wide", DUCKDB_JSON, 1), "0")
            others["wide, named fields alone"] = self.directory / "named"
            layout.flattened(orders.orders(written.documents, self.options.seed), contract, self.directory / "named")
        for name, folder in ({file.name: mine} | others).items():
            figures.parquet[name] = layout.size(folder)
            if "DuckDB" not in name:
                figures.bytes_read[name] = layout.bytes_read(folder, partitioned=name != "one file by pandas")

    def look_at_memory(self, file: File, case: Case, source: Path) -> None:
        """Run a case once more for its peak memory."""
        _show(f"memory: {case}")
        if run := self.run(file, case, source, "memory", memory=True):
            self.figures.peak_mb[case] = run.peak_mb
        for attempt in ("memory", "0"):
            _remove(self.out(case, attempt))

    def measure_large(self, file: File, written: Written) -> None:
        """Measure our memory on a file as large as Lambda's time allows, about."""
        name = f"{file.name}{LARGE}"
        self.figures.files[name] = Size(written.megabytes, written.documents)
        for cores in CORES:
            self.look_at_memory(file, Case(name, OURS, cores), written.path)
        written.path.unlink()

    def note(self, text: str) -> None:
        """Keep a remark for the report, once."""
        if text not in self.figures.notes:
            self.figures.notes.append(text)


_SETTINGS = {"ETL_MAX_REJECTED_PERCENT": "100"}
"""Where all documents are rejected, all of them are to be measured."""


def _command(file: File, case: Case, source: Path, out: Path) -> list[str]:
    """Return what runs a case: of ours what its users run, of a peer what `peers` has of it."""
    if case.peer == OURS:
        options = ["-o", str(out), "--rejects", f"{out}.rejected", "--contract", file.contract]
        return measure.python("-m", "chalicelib.flatten", str(source), *options)
    return measure.python("-m", "benchmarks.peers", case.peer, str(source), str(out), str(case.cores), file.contract)


def _remove(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    for beside in (".rejected", ".sql"):
        out.with_name(out.name + beside).unlink(missing_ok=True)


def _show(what: str) -> None:
    print(f"\r{what:78}", end="", file=sys.stderr, flush=True)
