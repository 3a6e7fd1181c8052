"""From a profile to fields: every path that may become a column, and every list that may make rows."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.contracts.paths import Each, JsonPath, Key, Step, Where
from chalicelib.propose import role_names, words
from chalicelib.propose.counting import is_nearly_all
from chalicelib.propose.fields import STRUCTURAL, Field, Kind, Scope, is_line, is_map
from chalicelib.propose.node import Node
from chalicelib.propose.profile import NAME_KEYS, VALUE_KEYS

_NUMBER_TYPES = frozenset(("N", "$numberDecimal", "$numberInt", "$numberLong", "$numberDouble"))
_TEXT_TYPES = frozenset(("S", "B", "$oid", "$uuid"))


def scopes(root: Node, count: int) -> list[Scope]:
    """Return the document's scope and, in the order of their lists, those of all elements that are objects."""
    opened: list[Scope] = []
    _open(Scope((), root, count), opened)
    return opened


def _open(scope: Scope, opened: list[Scope]) -> None:
    opened.append(scope)
    _walk(scope, scope.element, scope.steps, (), opened)


def _walk(scope: Scope, node: Node, steps: tuple[Step, ...], keys: tuple[str, ...], opened: list[Scope]) -> None:
    for key, child in node.children.items():
        if not key or any("\ud800" <= character <= "\udfff" for character in key):
            continue
        named = keys if key in STRUCTURAL and len(node.children) <= 6 else (*keys, key)
        if not named and (child.items is not None or not child.children or child.scalars):
            named = (key,)
        _visit(scope, child, (*steps, Key(key)), named, node, opened)


def _visit(
    scope: Scope,
    node: Node,
    steps: tuple[Step, ...],
    keys: tuple[str, ...],
    parent: Node,
    opened: list[Scope],
) -> None:
    if _is_typed(node):
        _visit_typed(scope, node, steps, keys, parent, opened)
        return
    kind = _kind(node, keys)
    if kind is None:
        _walk(scope, node, steps, keys, opened)
        return
    scope.fields.append(Field((JsonPath(steps),), keys, node, scope.count, kind, parent, steps[:-1]))
    if kind is Kind.LIST:
        _visit_list(scope, node, (*steps, Each()), keys, opened)


def _kind(node: Node, keys: tuple[str, ...]) -> Kind | None:
    """Return what a node without types around its values holds; None for an object with fields of its own."""
    if not node.values and not node.children and node.items is None:
        return Kind.EMPTY
    if is_map(node):
        return Kind.MAP
    if node.scalars:
        if is_nearly_all(node.lists, node.filled) and node.items is not None and not node.objects:
            return Kind.LIST
        # An empty object or list is no scalar, though it holds nothing.
        return Kind.MIXED if (node.objects or node.lists) and not _is_nearly_scalar(node, keys) else Kind.SCALAR
    if node.items is None:
        return Kind.LIST if _is_lone_line(node, keys) else None
    is_mixed = node.objects and (node.empty_objects or node.items.scalars or node.items.lists or not node.items.objects)
    return Kind.MIXED if is_mixed else Kind.LIST


def _is_nearly_scalar(node: Node, keys: tuple[str, ...]) -> bool:
    """Tell whether so many values are dates, numbers or identifiers that the objects and lists are the mistake."""
    counts = [node.all_dates, node.all_numbers.count]
    if words.is_identifier(words.words(keys[-1])):
        counts.append(node.identifiers)
    return any(is_nearly_all(count, node.filled) for count in counts)


def _visit_list(scope: Scope, node: Node, steps: tuple[Step, ...], keys: tuple[str, ...], opened: list[Scope]) -> None:
    """Open the scope of a list's elements where they are objects."""
    element = node.element if node.items is not None else node
    one_or_many = node.objects > node.empty_objects
    if set(element.children) == {"M"} and _is_typed(element):
        # DynamoDB's list of objects.
        steps = (*steps, Key("M"))
        element = element.children["M"]
        _open_below(scope, element, steps, keys, opened, one_or_many)
        return
    others = element.scalars + element.lists
    if not element.objects or not element.children or is_map(element):
        return
    if others and not is_nearly_all(element.objects, element.filled):
        return
    names = node.stable_names
    below = Scope(steps, element, element.present, keys, parent=scope, one_or_many=one_or_many)
    below.others = others + node.scalars
    if node.names is not None:
        below.is_names = True
        _add_named(scope, element, steps[:-1], keys, names, node)
    _open(below, opened)


def _open_below(
    scope: Scope, element: Node, steps: tuple[Step, ...], keys: tuple[str, ...], opened: list[Scope], one_or_many: bool
) -> None:
    _open(Scope(steps, element, element.present, keys, parent=scope, one_or_many=one_or_many), opened)


