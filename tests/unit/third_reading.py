"""A third reading of documents by a contract.toml, by docs/contracts.md and the standard library alone.

Nothing of the product is in it. What the two ways of the product make of a document is compared with this, so that a
fault that both share is seen too. Speed is no matter here; each rule stands as the contract words it.
"""

from __future__ import annotations

import email.utils
import itertools
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

EXACT = Context(prec=3000, Emin=-999999, Emax=999999)
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})-([0-9]{2})|([0-9]{2})([0-9]{2}))"
    r"(?:[Tt ]([0-9]{2})"
    r"(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?|([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)"
    r"(?:([Zz])|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
STEP = re.compile(r'\.?("(?:[^"\\]|\\.)*"|[^.\[\]"]+)|\[(\d*)\]|\[((?:"(?:[^"\\]|\\.)*"|[^"\]])+)\]')
DIGITS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3, "CLF": 4}
EPOCH = datetime(1970, 1, 1)
EPOCHS = {"epoch_seconds": (1000, 1), "epoch_milliseconds": (1, 1), "epoch_microseconds": (1, 1000)}
EPOCHS |= {"epoch_nanoseconds": (1, 1_000_000), "epoch_days": (86_400_000, 1)}

Step = str | int | None | tuple[tuple[str, ...], str, bool]
"""A key, the number of an element, `[]`, or `[key=value]` with whether the value is bare."""


class Number(str):
    """A JSON number as its digits."""


class Repeated(dict[str, Any]):
    """An object with a repeated key."""


class NotJson:
    """NaN or an infinity."""


class Way(list[Any]):
    """The document, and the elements on the way to one that makes a row, with their numbers in their lists."""

    def __init__(self, values: Iterable[Any], indexes: tuple[int, ...] = ()) -> None:
        super().__init__(values)
        self.indexes = indexes


class Rejected(Exception):
    """The document breaks the contract."""


class NotOnTheWay(Rejected):
    """Something else stands where a path steps through an object or a list."""


# Paths ----------------------------------------------------------------------------------------------------------------


def steps_of(path: str) -> tuple[Step, ...]:
    """Return the steps that a path writes."""
    steps: list[Step] = []
    for key, index, where in STEP.findall(path):
        if key:
            steps.append(_unquoted(key))
        elif where:
            name, _, value = re.fullmatch(r'((?:"(?:[^"\\]|\\.)*"|[^"=])+)(=)(.*)', where).groups()  # type: ignore[union-attr]
            keys = tuple(each for each in steps_of(name) if isinstance(each, str))
            steps.append((keys, _unquoted(value), not value.startswith('"')))
        else:
            steps.append(int(index) if index else None)
    return tuple(steps)


