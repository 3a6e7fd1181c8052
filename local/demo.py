"""`make demo`: the main job from nothing to checked answers, explained to somebody who sees it for the first time."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from chalicelib.dataset import Dataset
from chalicelib.loading.entry import Entry
from chalicelib.queries import saved
from local.answers import answer_table, plain_row, rejected_table
from local.emulator import PROJECT
from local.errors import LocalError
from local.expected import Difference, Sample, Samples, differences, table_rows
from local.pipeline import DEMO_LOG, Pipeline, pipeline, wait_for
from local.progress import Progress

LOAD_SECONDS = 60.0
QUERY_SECONDS = 60.0
SHOWN: dict[str, tuple[str, ...]] = {
    "preview": ("order_id", "customer_name", "product_name", "line_amount", "total_amount"),
    "sales_per_customer": ("customer_id", "customer_name", "total_sales", "order_count"),
    "sales_by_month": ("order_month", "total_sales", "order_count", "customer_count"),
    "top_products": ("sales_rank", "product_name", "line_sales", "units"),
    "total_mismatches": ("order_id", "total_amount", "line_total", "difference"),
}
"""Which answers are shown, and which of their columns: as many as fit a narrow terminal."""

MOST_COLUMNS = 5
"""How many columns of another answer are shown."""

NAIVE = "total_per_customer"
"""The answer to a query that is not saved, since it sums a column of another grain."""


def demo(progress: Progress) -> bool:
    """Run the whole pipeline on the samples of each dataset. Returns whether every figure was as expected.

    Raises LocalError when a step fails.
    """
    began = time.monotonic()
    checks = Checks()
    with pipeline(progress, log=DEMO_LOG) as running:
        for dataset in running.datasets:
            samples = Samples.of(dataset, saved.load(running.datasets).values())
            if samples is None:
                progress.say(
                    f"Contract {dataset.name} is not checked: its sample.json is not there or does not load, "
                    f"see python -m local check-contracts {dataset.name}"
                )
            else:
                _Demo(running, dataset, samples, progress, checks).run()
    seconds = time.monotonic() - began
    progress.say()
    if checks.failed:
        progress.console.print(f"[red]{len(checks.failed)} differences from what was expected:[/red]")
        for each in checks.failed[:20]:
            progress.say(f"  {each.what}: expected {each.expected}, found {each.actual}")
        return False
    summary = f"[green]All {checks.count} checks are as expected[/green], in {seconds:.0f} s."
    progress.console.print(f"{summary} Everything was stopped and removed.")
    return True


@dataclass
class Checks:
    """How many comparisons were made, and each difference."""

    count: int = 0
    failed: list[Difference] = field(default_factory=list)

    def compare(self, what: str, expected: Any, actual: Any) -> None:
        """Compare, and keep each difference."""
        self.count += 1
        self.failed += differences(what, expected, actual)


@dataclass(frozen=True)
class _Demo:
    """The demo of one dataset."""

    running: Pipeline
    dataset: Dataset
    samples: Samples
    progress: Progress
    checks: Checks

    def run(self) -> None:
        """Load the samples, compare the table, ask every query, show what was rejected."""
        entries = [self._load(sample) for sample in self.samples.files]
        self._compare_table()
        self._ask_first_rows()
        for name, answer in self.samples.answers.items():
            if name == NAIVE:
                self._ask_naive(answer)
            else:
                self._ask_saved(name, answer)
        for sample, entry in zip(self.samples.files, entries, strict=True):
            if entry.quarantine:
                self._show_rejected(sample, entry.quarantine)

    def _load(self, sample: Sample) -> Entry:
        """Put a sample into the incoming prefix and wait for the end of its load."""
        key = f"{self.dataset.incoming}{sample.path.name}"
        with self.progress.step(f"Drop {sample.path.relative_to(PROJECT)} into s3://{self.dataset.bucket}/{key}"):
            self.running.put(key, sample.path.read_bytes())
        with self.progress.step("Wait for the Lambda to write its Parquet files"):
            entry = self._finished_entry(key)
        counts = entry.counts
        self.progress.say(
            f"    {counts.orders_read} orders read, {counts.orders_loaded} loaded as {counts.rows} rows in "
            f"{len(entry.files)} files, {counts.orders_rejected} rejected"
        )
        self.checks.compare(f"{sample.path.name}: orders read, loaded, rejected and rows", sample.counts, counts)
        return entry

    def _finished_entry(self, key: str) -> Entry:
        try:
            return wait_for(lambda: self.running.finished_entry(key), LOAD_SECONDS)
        except TimeoutError as problem:
            raise LocalError(
                f"{key} was not loaded: {problem}",
                f"read {DEMO_LOG.relative_to(PROJECT)}, where the function's output is",
                self.running.aws.tail(),
            ) from None

    def _compare_table(self) -> None:
        """Read the whole table twice, by SQL and by pyarrow, and compare both with the expected rows."""
        columns = [each.name for each in self.dataset.contract.main.columns if not each.name.startswith("source_")]
        expected = sorted(self.samples.all_rows(columns))
        with self.progress.step("Read every row of the table with Athena, and compare"):
            sql = f"SELECT source_key, {', '.join(columns)} FROM {self.dataset.contract.main.name}"  # noqa: S608 - names of ours
            self._compare_rows("the rows that Athena reads", expected, map(plain_row, self._ask(sql)[1]))
        with self.progress.step("Read every row of its Parquet files with pyarrow, and compare"):
            rows = table_rows(self.running.s3, self.dataset, columns)
            self._compare_rows("the rows that pyarrow reads", expected, rows)

    def _compare_rows(self, what: str, expected: list[str], rows: Iterable[list[Any]]) -> None:
        """Compare rows in any order, each with its file's name in place of its key."""
        relative = ([str(key).removeprefix(self.dataset.incoming), *values] for key, *values in rows)
        self.checks.compare(what, expected, sorted(map(json.dumps, relative)))

    def _ask_first_rows(self) -> None:
        sql = f"SELECT * FROM {self.dataset.contract.main.name} LIMIT 10"  # noqa: S608 - names of ours
        self.progress.say()
        with self.progress.step(f"Ask: {sql}"):
            columns, rows = self._ask(sql)
        count = sum(len(sample.rows) for sample in self.samples.files)
        self.checks.compare("the number of rows of LIMIT 10", min(10, count), len(rows))
        self._show("preview", columns, rows)

    def _ask_naive(self, expected: dict[str, Any]) -> None:
        table = self.dataset.contract.main.name
        sql = f"SELECT customer_id, SUM(total_amount) AS total_sales FROM {table} GROUP BY customer_id"  # noqa: S608
        with self.progress.step(f"Ask: {sql}"):
            columns, rows = self._ask(sql)
        pair = (sorted(map(json.dumps, each)) for each in (expected["rows"], rows))
        self.checks.compare("the totals per customer of the plain SUM", *pair)
        self._show(NAIVE, columns, sorted(rows, key=lambda row: -Decimal(row[1] or 0)))
        self.progress.say(
            "    Too much: an order's total stands on each of its lines. The saved queries ask the right grain:"
        )

    def _ask_saved(self, name: str, expected: dict[str, Any]) -> None:
        query = saved.find(saved.load(self.running.datasets), name)
        parameters = expected.get("parameters", {})
        statement = query.bind(parameters)
        given = "".join(f" {key}={value}" for key, value in parameters.items())
        with self.progress.step(f"Ask: {name}{given} - {query.title}"):
            columns, rows = self._ask(statement.sql, statement.parameters, name)
        compared = [columns.index(column) for column in expected.get("columns", columns)]
        actual = [plain_row([row[i] for i in compared]) for row in rows]
        if "rows" in expected:
            self.checks.compare(f"the answer of {name}", expected["rows"], actual)
        if name in SHOWN or "rows" not in expected:
            self._show(name, columns, rows)

    def _ask(self, sql: str, parameters: Sequence[str] = (), name: str | None = None) -> tuple[list[str], list[Any]]:
        """Run a query and return the names of its columns and its rows as JSON values."""
        athena = self.running.athena
        page = athena.page(athena.wait(athena.start(sql, parameters, name=name), QUERY_SECONDS)).describe()
        return [column["name"] for column in page["columns"]], page["rows"]

    def _show_rejected(self, sample: Sample, key: str) -> None:
        """Show what was rejected and why, and that it was kept byte for byte."""
        self.progress.say()
        with self.progress.step("Read what was rejected, kept byte for byte in the quarantine"):
            stored = self.running.s3.get_object(Bucket=self.dataset.bucket, Key=key)["Body"].read()
            names = ("record_number", "path", "reason", "raw", "raw_base64")
            lines = map(json.loads, gzip.decompress(stored).splitlines())
            rejected = [{name: line[name] for name in names if name in line} for line in lines]
        self.checks.compare(f"what was rejected of {sample.path.stem}", sample.rejected, rejected)
        self.progress.console.print(rejected_table(rejected, "order"))

    def _show(self, name: str, columns: list[str], rows: list[Any]) -> None:
        """Print an answer: the columns of it that SHOWN names, or else its first ones."""
        named = SHOWN.get(name, ())
        shown = named if set(named) <= set(columns) and named else columns[:MOST_COLUMNS]
        self.progress.console.print(answer_table(columns, rows, shown))
