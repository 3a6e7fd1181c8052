"""The strict way to decode one order: every rule checked, every unknown field kept, every refusal explained.

It reads what the fast way could not prove sound, and is the measure that the fast way is tested against.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from chalicelib.contracts.model import EARLIEST_YEAR, MONTHS_AHEAD, Column, Contract, From, Type
from chalicelib.errors import shown
from chalicelib.flatten import values
from chalicelib.flatten.values import NotFinite, NumberText, Unfit, kind

MAX_DEPTH = 128
"""Objects and arrays nested deeper than this are rejected: no order is, and stacks are finite."""

MOST_NEAR_MISSES = 20
"""How many keys are remembered that are nearly the contract's."""

_MOST_OTHERS, _LONGEST_KEY = 1000, 100
"""How many keys of an object the contract may not name until no more are looked at, and how long these may be: who
sends a million keys does not pay for each."""

_PLAIN_KEY = re.compile(r"[^.\[\]\"\s]+")
_SEPARATORS = re.compile(r"[\s_\ufeff\u200b-]+")


_MOST_NAMED = 5
"""How many of a document's keys a reason names."""


class RejectedOrder(Exception):
    """An order breaks the contract: where (`path`, as `products[0].price`) and why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}" if path else reason)


@dataclass(frozen=True, slots=True)
class Order:
    """One order as column values: `values` in the order of the contract's order columns, `lines` likewise.

    Each line's last two items are its line amount in units (or None) and its extra fields (or None); an order without
    lines has `extra_fields` of its own. Decimals are units of 10^-4, dates are milliseconds. `size` is about what the
    order's rows take, in bytes.
    """

    values: list[Any]
    lines: list[list[Any]]
    extra_fields: str | None
    size: int


@dataclass(frozen=True)
class _Leaf:
    index: int
    parse: Callable[[object], object]


class Lines:
    """Marks the place of the list of lines."""


class Node(dict[str, Any]):
    """What the contract expects of an object, by key: leaves, nodes, the lines. `flat` holds the keys of leaves.

    `others` holds keys that were seen and are not the contract's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: set[str] = set()

    @cached_property
    def flat(self) -> frozenset[str]:
        return frozenset(key for key, known in self.items() if isinstance(known, _Leaf))

    @cached_property
    def folded(self) -> dict[str, str]:
        """The keys by what is left of them without case, spaces and underscores."""
        return {_folded(key): key for key in self}