def _unquoted(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def split(steps: tuple[Step, ...]) -> list[tuple[Step, ...]]:
    """Return the steps from the document to each list and from its elements on; the last are those to the value."""
    parts: list[list[Step]] = [[]]
    for step in steps:
        if step is None:
            parts.append([])
        else:
            parts[-1].append(step)
    return [tuple(part) for part in parts]


def takes_scalars(table: dict[str, Any]) -> bool:
    """Tell whether a column is an element itself, which then need not be an object."""
    for column in table["columns"].values():
        paths = column.get("path", [])
        for path in paths if isinstance(paths, list) else [paths]:
            *_, last = split(steps_of(path))
            if not last:
                return True
    return False


def follow(value: Any, steps: Iterable[Step]) -> Any:
    """Return what steps lead to, None where there is nothing. Raises NotOnTheWay."""
    for step in steps:
        if value is None or value == "" or (value in ([], False) and isinstance(step, str)):
            return None
        if isinstance(step, str):
            if not isinstance(value, dict):
                raise NotOnTheWay(step)
            value = value.get(step)
        elif not isinstance(value, list):
            raise NotOnTheWay(str(step))
        elif isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            value = next((each for each in value if holds(each, step)), None)
    return value


def holds(element: Any, where: Any) -> bool:
    """Tell whether an element of a list has the value that is looked for."""
    keys, text, bare = where
    for key in keys:
        element = element.get(key) if isinstance(element, dict) else None
    if isinstance(element, bool):
        return bool(bare and text == ("true" if element else "false"))
    if isinstance(element, Number):
        is_number = bare and re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", text)
        return bool(is_number) and len(element) <= 40 and Decimal(element) == Decimal(text)
    return isinstance(element, str) and element == text


# A contract -----------------------------------------------------------------------------------------------------------


class Reading:
    """Reads documents by a contract.toml; those of a file of the time `modified`."""

    def __init__(self, toml: str, modified: datetime) -> None:
        values = tomllib.loads(toml, parse_float=Decimal)
        document = values["document"]
        self.at = steps_of(document["at"]) if document.get("at") else ()
        identity = document["identity"]
        self.identity = identity if isinstance(identity, list) else [identity]
        self.date = document.get("date")
        self.earliest = datetime.combine(document.get("earliest", date(2000, 1, 1)), datetime.min.time())
        self.latest = modified.astimezone(UTC).replace(tzinfo=None, year=modified.year + 1)
        self.tables: dict[str, dict[str, Any]] = values["tables"]
        main = next(iter(self.tables.values()))
        for name, table in self.tables.items():
            table["way"] = split(steps_of(table["rows"]))[:-1] if "rows" in table else []
            for key in (*self.identity, self.date):
                if key in main["columns"]:
                    main["columns"][key]["required"] = True
            if table is not main:
                own = [column.get("path") for column in table["columns"].values()]
                identity = {key: main["columns"][key] for key in self.identity}
                table["columns"] |= {key: each for key, each in identity.items() if each["path"] not in own}
            if not any(column.get("from") == "extra_fields" for column in table["columns"].values()):
                table["columns"]["extra_fields"] = {"from": "extra_fields"}
            table["name"] = name

    def read(self, records: list[str]) -> tuple[dict[str, list[dict[str, Any]]], list[int]]:
        """Return the rows of each table that a file's records make, and the numbers of those that are rejected."""
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in self.tables}
        rejected = []
        for number, record in enumerate(records, 1):
            try:
                made = self.rows_of(record, number)
            except Rejected:
                rejected.append(number)
            else:
                for name, each in made.items():
                    rows[name] += each
        return rows, rejected

    def rows_of(self, record: str, number: int) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of one record in each table. Raises Rejected."""
        whole = parsed(record)
        document = whole
        for step in self.at:
            document = follow(document, [step])
            if isinstance(document, str) and not isinstance(document, Number):
                document = parsed(document)
        if not isinstance(document, dict):
            raise Rejected("not an object")
        check_whole(document)
        return {name: self.table_rows(table, document, whole, number) for name, table in self.tables.items()}

    def table_rows(self, table: dict[str, Any], document: Any, whole: Any, number: int) -> list[dict[str, Any]]:
        """Return the rows of one table."""
        for level in range(1, len(table["way"])):
            for way in self.elements(table, Way([document]), table["way"][:level]):
                self.check_enclosing(table, way, whole)
        rows = []
        for way in self.elements(table, Way([document]), table["way"]) or [Way([document])]:
            row: dict[str, Any] = {"record_number": number}
            for name, column in table["columns"].items():
                if column.keys() & {"path", "outer"} or column.get("from") in ("row_number", "extra_fields"):
                    row[name] = self.cell(table, name, column, way, document, whole)
            self.multiply(table, row)
            rows.append(row)
        return rows

    def check_enclosing(self, table: dict[str, Any], way: Way, whole: Any) -> None:
        """Raise Rejected for what is wrong in an element that encloses rows, also where it encloses none."""
        for name, column in table["columns"].items():
            paths = column.get("path", [])
            depths = [len(split(steps_of(each))) for each in (paths if isinstance(paths, list) else [paths])]
            if max(depths, default=0) == len(way):
                self.cell(table, name, column, way, way[0], whole)

    def elements(self, table: dict[str, Any], way: Way, lists: list[tuple[Step, ...]]) -> list[Way]:
        """Return the ways from the document through elements to what makes a row."""
        if not lists:
            return [way]
        steps, where = (lists[0][:-1], lists[0][-1]) if isinstance(lists[0][-1], tuple) else (lists[0], None)
        value = follow(way[-1], steps)
        if isinstance(value, dict) and table.get("one_or_many"):
            value = [value]
        if value is None or value is False or value == "":
            return []
        if not isinstance(value, list):
            raise Rejected("not a list")
        chosen = [(i, each) for i, each in enumerate(value) if where is None or holds(each, where)]
        if any(not isinstance(each, dict) for _, each in chosen) and not (len(lists) == 1 and takes_scalars(table)):
            raise Rejected("an element is no object")
        ways = [Way([*way, each], (*way.indexes, i)) for i, each in chosen]
        return [made for each in ways for made in self.elements(table, each, lists[1:])]

    def cell(self, table: dict[str, Any], name: str, column: dict[str, Any], way: Way, doc: Any, whole: Any) -> Any:
        """Return the value of one column that is no product."""
        if column.get("from") == "row_number":
            return self.row_number(table, column, way, doc)
        if column.get("from") == "extra_fields":
            return self.unnamed(table, way) or None
        paths: Any = column.get("path", column.get("outer"))
        parts = [split(steps_of(each)) for each in (paths if isinstance(paths, list) else [paths])]
        if any(len(part) > len(way) for part in parts):
            return None
        value = self.first(column, parts, Way([whole]) if "outer" in column else way)
        if column.get("required") and (value is None or value == ""):
            raise Rejected("missing")
        if value is None:
            return None
        made = self.converted(value, column, way)
        if name == self.date:
            moment = made if isinstance(made, datetime) else datetime.combine(made, datetime.min.time())
            if not self.earliest <= moment <= self.latest:
                raise Rejected("the date is out of range")
        return made

    def first(self, column: dict[str, Any], parts: list[list[tuple[Step, ...]]], way: Way) -> Any:
        """Return the first value that a column's paths lead to, None where none does."""
        for part in parts:
            try:
                value = follow(way[len(part) - 1], part[-1])
            except NotOnTheWay:
                if len(parts) == 1:
                    raise
                continue
            if not is_null(value, column):
                return value
        return None

    def converted(self, value: Any, column: dict[str, Any], way: list[Any]) -> Any:
        """Return a value that is there as the column's type has it."""
        kind = column["type"]
        if kind == "decimal":
            scale, digits = column.get("scale", 4), self.digits(column, way)
            whole = _whole(value, scale - digits, _is_noise)
            return _fitting(EXACT.scaleb(whole, -scale), scale)
        if kind in ("date", "timestamp"):
            return _dated(value, kind, column.get("format", "iso"), column.get("zone", "UTC"))
        return TYPES[kind](value)

    def digits(self, column: dict[str, Any], way: list[Any]) -> int:
        """Return how many digits of an amount are decimals."""
        given = column.get("divide_by", column.get("digits", 0))
        if isinstance(given, int | Decimal):
            return len(str(given)) - 1 if "divide_by" in column else int(given)
        part = split(steps_of(given["currency"] if isinstance(given, dict) else given))
        value = follow(way[len(part) - 1], part[-1])
        if isinstance(given, dict):
            if not isinstance(value, str) or value.upper() not in DIGITS:
                raise Rejected("not a currency")
            return DIGITS[value.upper()]
        number = _integer(value)
        if "divide_by" in column:
            number = len(str(number)) - 1 if re.fullmatch("10*", str(number)) else -1
        if not 0 <= number <= 18:
            raise Rejected("no number of digits")
        return number

    def multiply(self, table: dict[str, Any], row: dict[str, Any]) -> None:
        """Fill the products of a row; each is of two columns that are none."""
        for name, column in table["columns"].items():
            if "product" in column:
                one, other = (row[factor] for factor in column["product"])
                kinds = [table["columns"][factor] for factor in column["product"]]
                scales = sum(each.get("scale", 4) for each in kinds if each["type"] == "decimal")
                scale = column.get("scale", min(scales, 9))
                amount = None
                if one is not None and other is not None:
                    amount = EXACT.multiply(Decimal(one), Decimal(other))
                    if amount != EXACT.quantize(amount, Decimal(1).scaleb(-scale)):
                        raise Rejected("too many decimals")
                    amount = _fitting(amount, scale)
                row[name] = amount

    def row_number(self, table: dict[str, Any], column: dict[str, Any], way: Way, document: Any) -> int | None:
        """Return the number of the row, or of an element that encloses it, as the table of that list counts it."""
        plain = plain_way(split(steps_of(column["of"]))[:-1]) if "of" in column else plain_way(table["way"])
        if len(way) <= len(plain):
            return None
        counting = next((each for each in self.tables.values() if plain_way(each["way"]) == plain), None)
        counted_by = (counting or {"way": plain, "columns": {}}) | {"one_or_many": True}
        counted = [each.indexes for each in self.elements(counted_by, Way([document]), counted_by["way"])]
        own = way.indexes[: len(plain)]
        return counted.index(own) + 1 if own in counted else None

    # Unnamed fields ---------------------------------------------------------------------------------------------------

    def unnamed(self, table: dict[str, Any], way: Way) -> dict[str, Any]:
        """Return the unnamed fields of a row by their paths."""
        fields: dict[str, Any] = {}
        tables = list(self.tables.values())
        for level in range(len(table["way"]) + 1):
            lists = plain_way(table["way"][:level])
            if level == 0:
                keeps = table is tables[0]
            else:
                above = tables[: tables.index(table)]
                passed = any(plain_way(each["way"][:level]) == lists for each in above)
                keeps = level == len(table["way"]) or not passed
            if keeps and level < len(way) and isinstance(way[level], dict):
                prefix = f"{json_path(lists)}." if lists else ""
                self.collect(way[level], (), lists, prefix, fields, way[level])
        return fields

    def collect(
        self, value: Any, keys: tuple[str, ...], lists: list[Any], prefix: str, fields: dict[str, Any], element: Any
    ) -> None:
        """Collect the unnamed fields of an object that lies below `keys` of an element of these lists."""
        for key, inner in value.items():
            here = (*keys, key)
            path = prefix + key if _is_plain(key) else f"{prefix.removesuffix('.')}[{_compact(key)}]"
            named = self.named(here, lists)
            if not named:
                fields[path] = inner
            elif (
                (inner is None and "aside" not in named)
                or "alone" in named
                or self.is_chosen(here, lists, element, inner)
            ):
                continue
            elif "list" in named:
                elements = inner if isinstance(inner, list) else [inner]
                left = [each for each in elements if not self.makes_row(each, here, lists)]
                if left and isinstance(inner, list | dict):
                    fields[path] = left
            elif "more" in named and isinstance(inner, dict):
                self.collect(inner, here, lists, f"{path}.", fields, element)
            elif not ("more" in named and inner in ("", [], False)):
                fields[path] = inner

    def named(self, keys: tuple[str, ...], lists: list[Any]) -> set[str]:
        """Tell what the contract names at, and below, these keys of the elements of a list."""
        named = set()
        for steps, alone in self.all_paths():
            if plain_way(steps[:-1]) == lists:
                way = tuple(itertools.takewhile(lambda each: isinstance(each, str), steps[-1]))
                if way != keys:
                    named |= {"more"} if way[: len(keys)] == keys else set()
                else:
                    named.add("aside" if way != steps[-1] else "alone" if alone else "perhaps")
        for steps in self.referred():
            if plain_way(steps[:-1]) == lists:
                at = steps[-1]
                named |= {"aside"} if at == keys else {"more"} if at[: len(keys)] == keys else set()
        for to_rows in (plain_way(table["way"]) for table in self.tables.values()):
            if len(to_rows) > len(lists) and to_rows[: len(lists)] == lists:
                at = to_rows[len(lists)]
                named |= {"list"} if at == keys else {"more"} if at[: len(keys)] == keys else set()
        return named

    def all_paths(self) -> Iterable[tuple[list[tuple[Step, ...]], bool]]:
        """Yield the paths of all columns, each with whether it is its column's only one."""
        for table in self.tables.values():
            for column in table["columns"].values():
                paths = column.get("path", [])
                for path in paths if isinstance(paths, list) else [paths]:
                    yield split(steps_of(path)), not (isinstance(paths, list) and len(paths) > 1)

    def referred(self) -> Iterable[list[tuple[Step, ...]]]:
        """Yield the paths to what says how many decimals an amount has: it is no column's, and stays unnamed."""
        for table in self.tables.values():
            for column in table["columns"].values():
                for given in (column.get("divide_by"), column.get("digits")):
                    path = given.get("currency") if isinstance(given, dict) else given
                    if isinstance(path, str):
                        yield split(steps_of(path))

    def is_chosen(self, keys: tuple[str, ...], lists: list[Any], element: Any, value: Any) -> bool:
        """Tell whether a value is what a column takes, of several that it may take."""
        for table in self.tables.values():
            for column in table["columns"].values():
                paths = column.get("path")
                if not isinstance(paths, list) or len(paths) < 2:
                    continue
                ways = [split(steps_of(path)) for path in paths]
                if any(plain_way(steps[:-1]) != lists for steps in ways):
                    # One value may be taken for some of the elements and not for others: it is kept.
                    continue
                for steps in ways:
                    try:
                        held = follow(element, steps[-1])
                    except NotOnTheWay:
                        held = None
                    if not is_null(held, column):
                        if steps[-1] == keys and held is value:
                            return True
                        break
        return False

    def makes_row(self, element: Any, keys: tuple[str, ...], lists: list[Any]) -> bool:
        """Tell whether an element of a list makes a row in one of the tables."""
        here = [*lists, keys]
        for table in self.tables.values():
            if plain_way(table["way"])[: len(here)] == here:
                where = table["way"][len(here) - 1][-1]
                if isinstance(where, tuple) and not holds(element, where):
                    continue
                try:
                    if self.elements(table, Way([element]), table["way"][len(here) :]):
                        return True
                except Rejected:
                    continue
        return False


