"""Athena's CSV for a spreadsheet: nothing in it is run, and nothing else is changed."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api import spreadsheet
from chalicelib.api.spreadsheet import CUT, MAX_CELL, NUMBER, cell, check_size, spreadsheet_csv
from chalicelib.errors import ResultTooLarge

DANGEROUS = "=+-@\t\r\n＝＋－＠"
texts = st.text(st.sampled_from("a1 ;,\"'.E0Ž🙂\0" + DANGEROUS) | st.characters(codec="utf-8"), max_size=12)


def rows_of(content: bytes, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator))


def as_athena_writes(rows: list[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return file.getvalue().encode()


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 170 1234", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-", "-Infinity", "＝1"]
)
def test_what_a_spreadsheet_would_run_has_an_apostrophe_before_it(text: str) -> None:
    assert cell(text).startswith(f"'{text[0]}")


@pytest.mark.parametrize("text", [" =1", "\x00=1", "\u00a0+1", "\ufeff@x", "\x1f-1+1", " \u200b＝1", "a;\x00=1"])
def test_what_programs_strip_hides_no_formula(text: str) -> None:
    assert cell(text) in (f"'{text}", text.replace(";", ";'"))


@pytest.mark.parametrize(
    "text", ["", "-1", "-9.5000", "0", "12.50", "-1.5E-7", "1.0E10", "Ada = Eva", "a-b", "1e", "NaN"]
)
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


def test_no_formula_begins_within_a_cell_where_lists_are_separated_otherwise() -> None:
    content = spreadsheet_csv(as_athena_writes([["note", "a;=1+1"], ["b", "c\n=2+2"], ["d", "e\t@f"]]))
    for separator in ";\t":
        cells = [each for row in rows_of(content, separator) for each in row]
        assert not [each for each in cells if each[:1] in tuple(DANGEROUS)]


@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=4))
def test_rows_keep_their_cells_but_for_apostrophes(rows: list[list[str]]) -> None:
    made = rows_of(spreadsheet_csv(as_athena_writes(rows)))
    assert [[each.replace("'", "") for each in row] for row in made] == [
        [each.replace("'", "") for each in row] for row in rows
    ]
    for row in made:
        for each in row:
            assert not each or each[0] not in DANGEROUS or NUMBER.fullmatch(each)


def test_null_and_empty_text_are_both_an_empty_cell() -> None:
    assert rows_of(spreadsheet_csv(b'"a","b"\n,""\n')) == [["a", "b"], ["", ""]]


def test_a_cell_longer_than_a_sheet_takes_is_cut_and_says_so() -> None:
    long = "=" + "x" * 200_000
    made = rows_of(spreadsheet_csv(as_athena_writes([["a", "b"], [long, "next"]])))[1]
    assert made[1] == "next"
    assert len(made[0]) == MAX_CELL
    assert made[0].startswith("'=x")
    assert made[0].endswith(CUT)
    assert cell("x" * MAX_CELL) == "x" * MAX_CELL


def test_a_sheet_counts_an_emoji_as_two_characters() -> None:
    made = cell("🙂" * MAX_CELL)
    assert len(made.encode("utf-16-le")) // 2 in (MAX_CELL, MAX_CELL - 1)
    assert made.endswith(f"🙂{CUT}")
    assert cell("🙂" * (MAX_CELL // 2)) == "🙂" * (MAX_CELL // 2)


def test_more_rows_than_a_sheet_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "MAX_ROWS", 2)
    assert len(rows_of(spreadsheet_csv(b'"a"\n"1"\n"2"\n'))) == 3
    with pytest.raises(ResultTooLarge, match="takes up to 2 rows"):
        spreadsheet_csv(b'"a"\n"1"\n"2"\n"3"\n')


def test_a_csv_larger_than_can_be_made_in_time_is_refused() -> None:
    check_size(spreadsheet.MAX_BYTES)
    with pytest.raises(ResultTooLarge, match="leave format out for the CSV"):
        check_size(spreadsheet.MAX_BYTES + 1)