class StrictDecoder:
    """Decodes orders of `contract` one at a time; orders dated after `latest_ms` are rejected.

    `near_misses` holds paths of fields that the contract would name but for case, spaces or underscores, each with the
    path that it names: they are extra fields like others, which the sender hardly means.
    """

    def __init__(self, contract: Contract, latest_ms: int) -> None:
        self.near_misses: dict[str, str] = {}
        self._contract = contract
        self._latest_ms = latest_ms
        self._width, self._line_width = len(contract.order_columns), len(contract.line_columns)
        self.order_node = self._node(contract.order_columns)
        self.line_node = self._node(contract.line_columns)
        *parents, last = contract.lines.split(".")
        node = self.order_node
        for key in parents:
            node = node.setdefault(key, Node())
        node[last] = Lines()
        self._required = [(i, c) for i, c in enumerate(contract.order_columns) if c.required]
        self._required_in_lines = [(i, c) for i, c in enumerate(contract.line_columns) if c.required]
        self._factors: tuple[int, int] | None = None
        if contract.of(From.LINE_AMOUNT):
            names = [c.name for c in contract.line_columns]
            self._factors = names.index(contract.unit_price), names.index(contract.quantity)

    def decode(self, raw: bytes) -> Order:
        """Decode one record. Raises RejectedOrder for the first thing that breaks the contract."""
        order = parsed(raw)
        if not isinstance(order, dict):
            raise RejectedOrder("", f"expected an order as a JSON object, found {kind(order)}")
        result: list[Any] = [None] * self._width
        extra: dict[str, str] = {}
        lines = self._object(order, self.order_node, "", "", result, extra)
        for i, column in self._required:
            if result[i] is None or result[i] == "":
                raise RejectedOrder(str(column.source), self._absence(order, column))
        listed = self._list(lines)
        size = self._size_of_rows(result, extra, len(listed))
        text = object_text(extra)
        decoded = [self._line(line, i, text) for i, line in enumerate(listed)]
        return Order(result, decoded, None if decoded else text, size)

    def note(self, key: str, node: Node, generic: str) -> None:
        """Remember a key that `node` does not have: as a near miss if it has one that is nearly the same."""
        if len(key) > _LONGEST_KEY or len(node.others) >= _MOST_OTHERS:
            return
        node.others.add(key)
        meant = node.folded.get(_folded(key))
        if meant is not None and len(self.near_misses) < MOST_NEAR_MISSES:
            self.near_misses[generic + key] = generic + meant

    def extra_fields(self, raw: bytes, most_bytes: int) -> tuple[str | None, list[str | None]]:
        """Return the fields that the contract does not name, of an order whose columns are known to be sound.

        The first text is what the order has of its own, the others what each of its lines and the order have together.
        Raises RejectedOrder where `decode` would, for a key given twice or an extra field that no column could hold,
        and where repeating the first text on each line would take more than `most_bytes`.
        """
        order = parsed(raw)
        extra: dict[str, str] = {}
        lines = self._list(self._unknown(order, self.order_node, "", "", extra))
        text = object_text(extra)
        if len((text or "").encode()) * len(lines) > most_bytes:
            raise RejectedOrder(self._contract.lines, "too many elements for so long extra fields")
        found = []
        for i, line in enumerate(lines):
            own: dict[str, str] = {}
            path = f"{self._contract.lines}[{i}]"
            self._unknown(line, self.line_node, f"{path}.", f"{self._contract.lines}[].", own)
            found.append(with_own(text, own))
        return text, found

    def _unknown(self, found: Any, node: Node, path: str, generic: str, extra: dict[str, str]) -> object:
        """Fill `extra` from one object; return the list of lines if it is in there."""
        if isinstance(found, _Twice):
            raise _twice(found, path)
        if found.keys() <= node.flat:
            return None
        lines: object = None
        for key, value in found.items():
            if key in node.flat:
                continue
            known = node.get(key)
            if known is None:
                if key not in node.others:
                    self.note(key, node, generic)
                extra[below(generic, key)] = compact(value, below(path, key))
            elif isinstance(known, Lines):
                lines = value
            elif value is not None:
                inner = self._unknown(value, known, f"{path}{key}.", f"{generic}{key}.", extra)
                lines = inner if inner is not None else lines
        return lines

    def _size_of_rows(self, result: list[Any], extra: dict[str, str], lines: int) -> int:
        texts = [text for text in result if isinstance(text, str)] + [object_text(extra) or ""]
        size = (values.ROW_BYTES + sum(len(text.encode()) for text in texts)) * max(lines, 1)
        if lines and size > values.MAX_ORDER_BYTES:
            raise RejectedOrder(
                self._contract.lines,
                f"{lines} elements make rows of {size} bytes, since each repeats the order's texts: split the order",
            )
        return size

    def _list(self, lines: object) -> list[object]:
        if lines is None:
            return []
        if not isinstance(lines, list):
            raise RejectedOrder(self._contract.lines, f"expected an array, found {kind(lines)}")
        return lines

    def _line(self, line: object, index: int, order_text: str | None) -> list[Any]:
        path = f"{self._contract.lines}[{index}]"
        if not isinstance(line, dict):
            raise RejectedOrder(path, f"expected an object, found {kind(line)}")
        result: list[Any] = [None] * (self._line_width + 2)
        extra: dict[str, str] = {}
        self._object(line, self.line_node, f"{path}.", f"{self._contract.lines}[].", result, extra)
        for i, column in self._required_in_lines:
            if result[i] is None or result[i] == "":
                raise RejectedOrder(path, f"each element of {self._contract.lines!r} needs its {column.name}")
        if self._factors:
            price, quantity = result[self._factors[0]], result[self._factors[1]]
            if price is not None and quantity is not None:
                result[-2] = price * quantity
                if abs(result[-2]) > values.MAX_UNITS:
                    raise RejectedOrder(path, "price × quantity is too large for decimal(18,4)")
        result[-1] = with_own(order_text, extra)
        return result

    def _object(
        self, found: dict[str, Any], node: Node, path: str, generic: str, result: list[Any], extra: dict[str, str]
    ) -> object:
        """Fill `result` and `extra` from one object; return the list of lines if it is in there."""
        if isinstance(found, _Twice):
            raise _twice(found, path)
        lines: object = None
        for key, value in found.items():
            known = node.get(key)
            if known is None:
                if key not in node.others:
                    self.note(key, node, generic)
                extra[below(generic, key)] = compact(value, below(path, key))
            elif value is None:
                continue
            elif isinstance(known, _Leaf):
                result[known.index] = self._leaf(known, value, path + key)
            elif isinstance(known, Lines):
                lines = value
            elif not isinstance(value, dict):
                raise RejectedOrder(path + key, f"expected an object, found {kind(value)}")
            else:
                inner = self._object(value, known, f"{path}{key}.", f"{generic}{key}.", result, extra)
                lines = inner if inner is not None else lines
        return lines

    def _absence(self, order: dict[str, Any], column: Column) -> str:
        """Say that a required column has no value; of a document without its identity, also what it holds instead."""
        state = _state(order, self._contract.steps(column))
        reason = f"{state}: an order needs its {column.name}"
        if state != "missing" or column.name != self._contract.order_id:
            return reason
        if not order:
            return f"{reason}, and this object is empty"
        reason += f"; its key{'s are' if len(order) > 1 else ' is'} {_named(list(order))}"
        envelope = self._contract.envelope
        unnamed = {key: value for key, value in order.items() if key not in self.order_node}
        for key, value in unnamed.items():
            if _is_array_of_objects(value):
                holder = f"{reason}; its key {shown(key, 40)!r} holds an array of {len(value)} objects"
                return f"{holder}: send the array alone, or under {envelope!r}"
        if len(unnamed) == len(order) and all(isinstance(value, dict) for value in order.values()):
            if len(order) == 1:
                return f"{reason}, which holds an object: send that object alone"
            return f"{reason}, each of which holds an object: send them as an array, alone or under {envelope!r}"
        return reason

    def _leaf(self, leaf: _Leaf, value: object, path: str) -> object:
        try:
            return leaf.parse(value)
        except Unfit as problem:
            raise RejectedOrder(path, str(problem)) from None
        except RejectedOrder as problem:
            raise RejectedOrder(path + problem.path, problem.reason) from None

    def _node(self, columns: Iterable[Column]) -> Node:
        root = Node()
        for index, column in enumerate(columns):
            *parents, last = self._contract.steps(column)
            node = root
            for key in parents:
                node = node.setdefault(key, Node())
            node[last] = _Leaf(index, self._parser(column))
        return root

    def _parser(self, column: Column) -> Callable[[object], object]:
        if column.type is Type.TIMESTAMP and column.name == self._contract.order_date:
            return self._order_date
        return _PARSERS[column.type]

    def _order_date(self, value: object) -> int:
        ms = values.timestamp_ms(value)
        if not values.EARLIEST_MS <= ms <= self._latest_ms:
            raise Unfit(
                f"{shown(value)!r} is out of range: send a date from {EARLIEST_YEAR}-01-01 to "
                f"{values.datetime_of(self._latest_ms):%Y-%m-%d}, {MONTHS_AHEAD} months after the file"
            )
        return ms


