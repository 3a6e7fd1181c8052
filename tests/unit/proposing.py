"""Proposes contracts from documents given in a test, and reads documents by a contract in the plainest way there is."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.currencies import MINOR_UNIT_DIGITS
from chalicelib.contracts.paths import Each, Index, JsonPath, Key, Step, Where
from chalicelib.contracts.reading import read_text
from chalicelib.contracts.sources import FromDocument, FromRecord
from chalicelib.contracts.values import CurrencyAt, Dates, DigitsAt, DivisorAt, Strptime
from chalicelib.propose import contract_text, made_up, saved_queries
from chalicelib.propose.layout import Layout
from chalicelib.propose.profile import profiles
from chalicelib.propose.proposal import Proposal
from chalicelib.propose.recognition import propose
from chalicelib.propose.sample import Sample

PAYLOADS = Path(__file__).parents[1] / "payloads"
EPOCHS = {
    Dates.EPOCH_SECONDS: 1,
    Dates.EPOCH_MILLISECONDS: 10**3,
    Dates.EPOCH_MICROSECONDS: 10**6,
    Dates.EPOCH_NANOSECONDS: 10**9,
}


@dataclass
class Proposed:
    """What propose makes of some bytes: the contract as text and as the product's own reader reads it."""

    layout: Layout
    proposal: Proposal
    text: str
    sample: str
    queries: dict[str, str]
    documents: list[tuple[Any, Any]]

    @property
    def contract(self) -> Contract:
        return read_text(self.text, self.proposal.name)

    @property
    def everything(self) -> Contract:
        """The contract with each commented column and table taken."""
        return read_text(uncommented(self.text), self.proposal.name)

    @property
    def column(self) -> dict[str, Column]:
        return self.contract.main.by_name

    @property
    def rows(self) -> str:
        return str(self.contract.main.rows or "")


def proposed(content: Any, name: str = "shop", **limits: int) -> Proposed:
    """Propose from bytes, a file, or a value that is written as JSON; a list of lines as `lines`."""
    if isinstance(content, Path):
        content = content.read_bytes()
    elif not isinstance(content, bytes):
        content = json.dumps(content).encode()
    sample = Sample(lambda: io.BytesIO(content), limits.get("max_record_bytes", 2**24), 2**30)
    layout = sample.find_layout()
    documents = list(sample.read())
    profile, outer = profiles(documents, layout.at)
    proposal = propose(profile, outer, layout, name, latest_year=2027)
    text = contract_text.written(proposal)
    made = made_up.written(profile, outer, proposal, layout.at)
    return Proposed(layout, proposal, text, made, saved_queries.written(proposal), documents)


def payload(name: str) -> Proposed:
    return proposed(next(PAYLOADS.glob(f"{name}.json*")))


def lines(*documents: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in documents)


def uncommented(text: str) -> str:
    """Take everything that is commented out: columns, and the tables, whose columns may be commented out again."""
    taken = re.sub(
        r"(?m)^# (?=\[tables\.|(?:description|rows|one_or_many|latest|documents) = |(?:# )?\w+ = \{)", "", text
    )
    return re.sub(r"(?m)^# (?=\w+ = \{)", "", taken)


def refused(contract: Contract, documents: list[tuple[Any, Any]]) -> list[str]:
    """Return what of some (record, document) a contract does not read, by a plain reading of contract.md."""
    problems: list[str] = []
    for record, document in documents:
        for table in contract.tables:
            for column in table.columns:
                problems += _refused_of(table, column, record, document)
    return problems


def _refused_of(table: Table, column: Column, record: Any, document: Any) -> Iterator[str]:
    if isinstance(column.source, FromDocument):
        root, paths = document, column.source.paths
    elif isinstance(column.source, FromRecord):
        root, paths = record, column.source.paths
    else:
        return
    values = []
    for path in paths:
        values = [(value, at) for value, at in _at(root, path, table) if not _is_null(value, column)]
        if values:
            break
    if column.required and not any(value != "" for value, _ in values):
        yield f"{column.name}: required, and there is none"
    for value, root_of in values:
        problem = _problem(value, column, root_of, document)
        if problem:
            yield f"{table.name}.{column.name} ({column.source.paths[0]}): {problem}"


def _is_null(value: Any, column: Column) -> bool:
    if value is None:
        return True
    if isinstance(value, bool):
        return value in column.nulls.booleans
    if isinstance(value, str):
        return value in column.nulls.texts
    return isinstance(value, int | Decimal) and Decimal(value) in column.nulls.numbers