def plain_way(way: list[tuple[Step, ...]]) -> list[tuple[Step, ...]]:
    """Return the way to rows without what chooses among the elements."""
    return [part[:-1] if part and isinstance(part[-1], tuple) else part for part in way]


def json_path(lists: Iterable[Iterable[Any]]) -> str:
    """Return the way to the elements of a list as a path writes it."""
    text = ""
    for keys in lists:
        for key in keys:
            text += (f".{key}" if text else key) if _is_plain(key) else f"[{_compact(key)}]"
        text += "[]"
    return text


def _is_plain(key: str) -> bool:
    return re.fullmatch(r'[^.\[\]"\s]+', key) is not None


# Values ---------------------------------------------------------------------------------------------------------------


def parsed(text: str) -> Any:
    """Return what a JSON text says. Raises Rejected."""
    try:
        return json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=lambda _: NotJson(), object_pairs_hook=_pairs
        )
    except ValueError:
        raise Rejected("not JSON") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    repeated = any(value is not None and key in keys[i + 1 :] for i, (key, value) in enumerate(pairs))
    return Repeated(pairs) if repeated else dict(pairs)


def check_whole(value: Any) -> None:
    """Raise Rejected for what no JSON text can hold."""
    if isinstance(value, Repeated | NotJson):
        raise Rejected("a repeated key, or no JSON")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_whole(each)


