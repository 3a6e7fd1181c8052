"""Contracts as hypothesis draws them: any tables, lists, paths, types and options that agree with one another."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.contracts.checks import Draft, check
from chalicelib.contracts.column_types import DECIMAL_SCALE, DECLARABLE, NUMERIC, Type
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.implied import complete
from chalicelib.contracts.paths import Each, Index, JsonPath, Key, Step, Where, bare_value
from chalicelib.contracts.sections import Faults
from chalicelib.contracts.sources import (
    DESCRIPTIONS,
    ORIGIN_TYPES,
    FromDocument,
    FromRecord,
    Origin,
    Product,
    RowNumber,
)
from chalicelib.contracts.values import CurrencyAt, Dates, DigitsAt, DivisorAt, FixedDigits, MinorUnits, Nulls, Strptime

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
PROSE = st.text(st.characters(categories=["L", "N", "P"]), max_size=6)
ODD_KEYS = st.sampled_from(["", "ship to", "a.b", 'say "x"', "a[0]", "k=v", "\\", "é", "$oid", "😀", "#", "\u007f"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo"])
FORMATS = st.sampled_from([*Dates, Strptime("%d/%m/%Y"), Strptime("%Y-%m-%d %H:%M:%S %z")])

_PLAIN = (Dates.EPOCH_SECONDS, Dates.EPOCH_MILLISECONDS, Dates.EPOCH_DAYS, Dates.DOTNET)


class _Drawing:
    """Draws the parts of one contract; every key is new, so that no path contradicts another."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.count = 0

    def one(self, *of: Any) -> Any:
        return self.draw(st.sampled_from(of))

    def flag(self) -> bool:
        return bool(self.draw(st.booleans()))

    def key(self) -> Key:
        self.count += 1
        return Key(f"{self.draw(ODD_KEYS | st.just('key'))}{self.count}")

    def where(self) -> Where:
        keys = tuple(self.key().name for _ in range(self.one(1, 2)))
        bare = st.sampled_from(["SalesItem", "7", "1.50", "-2e3", "true", "a.b", "007"])
        return bare_value(keys, self.draw(bare)) if self.flag() else Where(keys, self.draw(ANY_TEXT))

    def below(self) -> list[Step]:
        """Steps from an element or document to a value."""
        steps: list[Step] = [self.key()]
        while self.draw(st.integers(0, 2)) == 2:
            brackets = [] if isinstance(steps[-1], Where) else [Index(self.draw(st.integers(0, 3))), self.where()]
            steps.append(self.one(self.key(), *brackets))
        return steps

    def rows(self) -> JsonPath | None:
        steps: list[Step] = []
        for _ in range(self.one(0, 1, 1, 2)):
            steps += self.below()
            while isinstance(steps[-1], Where):
                steps.pop()
            if self.flag():
                steps.append(self.where())
            steps.append(Each())
        return JsonPath(tuple(steps)) if steps else None

    def path(self, prefix: JsonPath | None) -> JsonPath:
        return JsonPath((*(prefix.steps if prefix else ()), *self.below()))

    def column(self, name: str, prefixes: list[JsonPath | None], kind: Type, outer: bool = False) -> Column:
        number = self.one(1, 1, 1, 2)
        prefix = self.one(*prefixes)
        paths = tuple(
            self.path(None if outer else self.one(*prefixes) if number > 1 else prefix) for _ in range(number)
        )
        formats: tuple[Any, ...] = ()
        if kind in (Type.DATE, Type.TIMESTAMP):
            formats = tuple(self.draw(st.lists(FORMATS, min_size=1, max_size=2, unique=True)))
        zoned = not all(each in _PLAIN or str(each).startswith("Dates.EPOCH") for each in formats)
        decimal = kind is Type.DECIMAL
        return Column(
            name,
            kind,
            FromRecord(paths) if outer else FromDocument(paths),
            description=self.draw(PROSE),
            required=self.flag(),
            scale=self.one(DECIMAL_SCALE, 0, 2, 9) if decimal else None,
            nulls=self.nulls(),
            minor_units=self.minor_units(paths[0].list_path) if decimal else None,
            formats=formats,
            zone=(self.draw(ZONES) if zoned else "UTC") if formats else None,
        )

    def nulls(self) -> Nulls:
        if self.flag():
            return Nulls()
        numbers = st.sampled_from([Decimal(0), Decimal(-1), Decimal("0.5")])
        return Nulls(
            self.draw(st.frozensets(ANY_TEXT, max_size=2)),
            self.draw(st.frozensets(numbers, max_size=2)),
            self.draw(st.frozensets(st.booleans(), max_size=1)),
        )

    def minor_units(self, prefix: JsonPath | None) -> MinorUnits | None:
        kind = self.one(None, None, FixedDigits, DivisorAt, DigitsAt, CurrencyAt)
        if kind is None:
            return None
        return FixedDigits(self.one(0, 2, 3)) if kind is FixedDigits else kind(self.path(prefix))

    def table(self, name: str, outer: bool) -> Table:
        rows = self.rows()
        shape = Table(name, (), (), rows=rows)
        prefixes = [None, *(each.path for each in shape.lists)]
        columns = [
            self.column(f"{name}_{i}", prefixes, self.one(*DECLARABLE), outer and self.draw(st.integers(0, 4)) == 4)
            for i in range(self.draw(st.integers(0, 5)))
        ]
        columns += [
            Column(f"{name}_n{i}", Type.ROW_NUMBER, RowNumber(each.path), self.draw(PROSE) or DESCRIPTIONS[RowNumber])
            for i, each in enumerate(shape.lists)
            if self.flag()
        ]
        numeric = [column.name for column in columns if column.type in NUMERIC]
        if numeric and self.flag():
            factors = (self.one(*numeric), self.one(*numeric))
            columns.append(Column(f"{name}_p", Type.DECIMAL, Product(factors), self.draw(PROSE), scale=self.one(0, 9)))
            if self.flag():
                columns.append(Column(f"{name}_q", Type.DECIMAL, Product((f"{name}_p", factors[0])), scale=4))
        for origin in self.draw(st.lists(st.sampled_from(Origin), unique=True)):
            columns.append(Column(f"{name}_{origin.value}", ORIGIN_TYPES[origin], origin, DESCRIPTIONS[origin]))
        return Table(
            name,
            tuple(self.draw(st.permutations(columns))),
            (),
            rows=rows,
            description=self.draw(PROSE),
            latest=self.one(None, f"{name}_latest"),
            documents=self.one(None, f"{name}_documents") if rows else None,
            one_or_many=bool(rows) and self.flag(),
        )


