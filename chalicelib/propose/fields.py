"""What a profile is searched for: fields, which may become columns, and scopes, whose elements may make rows."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct, field

from chalicelib.contracts.paths import Each, JsonPath, Step
from chalicelib.propose import words
from chalicelib.propose.layout import LIST_KEYS, is_id_like
from chalicelib.propose.node import Node

STRUCTURAL = frozenset(("edges", "node", "nodes", "elements", "attributes"))
"""Keys that say nothing about what is below them."""
GENERIC = frozenset(("amount", "value", "cent amount", "n", "number", "price", "total", "units", "integer value"))
"""Words of a key that take their meaning from the key above."""

_LINK = words.word_set("url href link uri resource self rel")


class Kind(Enum):
    """What a field holds."""

    SCALAR = "scalar"
    LIST = "list"
    MAP = "map"
    MIXED = "mixed"
    EMPTY = "empty"


class Field(Struct, eq=False):
    """A value at a path. `keys` name it, from the document or from the element of a list; `paths` are alternatives.

    `base` is how many documents, or elements, it might be in. `parent` is the object that it is in, and `above` the
    path to that.
    """

    paths: tuple[JsonPath, ...]
    keys: tuple[str, ...]
    node: Node
    base: int
    kind: Kind
    parent: Node
    above: tuple[Step, ...]
    is_number: bool = False
    """Its texts are numbers by their type, as DynamoDB writes them."""
    names: tuple[str, ...] = ()

    @property
    def siblings(self) -> dict[str, Node]:
        """What stands beside it, by key, itself included."""
        return self.parent.children

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its key, with those of the key above where its own say nothing."""
        own = words.words(self.keys[-1])
        if len(self.keys) > 1 and " ".join(own) in GENERIC:
            return (*words.words(self.keys[-2]), *own)
        return own

    @property
    def joined(self) -> str:
        """The words of its own key, as the word lists have them."""
        return " ".join(words.words(self.keys[-1]))

    @property
    def all_words(self) -> tuple[str, ...]:
        """The words of all its keys."""
        return tuple(word for key in self.keys for word in words.words(key))


class Scope(Struct, eq=False):
    """The document itself, or the elements of a list: what may make the rows of a table."""

    steps: tuple[Step, ...]
    element: Node
    count: int
    keys: tuple[str, ...] = ()
    fields: list[Field] = field(default_factory=list)
    parent: Scope | None = None
    one_or_many: bool = False
    is_names: bool = False
    """The elements are names with values."""
    others: int = 0
    """How many values are no objects, in the list or in its stead: so few that they are the mistake."""

    @property
    def level(self) -> int:
        """How many lists deep: 0 is the document."""
        return self.steps.count(Each())

    @property
    def path(self) -> str:
        """The path of the list's elements, as `rows` in a contract writes it; empty for the document."""
        last = max((position for position, step in enumerate(self.steps, 1) if isinstance(step, Each)), default=0)
        return str(JsonPath(self.steps[:last]))

    @property
    def name(self) -> str:
        """The key that names the list."""
        return next(
            (key for key in reversed(self.keys) if key not in LIST_KEYS and key not in STRUCTURAL), self.keys[-1]
        )

    @property
    def chain(self) -> list[Scope]:
        """The scope and those around it, the document last."""
        return [self, *(self.parent.chain if self.parent else ())]


def is_map(node: Node) -> bool:
    """Tell whether the keys of an object are values, such as ids, and not names of fields."""
    if node.is_map:
        return True
    children = node.children
    if not children or not node.objects:
        return False
    return all(map(is_id_like, children)) or _is_sparse(node)


def _is_sparse(node: Node) -> bool:
    """Tell whether objects of one shape stand under keys that are seldom the same, as names of people are."""
    children = list(node.children.values())
    if len(children) < 3 or any(not child.children or child.scalars for child in children):
        return False
    if 2 * sum(child.present for child in children) >= len(children) * node.objects:
        return False
    first = children[0].children.keys()
    return all(2 * len(first & child.children.keys()) >= len(first | child.children.keys()) for child in children[1:])


def is_link(node: Node) -> bool:
    """Tell whether an object says where something is, and nothing else."""
    children = node.children
    return (
        bool(children)
        and not node.scalars
        and all(
            child.scalars == child.texts - child.empty_texts and set(words.words(key)) & _LINK
            for key, child in children.items()
        )
    )


def is_line(node: Node) -> bool:
    """Tell whether an object has at least two of a quantity, an amount and a name or id of goods."""
    split = [words.words(key) for key in node.children]
    if len(node.children) == 1:
        only = next(iter(node.children.values()))
        if only.children and not only.scalars:
            return is_line(only)
    has_goods = any(set(each) & words.GOODS for each in split)
    has_quantity = any(words.is_quantity(each) for each in split)
    return has_goods + has_quantity + any(words.is_money(each) for each in split) >= 2