def is_null(value: Any, column: dict[str, Any]) -> bool:
    """Tell whether a value means NULL in a column."""
    if value is None:
        return True
    for each in column.get("null", []):
        if isinstance(value, bool) or isinstance(each, bool):
            if value is each:
                return True
        elif isinstance(value, Number):
            if not isinstance(each, str) and len(value) <= 40 and Decimal(value) == each:
                return True
        elif isinstance(value, str) and isinstance(each, str) and value == each:
            return True
    return False


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise Rejected("not a text")
    if re.search("[\ud800-\udfff]", value):
        raise Rejected("half of a surrogate pair")
    return str(value)


def _identifier(value: Any) -> str:
    if isinstance(value, bool) or (isinstance(value, Number) and not re.fullmatch("-?[0-9]+", value)):
        raise Rejected("not an integer")
    return _text(value)


def _json(value: Any) -> str:
    check_whole(value)
    return _compact(value) if isinstance(value, (dict, list)) else _text(value)


def _compact(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(key)}:{_compact(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and bool(re.search("[\ud800-\udfff]", value)))


def _fitting(amount: Decimal, scale: int) -> Decimal:
    if abs(amount) >= Decimal(10) ** (18 - scale):
        raise Rejected("too large")
    return amount


def _integer(value: Any) -> int:
    whole = int(_whole(value, 0, _is_whole_noise))
    if not -(2**63) <= whole < 2**63:
        raise Rejected("too large")
    return whole


def _is_noise(exact: Decimal, lost: Decimal) -> bool:
    return lost <= EXACT.multiply(abs(exact), Decimal("1e-9"))


def _is_whole_noise(exact: Decimal, lost: Decimal) -> bool:
    return _is_noise(exact, lost) and lost <= Decimal("1e-6")


def _whole(value: Any, scale: int, is_noise: Callable[[Decimal, Decimal], bool]) -> Decimal:
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise Rejected("not a number")
    exact = EXACT.scaleb(EXACT.create_decimal(value), scale)
    if abs(exact) > 10**30:
        raise Rejected("too large")
    whole = exact.to_integral_value(ROUND_HALF_EVEN, EXACT)
    if not is_noise(exact, abs(EXACT.subtract(exact, whole))):
        raise Rejected("too many decimals")
    return whole


def _double(value: Any) -> float:
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise Rejected("not a number")
    number = float(value)
    if number in (float("inf"), float("-inf")) or (number == 0 and re.search("[1-9]", re.split("[eE]", value)[0])):
        raise Rejected("no double")
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, Number) and len(value) <= 40 and Decimal(value) in (0, 1):
        return Decimal(value) == 1
    if isinstance(value, str) and not isinstance(value, Number) and value in ("true", "false"):
        return value == "true"
    raise Rejected("not a boolean")


