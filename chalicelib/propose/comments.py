"""The comments of a proposed contract: how often a field is there, of which types and lengths. No value is shown."""

from __future__ import annotations

from chalicelib.propose.counting import counted
from chalicelib.propose.fields import Field, Scope
from chalicelib.propose.node import Node
from chalicelib.propose.typed import Typed


def of_column(each: Field, kind: Typed) -> str:
    """Say how often a field has a value, of which JSON types and lengths; a value itself is never shown."""
    node = each.node
    if each.names:
        return f"in {node.present} of {each.base}; {kind.why}"
    if node.declared:
        need = "required" if node.present == each.base else "optional"
        is_seen = kind.why.startswith(("dates as", "without a value"))
        return ", ".join([need, node.declared, *([kind.why] if kind.why and not is_seen else [])])
    parts = [f"in {node.values} of {each.base}" if node.values < each.base else f"in all {each.base}"]
    if types := _types(node):
        parts.append(types)
    numbers = node.all_numbers
    if numbers.count and kind.type not in ("timestamp", "date", "boolean"):
        decimals = f" and {counted(numbers.decimals, 'decimal')}" if numbers.decimals else ""
        parts.append(f"up to {counted(numbers.whole, 'digit')}{decimals}")
        if numbers.leading_zeros:
            parts.append(f"{numbers.leading_zeros} with leading zeros")
        if numbers.beyond_64_bit:
            parts.append(f"{numbers.beyond_64_bit} beyond 64 bits")
    if node.empty_texts:
        parts.append(f"{node.empty_texts} empty")
    if kind.why:
        parts.append(kind.why)
    return ", ".join(parts)


def _types(node: Node) -> str:
    counts = {
        "text": node.texts - node.empty_texts,
        "number": node.integers + node.floats,
        "boolean": node.true + node.false,
        "object": node.objects - node.empty_objects,
        "list": node.lists - node.empty_lists,
    }
    there = {name: count for name, count in counts.items() if count > 0}
    if len(there) == 1:
        return next(iter(there))
    return ", ".join(f"{count} {name}" for name, count in there.items())


def of_table(scope: Scope) -> list[str]:
    if scope.parent is None or scope.element.declared:
        return []
    around = scope.chain[1]
    enclosing = f"{counted(around.count, 'element')} of {around.path}" if around.parent else ""
    enclosing = enclosing or counted(around.count, "document")
    comments = [f"{scope.path}: {counted(scope.count, 'element')} in {enclosing}."]
    if scope.one_or_many:
        comments.append("An object stands where a list of one is meant, as in JSON made of XML.")
    return comments
