"""A contract as a tree of what is read at the values of a record: what the fast way looks up each key in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct, field

from chalicelib.contracts.contract import Column, Contract, RowList
from chalicelib.contracts.paths import Index, JsonPath, Key, Where
from chalicelib.contracts.sources import FromDocument, FromRecord
from chalicelib.flatten import unnamed
from chalicelib.flatten.follow import generic_path
from chalicelib.flatten.json_text import below

Steps = tuple[Key | Index | Where, ...]


class PlanNode(Struct, eq=False):
    """A value of a record: what is read below its keys, and in its elements (`items`), where it is an array.

    A value may be all of it at once, for one column this and for another that. `counted` is the node whose values are
    told apart by their number: that of the record, or the innermost `items` on the way. `is_one_or_many` says that for
    some table an object here is a list of one. `names` is what the contract names here, None where it collects no
    unnamed fields; `path`, ending with a dot, is where such a field has its name from. `collects` says that unnamed
    fields are collected from an object here, as long as no column takes the whole of it. `column` numbers the values
    that are told apart by the same node, -1 for that node's own.
    """

    number: int
    counted: PlanNode | None = None
    column: int = -1
    children: dict[str, PlanNode] = field(default_factory=dict)
    items: PlanNode | None = None
    is_one_or_many: bool = False
    names: unnamed.Node | None = None
    path: str = ""
    collects: bool = False

    @property
    def takes_one(self) -> bool:
        """Whether an object here is an element, and nothing else."""
        return self.is_one_or_many and not self.children and not self.collects

    @property
    def counting(self) -> PlanNode:
        """The node by whose values this one's are numbered."""
        return self.counted or self


class Tree:
    """Values below those of records: `nodes` by their number, that of the record first."""

    def __init__(self) -> None:
        self.nodes: list[PlanNode] = []
        self.record = self._new(None)

    @property
    def lists(self) -> Iterator[PlanNode]:
        """The nodes of which elements are read, outer ones before inner ones."""
        return (node for node in self.nodes if node.items is not None)

    def walk(self, node: PlanNode, steps: Steps) -> PlanNode:
        """Return the node that steps lead to from another; what is not there yet is added."""
        for step in steps:
            if isinstance(step, Key):
                if step.name not in node.children:
                    node.children[step.name] = self._new(node.counting)
                node = node.children[step.name]
                continue
            node = self._items(node)
            if isinstance(step, Where):
                self.walk(node, tuple(map(Key, step.keys)))
        return node

    def _items(self, node: PlanNode) -> PlanNode:
        if node.items is None:
            node.items = self._new(None)
        return node.items

    def _new(self, counted: PlanNode | None) -> PlanNode:
        node = PlanNode(len(self.nodes), counted)
        self.nodes.append(node)
        return node


class Plan(Tree):
    """The tree of a contract. `document` is where the document is, `levels` has the elements of each list of rows."""

    def __init__(self, contract: Contract, fields: unnamed.UnnamedFields) -> None:
        self._contract = contract
        super().__init__()
        self.document = self.walk(self.record, contract.at.relative if contract.at else ())
        self.levels: dict[str, PlanNode] = {"": self.document}
        for table in contract.tables:
            for level, rows in enumerate(table.lists):
                node = self.walk(self.levels[str(table.lists[level - 1].path) if level else ""], rows.steps)
                node.is_one_or_many |= table.one_or_many
                self.levels[str(rows.path)] = self._items(node)
                if rows.where is not None:
                    self.walk(self._items(node), tuple(map(Key, rows.where.keys)))
            for column in table.columns:
                for path in paths_of(column):
                    self.walk(self.start(column, path), path.relative)
                for path in column.referred:
                    self.walk(self.levels[str(path.list_path or "")], path.relative)
        for rows_path in dict.fromkeys([None, *(rows.path for table in contract.tables for rows in table.lists)]):
            names = fields.roots.setdefault(rows_path, unnamed.Node())
            _collect(self.levels[str(rows_path or "")], names, f"{generic_path(rows_path)}." if rows_path else "")
        widths: Counter[int] = Counter()
        for node in self.nodes:
            if node.counted is not None:
                node.column = widths[node.counted.number]
                widths[node.counted.number] += 1

    def around(self) -> dict[int, str]:
        """Return the nodes of objects that lie around the document, by their number, with their paths."""
        document = self.levels[""]
        whole = {
            self._end(path)
            for _, column in self._contract.columns()
            for path in (column.source.paths if isinstance(column.source, FromRecord) else ())
        }
        around: dict[int, str] = {}
        stack = [(self.record, "")]
        while stack:
            node, path = stack.pop()
            if node is not document and node not in whole:
                around[node.number] = path
                stack += [(child, f"{below(path, key)}.") for key, child in node.children.items()]
        return around

    def _end(self, path: JsonPath) -> PlanNode | None:
        """Return the node that a path leads to by keys, None where it goes to an element of a list."""
        node: PlanNode | None = self.record
        for step in path.steps:
            node = node.children.get(step.name) if node is not None and isinstance(step, Key) else None
        return node

    def start(self, column: Column, path: JsonPath) -> PlanNode:
        """Return the value that a column's path goes on from."""
        return self.record if isinstance(column.source, FromRecord) else self.levels[str(path.list_path or "")]


def paths_of(column: Column) -> tuple[JsonPath, ...]:
    """Return the paths that a column is read from, from the document or from the record."""
    return column.source.paths if isinstance(column.source, FromDocument | FromRecord) else ()


def list_node(outer: PlanNode, rows: RowList) -> PlanNode:
    """Return the node of a list of rows, seen from that of the element that encloses it."""
    node = outer
    for step in rows.steps:
        following = node.children[step.name] if isinstance(step, Key) else node.items
        assert following is not None
        node = following
    return node


def _collect(node: PlanNode, names: unnamed.Node, path: str) -> None:
    node.names, node.path, node.collects = names, path, True
    stack = [node]
    while stack:
        node = stack.pop()
        assert node.names is not None
        for key, inner in node.names.children.items():
            child = node.children[key]
            child.names = inner
            child.path = f"{below(node.path, key)}."
            # What lies in a value that is taken whole is in it, whatever else is read there.
            child.collects = node.collects and inner.is_object and not inner.is_named and not inner.lists
            stack.append(child)
