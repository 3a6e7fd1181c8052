"""Athena's CSV as spreadsheets read it: a byte order mark, and no text that they would run as a formula. Pure."""

from __future__ import annotations

import csv
import io
import re

from chalicelib.errors import ResultTooLarge
from chalicelib.settings import MIB

MAX_BYTES = 64 * MIB
"""Of Athena's CSV: what is made well within the gateway's 29 seconds, by the share of a core that the function has."""
MAX_ROWS = 1_048_575
"""Of a sheet, beside the header. https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3"""
MAX_CELL = 32_767
"""Characters of a cell, an emoji counted as two: what is longer runs over into the cells after it."""
CUT = " [cut]"

NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:E-?[0-9]+)?", re.ASCII)
"""As Athena writes numbers."""
FORMULA = re.compile(
    r"^(?=[\t\r\n])|(?:^|(?<=[;\t\r\n]))(?=[ \x00-\x08\x0b\x0c\x0e-\x1f\x7f\xa0\u200b\ufeff]*[=+\-@＝＋－＠])"
)
"""Where a spreadsheet begins to read a formula: at a cell's start and, where lists are separated by semicolons or tabs,
behind such a separator or a line's end within a cell; spaces and what cannot be seen may stand before it, since some
programs strip them. https://owasp.org/www-community/attacks/CSV_Injection
"""


def spreadsheet_csv(content: bytes) -> bytes:
    """Return Athena's CSV for a spreadsheet.

    Formulas get an apostrophe before them; a number stays one, also a negative one. A cell that is longer than a sheet
    takes is cut, and says so. Raises ResultTooLarge for more rows than a sheet has.
    """
    csv.field_size_limit(MAX_BYTES)
    made = io.BytesIO()
    text = io.TextIOWrapper(made, "utf-8-sig", newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    for number, row in enumerate(csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=""))):
        if number > MAX_ROWS:
            raise ResultTooLarge(f"more than {MAX_ROWS} rows", f"{MAX_ROWS} rows")
        writer.writerow(map(cell, row))
    text.flush()
    return made.getvalue()


def check_size(size: int) -> None:
    """Raise ResultTooLarge for a CSV of more than MAX_BYTES."""
    if size > MAX_BYTES:
        raise ResultTooLarge(f"{size} bytes", f"{MAX_BYTES} bytes")


def cell(text: str) -> str:
    """Return a cell's text with an apostrophe wherever a spreadsheet would begin to read a formula."""
    if NUMBER.fullmatch(text):
        return text
    guarded = FORMULA.sub("'", text)
    if 2 * len(guarded) <= MAX_CELL or len(units := guarded.encode("utf-16-le")) <= 2 * MAX_CELL:
        return guarded
    return units[: 2 * (MAX_CELL - len(CUT))].decode("utf-16-le", "ignore") + CUT
