"""From a profile to a proposal: what identifies a document, its date, its lists of rows, which columns are taken."""

from __future__ import annotations

import datetime

from chalicelib.contracts.paths import JsonPath, Key, quoted_key
from chalicelib.errors import shown
from chalicelib.propose import comments, role_names, words
from chalicelib.propose.column_types import typed
from chalicelib.propose.counting import counted, is_nearly_all
from chalicelib.propose.explanations import is_of_party, lists_without_rows, no_date, no_identity
from chalicelib.propose.fields import Field, Kind, Scope, is_line
from chalicelib.propose.layout import Layout
from chalicelib.propose.limits import lines_out_of_reach, separate_records
from chalicelib.propose.names import Names, singular, snake_case
from chalicelib.propose.node import Node
from chalicelib.propose.profile import Profile
from chalicelib.propose.proposal import Column, Proposal, Table
from chalicelib.propose.ranking import (
    date_rank,
    demand,
    distinct_values,
    first_of,
    is_of_goods,
    is_unique,
    node_of,
    place_of,
)
from chalicelib.propose.scalars import MOST_DECIMALS
from chalicelib.propose.scopes import scopes
from chalicelib.propose.typed import PRECISION, SCALE, Typed

LEAST_LINES = 5
"""What a list must score to make the main rows."""
FEW_FIELDS = 25
"""A document, or an element, of no more fields has all its values taken."""
MOST_TABLES = 5
MOST_COMMENTED_TABLES = 12
MOST_COLUMNS = 1_000
"""Columns that are written, those commented out too: a contract.toml has at most a million bytes."""
LONGEST_PATH = 300
NEARLY = 20
"""How many ranks further back what is in nearly all documents stands than what is in all of them."""
UNSURE_IDENTITY = 15
"""From which rank on a name says little of whether it identifies a document."""
LINEAGE = ("extra_fields", "source_key", "source_version", "source_modified_at", "record_number")
_OF_DOCUMENTS = ("line_count", "line_total", "lines_without_amount", "row_number", "line_number")
_NOT_LINES = words.word_set(
    "shipping tax taxes fee fees discount discounts coupon coupons refund refunds payment payments fulfillment "
    "fulfillments promotion promotions address addresses meta metadata history histories status statuses note notes "
    "tag tags image images link links attribute attributes property properties shipment shipments return returns "
    "tender tenders transaction transactions allocations adjustments"
)
_OTHER_CURRENCY = words.word_set("base default store presentment settlement global customer price adjustment")
"""Words of a currency that the totals of a document are not in."""
_NOT_PARTY = words.word_set("order seller merchant vendor store shop staff employee created updated modified")
"""Words of a customer's, or user's, field that is not about whom a document is for."""
_NOT_OWN_DATE = words.word_set(
    "birth birthday dob due expiry expires expired expiration valid until end ended start started delivery deliver "
    "delivered ship shipped shipping estimated expected promised scheduled updated update modified changed last next "
    "cancel canceled cancelled refunded returned deleted closed exported synced paid settled"
)
"""Words of dates that a document has beside its own."""
_CATEGORY = words.word_set("channel source type category brand vendor method country region warehouse location store")


def propose(
    profile: Profile, outer: Profile | None, layout: Layout, name: str, latest_year: int = datetime.MAXYEAR
) -> Proposal:
    """Return a contract for the documents of a profile.

    `outer` is the profile of the records around them, where `layout.at` leads from one to the other. What is dated
    after `latest_year` is not the date of a document, since a load takes none that is far ahead.
    """
    return _Recognition(profile, outer, layout, name, latest_year).proposal()