@st.composite
def declared_contracts(draw: Any) -> Contract:
    """Draw a contract as it may be declared: without the columns that every table has by itself."""
    drawing = _Drawing(draw)
    at = JsonPath(tuple(drawing.below())) if drawing.flag() else None
    main = drawing.table("main", at is not None)
    tables = [main, *(drawing.table(f"table_{i}", at is not None) for i in range(drawing.one(0, 0, 1, 2)))]
    kinds = st.lists(st.sampled_from([Type.IDENTIFIER, Type.TEXT, Type.INTEGER]), min_size=1, max_size=2)
    identity = [drawing.column(f"id_{i}", [None], kind) for i, kind in enumerate(draw(kinds))]
    dated = drawing.column("dated", [None], drawing.one(Type.DATE, Type.TIMESTAMP), at is not None and drawing.flag())
    version = drawing.column("version_of", [None], drawing.one(Type.INTEGER, Type.DECIMAL, Type.TIMESTAMP))
    has_date, has_version = drawing.flag(), drawing.flag()
    roles = [replace(each, required=True) for each in (*identity, *([dated] if has_date else []))]
    roles += [version] if has_version else []
    tables[0] = replace(main, columns=(*roles, *main.columns))
    return Contract(
        "drawn",
        tuple(tables),
        tuple(each.name for each in identity),
        date="dated" if has_date else "",
        version="version_of" if has_version else None,
        description=draw(PROSE),
        records=tuple(dict.fromkeys(JsonPath((drawing.key(), drawing.key())) for _ in range(drawing.one(0, 1, 2)))),
        at=at,
        incoming=drawing.one("", "shop/", "shop/a.b/"),
        earliest=draw(st.dates(min_value=datetime.date(1990, 1, 1))),
        date_is_fixed=has_date and drawing.flag(),
    )


def completed(contract: Contract) -> Contract:
    """Return a drawn contract as it is read: with the columns that every table has."""
    draft = Draft(Faults())
    whole = complete(contract, draft)
    check(whole, draft)
    assert not draft.faults.listed, draft.faults.listed
    return whole
