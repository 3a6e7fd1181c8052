"""Which list makes the main rows: the one whose elements have what lines have."""

from __future__ import annotations

from chalicelib.contracts.paths import quoted_key
from chalicelib.propose import role_names, words
from chalicelib.propose.draft import Draft
from chalicelib.propose.fields import Scope, is_line

LEAST_LINES = 5
"""What a list must score to make the main rows."""
_NOT_LINES = words.word_set(
    "shipping tax taxes fee fees discount discounts coupon coupons refund refunds payment payments fulfillment "
    "fulfillments promotion promotions address addresses meta metadata history histories status statuses note notes "
    "tag tags image images link links attribute attributes property properties shipment shipments return returns "
    "tender tenders transaction transactions allocations adjustments"
)


def main_rows(draft: Draft) -> Scope | None:
    """Return the list whose elements make the main rows, or None where a document makes one."""
    scored = [(_line_score(scope), scope) for scope in draft.scopes[1:] if not scope.is_names]
    fit = sorted((each for each in scored if each[0] >= LEAST_LINES), key=lambda each: -each[0])
    if not fit:
        return None
    best = fit[0][1]
    others = [scope.path for points, scope in fit[1:] if points >= fit[0][0] - 3 and scope.level == best.level]
    draft.proposal.reasons["rows"] = "the elements of its list have what lines have"
    if others:
        draft.proposal.looks.append(
            f"which list makes the main rows: {best.path} was chosen, {', '.join(others)} would do as well"
        )
    return best


def look_at_kinds(draft: Draft, scope: Scope) -> None:
    """Say that a list holds elements of several kinds, such as lines and a line of their sum."""
    for key, node in scope.element.children.items():
        is_kind = words.words(key)[-1:] in (("type",), ("kind",)) and node.texts == node.present == scope.count
        others = [each for each in scope.element.children.values() if each is not node]
        is_split = sum(each.present < scope.count for each in others) >= 2
        if is_kind and is_split and 2 <= len(node.distinct) <= 8:
            path = scope.path.removesuffix("[]")
            draft.proposal.looks.append(
                f"rows: the elements of {scope.path} have {len(node.distinct)} kinds by their {key}, some of which "
                f"may be sums of others: rows = '{path}[{quoted_key(key)}=KIND][]' takes those of one kind"
            )


def _line_score(scope: Scope) -> float:
    of = words.words(scope.name)
    points: float = role_names.LINES.get(" ".join(of), 0)
    if not points:
        points = max(
            (score // 2 for name, score in role_names.LINES.items() if of[-1:] == tuple(name.split())), default=0
        )
    split = [words.words(key) for each in scope.fields for key in (each.keys[-1],)]
    points += 3 * any(words.is_whole_quantity(each) for each in split)
    points += 2 * any(words.is_money(each) for each in split)
    points += 2 * any(set(each) & words.GOODS for each in split)
    if set(of) & _NOT_LINES and not set(of) & {"item", "items", "line", "product", "products"}:
        points -= 1 if points >= 7 and scope.level == 1 and "title" in (each.joined for each in scope.fields) else 10
    if any(set(words.words(key)) & _NOT_LINES for key in scope.parent.keys) if scope.parent else False:
        points -= 8
    if not is_line(scope.element) and points < 10:
        points -= 3
    return points - 4 * (scope.level - 1)
