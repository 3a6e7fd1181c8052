"""Whether a saved query runs on the tables of its contract: all that does not fit, with its line and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from chalicelib.dataset import Dataset
from chalicelib.errors import ContractError, ParameterError
from chalicelib.queries import saved
from chalicelib.queries.saved import SavedQuery, Statement
from local.athena.engine import select
from local.athena.lake import Lake, MalformedQuery, QueryError
from local.athena.sql import parse, qualify_tables
from local.athena.tables import FileCache

_UNKNOWN_COLUMN = re.compile(r"COLUMN_NOT_FOUND: .*Column '(.+)' cannot be resolved")
_POSITION = re.compile(r"line (\d+):(\d+): ")


def query_faults(file: Path, dataset: Dataset, lake: Lake, cache: FileCache) -> list[str]:
    """Return what is wrong with a saved query: its header, its examples and defaults, its tables, columns and SQL."""
    try:
        query = saved.read(file, dataset)
    except ContractError as error:
        return error.problems
    faults: dict[str, None] = {}
    text = _Text.of(file)
    # As a caller sends it who gives what is required alone, and one who gives every example.
    for parameters in (
        {each.name: each.example for each in query.parameters if each.required},
        {each.name: each.example for each in query.parameters},
    ):
        try:
            statement = query.bind(parameters)
        except ParameterError as error:
            problems = (f"{file}: the examples of its parameters contradict: {each}" for each in error.problems.items())
            return list(problems)
        faults |= dict.fromkeys(_Run(text, query, statement, dataset, lake, cache).faults())
    return list(faults)


@dataclass(frozen=True)
class _Text:
    """A query's file, and how many lines stand before its SQL."""

    file: Path
    lines: list[str]
    before: int

    @classmethod
    def of(cls, file: Path) -> _Text:
        lines = file.read_text("utf-8").splitlines()
        before = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("--")), 0)
        return cls(file, lines, before)

    def at(self, line: int | None) -> str:
        """Return `FILE:LINE` of a line of the SQL, from 1."""
        return f"{self.file}:{self.before + (line or 1)}"

    def line_with(self, pattern: str) -> int | None:
        """Return the first line of the SQL that has a pattern."""
        sql = self.lines[self.before :]
        return next((i for i, line in enumerate(sql, 1) if re.search(pattern, line, re.IGNORECASE)), None)


@dataclass(frozen=True)
class _Run:
    """One run of a query with one set of parameters."""

    text: _Text
    query: SavedQuery
    statement: Statement
    dataset: Dataset
    lake: Lake
    cache: FileCache

    def faults(self) -> Iterator[str]:
        try:
            names = qualify_tables(self._tree(), self.dataset.database)
        except MalformedQuery as error:
            match = _POSITION.match(str(error))
            yield f"{self.text.at(int(match[1]) if match else None)}: {_POSITION.sub('', str(error))}"
            return
        except QueryError as error:
            yield self._other(error)
            return
        missing = list(self._missing_tables(names))
        yield from missing
        if not missing:
            yield from self._run(names)

    def _tree(self) -> exp.Expression:
        return parse(self.statement.sql, self.statement.parameters)

    def _missing_tables(self, names: Iterable[tuple[str, str]]) -> Iterator[str]:
        for database, name in sorted(names):
            if self.lake.table(database, name) is None:
                there = [each["Name"] for each in self.lake.tables(self.dataset.database)]
                where = self.text.at(self.text.line_with(rf"\b{re.escape(name)}\b"))
                yield f"{where}: there is no table or view {name!r}{_near(name, there)}: it has {', '.join(there)}"

    def _run(self, names: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Run the query. The engine names one unknown column at a time: each is NULL in the run after it."""
        unknown: list[str] = []
        while True:
            tree = self._tree()
            for column in [each for each in tree.find_all(exp.Column) if each.name.lower() in unknown]:
                column.replace(exp.null())
            try:
                select(self.lake, self.cache, tree, self.dataset.database)
            except QueryError as error:
                match = _UNKNOWN_COLUMN.match(str(error))
                if match and match[1].lower() not in unknown:
                    unknown.append(match[1].lower())
                    yield self._unknown_column(match[1], names)
                    continue
                if not unknown:
                    yield self._other(error)
            return

    def _unknown_column(self, name: str, names: Iterable[tuple[str, str]]) -> str:
        columns = [column for each in names for column in self._columns(*each)]
        used = (each.this.meta.get("line") for each in self._tree().find_all(exp.Column) if each.name == name)
        # Views are listed by the names that they are asked by.
        there = f"{' and '.join(sorted(name for _, name in names))} have" if len(list(names)) > 1 else ""
        there = there or f"{next(iter(names))[1]} has"
        near = _near(name, columns)
        remedy = near or f": {there} {', '.join(dict.fromkeys(columns))}"
        return f"{self.text.at(next(used, None))}: there is no column {name!r}{remedy}"

    def _columns(self, database: str, name: str) -> list[str]:
        table = self.lake.table(database, name)
        assert table is not None, name
        columns = [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", ())]
        return [str(column["Name"]) for column in columns]

    def _other(self, error: QueryError) -> str:
        function = re.search(r"Function '(.+)' not registered", str(error))
        line = self.text.line_with(rf"\b{re.escape(function[1])}\s*\(") if function else None
        return f"{self.text.at(line) if line else self.text.file}: {_POSITION.sub('', str(error))}"


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), list(names), 1)
    return f" (did you mean {near[0]}?)" if near else ""
