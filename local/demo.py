"""`make demo`: the main job from nothing to checked answers, told to somebody who sees it for the first time."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from chalicelib.aws.athena import Athena
from chalicelib.contracts.orders.contract import ORDERS
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import FINISHED
from chalicelib.queries import saved
from local.emulator import PROJECT
from local.errors import LocalError
from local.expected import Difference, Samples, differences, table_rows
from local.pipeline import DEMO_LOG, Pipeline, pipeline
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

NAIVE = "SELECT customer_id, SUM(total_amount) AS total_sales FROM orders_parquet_datalake GROUP BY customer_id"
FIRST_ROWS = "SELECT * FROM orders_parquet_datalake LIMIT 10"


def demo(progress: Progress) -> bool:
    """Run the whole pipeline on the samples. Returns whether every figure was as expected.

    Raises LocalError when a step fails.
    """
    began = time.monotonic()
    with pipeline(progress, log=DEMO_LOG) as running:
        show = _Demo(running, progress)
        for stem, name in show.samples.files.items():
            show.drop(stem, name)
        show.compare_table()
        show.ask()
        show.show_rejected()
    seconds = time.monotonic() - began
    progress.say()
    if show.wrong:
        progress.console.print(f"[red]{len(show.wrong)} differences from what was expected:[/red]")
        for each in show.wrong[:20]:
            progress.say(f"  {each.what}: expected {each.expected}, found {each.found}")
        return False
    told = f"[green]All {show.checked} checks are as expected[/green], in {seconds:.0f} s."
    progress.console.print(f"{told} Everything was stopped and removed.")
    return True


@dataclass
class _Demo:
    """The running demo: what was checked so far, and what was not as expected."""

    running: Pipeline
    progress: Progress

    def __post_init__(self) -> None:
        self.samples = Samples.read(PROJECT / "sample_data")
        self.settings = self.running.settings
        self.s3 = self.running.aws.client("s3")
        self.athena = Athena(self.running.aws.client("athena"), self.settings)
        self.entries: dict[str, Entry] = {}
        self.checked = 0
        self.wrong: list[Difference] = []

    def check(self, what: str, expected: Any, found: Any) -> None:
        """Compare, and remember each difference."""
        self.checked += 1
        self.wrong += differences(what, expected, found)

    def drop(self, stem: str, name: str) -> None:
        """Put a sample into the incoming prefix and wait until the ledger says what became of it."""
        key = f"{self.settings.incoming_prefix}{name}"
        path = PROJECT / "sample_data" / name
        with self.progress.step(f"Drop sample_data/{name} into s3://{self.settings.bucket}/{key}"):
            self.s3.put_object(Bucket=self.settings.bucket, Key=key, Body=path.read_bytes())
        with self.progress.step("Wait for the Lambda to write its Parquet files"):
            entry = self._loaded(key)
        self.entries[stem], counts = entry, entry.counts
        self.progress.say(
            f"    {counts.orders_read} orders read, {counts.orders_loaded} loaded as {counts.rows} rows in "
            f"{len(entry.files)} files, {counts.orders_rejected} rejected"
        )
        expected = self.samples.rows[stem]
        loaded = len({row["record_number"] for row in expected})
        rejected = len(self.samples.rejected[stem])
        self.check(
            f"{name}: orders read, loaded, rejected and rows",
            [loaded + rejected, loaded, rejected, len(expected)],
            [counts.orders_read, counts.orders_loaded, counts.orders_rejected, counts.rows],
        )

    def _loaded(self, key: str) -> Entry:
        place = f"{self.settings.ledger_prefix}{ledger_name(key)}"
        deadline = time.monotonic() + LOAD_SECONDS
        while time.monotonic() < deadline:
            try:
                stored = self.s3.get_object(Bucket=self.settings.bucket, Key=place)
            except self.s3.exceptions.NoSuchKey:
                pass
            else:
                entry = Entry.from_json(json.loads(stored["Body"].read()))
                if entry.state in FINISHED and not entry.superseded:
                    return entry
            time.sleep(0.1)
        raise LocalError(
            f"{key} was not loaded within {LOAD_SECONDS:g} s",
            f"read {DEMO_LOG.relative_to(PROJECT)}, where the function's output is",
            self.running.aws.tail(),
        )

    def compare_table(self) -> None:
        """Read the whole table twice, by SQL and by pyarrow, and hold both against the expected rows."""
        columns = [column.name for column in ORDERS.columns if not column.name.startswith("source_")]
        expected = sorted(self.samples.all_rows(columns))
        with self.progress.step("Read every row of the table with Athena, and compare"):
            source = self.settings.incoming_prefix
            sql = f"SELECT source_key, {', '.join(columns)} FROM {self.settings.table}"  # noqa: S608 - names of ours
            found = [list(row) for row in self._json_rows(sql)]
            self.check("the rows that Athena reads", expected, sorted(map(json.dumps, _relative(found, source))))
        with self.progress.step("Read every row of its Parquet files with pyarrow, and compare"):
            found = table_rows(self.s3, self.settings, columns)
            self.check("the rows that pyarrow reads", expected, sorted(map(json.dumps, _relative(found, source))))

    def ask(self) -> None:
        """Run the queries, show those that tell a story, compare all."""
        self.progress.say()
        with self.progress.step(f"Ask: {FIRST_ROWS}"):
            columns, rows = self._asked(FIRST_ROWS)
        self.check("the number of rows of LIMIT 10", 10, len(rows))
        self._show("preview", columns, rows)
        with self.progress.step(f"Ask: {NAIVE}"):
            columns, rows = self._asked(NAIVE)
        naive = self.samples.answers["total_per_customer"]["rows"]
        self.check(
            "the totals per customer of the plain SUM", sorted(map(json.dumps, naive)), sorted(map(json.dumps, rows))
        )
        self._show("", columns, sorted(rows, key=lambda row: -Decimal(row[1] or 0)))
        self.progress.say(
            "    Too much: an order's total stands on each of its lines. The saved queries ask the right grain:"
        )
        for name, answer in self.samples.answers.items():
            if name != "total_per_customer":
                self._ask_saved(name, answer)

    def _ask_saved(self, name: str, answer: dict[str, Any]) -> None:
        query = saved.find(name)
        parameters = answer.get("parameters", {})
        statement = query.bind(parameters, database=self.settings.database, table=self.settings.table)
        given = "".join(f" {key}={value}" for key, value in parameters.items())
        with self.progress.step(f"Ask: {name}{given} - {query.title}"):
            columns, rows = self._asked(statement.sql, statement.parameters, name)
        expected = answer["rows"]
        compared = [columns.index(column) for column in answer["columns"]] if "columns" in answer else None
        found = rows if compared is None else [[row[i] for i in compared] for row in rows]
        self.check(f"the answer of {name}", expected, [[_plain(value) for value in row] for row in found])
        if name in SHOWN:
            self._show(name, columns, rows)

    def _asked(self, sql: str, parameters: Any = (), name: str | None = None) -> tuple[list[str], list[list[Any]]]:
        execution = self.athena.wait(self.athena.start(sql, parameters, name=name), QUERY_SECONDS)
        page = self.athena.page(execution).describe()
        return [column["name"] for column in page["columns"]], page["rows"]

    def _json_rows(self, sql: str) -> Iterator[list[Any]]:
        yield from ([_plain(value) for value in row] for row in self._asked(sql)[1])

    def show_rejected(self) -> None:
        """Show what was rejected and why, and that it was kept byte for byte."""
        for stem, entry in self.entries.items():
            if not entry.quarantine:
                continue
            self.progress.say()
            with self.progress.step("Read what was rejected, kept byte for byte in the quarantine"):
                stored = self.s3.get_object(Bucket=self.settings.bucket, Key=entry.quarantine)["Body"].read()
                found = [json.loads(line) for line in gzip.decompress(stored).splitlines()]
            self.check(f"what was rejected of {stem}", self.samples.rejected[stem], found)
            table = Table("order", "where", "why", box=None, padding=(0, 2, 0, 0), header_style="bold")
            for each in found:
                table.add_row(str(each["record_number"]), escape(each["path"] or "-"), escape(each["reason"]))
            self.progress.console.print(Padding(table, (0, 0, 0, 4), expand=False))

    def _show(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
        shown = [columns.index(column) for column in SHOWN.get(name, columns)]
        columns, rows = [columns[i] for i in shown], [[row[i] for i in shown] for row in rows]
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for i, column in enumerate(columns):
            numeric = any(isinstance(row[i], int) or _is_decimal(row[i]) for row in rows)
            table.add_column(column, justify="right" if numeric else "left", no_wrap=True)
        for row in rows:
            table.add_row(*("-" if value is None else escape(_short(value)) for value in row))
        self.progress.console.print(Padding(table, (0, 0, 0, 4), expand=False))


def _relative(rows: list[list[Any]], prefix: str) -> list[list[Any]]:
    """Return rows with the file's name in place of its key."""
    return [[str(row[0]).removeprefix(prefix), *row[1:]] for row in rows]


def _plain(value: Any) -> Any:
    """Return a value as the expected files have it: timestamps without their Z."""
    return value.removesuffix("Z") if isinstance(value, str) and value[10:11] == "T" else value


def _short(value: Any) -> str:
    """Return a value as a person reads it: no times that say nothing, no zeros that say nothing."""
    text = str(_plain(value)).removesuffix("T00:00:00.000")
    return f"{Decimal(text):.2f}" if _is_decimal(value) and Decimal(text) == round(Decimal(text), 2) else text


def _is_decimal(value: Any) -> bool:
    return isinstance(value, str) and value.removeprefix("-").replace(".", "", 1).isdigit() and value[-5:-4] == "."