TYPES: dict[str, Callable[[Any], Any]] = {
    "identifier": _identifier,
    "text": _text,
    "json": _json,
    "integer": _integer,
    "double": _double,
    "boolean": _boolean,
}


def _dated(value: Any, kind: str, formats: Any, zone: str) -> Any:
    """Return a moment in UTC, or the day where it was, by the first format that fits."""
    for each in formats if isinstance(formats, list) else [formats]:
        try:
            local, offset, is_instant = _moment(value, each)
            break
        except (Rejected, ValueError, OverflowError, TypeError, IndexError):
            continue
    else:
        raise Rejected("not a date")
    try:
        if kind == "date":
            return (local.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)) if is_instant else local).date()
        if offset is not None:
            return local - offset
        return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise Rejected("not a date") from None


def _moment(value: Any, form: str) -> tuple[datetime, timedelta | None, bool]:
    """Return a date by the clock where it was written, that clock's offset, and whether it only says a moment."""
    if form in EPOCHS:
        if not isinstance(value, str) or not NUMBER.fullmatch(value):
            raise Rejected("not a number")
        times, parts = EPOCHS[form]
        exact = EXACT.divide(EXACT.multiply(EXACT.create_decimal(value), times), parts)
        if abs(exact) > 10**15:
            raise Rejected("out of range")
        milliseconds = int(exact.to_integral_value(ROUND_FLOOR, EXACT))
        return EPOCH + timedelta(milliseconds=milliseconds), timedelta(0), True
    if form == "yyyymmdd":
        if not isinstance(value, str) or not re.fullmatch("[0-9]{8}", value):
            raise Rejected("not eight digits")
        return datetime(int(value[:4]), int(value[4:6]), int(value[6:])), None, False
    if not isinstance(value, str) or isinstance(value, Number):
        raise Rejected("not a text")
    if form == "iso":
        return (*_iso(value), False)
    if form == "dotnet":
        match = re.fullmatch(r"\\?/Date\((-?[0-9]{1,15})([+-][0-9]{4})?\)\\?/", value)
        if match is None:
            raise Rejected("not a date")
        return EPOCH + timedelta(milliseconds=int(match[1])), timedelta(0), True
    moment = email.utils.parsedate_to_datetime(value) if form == "rfc2822" else datetime.strptime(value, form)
    cut = moment.replace(tzinfo=None, microsecond=moment.microsecond // 1000 * 1000)
    return cut, moment.utcoffset(), False


def _iso(value: str) -> tuple[datetime, timedelta | None]:
    match = DATE.fullmatch(value)
    if match is None:
        raise Rejected("not a date")
    year, month, day, month_, day_, hour, minute, second, part, minute_, second_, part_, utc, sign, off, off_ = (
        match.groups()
    )
    if int(off or 0) > 23 or int(off_ or 0) > 59:
        raise Rejected("not an offset")
    fraction = (part or part_ or "0").ljust(3, "0")[:3]
    offset = timedelta(hours=int(off or 0), minutes=int(off_ or 0))
    here = datetime(
        *(int(year), int(month or month_), int(day or day_)),
        *(int(hour or 0), int(minute or minute_ or 0), int(second or second_ or 0), int(fraction) * 1000),
    )
    return here, None if not utc and not sign else -offset if sign == "-" else offset


def cells(row: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """Return what a row of the product has under the names of one of `Reading`, as that has it."""
    fields = {name for name, value in like.items() if isinstance(value, dict)} | {"extra_fields"}
    return {name: extra_fields(row[name]) if name in fields else row[name] for name in like}


def extra_fields(text: str | None) -> Any:
    """Return a cell of extra fields as `Reading` has it."""
    return None if text is None else json.loads(text, parse_int=Number, parse_float=Number)
