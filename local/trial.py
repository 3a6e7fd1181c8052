"""`make try FILE=…`: a person's own file, from a proposed contract to answers on the embedded AWS."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from chalicelib.aws.athena import Athena
from chalicelib.contracts import registry
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import FILE_NAME
from chalicelib.counts import Counts
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.documents.decompress import is_supported
from chalicelib.errors import ContractError
from chalicelib.loading.entry import Entry
from chalicelib.propose import __main__ as propose
from chalicelib.queries import saved
from chalicelib.queries.saved import SavedQuery
from local import contract_check
from local.answers import answer_table, cut, rejected_table, short
from local.deploy import copy_project
from local.emulator import PROJECT
from local.errors import LocalError
from local.pipeline import Pipeline, pipeline, wait_for
from local.progress import Progress

CONTRACTS = Path("chalicelib", "contracts")
LOAD_SECONDS = 60.0
BYTES_A_SECOND = 1_000_000
"""How long a load may take: so long, and for each million bytes a second more."""
QUERY_SECONDS = 60.0
FEW_ROWS = 5
FEW_REJECTED = 5
LONGEST = 28
"""How many characters of a text are shown."""
_ASIDE = frozenset(("extra_fields", "source_key", "source_version", "source_modified_at", "record_number"))


def trial(file: Path, contract: str, keep: bool, progress: Progress) -> bool:
    """Propose a contract for a file, or take one that is there; deploy it, load the file by it, ask its queries.

    Returns whether something was loaded, also where some was rejected, which is said. With `keep` a proposed contract
    is written into the project; nothing else of it stays. Raises LocalError when a step fails.
    """
    if not file.is_file():
        is_folder = file.is_dir()
        example = file / "my_orders.json" if is_folder else "my_orders.json"
        problem = f"{file} is a folder, and a trial takes one file" if is_folder else f"there is no file {file}"
        raise LocalError(problem, f"name your own: make try FILE={shlex.quote(str(example))}")
    with tempfile.TemporaryDirectory(prefix="orders-etl-try-") as scratch:
        project = Path(scratch) / "project"
        copy_project(PROJECT, project)
        folder, said = _contract_folder(project, file, contract, progress)
        try:
            read = registry.contract(str(folder))
        except ContractError as problem:
            raise LocalError(f"the contract {folder.name} contradicts itself", str(problem)) from None
        if contract:
            _check_queries(read, contract, progress)
        with pipeline(progress, log=None, project=project) as running:
            settings = running.settings
            dataset = Dataset(read, settings.bucket, settings.database, Prefixes.of(settings))
            counts = _Trial(running, dataset, file, progress, said).run()
        progress.say()
        if counts.orders_rejected:
            rejected = f"{counts.orders_rejected} of {_counted(counts.orders_read, 'document')}"
            progress.say(f"{rejected} {'was' if counts.orders_rejected == 1 else 'were'} rejected, as shown above.")
        for line in _next(file, folder.name, contract, _keep(folder) if keep and not contract else None):
            progress.say(line)
    return counts.orders_loaded > 0


def _contract_folder(project: Path, file: Path, contract: str, progress: Progress) -> tuple[Path, str]:
    """Return the folder of the contract in the copy of the project, and what propose said of the file.

    It is one that is there, or a proposed one.
    """
    if not contract:
        return _proposed(project, file, progress)
    there = project / CONTRACTS / contract
    if "/" not in contract and (there / FILE_NAME).is_file():
        return there, ""
    given = Path(contract)
    given = given.parent if given.name == FILE_NAME else given
    if not (given / FILE_NAME).is_file():
        names = ", ".join(sorted(each.parent.name for each in (project / CONTRACTS).glob(f"*/{FILE_NAME}")))
        raise LocalError(f"there is no contract {contract!r}", f"name one of {names}, or a folder with a {FILE_NAME}")
    folder = project / CONTRACTS / given.resolve().name
    shutil.copytree(given, folder, dirs_exist_ok=True)
    return folder, ""


def _check_queries(read: Contract, contract: str, progress: Progress) -> None:
    """Raise LocalError where a saved query or a view does not fit a person's contract: before anything is started."""
    with progress.step(f"Check the saved queries of {read.name}"):
        faults = contract_check.sql_faults(contract_check.dataset_of(read), ())
    if faults:
        folder = CONTRACTS / contract if read.name == contract else Path(contract)
        lines = "\n".join(faults).replace(str(read.folder), str(folder))
        raise LocalError(f"saved queries do not fit the contract {read.name}", "mend what the lines above name", lines)