def parsed(raw: bytes) -> object:
    """Return what JSON says, numbers as their digits. Raises RejectedOrder for what is none or too deep."""
    try:
        return _JSON.decode(raw.decode())
    except RecursionError:
        raise RejectedOrder("", _TOO_DEEP) from None
    except ValueError as problem:
        raise RejectedOrder("", f"not JSON: {problem}") from None


def compact(value: object, path: str = "", depth: int = 1) -> str:
    """Return a parsed value as JSON without white space, numbers as the digits that were sent."""
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, NotFinite):
        raise RejectedOrder(path, f"{value.name} is not JSON: send a number, text or null")
    if depth > MAX_DEPTH:
        raise RejectedOrder(path, _TOO_DEEP)
    if isinstance(value, _Twice):
        raise _twice(value, f"{path}.")
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(k)}:{compact(v, path, depth + 1)}" for k, v in value.items()) + "}"
    assert isinstance(value, list)
    return "[" + ",".join(compact(v, path, depth + 1) for v in value) + "]"


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels: send a flatter order"


class _Twice(dict[str, Any]):
    """An object in which a key with a value is repeated; `key` is that key."""

    key = ""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: dict[str, Any] = {}
    for key, value in pairs:
        # A null says nothing, so that a value after it drops nothing.
        if seen.get(key) is not None:
            twice = _Twice(found)
            twice.key = key
            return twice
        seen[key] = value
    return found


