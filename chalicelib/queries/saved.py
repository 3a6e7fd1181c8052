"""Saved queries: .sql files with a header become checked parameters, SQL text and Athena's execution parameters.

A query's file starts with its header, in SQL comments:

    -- title: Orders between two days
    -- description: One row per order.
    -- chart: bar x=order_date y=total_amount
    -- parameter: from
    --   type: date
    --   required: yes
    --   example: 2024-07-01

`chart` says how to draw the answer, `bar` or `line`, by the names of two of its columns; without it, it is a table.
The text names parameters as `:from`; `:from.month` is the month of a date, as the partition key writes it, and
`:to.next_day` the day after. Each becomes one `?`. Athena documents `?` in WHERE clauses only, so they stand nowhere
else: a limit is a predicate on a rank, never `LIMIT ?`.
https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import takewhile
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from chalicelib.contracts.names import NAME
from chalicelib.dataset import PIPELINE_QUERIES, REJECTED_TABLE, Dataset
from chalicelib.errors import ContractError, ParameterError, UnknownQuery, shown
from chalicelib.queries import two_months
from chalicelib.queries.parameters import DERIVED, LITERAL, Parameter, Value, render

HEADER_LINE = re.compile(r"--( {1,3})([a-z]+): (.+)")
PLACEHOLDER = re.compile(r"(?<!:):([a-z_]+)(?:\.([a-z_]+))?")
IDENTIFIER = re.compile(r"[a-z0-9_]{1,128}")
CHART = re.compile(r"(bar|line) x=([a-z0-9_]+) y=([a-z0-9_]+)")

PIPELINE = Path(__file__).parent / "pipeline"
"""Where the saved queries lie that every stage has."""


class Statement(Struct, frozen=True):
    """What `Athena.start` is given: the query's name, SQL with `?`, and one SQL expression for each `?`."""

    name: str
    sql: str
    parameters: tuple[str, ...]


class Chart(Struct, frozen=True):
    """How to draw an answer: `type` is `bar` or `line`, `x` and `y` are columns of the answer."""

    type: str
    x: str
    y: str


class SavedQuery(Struct, frozen=True):
    """A query that may be run by name. `template` is SQL with `:parameter`; `contract` names the query's, empty for one
    that every stage has."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    template: str
    contract: str = ""
    chart: Chart | None = None

    def describe(self) -> dict[str, Any]:
        """Return everything but the SQL as JSON values: enough to build a form and to draw the answer."""
        return {
            "name": self.name,
            "contract": self.contract,
            "title": self.title,
            "description": self.description,
            "parameters": [parameter.describe() for parameter in self.parameters],
            "chart": asdict(self.chart) if self.chart else None,
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


def load(datasets: Iterable[Dataset]) -> Mapping[str, SavedQuery]:
    """Read the saved queries of all datasets, and those that every stage has, by name, in alphabetical order.

    The datasets are those of a stage, which `dataset.check` has let pass. Raises ContractError with every fault of all
    files.
    """
    queries, problems = _read(datasets)
    if problems:
        raise ContractError(problems)
    return {query.name: query for query in sorted(queries, key=lambda query: query.name)}


def faults(datasets: Iterable[Dataset]) -> list[str]:
    """Return every fault of the datasets' saved queries, each with its file and the remedy."""
    return _read(datasets)[1]


def find(queries: Mapping[str, SavedQuery], name: str) -> SavedQuery:
    """Return the query of this name. Raises UnknownQuery, telling which there are."""
    if name not in queries:
        raise UnknownQuery(name, list(queries))
    return queries[name]


def parse(name: str, text: str, contract: str = "", file: str | None = None) -> SavedQuery:
    """Read a saved query from the text of its file, with the names of its tables in it.

    Raises ContractError with everything that is wrong with the file, which is `file`, or NAME.sql.
    """
    lines = text.splitlines()
    header = list(takewhile(lambda line: line.startswith("--"), lines))
    template = "\n".join(lines[len(header) :]).strip()
    fields, declared, problems = _fields(header)
    if not NAME.fullmatch(name):
        problems.append("is not named as a query: use lower-case letters, digits and underscores, a letter first")
    parameters: dict[str, Parameter] = {}
    for each in declared:
        try:
            parameter = Parameter.declared(each)
        except ValueError as problem:
            problems.append(str(problem))
            continue
        if parameter.name in parameters:
            problems.append(f"declares parameter {parameter.name} twice: keep one")
        parameters[parameter.name] = parameter
    title, description, drawn = (fields.pop(key, "") for key in ("title", "description", "chart"))
    if not (title and description):
        problems.append("has no title or no description: begin with `-- title: …` and `-- description: …`")
    chart = CHART.fullmatch(drawn)
    if drawn and chart is None:
        problems.append(f"has the chart {shown(drawn)!r}: write `bar x=COLUMN y=COLUMN`, or line")
    if fields:
        problems.append(f"has {', '.join(fields)} in its header: it takes title, description, chart and parameter")
    problems += _sql_problems(template, parameters, {each["name"] for each in declared})
    if problems:
        raise ContractError([f"{file or f'{name}.sql'}: {problem}" for problem in problems])
    drawn_as = Chart(*chart.groups()) if chart else None
    return SavedQuery(name, title, description, tuple(parameters.values()), template, contract, drawn_as)