def _proposed(project: Path, file: Path, progress: Progress) -> tuple[Path, str]:
    usual = propose.name_of(str(file))
    names = itertools.chain((usual,), (f"{usual}_{number}" for number in itertools.count(2)))
    name = next(each for each in names if not (PROJECT / CONTRACTS / each).exists())
    folder = project / CONTRACTS / name
    said = io.StringIO()
    with progress.step(f"Propose a contract from {file.name}, and run it on the file"):
        with contextlib.redirect_stderr(said):
            propose.main([str(file), "-o", str(folder / FILE_NAME), "--name", name])
        if not (folder / FILE_NAME).is_file():
            remedy = "see docs/propose.md for what a contract expresses"
            raise LocalError("no contract was proposed for it", remedy, said.getvalue().replace(f"{file}: ", ""))
    for line in said.getvalue().splitlines():
        progress.say(f"    {line}")
    if name != usual:
        progress.say(f"    it is named {name}, since the project has a contract {usual}: CONTRACT={usual} tries that")
    return folder, said.getvalue()


def _keep(folder: Path) -> Path:
    """Write the contract into the project."""
    kept = PROJECT / CONTRACTS / folder.name
    shutil.copytree(folder, kept)
    return kept.relative_to(PROJECT)


def _next(file: Path, name: str, contract: str, kept: Path | None) -> Iterator[str]:
    quoted = shlex.quote(str(file))
    yield "Everything was stopped and removed. What to do next:"
    yield ""
    if kept:
        yield f"  look at the lines marked LOOK in {kept / FILE_NAME}, and delete the # of the columns you want"
        name = kept.name
    elif not contract:
        yield f"  make try FILE={quoted} KEEP=1     writes the contract into the project, as {CONTRACTS / name}/"
        return
    yield f"  make try FILE={quoted} CONTRACT={name}     tries the file again, by the contract as it then is"
    yield "  make deploy STAGE=dev BUCKET=...     deploys it into your AWS account, beside the others"


def fitting(widths: Mapping[str, int], room: int) -> list[str]:
    """Return the names that fit beside each other, in their order, at least the first: one that is too wide is left."""
    names: list[str] = []
    for name, width in widths.items():
        if width <= room or not names:
            names.append(name)
            room -= width
    return names


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count > 1)}" if count else ""


