"""Reads contract.toml: TOML text in, a contract out, or every fault at once, each with its line and the remedy."""

from __future__ import annotations

import datetime
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.contracts.checks import Draft, check
from chalicelib.contracts.columns import read_column
from chalicelib.contracts.contract import EARLIEST, Column, Contract, Table
from chalicelib.contracts.implied import complete
from chalicelib.contracts.names import NAME, name_fault
from chalicelib.contracts.paths import Each, JsonPath, Key
from chalicelib.contracts.sections import Faults, Section, kind
from chalicelib.contracts.toml_lines import Location, line_of, lines
from chalicelib.errors import ContractError, shown

MAX_BYTES = 500_000
LONGEST_DESCRIPTION = 2048
"""Characters of a table's description: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html"""
LONGEST_PROBLEM = 600
"""Characters of one fault that are printed."""
FILE_NAME = "contract.toml"
SAMPLE_NAME = "sample.json"
"""The file beside a contract that has a few documents which exercise it."""

_FOLDER = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*")
_DOCUMENT = ("records", "at", "identity", "date", "incoming", "version", "earliest", "date_is_fixed")
_TABLE = ("description", "rows", "one_or_many", "latest", "documents", "columns")


def read(path: Path | str, name: str | None = None) -> Contract:
    """Return the contract that a file declares.

    Its name is `name`, or that of the folder of a file named contract.toml, or else that of the file. Raises
    ContractError with all faults, also where the file cannot be read.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as problem:
        raise ContractError([f"{file}: cannot be read: {problem.strerror or problem}"], str(file)) from None
    if len(data) > MAX_BYTES:
        raise ContractError([f"{file}: has more than {MAX_BYTES} bytes: no contract is so long"], str(file))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ContractError([f"{file}:{line}: is not UTF-8: save it as UTF-8"], str(file)) from None
    named = file.absolute().parent.name if file.name == FILE_NAME else file.name.split(".")[0]
    contract = read_text(text, name or as_name(named), str(file))
    return replace(contract, folder=file.parent)


def as_name(text: str) -> str:
    """Return a name for a contract that is made of any text."""
    name = re.sub(r"[^a-z0-9_]+", "_", text.lower())
    return name if NAME.fullmatch(name) else f"contract_{name}".rstrip("_")


def read_text(text: str, name: str, file: str = FILE_NAME) -> Contract:
    """Return the contract that a TOML text declares. `file` is named in faults. Raises ContractError with all."""
    try:
        values = tomllib.loads(text, parse_float=Decimal)
        where = lines(text)
    except tomllib.TOMLDecodeError as problem:
        raise ContractError([_syntax_fault(str(problem), text, file)], file) from None
    except RecursionError:
        raise ContractError([f"{file}: lists or tables are nested too deeply: no contract is"], file) from None
    except (ValueError, ArithmeticError):
        raise ContractError([f"{file}: has a number with too many digits: no contract has"], file) from None
    faults = Faults()
    reader = _Reader(Section((), values, faults), Draft(faults))
    contract = reader.contract(name)
    if contract is None or reader.faults.listed:
        raise ContractError([_fault(file, where, *each) for each in _ordered(reader.faults.listed, where)], file)
    return contract


def _syntax_fault(problem: str, text: str, file: str) -> str:
    """Write tomllib's message, `Expected … (at line 3, column 5)`, as the other faults are written."""
    match = re.fullmatch(r"(.*?) ?\(at (?:line (\d+), column (\d+)|end of document)\)", problem, re.DOTALL)
    message, line, column = match.groups() if match else (problem, None, None)
    position = f"{line}:{column}" if line else str(max(1, len(text.splitlines())))
    return f"{file}:{position}: is not TOML: {shown(message, 200)}"


def _ordered(faults: list[tuple[Location, str]], where: dict[Location, int]) -> list[tuple[Location, str]]:
    """Return faults in the order of their lines, without those said twice."""
    return sorted(dict.fromkeys(faults), key=lambda fault: line_of(where, fault[0]) or 0)


def _fault(file: str, where: dict[Location, int], at: Location, problem: str) -> str:
    line = line_of(where, at)
    keys = ".".join(str(shown(key)) for key in at)
    return f"{file}{f':{line}' if line else ''}: {f'{keys}: ' if keys else ''}{shown(problem, LONGEST_PROBLEM)}"


