"""Saved queries: .sql files with a header become checked parameters, SQL text and Athena's execution parameters.

A query's file starts with its header, in SQL comments:

    -- title: Orders between two days
    -- description: One row per order.
    -- parameter: from
    --   type: date
    --   required: yes
    --   example: 2024-07-01

Its text names parameters as `:from`; `:from.month` is the month of a date, as the partition key writes it, and
`:to.next_day` the day after. Each becomes one `?`. Athena documents `?` in WHERE clauses only, so they stand nowhere
else: a limit is a predicate on a rank, never `LIMIT ?`.
https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.dataset import Dataset
from chalicelib.errors import ContractError, ParameterError, UnknownQuery, shown
from chalicelib.queries.parameters import DERIVED, LITERAL, Parameter, Value, render

HEADER_LINE = re.compile(r"--( {1,3})([a-z]+): (.+)")
PLACEHOLDER = re.compile(r"(?<!:):([a-z_]+)(?:\.([a-z_]+))?")
IDENTIFIER = re.compile(r"[a-z0-9_]{1,128}")


@dataclass(frozen=True)
class Statement:
    """What `Athena.start` is given: the query's name, SQL with `?`, and one SQL expression for each `?`."""

    name: str
    sql: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class SavedQuery:
    """A query that may be run by name. `template` is SQL with `:parameter`; `contract` names the query's."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    template: str
    contract: str = ""

    def describe(self) -> dict[str, Any]:
        """Return name, title, description and parameters as JSON values: enough to build a form."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "parameters": [parameter.describe() for parameter in self.parameters],
        }

    def bind(self, given: Mapping[str, str | Sequence[str]]) -> Statement:
        """Check the parameters that a caller gave and return the statement to start.

        `given` maps names to text; a list is what a repeated query parameter comes as. Raises ParameterError naming
        every parameter that is unknown, missing, repeated, malformed or out of range.
        """
        values = self._checked(given)
        rendered: list[str] = []

        def bound(match: re.Match[str]) -> str:
            value = values[match[1]]
            rendered.append(render(DERIVED[match[2]](value) if match[2] else value))
            return "?"

        sql = PLACEHOLDER.sub(bound, self.template)
        return Statement(self.name, sql, tuple(rendered))

    def is_run_by(self, sql: str, parameters: Sequence[str]) -> bool:
        """Return whether SQL that Athena ran is a statement that `bind` returns, from its first character to its last.

        Each `?` may stand there itself or be one literal; Athena documents that it does not return the parameters of
        an execution. `parameters` are those it does return: literals, all of them.
        """
        texts = PLACEHOLDER.sub("?", self.template).split("?")
        pattern = rf"(?:\?|{LITERAL.pattern})".join(map(re.escape, texts))
        return re.fullmatch(pattern, sql) is not None and all(map(LITERAL.fullmatch, parameters))

    def _checked(self, given: Mapping[str, str | Sequence[str]]) -> dict[str, Value]:
        problems: dict[str, str] = {}
        values: dict[str, Value] = {}
        declared = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in declared:
                takes = f"it takes {', '.join(declared)}" if declared else "it takes none"
                problems[name] = f"is not a parameter of this query: {takes}"
        for name, parameter in declared.items():
            try:
                values[name] = parameter.value(_single(given.get(name)))
            except ValueError as problem:
                problems[name] = str(problem)
        if "from" in values and "to" in values and values["from"] > values["to"]:  # type: ignore[operator]
            problems["from"] = f"{values['from']} is after to ({values['to']}): give an earlier from or a later to"
        if problems:
            raise ParameterError(self.name, problems)
        return values


@cache
def load(datasets: tuple[Dataset, ...]) -> Mapping[str, SavedQuery]:
    """Read the saved queries of all datasets, by name, in alphabetical order.

    Raises ValueError when a file is malformed, ContractError when two contracts have a query of one name.
    """
    queries: dict[str, SavedQuery] = {}
    for dataset in datasets:
        for path in sorted(_folder(dataset, "queries").glob("*.sql")):
            query = parse(path.stem, _filled(path.read_text("utf-8"), dataset), dataset.name)
            if query.name in queries:
                owners = f"contract {queries[query.name].contract} and of contract {query.contract}"
                raise ContractError([f"query {query.name!r} is one of {owners}: give one of them another name"])
            queries[query.name] = query
    return dict(sorted(queries.items()))


def find(queries: Mapping[str, SavedQuery], name: str) -> SavedQuery:
    """Return the query of this name. Raises UnknownQuery, telling which there are."""
    if name not in queries:
        raise UnknownQuery(name, list(queries))
    return queries[name]


def _folder(dataset: Dataset, name: str) -> Path:
    assert dataset.contract.folder is not None, dataset.name
    return dataset.contract.folder / name


def parse(name: str, text: str, contract: str = "") -> SavedQuery:
    """Read a saved query from the text of its file, with the names of its tables in it.

    Raises ValueError telling what is wrong with the file.
    """
    header, template = _split(text)
    fields, parameters = _fields(name, header)
    query = SavedQuery(name, fields.pop("title"), fields.pop("description"), tuple(parameters), template, contract)
    declared = {parameter.name for parameter in parameters}
    used = {match[1] for match in PLACEHOLDER.finditer(template)}
    if fields or declared != used or "?" in template or ";" in template:
        raise ValueError(
            f"{name}.sql: declares {sorted(declared)}, uses {sorted(used)}, unknown fields {sorted(fields)}"
        )
    return query


def _split(text: str) -> tuple[list[str], str]:
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return lines[:start], "\n".join(lines[start:]).strip()


def _fields(name: str, header: list[str]) -> tuple[dict[str, str], list[Parameter]]:
    """Return the query's own fields and its parameters; a line indented by three spaces belongs to the parameter."""
    fields: dict[str, str] = {}
    declared: list[dict[str, str]] = []
    for line in header:
        match = HEADER_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{name}.sql: cannot read the header line {shown(line)!r}")
        indent, key, value = match.groups()
        if key == "parameter":
            declared.append({"name": value})
        elif len(indent) == 3:
            declared[-1][key] = value
        else:
            fields[key] = value
    return fields, [Parameter.declared(each) for each in declared]


def _filled(template: str, dataset: Dataset) -> str:
    """Put the database and the main table into a template, as quoted identifiers.

    Only names of lower-case letters, digits and underscores pass, so that nothing can end the quotes.
    Raises ValueError for any other name.
    """
    table = dataset.contract.main.name
    for name in (dataset.database, table):
        if not IDENTIFIER.fullmatch(name):
            raise ValueError(f"{shown(name)!r} is not a name: use lower-case letters, digits and underscores")
    database = f'"{dataset.database}"'
    return template.replace("${database}", database).replace("${table}", f'{database}."{table}"')


def _single(given: str | Sequence[str] | None) -> str | None:
    if given is None or isinstance(given, str):
        return given
    if len(given) > 1:
        raise ValueError(f"is given {len(given)} times: give it once")
    return given[0] if given else None