class _Recognition:
    def __init__(self, profile: Profile, outer: Profile | None, layout: Layout, name: str, latest_year: int) -> None:
        self._latest_year = latest_year
        self._documents = profile.documents
        self._scopes = scopes(profile.root, profile.documents)
        self._document = self._scopes[0]
        self._outer = scopes(outer.root, outer.documents)[0] if outer is not None else None
        self._types: dict[int, Typed] = {}
        at = str(JsonPath(tuple(map(Key, layout.at)))) if layout.at else ""
        self._proposal = Proposal(name, layout.records, at, 0 if profile.is_declared else profile.documents)
        self._proposal.description = profile.description
        self._proposal.looks += profile.looks
        self._always = "required" if profile.is_declared else "in every document"
        self._truncated = profile.left_out
        self._columns = 0
        self._keyed_by_id = layout.keyed_by_id
        self._names = Names((*LINEAGE, *_OF_DOCUMENTS, self._proposal.month))

    def proposal(self) -> Proposal:
        """Return the proposal."""
        p = self._proposal
        rows = self._rows()
        p.limits += separate_records(self._document)
        if self._keyed_by_id is not None:
            where = ".".join(self._keyed_by_id) or "the top"
            p.limits.append(
                f"the documents are a map keyed by id: at {where} an object holds them under keys that are ids. Send "
                "its values as a list, or one a line, with the id inside."
            )
        p.is_readable = not p.limits
        if rows is None and p.is_readable:
            p.limits += lines_out_of_reach(self._document)
        main = self._table(rows or self._document, is_main=True)
        p.tables.append(main)
        self._identity(main)
        self._date(main)
        self._version(main)
        self._roles(main)
        self._further_tables(rows)
        for table in p.tables:
            self._take_currencies(table)
        p.looks += lists_without_rows(self._scopes, {table.scope.path for table in p.tables if table.taken})
        if self._truncated:
            p.looks.append(
                f"paths: {self._truncated} are too many, too deep or too long to be listed: they stay in extra_fields"
            )
        return p

    # Rows

    def _rows(self) -> Scope | None:
        """Return the list whose elements make the main rows, or None where a document makes one."""
        scored = [(self._line_score(scope), scope) for scope in self._scopes[1:] if not scope.is_names]
        fit = sorted((each for each in scored if each[0] >= LEAST_LINES), key=lambda each: -each[0])
        if not fit:
            return None
        best = fit[0][1]
        others = [scope.path for points, scope in fit[1:] if points >= fit[0][0] - 3 and scope.level == best.level]
        self._proposal.reasons["rows"] = "the elements of its list have what lines have"
        if others:
            self._proposal.looks.append(
                f"which list makes the main rows: {best.path} was chosen, {', '.join(others)} would do as well"
            )
        return best

    def _look_at_kinds(self, scope: Scope) -> None:
        """Say that a list holds elements of several kinds, such as lines and a line of their sum."""
        for key, node in scope.element.children.items():
            is_kind = words.words(key)[-1:] in (("type",), ("kind",)) and node.texts == node.present == scope.count
            others = [each for each in scope.element.children.values() if each is not node]
            is_split = sum(each.present < scope.count for each in others) >= 2
            if is_kind and is_split and 2 <= len(node.distinct) <= 8:
                path = scope.path.removesuffix("[]")
                self._proposal.looks.append(
                    f"rows: the elements of {scope.path} have {len(node.distinct)} kinds by their {key}, some of which "
                    f"may be sums of others: rows = '{path}[{quoted_key(key)}=KIND][]' takes those of one kind"
                )

    def _line_score(self, scope: Scope) -> float:
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
            points -= (
                1 if points >= 7 and scope.level == 1 and "title" in (each.joined for each in scope.fields) else 10
            )
        if any(set(words.words(key)) & _NOT_LINES for key in scope.parent.keys) if scope.parent else False:
            points -= 8
        if not is_line(scope.element) and points < 10:
            points -= 3
        return points - 4 * (scope.level - 1)

    def _further_tables(self, rows: Scope | None) -> None:
        p = self._proposal
        names = Names((p.main.name, p.main.latest, p.main.documents))
        taken = commented = 0
        for scope in self._scopes[1:]:
            if scope is rows:
                continue
            is_around = rows is not None and scope in rows.chain
            has_numbers = any(self._typed(each, scope).is_money for each in scope.fields if len(each.keys) <= 2)
            is_near = scope.level == 1 or (rows is not None and scope.parent in self._carriers(rows))
            is_wanted = not scope.is_names and (is_around or (is_near and has_numbers))
            is_wanted = is_wanted and taken < MOST_TABLES and not (scope.others and not is_around)
            if not is_wanted and commented >= MOST_COMMENTED_TABLES:
                continue
            taken, commented = taken + is_wanted, commented + (not is_wanted)
            table = self._table(scope, is_main=False, names=names)
            table.taken = is_wanted
            p.tables.append(table)

    def _carriers(self, rows: Scope) -> list[Scope]:
        """Return the lists whose elements' own lists are tables too: those around the rows, rows without amounts."""
        main = self._proposal.main
        return [*rows.chain[1:-1], *([] if main.price or main.line_amount else [rows])]

    # Tables and columns

    def _table(self, scope: Scope, *, is_main: bool, names: Names | None = None) -> Table:
        p = self._proposal
        part = "_".join(snake_case(scope.name) for scope in reversed(scope.chain[:-1])) if scope.parent else ""
        if is_main:
            latest = f"{p.name}_{part}" if part else f"{p.name}_latest"
            table = Table(f"{p.name}_raw", scope, latest=latest, documents=f"{p.name}_documents" if part else "")
        else:
            assert names is not None
            latest = names.name(f"{p.name}_{part}")
            table = Table(names.name(f"{latest}_raw"), scope, latest=latest)
        item = singular(snake_case(scope.name)) if scope.parent else "document"
        table.description = (
            f"One row per document and element of {shown(scope.path, 120)}."
            if scope.parent
            else "One row per document."
        )
        table.comments = comments.of_table(scope)
        taken_names = (
            self._names if is_main else Names((*LINEAGE, *_OF_DOCUMENTS, p.month, *p.identity, p.date, p.version))
        )
        if scope.parent is None:
            self._add_columns(table, scope, taken_names, prefix="")
            if is_line(scope.element):
                _line_roles(table, self, taken_names)
            self._add_origins(table)
            return table
        if is_main:
            self._add_columns(table, self._document, taken_names, prefix="")
        else:
            table.columns += [Column(name, dict(p.main.column(name).declared)) for name in self._repeated()]
        for around in reversed(scope.chain[1:-1]):
            self._add_columns(table, around, taken_names, prefix=singular(snake_case(around.name)), brief=True)
            number = taken_names.name(f"{singular(snake_case(around.name))}_number")
            table.columns.append(Column(number, {"from": "row_number", "of": around.path}))
        table.columns.append(Column("line_number", {"from": "row_number"}, "the position in the document, from 1"))
        self._add_columns(table, scope, taken_names, prefix=item)
        _line_roles(table, self, taken_names)
        if is_main:
            self._look_at_kinds(scope)
            p.looks += [
                f"rows: {each.path} holds objects but for {counted(each.others, 'other value')}: documents with such "
                "are rejected"
                for each in scope.chain
                if each.others
            ]
        self._add_origins(table)
        return table

    def _repeated(self) -> list[str]:
        """Return the main table's columns that every table has: identity, date and version."""
        p = self._proposal
        names = dict.fromkeys((*p.identity, p.date, *([p.version] if p.version else [])))
        return [name for name in names if name not in LINEAGE]

    def _add_origins(self, table: Table) -> None:
        table.columns.append(Column("extra_fields", {"from": "extra_fields"}, "all that is not named, as JSON"))
        table.columns += [Column(name, {"from": name}) for name in LINEAGE[1:]]
        table.columns.append(Column(self._proposal.month, {"from": "month"}, "the partition"))

    def _add_columns(self, table: Table, scope: Scope, names: Names, prefix: str, brief: bool = False) -> None:
        small = len([each for each in scope.fields if each.kind is Kind.SCALAR]) <= FEW_FIELDS and not brief
        lists = {each.path for each in self._scopes[1:] if not each.is_names}
        for each in scope.fields:
            if each.kind is Kind.LIST and f"{each.paths[0]}[]" in lists:
                continue
            if brief and not (len(each.keys) == 1 and words.is_identifier(each.words) and each.kind is Kind.SCALAR):
                continue
            if self._columns >= MOST_COLUMNS or max(len(str(path)) for path in each.paths) > LONGEST_PATH:
                self._truncated += 1
                continue
            self._columns += 1
            kind = self._typed(each, scope)
            wanted = _column_name(each)
            of_list = f"{prefix}_{wanted}" if prefix else "_".join(snake_case(key) for key in each.keys)
            whole = [snake_case(key) for key in each.keys]
            by_whole = "_".join((prefix, *whole) if prefix else whole)
            spelled = (of_list, by_whole) if brief else (wanted, of_list, by_whole)
            if kind.options.keys() & {"digits", "divide_by"} and _without_minor(wanted) != wanted:
                others = {_column_name(other) for other in scope.fields if other is not each}
                spelled = (*(name for name in map(_without_minor, spelled) if name not in others), *spelled)
            name = names.name(*spelled)
            declared: dict[str, object] = {"path": _paths(each), "type": kind.type, **kind.options}
            if each.node.description:
                declared["description"] = each.node.description
            taken = self._is_taken(each, scope, kind, small)
            comment = comments.of_column(each, kind)
            table.columns.append(Column(name, declared, comment, kind.look, taken, kind.is_said, each))

    def _take_currencies(self, table: Table) -> None:
        """Take the currencies that stand beside amounts that are taken: one tells nothing without the other."""
        taken = [c.field for c in table.taken_columns() if c.field is not None]
        beside = {id(each.parent) for each in taken if self._typed(each, table.scope).is_money}
        for column in table.columns:
            each = column.field
            if each is not None and id(each.parent) in beside and words.is_currency(words.words(each.keys[-1])):
                column.taken = column.taken or bool(each.node.currency_texts)

    def _is_taken(self, each: Field, scope: Scope, kind: Typed, small: bool) -> bool:
        """Tell whether a field becomes a column; the others stay in `extra_fields`, and in the text, commented out."""
        if each.kind is not Kind.SCALAR or kind.type == "json" or each.names:
            return False
        if "null" in kind.options and each.node.all_numbers.zeros == each.node.scalars:
            return False
        of, depth = each.all_words, len(each.keys)
        if small and depth <= 2:
            return True
        if kind.is_money or kind.type == "boolean":
            return kind.is_money and depth <= 3
        if set(of) & words.PARTY and depth <= 2:
            return of[-1] in ("id", "name", "email", "number", "firstname", "lastname")
        if scope.level:
            return depth <= 2 and (
                words.is_quantity(of) or words.is_identifier(of) or each.joined in role_names.GOODS_NAMES or depth == 1
            )
        return depth == 1 and (
            words.is_identifier(of)
            or words.is_quantity(of)
            or words.is_currency(of)
            or kind.type in ("timestamp", "date")
            or each.joined in role_names.STATUSES
            or bool(set(of[-1:]) & _CATEGORY)
            or of[-1:] == ("email",)
        )

    def _typed(self, each: Field, scope: Scope) -> Typed:
        found = self._types.get(id(each))
        if found is None:
            found = self._types[id(each)] = typed(each, scope)
        return found

    # Roles

    def _identity(self, main: Table) -> None:
        p = self._proposal
        ranked = self._ranked_identities(main)
        if ranked and is_line(self._document.element) and not is_unique(ranked[0]):
            p.looks.append(
                f"identity: several records have the same {ranked[0].name}, as lines of one document do that are sent "
                f"one by one: if {ranked[0].name} and another column tell them apart, name both"
            )
        elif ranked:
            column = ranked[0]
            demand(column)
            p.identity = [column.name]
            node = node_of(column)
            p.looks += self._missing("identity", column, node.identifiers)
            if not is_unique(column):
                again = node.scalars - len(node.distinct)
                p.looks.append(
                    f"identity: {again} of {node.scalars} documents have the {column.name} of another: the later "
                    "replaces the earlier as a whole"
                )
            elif (
                node.identifiers == self._documents
                and (self._identity_rank(column) or 0) >= UNSURE_IDENTITY
                and (others := [each.name for each in ranked[1:3] if is_unique(each)])
            ):
                p.looks.append(
                    f"identity: {column.name} was taken, and {' and '.join(others)} would do as well: documents with "
                    "the same replace one another"
                )
            elif self._documents == 1:
                p.looks.append(f"identity: {column.name} by its name alone, as the sample has one document")
            if len(column.field.keys if column.field else ()) > 1 and (almost := self._almost_identity(main)):
                p.looks.append(f"identity: {column.name} was taken, as no key of the document itself is in all{almost}")
            differs = "" if node.declared else f", {distinct_values(node)}"
            p.reasons["identity"] = f"{column.declared['path']}: {self._in(node.identifiers)}{differs}"
            return
        pair = self._pair(main)
        if pair:
            p.identity = [column.name for column in pair]
            p.reasons["identity"] = "the two keys of the documents"
            return
        p.identity = ["source_key", "record_number"]
        almost = self._almost_identity(main)
        columns = self._document_columns(main)
        p.reasons["identity"] = no_identity(columns, self._documents, is_one_named=bool(almost or ranked))
        p.looks.append(
            "identity: no field identifies a document, so that its place in its file does, and a document that comes "
            f"again in another file is another one: name the column, or columns, that tell{almost}"
        )

    def _missing(self, role: str, column: Column, count: int) -> list[str]:
        """Say that the few documents without a value for a role are rejected."""
        lacking = self._documents - count
        if lacking <= 0:
            return []
        are = "the other is" if lacking == 1 else "the others are"
        path = column.declared.get("path", column.declared.get("outer"))
        return [f"{role}: {path} is in {count} of {self._documents} documents: {are} rejected"]

    def _in(self, count: int) -> str:
        """Say in how many documents a value is."""
        return self._always if count >= self._documents else f"in {count} of {self._documents} documents"

    def _almost_identity(self, main: Table) -> str:
        """Say which field named like an identity is in most documents, but in too few."""
        ranked = [(self._identity_rank(c, self._documents / 2), i) for i, c in enumerate(main.columns)]
        there = [(rank, main.columns[i]) for rank, i in ranked if rank is not None and is_unique(main.columns[i])]
        partly = [each for each in there if node_of(each[1]).identifiers < self._documents]
        if not partly:
            return ""
        best = min(partly, key=lambda each: each[0])[1]
        count = node_of(best).identifiers
        return f" ({best.declared['path']} is {self._in(count)}, {distinct_values(node_of(best))})"

    def _ranked_identities(self, main: Table) -> list[Column]:
        ranked: list[tuple[float, int, Column]] = []
        for position, column in enumerate(main.columns):
            rank = self._identity_rank(column)
            if rank is not None:
                ranked.append((rank, position, column))
        return [column for _, _, column in sorted(ranked, key=lambda each: each[:2])]

    def _identity_rank(self, column: Column, least: float | None = None) -> float | None:
        """Return how unlikely a column is the identity, None where it cannot be.

        It has to be in all documents, or nearly all; in `least` where that is given.
        """
        each = column.field
        if each is None or each not in self._document.fields or each.kind is not Kind.SCALAR or len(each.keys) > 2:
            return None
        node = each.node
        is_full = node.identifiers == node.present == self._documents
        is_enough = is_nearly_all(node.identifiers, self._documents) if least is None else node.identifiers >= least
        if not (is_full or is_enough) or column.type not in ("identifier", "text", "integer"):
            return None
        differs = is_unique(column)
        if not is_full and not (differs or is_nearly_all(len(node.distinct), node.identifiers)):
            return None
        rank = place_of(each.joined, role_names.IDENTITIES)
        if rank is None and each.joined.endswith((" id", " reference")) and not set(each.words) & words.PARTY:
            rank = 15 if each.joined.endswith("order id") else 40
        is_partys = any(set(words.words(key)) & words.PARTY for key in each.keys[:-1])
        if rank is None or (not differs and rank > 20) or is_partys:
            return None
        if node.longest_text > 100 or (each.joined in ("name", "key", "code") and len(each.keys) > 1):
            return None
        return rank + 50 * (len(each.keys) - 1) + (0 if differs else 200) + (0 if is_full else NEARLY)

    def _pair(self, main: Table) -> list[Column]:
        """Return the two columns that DynamoDB calls partition key and sort key."""
        pair = []
        for wanted in (("pk", "partition key"), ("sk", "sort key")):
            column = next((c for c in main.columns if c.field and c.field.joined in wanted), None)
            if column is None or node_of(column).scalars != self._documents:
                return []
            pair.append(column)
        for column in pair:
            demand(column)
        return pair

    def _date(self, main: Table) -> None:
        p = self._proposal
        dated = [c for c in main.columns if self._is_date(c) and not is_of_party(c)]
        ranked = sorted(
            (rank + (0 if node_of(c).all_dates == self._documents else 4 * NEARLY), i)
            for i, c in enumerate(dated)
            if (rank := date_rank(c, role_names.DATES)) is not None
        )
        full = [dated[i] for _, i in ranked if self._dates_documents(node_of(dated[i]))]
        column = full[0] if full else self._outer_date(main)
        if column is None:
            column = next((c for c in dated if self._may_be_own_date(c)), None)
            if column is not None:
                p.looks.append(f"date: {column.name} was taken; no date is by its name the document's own")
        if column is None:
            why, hint = no_date(self._document_columns(main), self._documents, self._latest_year)
            p.reasons["date"] = f"{why}: the file's own last-modified time chooses the month"
            p.looks.append(f"date: {p.reasons['date']}{hint}")
            return
        demand(column)
        p.date = column.name
        node = node_of(column)
        first = min(each.first_year for each in (node.dates, node.number_dates) if each)
        p.looks += self._missing("date", column, node.all_dates)
        if late := node.dates_after(self._latest_year):
            p.looks.append(
                f"date: {column.name} is after {self._latest_year} in {late} of {self._documents} documents, which no "
                "load takes: rejected"
            )
        p.reasons["date"] = f"{column.declared.get('path', column.declared.get('outer'))}: {self._in(node.all_dates)}"
        if first < 2000:
            p.earliest = f"{max(first, 1):04}-01-01"
            p.looks.append(f"earliest: the sample has documents from before 2000, so that it is {p.earliest}")
        others = [c.name for c in full[1:3]]
        if others:
            p.reasons["date"] += f"; {', '.join(others)} would do as well"

    def _document_columns(self, main: Table) -> list[Column]:
        """Return the columns that are read of the document itself, and not of a list's elements."""
        return [c for c in main.columns if c.field is not None and c.field in self._document.fields]

    def _is_date(self, column: Column) -> bool:
        each = column.field
        return each is not None and each in self._document.fields and column.type in ("date", "timestamp")

    def _may_be_own_date(self, column: Column) -> bool:
        each = column.field
        assert each is not None
        is_other = _NOT_OWN_DATE & set(each.all_words)
        return len(each.keys) == 1 and not is_other and self._dates_documents(each.node)

    def _dates_documents(self, node: Node) -> bool:
        """Tell whether a node has the date of every document, or nearly every, those too far ahead not counted."""
        dated = node.all_dates - node.dates_after(self._latest_year)
        return dated == node.present == self._documents or is_nearly_all(dated, self._documents)

    def _outer_date(self, main: Table) -> Column | None:
        """Return a date of the record around the document, as a new column."""
        if self._outer is None or not self._proposal.at:
            return None
        best: tuple[int, Field, Typed] | None = None
        inside = f"{self._proposal.at}."
        for each in self._outer.fields:
            kind = typed(each, self._outer)
            rank = place_of(each.joined, role_names.DATES)
            is_outside = not str(each.paths[0]).startswith(inside)
            if is_outside and kind.type == "timestamp" and rank is not None and self._dates_documents(each.node):
                best = min(best, (rank, each, kind), key=lambda one: one[0]) if best else (rank, each, kind)
        if best is None:
            return None
        _, each, kind = best
        name = self._names.name(_column_name(each), "_".join(each.keys))
        declared = {"outer": _paths(each), "type": kind.type, **kind.options}
        column = Column(
            name,
            declared,
            f"of the record around the document; {comments.of_column(each, kind)}",
            kind.look,
            True,
            kind.is_said,
            each,
        )
        main.columns.insert(0, column)
        return column

    def _version(self, main: Table) -> None:
        p = self._proposal
        ranked: list[tuple[int, int]] = []
        for position, column in enumerate(main.columns):
            each = column.field
            if each is None or each not in self._document.fields or len(each.keys) > 1 or column.name == p.date:
                continue
            rank = date_rank(column, role_names.VERSIONS)
            if (
                rank is not None
                and column.type in ("timestamp", "date", "integer")
                and 2 * each.node.values >= each.base
            ):
                ranked.append((rank, position))
        if not ranked:
            return
        column = main.columns[min(ranked)[1]]
        column.taken = True
        p.version = column.name
        p.reasons["version"] = f"{column.declared['path']}: the later of two is the newer"

    def _roles(self, main: Table) -> None:
        p = self._proposal
        document = self._document_columns(main)
        p.total = first_of(document, role_names.TOTALS, lambda c: c.type == "decimal" and self._is_money(c))
        currencies = [
            c for c in document if c.field and words.is_currency(c.field.all_words) and node_of(c).currency_texts
        ]
        of_total = main.column(p.total).field if p.total else None
        around_total = of_total.keys[:-1] if of_total else ()

        def distance(column: Column) -> tuple[bool, int, bool]:
            """Return how far a currency is from the total: that of another amount is not the total's."""
            assert column.field is not None
            keys = column.field.keys
            return keys[:-1] != around_total, len(keys), bool(_OTHER_CURRENCY & set(column.field.all_words))

        currencies.sort(key=distance)
        p.currency = currencies[0].name if currencies else ""
        p.status = next((c.name for c in document if c.taken and c.field and c.field.joined in role_names.STATUSES), "")
        parties = [
            c for c in document if c.field and set(c.field.all_words) & words.PARTY and c.field.kind is Kind.SCALAR
        ]
        parties = [c for c in parties if c.field and not _NOT_PARTY & set(c.field.all_words)]
        for end in (("id", "value"), ("number", "no"), ("email",)):
            found = next((c for c in parties if c.field and c.field.all_words[-1] in end and c.type != "json"), None)
            if found is None:
                alone = [c for c in document if c.field and c.type in ("identifier", "text") and len(c.field.keys) == 1]
                is_alone = (
                    c for c in alone if c.field and "id" in end and set(words.words(c.field.keys[0])) <= words.PARTY
                )
                found = next(is_alone, None)
            if found is not None and node_of(found).scalars:
                p.party = found.name
                break
        named = [c for c in parties if c.field and c.field.all_words[-1] == "name" and len(c.field.all_words) <= 3]
        p.party_name = next((c.name for c in named if c.type == "text" and c.name != p.party), "")
        for name in (p.total, p.currency, p.party, p.party_name):
            if name:
                main.column(name).taken = True

    def _is_money(self, column: Column) -> bool:
        assert column.field is not None
        return self._typed(column.field, self._document).is_money

    def is_money(self, column: Column, scope: Scope) -> bool:
        """Tell whether a column of a scope is money."""
        return column.field is not None and self._typed(column.field, scope).is_money


