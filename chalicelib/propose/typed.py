"""A type with its options, and what all readings of values as a type have in common."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from chalicelib.propose import scalars
from chalicelib.propose.counting import is_nearly_all
from chalicelib.propose.node import Node
from chalicelib.propose.value_counts import Numbers

PRECISION = 18
SCALE = 4


class Typed(Struct):
    """A type with its options, in a contract's words; `why` is said in the column's comment, `look` is a warning."""

    type: str
    options: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    look: str = ""
    is_money: bool = False
    is_said: bool = False
    """Whether the command says `look`, too, and not only the contract."""

    def warned(self, look: str) -> Typed:
        """Return it with a warning more, which the command says, too; as it is where there is none."""
        if look:
            self.look, self.is_said = "; ".join(filter(None, (look, self.look))), True
        return self


def breaking_count(count: int, node: Node) -> int | None:
    """Return how many values are not among those that fit a type: none or few; None where it is not the type."""
    count += node.false if false_is_none(node) else 0
    return node.filled - count if count == node.filled or is_nearly_all(count, node.filled) else None


def rejecting(breaking: int, node: Node, kind: str, instead: str = "make it text to take them") -> str:
    """Say that the few values that break a type are rejected."""
    if not breaking:
        return ""
    are = "the other is" if breaking == 1 else "the others are"
    instead = instead.replace("them", "it") if breaking == 1 else instead
    return f"{kind} in {node.filled - breaking} of {node.filled}: {are} rejected; {instead}"


def false_is_none(node: Node) -> bool:
    """Tell whether false stands beside other values, and true does not: it means none."""
    return bool(node.false and not node.true and node.scalars > node.false)


def nulls(node: Node, more: list[Any]) -> dict[str, Any]:
    """Return the option `null` for values that mean none; nothing where there are no such values."""
    none = [*more, *([""] if node.empty_texts else []), *([False] if false_is_none(node) else [])]
    return {"null": none} if none else {}


def zeros_of(node: Node) -> list[Any]:
    """Return 0 as the values have it: as a number, as a text, or as both."""
    counts = ((0, node.numbers), ("0", node.text_numbers))
    return [zero for zero, numbers in counts if numbers is not None and numbers.zeros]


def decimal_options(numbers: Numbers) -> dict[str, Any] | None:
    """Return the option `scale`, nothing where the usual one fits; None where no exact decimal does."""
    scale = max(SCALE, numbers.decimals)
    if numbers.whole + scale > PRECISION:
        scale = PRECISION - numbers.whole
    if scale > scalars.MOST_DECIMALS or scale < numbers.decimals:
        return None
    return {} if scale == SCALE else {"scale": scale}


def noise(numbers: Numbers) -> str:
    """Say how many numbers have digits that come of floating-point arithmetic; nothing where none has."""
    return f"floating-point noise in {numbers.noisy}" if numbers.noisy else ""