def _at(root: Any, path: JsonPath, table: Table) -> list[tuple[Any, tuple[int, ...]]]:
    """Return the values at a path, each with the positions of the lists' elements on the way."""
    found: list[tuple[Any, tuple[int, ...]]] = [(root, ())]
    for step in path.steps:
        after: list[tuple[Any, tuple[int, ...]]] = []
        for value, where in found:
            if value not in (None, "", [], False):
                after += _step(value, where, step, path, table)
        found = after
    return found


def _step(
    value: Any, where: tuple[int, ...], step: Step, path: JsonPath, table: Table
) -> list[tuple[Any, tuple[int, ...]]]:
    match step:
        case Key(name):
            is_object = isinstance(value, dict)
            assert is_object or _has_others(table, path), f"{path}: {type(value).__name__} where {name} is due"
            return [(value[name], where)] if is_object and name in value else []
        case Each():
            elements = [value] if isinstance(value, dict) and table.one_or_many else value
            assert isinstance(elements, list), f"{path}: {type(value).__name__} where a list is due"
            return [(each, (*where, position)) for position, each in enumerate(elements)]
        case Index(number):
            return [(value[number], where)] if len(value) > number else []
        case Where(keys, text):
            return [(each, where) for each in value if each.get(keys[0]) == text][:1]


def _has_others(table: Table, path: JsonPath) -> bool:
    return any(path in column.paths and len(column.paths) > 1 for column in table.columns)


def _problem(value: Any, column: Column, where: tuple[int, ...], document: Any) -> str | None:
    is_scalar = not isinstance(value, dict | list)
    if column.type is Type.JSON:
        return None
    if not is_scalar:
        return f"{type(value).__name__} is no {column.type.value}"
    match column.type:
        case Type.IDENTIFIER:
            is_integer = isinstance(value, int) and not isinstance(value, bool)
            return None if is_integer or isinstance(value, str) else f"{value!r} is no identifier"
        case Type.TEXT:
            return None
        case Type.BOOLEAN:
            return None if value in (True, False, "true", "false", 0, 1) else f"{value!r} is no boolean"
        case Type.INTEGER | Type.DOUBLE | Type.DECIMAL:
            return _number_problem(value, column, where, document)
        case Type.DATE | Type.TIMESTAMP:
            return None if any(_is_date(value, each) for each in column.formats) else f"{value!r} is no date"
    raise AssertionError(column.type)


def _number_problem(value: Any, column: Column, where: tuple[int, ...], document: Any) -> str | None:
    if isinstance(value, bool):
        return "a boolean is no number"
    try:
        number = Decimal(value)
    except ArithmeticError:
        return f"{value!r} is no number"
    if column.type is Type.INTEGER:
        return None if number == number.to_integral_value() and abs(number) < 2**63 else f"{value!r} is no bigint"
    if column.type is Type.DOUBLE:
        return None
    number = _in_currency(number, column, where, document)
    assert column.scale is not None
    if abs(number) >= Decimal(10) ** (18 - column.scale):
        return f"{value!r} has too many digits"
    rounded = Context(prec=100).quantize(number, Decimal(1).scaleb(-column.scale))
    noise = abs(number) * Decimal("1e-9")
    return None if abs(rounded - number) <= noise else f"{value!r} has more decimals than {column.scale}"


def _in_currency(number: Decimal, column: Column, where: tuple[int, ...], document: Any) -> Decimal:
    units = column.minor_units
    if units is None:
        return number
    if isinstance(units, CurrencyAt | DigitsAt | DivisorAt):
        value = _follow(document, units.path, where)
        if isinstance(units, DivisorAt):
            return number / Decimal(value)
        digits = MINOR_UNIT_DIGITS[value.upper()] if isinstance(units, CurrencyAt) else int(value)
        return number.scaleb(-digits)
    return number.scaleb(-units.digits)


def _follow(value: Any, path: JsonPath, where: tuple[int, ...]) -> Any:
    positions = iter(where)
    for step in path.steps:
        value = value[step.name] if isinstance(step, Key) else value[next(positions)]
    return value


def _is_date(value: Any, written: Dates | Strptime) -> bool:
    try:
        if isinstance(written, Strptime):
            datetime.strptime(value, written.pattern)
        elif written in EPOCHS:
            datetime.fromtimestamp(float(Decimal(value) / EPOCHS[written]))
        elif written is Dates.ISO:
            datetime.fromisoformat(value)
        elif written is Dates.RFC2822:
            parsedate_to_datetime(value)
        elif written is Dates.YYYYMMDD:
            datetime.strptime(str(value), "%Y%m%d")
        else:
            assert re.fullmatch(r"/Date\(-?\d+([+-]\d{4})?\)/", value)
    except (ValueError, TypeError, ArithmeticError, AssertionError):
        return False
    return True
