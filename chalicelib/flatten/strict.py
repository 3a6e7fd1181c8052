"""The strict way to decode one document: every rule checked, every unknown field kept, every rejection explained.

It reads what the fast way could not prove sound, and is the measure that the fast way is tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chalicelib.contracts.model import EARLIEST_YEAR, MONTHS_AHEAD, Column, Contract, From, Type
from chalicelib.errors import shown
from chalicelib.flatten import values
from chalicelib.flatten.diagnosis import NearMisses, folded_keys, missing_value
from chalicelib.flatten.json_text import RepeatedKey, compact, json_path, merged_text, object_text, parse, repeated_key
from chalicelib.flatten.values import InvalidValue, RejectedDocument, kind


@dataclass(frozen=True, slots=True)
class Line:
    """One element of the list of lines: `values` in the order of the contract's line columns.

    `amount` is its line amount in units of 10^-4, `extra_fields` a JSON object: its own and the document's.
    """

    values: list[Any]
    amount: int | None
    extra_fields: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """One document as column values: `values` in the order of the contract's order columns, None for NULL.

    Decimals are units of 10^-4, dates are milliseconds since 1970 UTC. A document without lines has `extra_fields` of
    its own. `size` is about what its rows take, in bytes.
    """

    values: list[Any]
    lines: list[Line]
    extra_fields: str | None
    size: int


@dataclass(frozen=True)
class _Leaf:
    index: int
    parse: Callable[[object], object]


class LineList:
    """Stands in a Node for the list of lines."""


class Node(dict[str, Any]):
    """What the contract expects of an object, by key: leaves, nodes, the list of lines.

    `flat` holds the keys of leaves, `unknown` keys that documents had and the contract does not name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unknown: set[str] = set()

    @cached_property
    def flat(self) -> frozenset[str]:
        return frozenset(key for key, expected in self.items() if isinstance(expected, _Leaf))

    @cached_property
    def folded(self) -> dict[str, str]:
        return folded_keys(self)