class _Reader(Struct):
    """One reading of one file."""

    root: Section
    draft: Draft
    tables: list[Table] = field(default_factory=list)

    @property
    def faults(self) -> Faults:
        return self.root.faults

    def contract(self, name: str) -> Contract | None:
        """Return the contract, or None where too little of it can be read; the faults say what is wrong."""
        if not NAME.fullmatch(name):
            remedy = "use lower-case letters, digits and underscores, a letter first"
            self.root.add(None, f"the contract's name is {shown(name)!r}: {remedy}")
        self.root.unknown(["description", "document", "tables"], {})
        document = self.root.section("document", 'write [document] with identity = "…", the column of each document')
        tables = self.root.section("tables", "write [tables.NAME] for each table, the main one first")
        if tables is not None:
            if not tables.values:
                tables.add(None, "is empty: write [tables.NAME] for each table, the main one first")
            self.tables = [table for name in tables.values if (table := self.table(tables, name)) is not None]
        if document is None or not self.tables or tables is None or next(iter(tables.values)) != self.tables[0].name:
            return None
        contract = Contract(
            name,
            tuple(self.tables),
            self.identity(document),
            date=document.text("date", "write the name of a column in quotes") or "",
            version=document.text("version", "write the name of a column in quotes"),
            description=self.root.description(LONGEST_DESCRIPTION),
            records=self.records(document),
            at=self.at(document),
            incoming=self.incoming(document),
            earliest=self.earliest(document),
            date_is_fixed=document.boolean("date_is_fixed"),
        )
        document.unknown(_DOCUMENT, {})
        contract = complete(contract, self.draft)
        check(contract, self.draft)
        return contract

    def identity(self, document: Section) -> tuple[str, ...]:
        remedy = "write the name of a column in quotes, or a list of such"
        if "identity" not in document.values:
            document.add(None, f"identity is missing: {remedy}; a document that comes again with it replaces the other")
        return tuple(text for _, text in document.texts("identity", remedy))

    def records(self, document: Section) -> tuple[JsonPath, ...]:
        if document.values.get("records") == []:
            return ()
        records = document.paths("records")
        for path in records:
            if not all(isinstance(step, Key) for step in path.steps):
                document.add("records", f"has {str(path)!r}: the way to the array of records has keys, no brackets")
        return records

    def at(self, document: Section) -> JsonPath | None:
        at = document.path("at") if document.values.get("at") != "" else None
        if at is not None and at.level:
            document.add("at", f"is {str(at)!r}: a record has one document; name the list in records, or write [0]")
        return at

    def incoming(self, document: Section) -> str:
        text = document.text("incoming", "write the name of a folder in quotes") or ""
        folder = text if not text or text.endswith("/") else f"{text}/"
        if _FOLDER.fullmatch(folder):
            return folder
        remedy = "write folders such as shop/orders, of letters, digits, dots, hyphens and underscores, no dot first"
        document.add("incoming", f"is {kind(text)}: {remedy}")
        return ""

    def earliest(self, document: Section) -> datetime.date:
        value = document.values.get("earliest", EARLIEST)
        if type(value) is datetime.date:
            return value
        document.add("earliest", f"is {kind(value)}: write a date without quotes, such as 2000-01-01")
        return EARLIEST

    def table(self, tables: Section, name: str) -> Table | None:
        section = tables.section(name, "write [tables.NAME] with columns")
        if section is None:
            return None
        problem = name_fault(name)
        if problem:
            section.add(None, problem)
        section.unknown(_TABLE, {})
        before = len(self.faults.listed)
        rows = self.rows(section)
        if len(self.faults.listed) > before:
            self.draft.without_rows.add(name)
        columns = section.section("columns", 'write [tables.NAME.columns] with lines such as id = { path = "id", … }')
        return Table(
            name,
            tuple(self.columns(columns, rows)) if columns is not None else (),
            identity=(),
            rows=rows,
            description=section.description(LONGEST_DESCRIPTION),
            latest=self.view(section, "latest"),
            documents=self.view(section, "documents"),
            one_or_many=section.boolean("one_or_many"),
        )

    def rows(self, section: Section) -> JsonPath | None:
        rows = section.path("rows")
        if rows is None:
            return None
        if not isinstance(rows.steps[-1], Each):
            section.add("rows", f"is {str(rows)!r}: it has to end with [], as {rows}[] does")
            return None
        return rows

    def view(self, section: Section, key: str) -> str | None:
        name = section.text(key, "write the view's name in quotes, or leave it out")
        problem = name_fault(name) if name is not None else None
        if problem:
            section.add(key, f"is {kind(name)}: {problem}")
        return name

    def columns(self, section: Section, rows: JsonPath | None) -> list[Column]:
        columns = []
        for name in section.values:
            problem = name_fault(name)
            if problem:
                section.add(name, problem)
            inner = section.section(name, 'write { path = "…", type = "…" }')
            column = read_column(name, inner, rows) if inner is not None else None
            if column is None:
                self.draft.unread.add((section.at[1], name))
            else:
                columns.append(column)
        self.draft.declared.update({(section.at[1], name): value for name, value in _tables(section.values)})
        return columns


def _tables(values: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, value) for name, value in values.items() if isinstance(value, dict)]