_JSON = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=NumberText, parse_float=NumberText, parse_constant=NotFinite
)
"""Made once: `json.loads` would make one for each order."""


def _twice(found: _Twice, path: str) -> RejectedOrder:
    return RejectedOrder(below(path, found.key), "the key appears twice in one object: send one of the values")


def _json_text(value: object) -> str:
    return compact(value) if isinstance(value, (dict, list)) else values.text(value)


_PARSERS: dict[Type, Callable[[object], object]] = {
    Type.IDENTIFIER: values.identifier,
    Type.TEXT: values.text,
    Type.JSON_TEXT: _json_text,
    Type.DECIMAL: values.decimal_units,
    Type.INTEGER: values.integer,
    Type.TIMESTAMP: values.timestamp_ms,
}


def _state(order: dict[str, Any], steps: Iterable[str]) -> str:
    found: object = order
    for key in steps:
        if not isinstance(found, dict) or key not in found:
            return "missing"
        found = found[key]
    return "null" if found is None else "empty"


def _named(keys: list[str]) -> str:
    few = ", ".join(repr(shown(key, 40)) for key in keys[:_MOST_NAMED])
    return f"{few} and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else few


def _is_array_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _folded(key: str) -> str:
    return _SEPARATORS.sub("", key).casefold()


def object_text(fields: dict[str, str]) -> str | None:
    """Return fields whose values are JSON as one object, or None where there are none."""
    return "{" + ",".join(f"{_quoted(key)}:{text}" for key, text in fields.items()) + "}" if fields else None


def with_own(text: str | None, own: dict[str, str]) -> str | None:
    """Return the extra fields of a line: the order's, as one text, and those of its own, whose paths are others.

    The order's are not written anew for each line, since both may be thousands. Without any of its own, lines share
    one text.
    """
    if text is None or not own:
        return object_text(own) if own else text
    return f"{text[:-1]},{(object_text(own) or '')[1:]}"


def _quoted(text: str) -> str:
    quoted: str = encode_basestring(text)
    if not text.isascii():
        try:
            quoted.encode()
        except UnicodeEncodeError:
            return str(encode_basestring_ascii(text))
    return quoted


def below(prefix: str, key: str) -> str:
    """Return the JSON path of `key` below `prefix`, which is empty or ends with a dot."""
    return prefix + key if _PLAIN_KEY.fullmatch(key) else f"{prefix.removesuffix('.')}[{_quoted(key)}]"