class StrictDecoder:
    """Decodes documents of `contract` one at a time; documents dated after `latest_ms` are rejected.

    `near_misses` holds paths of fields that the contract would name but for case, spaces or underscores, each with the
    path that it names: they are extra fields like others, which the sender hardly means.
    """

    def __init__(self, contract: Contract, latest_ms: int) -> None:
        self._near_misses = NearMisses()
        self._contract = contract
        self._latest_ms = latest_ms
        self._width, self._line_width = len(contract.order_columns), len(contract.line_columns)
        self.document_node = self._node(contract.order_columns)
        self.line_node = self._node(contract.line_columns)
        *parents, last = contract.lines.split(".")
        node = self.document_node
        for key in parents:
            node = node.setdefault(key, Node())
        node[last] = LineList()
        self._required = [(i, c) for i, c in enumerate(contract.order_columns) if c.required]
        self._required_in_lines = [(i, c) for i, c in enumerate(contract.line_columns) if c.required]
        self._factors: tuple[int, int] | None = None
        if contract.of(From.LINE_AMOUNT):
            names = [c.name for c in contract.line_columns]
            self._factors = names.index(contract.unit_price), names.index(contract.quantity)

    @property
    def near_misses(self) -> dict[str, str]:
        return self._near_misses.paths

    def decode(self, raw: bytes) -> Document:
        """Decode one record. Raises RejectedDocument for the first thing that breaks the contract."""
        document = parse(raw)
        if not isinstance(document, dict):
            raise RejectedDocument("", f"expected an order as a JSON object, found {kind(document)}")
        result: list[Any] = [None] * self._width
        extra: dict[str, str] = {}
        lines = self._object(document, self.document_node, "", "", result, extra)
        for i, column in self._required:
            if result[i] is None or result[i] == "":
                reason = missing_value(document, column, self._contract, self.document_node)
                raise RejectedDocument(str(column.source), reason)
        elements = self._elements(lines)
        size = self._size_of_rows(result, extra, len(elements))
        text = object_text(extra)
        decoded = [self._line(line, i, text) for i, line in enumerate(elements)]
        return Document(result, decoded, None if decoded else text, size)

    def note(self, key: str, node: Node, generic: str) -> None:
        """Note a key that `node` does not have: it may be a near miss of one that it has."""
        self._near_misses.note(key, node.unknown, node.folded, generic)

    def extra_fields(self, raw: bytes, most_bytes: int) -> tuple[str | None, list[str | None]]:
        """Return the fields that the contract does not name, of a document whose columns are proven sound.

        The first text is what the document has of its own, the others what each of its lines and the document have
        together. Raises RejectedDocument where `decode` would, for a key given twice or an extra field that no column
        could hold, and where repeating the first text on each line would take more than `most_bytes`.
        """
        extra: dict[str, str] = {}
        lines = self._elements(self._unnamed(parse(raw), self.document_node, "", "", extra))
        text = object_text(extra)
        if len((text or "").encode()) * len(lines) > most_bytes:
            raise RejectedDocument(self._contract.lines, "too many elements for so long extra fields")
        texts = []
        for i, line in enumerate(lines):
            own: dict[str, str] = {}
            path = f"{self._contract.lines}[{i}]"
            self._unnamed(line, self.line_node, f"{path}.", f"{self._contract.lines}[].", own)
            texts.append(merged_text(text, own))
        return text, texts

    def _unnamed(self, members: Any, node: Node, path: str, generic: str, extra: dict[str, str]) -> object:
        """Fill `extra` from one object; return the list of lines if it is in there."""
        if isinstance(members, RepeatedKey):
            raise repeated_key(members, path)
        if members.keys() <= node.flat:
            return None
        lines: object = None
        for key, value in members.items():
            if key in node.flat:
                continue
            expected = node.get(key)
            if expected is None:
                if key not in node.unknown:
                    self.note(key, node, generic)
                extra[json_path(generic, key)] = compact(value, json_path(path, key))
            elif isinstance(expected, LineList):
                lines = value
            elif value is not None:
                inner = self._unnamed(value, expected, f"{path}{key}.", f"{generic}{key}.", extra)
                lines = inner if inner is not None else lines
        return lines

    def _size_of_rows(self, result: list[Any], extra: dict[str, str], lines: int) -> int:
        texts = [text for text in result if isinstance(text, str)] + [object_text(extra) or ""]
        size = (values.ROW_BYTES + sum(len(text.encode()) for text in texts)) * max(lines, 1)
        if lines and size > values.MAX_DOCUMENT_BYTES:
            raise RejectedDocument(
                self._contract.lines,
                f"{lines} elements make rows of {size} bytes, since each repeats the order's texts: split the order",
            )
        return size

    def _elements(self, lines: object) -> list[object]:
        if lines is None:
            return []
        if not isinstance(lines, list):
            raise RejectedDocument(self._contract.lines, f"expected an array, found {kind(lines)}")
        return lines

    def _line(self, line: object, index: int, document_extra: str | None) -> Line:
        path = f"{self._contract.lines}[{index}]"
        if not isinstance(line, dict):
            raise RejectedDocument(path, f"expected an object, found {kind(line)}")
        result: list[Any] = [None] * self._line_width
        extra: dict[str, str] = {}
        self._object(line, self.line_node, f"{path}.", f"{self._contract.lines}[].", result, extra)
        for i, column in self._required_in_lines:
            if result[i] is None or result[i] == "":
                raise RejectedDocument(path, f"each element of {self._contract.lines!r} needs its {column.name}")
        return Line(result, self._amount(result, path), merged_text(document_extra, extra))

    def _amount(self, line: list[Any], path: str) -> int | None:
        """Return the product of a line's factors, None where one of them is NULL or the contract has no such column."""
        if not self._factors:
            return None
        price, quantity = line[self._factors[0]], line[self._factors[1]]
        if price is None or quantity is None:
            return None
        amount: int = price * quantity
        if abs(amount) > values.MAX_UNITS:
            raise RejectedDocument(path, "price × quantity is too large for decimal(18,4)")
        return amount

    def _object(
        self, members: dict[str, Any], node: Node, path: str, generic: str, result: list[Any], extra: dict[str, str]
    ) -> object:
        """Fill `result` and `extra` from one object; return the list of lines if it is in there."""
        if isinstance(members, RepeatedKey):
            raise repeated_key(members, path)
        lines: object = None
        for key, value in members.items():
            expected = node.get(key)
            if expected is None:
                if key not in node.unknown:
                    self.note(key, node, generic)
                extra[json_path(generic, key)] = compact(value, json_path(path, key))
            elif value is None:
                continue
            elif isinstance(expected, _Leaf):
                result[expected.index] = self._leaf(expected, value, path + key)
            elif isinstance(expected, LineList):
                lines = value
            elif not isinstance(value, dict):
                raise RejectedDocument(path + key, f"expected an object, found {kind(value)}")
            else:
                inner = self._object(value, expected, f"{path}{key}.", f"{generic}{key}.", result, extra)
                lines = inner if inner is not None else lines
        return lines

    def _leaf(self, leaf: _Leaf, value: object, path: str) -> object:
        try:
            return leaf.parse(value)
        except InvalidValue as problem:
            raise RejectedDocument(path, str(problem)) from None
        except RejectedDocument as problem:
            raise RejectedDocument(path + problem.path, problem.reason) from None

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
            return self._document_date
        return _PARSERS[column.type]

    def _document_date(self, value: object) -> int:
        ms = values.timestamp_ms(value)
        if not values.EARLIEST_MS <= ms <= self._latest_ms:
            raise InvalidValue(
                f"{shown(value)!r} is out of range: send a date from {EARLIEST_YEAR}-01-01 to "
                f"{values.datetime_of(self._latest_ms):%Y-%m-%d}, {MONTHS_AHEAD} months after the file"
            )
        return ms


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
