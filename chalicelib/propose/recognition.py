"""From a profile to a proposal: rows, tables, what identifies and dates a document, what its columns are to it."""

from __future__ import annotations

import datetime

from chalicelib.propose.document_date import find_date, find_version
from chalicelib.propose.draft import Draft
from chalicelib.propose.explanations import lists_without_rows
from chalicelib.propose.field_columns import take_currencies
from chalicelib.propose.identity import find_identity
from chalicelib.propose.layout import Layout
from chalicelib.propose.limits import lines_out_of_reach, separate_records
from chalicelib.propose.profile import Profile
from chalicelib.propose.proposal import Proposal
from chalicelib.propose.roles import name_roles
from chalicelib.propose.rows import main_rows
from chalicelib.propose.tables import further_tables, table_of


def propose(
    profile: Profile, outer: Profile | None, layout: Layout, name: str, latest_year: int = datetime.MAXYEAR
) -> Proposal:
    """Return a contract for the documents of a profile.

    `outer` is the profile of the records around them, where `layout.at` leads from one to the other. What is dated
    after `latest_year` is not the date of a document, since a load takes none that is far ahead.
    """
    return _filled(Draft(profile, outer, layout, name, latest_year))


def _filled(draft: Draft) -> Proposal:
    """Return the proposal of a draft, filled."""
    p = draft.proposal
    rows = main_rows(draft)
    p.limits += separate_records(draft.document)
    if draft.keyed_by_id is not None:
        where = ".".join(draft.keyed_by_id) or "the top"
        p.limits.append(
            f"the documents are a map keyed by id: at {where} an object holds them under keys that are ids. Send "
            "its values as a list, or one a line, with the id inside."
        )
    p.is_readable = not p.limits
    if rows is None and p.is_readable:
        p.limits += lines_out_of_reach(draft.document)
    main = table_of(draft, rows or draft.document, is_main=True)
    p.tables.append(main)
    find_identity(draft, main)
    find_date(draft, main)
    find_version(draft, main)
    name_roles(draft, main)
    further_tables(draft, rows)
    for table in p.tables:
        take_currencies(draft, table)
    p.looks += lists_without_rows(draft.scopes, {table.scope.path for table in p.tables if table.is_taken})
    if draft.left_out:
        p.looks.append(
            f"paths: {draft.left_out} are too many, too deep or too long to be listed: they stay in extra_fields"
        )
    return p
