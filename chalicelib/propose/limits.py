"""What no contract can express: lines that are not in the document, or that no path reaches."""

from __future__ import annotations

from chalicelib.propose import role_names, words
from chalicelib.propose.fields import Kind, Scope, is_link, is_map
from chalicelib.propose.node import Node


def lines_out_of_reach(document: Scope) -> list[str]:
    """Say where lines are that no path reaches: behind a link, ids only, keyed by id."""
    limits = []
    for key, node in document.element.children.items():
        of = words.words(key)
        if " ".join(of) not in role_names.LINES and not set(of[-1:]) & {"lines", "items", "products"}:
            continue
        if node.objects and is_link(node):
            limits.append(
                f"the lines are behind a link: {key!r} holds an address and no lines. Fetch them and put them into the "
                "document as a list; until then a document is one row without lines."
            )
        elif node.objects and is_map(node):
            limits.append(
                f"the lines are a map keyed by id: {key!r} is an object whose keys are ids. Make it a list of objects "
                "with the id inside; until then it stays as JSON in extra_fields."
            )
        elif node.items is not None and node.items.scalars and not node.items.objects and _are_ids(node.items):
            limits.append(
                f"the lines are ids only: {key!r} lists ids, and what they stand for is in another file. Put the lines "
                "into the document as a list of objects; until then the ids stay as JSON in extra_fields."
            )
    return limits


def _are_ids(items: Node) -> bool:
    return items.scalars == items.integers + items.texts and not items.floats


def _may_join(key: str) -> bool:
    """Tell whether a key is named as what identifies something, or as its parent."""
    of = words.words(key)
    return words.is_identifier(of) or "parent" in of or " ".join(of) in role_names.IDENTITIES


def separate_records(document: Scope) -> list[str]:
    """Say where header and lines are records of their own, joined by a key."""
    top = {each.keys[0]: each.node for each in document.fields if len(each.keys) == 1 and each.kind is Kind.SCALAR}
    all_keys = document.element.children
    for key, node in top.items():
        if not 0 < node.present < document.count or not node.distinct or not _may_join(key):
            continue
        together = sum(1 for each in all_keys.values() if each is not node and each.present == node.present)
        apart = sum(1 for each in all_keys.values() if each.present == document.count - node.present)
        if together < 2 or apart < 2:
            continue
        for other_key, other in top.items():
            is_elsewhere = other.present in (document.count, document.count - node.present)
            if other is not node and _may_join(other_key) and is_elsewhere and node.distinct <= other.distinct:
                return [
                    f"header and lines are separate records, joined by the key {key!r}, which holds the {other_key!r} "
                    "of another record: a contract reads one document at a time. Put the lines into their header as a "
                    "list, or load headers and lines as two kinds of documents from files of their own."
                ]
    return []
