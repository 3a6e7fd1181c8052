"""Reads single columns as the strict way does, of documents that are otherwise decoded fast.

A path that goes to one element of a list (`images[0].src`, `attributes[name=size].value`) is nothing that the parser
knows. The bytes of the list are cut out of the text, parsed and followed.
"""

from __future__ import annotations

from typing import Any

from chalicelib.contracts.contract import Column, Contract, FromDocument, FromRecord
from chalicelib.contracts.paths import JsonPath
from chalicelib.flatten.columns import Bools
from chalicelib.flatten.json_text import RejectedDocument, parsed
from chalicelib.flatten.layout import Layout, Node, raw_keys
from chalicelib.flatten.readers import ColumnReader, Element

MOST_REMEMBERED = 10_000
"""How many values of a column are remembered: most come again."""


class HandColumn:
    """Reads one column from the JSON texts of the values that its paths begin with."""

    def __init__(self, layout: Layout, contract: Contract, column: Column, latest_ms: int) -> None:
        source = column.source
        assert isinstance(source, FromDocument | FromRecord)
        of_record = isinstance(source, FromRecord)
        self.nodes: list[Node] = [layout.raw(path, of_record=of_record) for path in source.paths]
        self._reader = ColumnReader(contract, column, 0, latest_ms)
        self._paths = source.paths
        self._of_record = of_record
        self._remembered: dict[tuple[str | None, ...], Any] = {}

    def read(self, texts: list[list[str | None]], good: Bools) -> list[Any]:
        """Return the values of all elements; `texts` has those of each path. Clear `good` where there is none."""
        values: list[Any] = []
        for i, each in enumerate(zip(*texts, strict=True)):
            if each not in self._remembered:
                if len(self._remembered) >= MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[each] = self._value(each)
            value = self._remembered[each]
            if isinstance(value, RejectedDocument):
                good[i] = False
                value = None
            values.append(value)
        return values

    def _value(self, texts: tuple[str | None, ...]) -> Any:
        """Return the value, or what rejects the document."""
        root: dict[str, Any] = {}
        try:
            for path, text in zip(self._paths, texts, strict=True):
                if text is not None:
                    _put(root, path, parsed(text.encode()))
            element = Element(root, "", ())
            return self._reader.read([element] * (self._paths[0].level + 1), root)
        except RejectedDocument as problem:
            return problem


def _put(root: dict[str, Any], path: JsonPath, value: Any) -> None:
    *parents, last = raw_keys(path)
    for key in parents:
        root = root.setdefault(key.name, {})
    root[last.name] = value