def read(path: Path, dataset: Dataset) -> SavedQuery:
    """Read the saved query of a file. Raises ContractError with everything that is wrong with it."""
    try:
        return parse(path.stem, _filled(path.read_text("utf-8"), dataset), dataset.name, str(path))
    except ContractError:
        raise
    except (OSError, ValueError) as error:
        raise ContractError([f"{path}: cannot be read: {error}"]) from None


def _read(datasets: Iterable[Dataset]) -> tuple[list[SavedQuery], list[str]]:
    queries, problems = [], []
    made = tuple(datasets)
    owners = {path.stem: dataset for dataset in made for path in dataset.query_files}
    for dataset in made:
        name, text = two_months.query_name(dataset), two_months.query_text(dataset)
        owner = owners.get(name)
        if text is not None and owner is None:
            queries.append(parse(name, _filled(text, dataset), dataset.name))
        elif text is not None and owner is not dataset:
            problems.append(
                f"saved query {name!r} is that of contract {owner.name if owner else ''}, and made for contract "
                f"{dataset.name}, whose date_is_fixed: give it another name"
            )
        for path in dataset.query_files:
            try:
                queries.append(read(path, dataset))
            except ContractError as error:
                problems += error.problems
    for dataset in made[:1]:
        # The database is the one of all datasets of a stage.
        queries += [replace(read(PIPELINE / f"{name}.sql", dataset), contract="") for name in PIPELINE_QUERIES]
    return queries, problems


def _fields(header: list[str]) -> tuple[dict[str, str], list[dict[str, str]], list[str]]:
    """Return the query's own fields, those of each parameter, and what is wrong with the lines.

    A line indented by three spaces belongs to the parameter above it.
    """
    fields: dict[str, str] = {}
    declared: list[dict[str, str]] = []
    problems: list[str] = []
    for line in header:
        match = HEADER_LINE.fullmatch(line)
        if match is None:
            problems.append(f"has the header line {shown(line)!r}: write `-- key: value`")
            continue
        indent, key, value = match.groups()
        if key == "parameter":
            declared.append({"name": value})
        elif len(indent) == 3 and declared:
            declared[-1][key] = value
        elif key in fields:
            problems.append(f"has {key} twice: keep one")
        else:
            fields[key] = value
    return fields, declared, problems


def _sql_problems(template: str, parameters: Mapping[str, Parameter], declared: Set[str]) -> Iterator[str]:
    """Yield what is wrong with a query's SQL, beside what Athena will say of it."""
    if not template:
        yield "has no SQL below its header"
    used = {match.groups() for match in PLACEHOLDER.finditer(template)}
    names = {name for name, _ in used}
    for name in sorted(names - declared):
        yield f"uses :{name}, which it does not declare: write `-- parameter: {name}` in its header"
    for name in sorted(declared - names):
        yield f"declares parameter {name}, which it does not use: write :{name} where its value is due"
    for name, derived in sorted((name, derived) for name, derived in used if derived and name in parameters):
        if derived not in DERIVED or parameters[name].type != "date":
            yield f"uses :{name}.{derived}: a parameter of type date has {' and '.join(DERIVED)}, others have neither"
    for text, remedy in (
        (";", "leave it out"),
        ("?", "use a parameter"),
        ("${", "it takes ${table}, ${rejected} and ${database}"),
    ):
        if text in template:
            yield f"has {text!r} in its SQL: {remedy}"


def _filled(template: str, dataset: Dataset) -> str:
    """Put the database, the main table and the table of rejected records into a template, as quoted identifiers.

    Only names of lower-case letters, digits and underscores pass, so that nothing can end the quotes.
    Raises ValueError for any other name.
    """
    table = dataset.contract.main.name
    for name in (dataset.database, table):
        if not IDENTIFIER.fullmatch(name):
            raise ValueError(f"{shown(name)!r} is not a name: use lower-case letters, digits and underscores")
    database = f'"{dataset.database}"'
    tables = {"${table}": table, "${rejected}": REJECTED_TABLE}
    for placeholder, name in tables.items():
        template = template.replace(placeholder, f'{database}."{name}"')
    return template.replace("${database}", database)


def _single(given: str | Sequence[str] | None) -> str | None:
    if given is None or isinstance(given, str):
        return given
    if len(given) > 1:
        raise ValueError(f"is given {len(given)} times: give it once")
    return given[0] if given else None