def _add_named(
    scope: Scope, element: Node, steps: tuple[Step, ...], keys: tuple[str, ...], names: tuple[str, ...], node: Node
) -> None:
    """Add the value of each name of a list of names and values as a field of its own."""
    name_key = next((key for key in NAME_KEYS if key in element.children), None)
    value_key = next((key for key in VALUE_KEYS if key in element.children), None)
    if name_key is None or value_key is None:
        return
    value = element.children[value_key]
    tails: list[tuple[str, ...]] = [(value_key,)]
    if value.children and not value.scalars and not value.lists:
        tails = [(value_key, key) for key in value.children if not value.children[key].children]
    for name in names:
        below: tuple[Step, ...] = (*steps, Where((name_key,), name))
        paths = tuple(JsonPath((*below, *map(Key, tail))) for tail in tails)
        some = Node(present=(node.names or {})[name], texts=1)
        scope.fields.append(Field(paths, (*keys, name), some, scope.count, Kind.MIXED, Node(), steps, names=(name,)))


def _is_typed(node: Node) -> bool:
    """Tell whether all objects here are one value with its type around it."""
    children = node.children
    if not children or node.is_map or node.lists or sum(child.present for child in children.values()) != node.objects:
        return False
    return all(_fits_type(key, child) for key, child in children.items())


def _fits_type(key: str, node: Node) -> bool:
    if key in ("L", "SS", "NS", "BS"):
        return node.lists == node.present
    if key == "M":
        return node.objects == node.present
    if key in ("BOOL", "NULL"):
        return node.true + node.false == node.present
    if key == "$date":
        is_wrapped = set(node.children) <= {"$numberLong"} and not node.empty_objects
        return is_wrapped and not node.lists and node.objects == sum(child.texts for child in node.children.values())
    return (key in _NUMBER_TYPES or key in _TEXT_TYPES) and node.texts == node.present


def _visit_typed(
    scope: Scope,
    node: Node,
    steps: tuple[Step, ...],
    keys: tuple[str, ...],
    parent: Node,
    opened: list[Scope],
) -> None:
    children = {key: child for key, child in node.children.items() if key != "NULL"}
    if set(children) == {"M"} and not node.scalars:
        _walk(scope, children["M"], (*steps, Key("M")), keys, opened)
        return
    if set(children) == {"L"} and not node.scalars:
        path = (*steps, Key("L"))
        of_list = Field((JsonPath(path),), keys, children["L"], scope.count, Kind.LIST, parent, steps[:-1])
        scope.fields.append(of_list)
        if children["L"].items is not None:
            _visit_list(scope, children["L"], (*path, Each()), keys, opened)
        return
    if children.keys() & {"M", "L", "SS", "NS", "BS"}:
        scope.fields.append(Field((JsonPath(steps),), keys, node, scope.count, Kind.MIXED, parent, steps[:-1]))
        return
    together, paths = Node(), []
    for key, child in children.items():
        # The deepest first: a path that ends at an object would take the object for the value.
        for below, value in sorted(_dates_in(key, child), key=lambda each: -len(each[0])):
            together.merge(value)
            paths.append(JsonPath((*steps, *map(Key, below))))
    if node.scalars:
        # MongoDB writes a plain number where it can.
        alone = Node()
        alone.merge(node)
        alone.children, alone.objects, alone.present = {}, 0, node.scalars + node.nulls
        together.merge(alone)
        paths.append(JsonPath(steps))
    is_number = bool(children) and all(key in _NUMBER_TYPES for key in children)
    kind = Kind.SCALAR if paths else Kind.EMPTY
    paths = paths or [JsonPath(steps)]
    scope.fields.append(Field(tuple(paths), keys, together, scope.count, kind, parent, steps[:-1], is_number))


def _dates_in(key: str, node: Node) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Return the value, or values, below a type's key: MongoDB's `$date` holds a text, a number or `$numberLong`."""
    if node.scalars or not node.children:
        alone = Node()
        alone.merge(node)
        alone.children, alone.objects, alone.present = {}, 0, node.present - node.objects
        yield (key,), alone
    for below, child in node.children.items():
        yield (key, below), child


def _is_lone_line(node: Node, keys: tuple[str, ...]) -> bool:
    """Tell whether an object is the one line of a list, as JSON made of XML has it."""
    if not keys or " ".join(words.words(keys[-1])) not in role_names.LINES or node.scalars or node.items is not None:
        return False
    return is_line(node) and any(words.is_quantity(words.words(key)) for key in node.children)
