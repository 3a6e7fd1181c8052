"""A table is read back without the members that nobody set, so that it can be written again.

Gap: MiniStack answers GetTable with `"Owner": ""`, which UpdateTable's own rules refuse; Glue leaves the member out.
Who reads a table, changes a part and writes it back fails. Drop this file when a table made without an owner is read
back without one.
"""

from __future__ import annotations

from typing import Any

from ministack.services import glue

TOUCHES = {
    "ministack.services.glue._create_table": "6cd8e49bce8e",
    "ministack.services.glue._get_table": "4b852ef17a32",
}


def apply() -> None:
    """Keep empty members out of a new table."""
    create = glue._create_table

    def create_table(data: dict[str, Any]) -> Any:
        answer = create(data)
        table = glue._tables.get(f"{data.get('DatabaseName')}/{data.get('TableInput', {}).get('Name')}")
        for name in [name for name, value in (table or {}).items() if value in ("", None)]:
            del table[name]
        return answer

    glue._create_table = create_table