def _line_roles(table: Table, of: _Recognition, names: Names) -> None:
    """Name what the columns of a line are, and add the amount of a line that has none of its own."""
    scope = table.scope
    columns = [c for c in table.columns if c.field is not None and c.field in scope.fields]
    table.quantity = first_of(columns, role_names.QUANTITIES, lambda c: c.type in ("integer", "decimal"))
    table.price = first_of(columns, role_names.PRICES, lambda c: of.is_money(c, scope))
    table.line_amount = first_of(
        columns, role_names.LINE_TOTALS, lambda c: of.is_money(c, scope) and c.name != table.price
    )
    table.goods_id = first_of(columns, role_names.GOODS_IDS, lambda c: c.type in ("identifier", "text", "integer"))
    table.goods_name = first_of(columns, role_names.GOODS_NAMES, lambda c: c.type == "text" and is_of_goods(c))
    for name in (table.quantity, table.price, table.line_amount, table.goods_id, table.goods_name):
        if name:
            table.column(name).taken = True
    if table.price and table.quantity:
        factors = [table.column(table.price), table.column(table.quantity)]
        scale = sum(int(c.declared.get("scale", SCALE)) if c.type == "decimal" else 0 for c in factors)
        whole = sum(node_of(c).all_numbers.whole for c in factors)
        if scale <= MOST_DECIMALS and whole + scale <= PRECISION:
            comment = "exact; rejected where it does not fit"
            name = names.name("line_amount", "computed_line_amount")
            table.columns.append(Column(name, {"product": [table.price, table.quantity]}, comment))
            table.line_amount = table.line_amount or name


def _column_name(each: Field) -> str:
    """Return the name of a field by its keys; the amount in an object of money has the object's name."""
    parts = [part for key in each.keys if (part := snake_case(key.lstrip("$")))]
    is_amount = len(parts) > 1 and parts[-1] in ("amount", "value", "cent_amount")
    if is_amount and any(words.is_currency(words.words(key)) for key in each.siblings):
        parts.pop()
    return "_".join(parts) or "field"


def _without_minor(name: str) -> str:
    """Return the name of a column whose values are no longer in minor units."""
    return "_".join(words.without_minor(tuple(name.split("_")))) or "amount"


def _paths(each: Field) -> str | list[str]:
    paths = [str(path) for path in each.paths]
    return paths[0] if len(paths) == 1 else paths