@dataclass(frozen=True)
class _Trial:
    """A file and the dataset whose contract it is tried with; `said` is what was said of the file before."""

    running: Pipeline
    dataset: Dataset
    file: Path
    progress: Progress
    said: str

    @property
    def contract(self) -> Contract:
        return self.dataset.contract

    @cached_property
    def queries(self) -> dict[str, SavedQuery]:
        return dict(saved.load((self.dataset,)))

    @cached_property
    def athena(self) -> Athena:
        return Athena(self.running.aws.client("athena"), self.running.settings, self.queries)

    def run(self) -> Counts:
        """Load the file, say what became of it, ask the queries where something was loaded."""
        entry = self._load()
        counts = entry.counts
        self.progress.say(
            f"    {counts.orders_read} documents read, {counts.orders_loaded} loaded, {counts.orders_rejected} rejected"
            + (f": {entry.state}, {entry.reason}" if entry.reason else "")
        )
        for hint in entry.hints:
            if hint not in self.said:
                self.progress.say(f"    hint: {hint}")
        if entry.quarantine and counts.orders_rejected:
            self._show_rejected(entry.quarantine, counts.orders_rejected)
        if not counts.orders_loaded:
            return counts
        with self.progress.step("Count the rows of each table"):
            rows = {table.name: self._ask(f"SELECT COUNT(*) FROM {table.name}")[1] for table in self.contract.tables}  # noqa: S608 - names of ours
        for name, ((count,),) in rows.items():
            self.progress.say(f"    {name}: {count} rows")
        for query in self.queries.values():
            if query.contract or counts.orders_rejected:
                self._ask_saved(query)
        return counts

    def _load(self) -> Entry:
        key = f"{self.dataset.incoming}{self._object_name()}"
        with self.progress.step(f"Drop {self.file.name} into s3://{self.dataset.bucket}/{key}"):
            self.running.s3.upload_file(str(self.file), self.dataset.bucket, key)
        with self.progress.step("Wait for the Lambda to write its Parquet files"):
            try:
                seconds = LOAD_SECONDS + self.file.stat().st_size / BYTES_A_SECOND
                return wait_for(lambda: self.running.finished_entry(key), seconds)
            except TimeoutError as problem:
                remedy = "the lines above are the function's: mend what they name, then run the command again"
                raise LocalError(f"{key} was not loaded: {problem}", remedy, self.running.aws.tail()) from None

    def _object_name(self) -> str:
        """Return the file's name, with the ending that its content has where its own is none that is read."""
        if is_supported(self.file.name):
            return self.file.name
        with self.file.open("rb") as opened:
            is_gzip = opened.read(2) == b"\x1f\x8b"
        return f"{self.file.name}.json{'.gz' * is_gzip}"

    def _show_rejected(self, key: str, count: int) -> None:
        body = self.running.s3.get_object(Bucket=self.dataset.bucket, Key=key)["Body"]
        with gzip.open(body) as lines:
            few = [json.loads(line) for line in itertools.islice(lines, FEW_REJECTED)]
        self.progress.console.print(rejected_table(few, "document"))
        if count > len(few):
            self.progress.say(f"    {_counted(count - len(few), 'document')} more")

    def _ask_saved(self, query: SavedQuery) -> None:
        """Ask a saved query, with the values of the first document for parameters that have to be given."""
        required = [each.name for each in query.parameters if each.required]
        if set(required) - {column.name for column in self.contract.main.columns}:
            self.progress.say(f"- {query.name} is not asked: it needs {', '.join(required)}")
            return
        given = self._of_first(required) if required else {}
        said = "".join(f" {name}={value}" for name, value in given.items())
        with self.progress.step(f"Ask: {query.name}{said} - {query.title}"):
            statement = query.bind(given)
            columns, rows = self._ask(statement.sql, statement.parameters, query.name)
        few = rows[:FEW_ROWS]
        shown = self._shown(columns, few)
        self.progress.console.print(answer_table(columns, few, shown, LONGEST))
        further = [_counted(len(rows) - len(few), "row"), _counted(len(columns) - len(shown), "column")]
        if not rows:
            self.progress.say("    no rows")
        elif any(further):
            self.progress.say(f"    {' and '.join(filter(None, further))} more")

    def _of_first(self, columns: Sequence[str]) -> dict[str, str]:
        sql = f"SELECT {', '.join(columns)} FROM {self.contract.main.name} LIMIT 1"  # noqa: S608 - names of ours
        return dict(zip(columns, map(str, self._ask(sql)[1][0]), strict=True))

    def _shown(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
        """Return the columns that are shown: those with a value, as many as fit.

        Of rows as they lie in the table, what identifies a document comes first, then its line, then the rest.
        """
        filled = [(i, c) for i, c in enumerate(columns) if any(row[i] is not None for row in rows) or not rows]
        if set(columns) <= self.contract.main.by_name.keys():
            filled.sort(key=lambda each: self._rank(each[1]))
        widths = {
            column: 2 + max(len(column), *(len(cut(short(row[i]), LONGEST)) for row in rows), 0)
            for i, column in filled
            if column not in _ASIDE
        }
        return fitting(widths, self.progress.console.width - 4)

    def _rank(self, name: str) -> int:
        """Return how late a column of the main table is shown."""
        main = self.contract.main
        if name in (*self.contract.identity, self.contract.date):
            return 0
        return 1 if main.level(main.by_name[name]) == main.depth else 2

    def _ask(self, sql: str, parameters: Sequence[str] = (), name: str | None = None) -> tuple[list[str], list[Any]]:
        execution = self.athena.wait(self.athena.start(sql, parameters, name=name), QUERY_SECONDS)
        page = self.athena.page(execution).describe()
        return [column["name"] for column in page["columns"]], page["rows"]
