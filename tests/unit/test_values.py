"""What each JSON value becomes in a column, or why it is rejected: the table of contract.md, row by row."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.contracts.values import Dates
from chalicelib.flatten import date_values, values
from chalicelib.flatten.scalars import InvalidValue, NumberText
from tests.unit.growth import assert_linear

N = NumberText


def money(value: object) -> int:
    """Return what the orders' amounts are read by, whose scale is 4."""
    return values.decimal_units(value, 4)


PLAIN_NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,16})(\.[0-9]{1,12})?", fullmatch=True)


@pytest.mark.parametrize(
    ("sent", "units"),
    [
        *((N("0"), 0), (N("-0"), 0), (N("-0.0"), 0), (N("0e5"), 0), (N("12.3"), 123000), (N("-12.3456"), -123456)),
        *((N("1e3"), 10_000_000), (N("1E-4"), 1), (N("12.30000000000000"), 123000), (N("1.0000"), 10000)),
        *(("12.50", 125000), ("0012", 120000), ("+5", 50000), (".5", 5000), ("5.", 50000), ("1e2", 1000000)),
        # The noise of binary floating point is rounded away ...
        *((N("12.2999999999999998"), 123000), (N("0.30000000000000004"), 3000), (N("19.990000000000002"), 199900)),
        *((N("99999999999999.9999"), 10**18 - 1), (N("-99999999999999.9999"), 1 - 10**18)),
        *((N(zero), 0) for zero in ("0e-999999999999", "-0.000e5", "0.0e" + "9" * 5000, "0." + "0" * 400)),
    ],
)
def test_money_becomes_units_of_a_ten_thousandth(sent: str, units: int) -> None:
    assert money(sent) == units


@pytest.mark.parametrize("sent", ["0.00005", "2.00005", "1.23456", "12.30001", "1e-5", "1e-300", "0.12345678901234567"])
def test_money_with_more_than_noise_beyond_four_decimals_is_rejected_and_not_rounded(sent: str) -> None:
    with pytest.raises(InvalidValue, match="has more than 4 decimals: round it"):
        money(N(sent))


TINY = ["1e-5", "1e-400", "-1e-999999999999", "1e-" + "9" * 5000, "0." + "0" * 400 + "1", "0.0000000001e-400"]


@pytest.mark.parametrize("sent", [*map(N, TINY), *TINY])
def test_a_number_is_only_zero_where_it_is_written_so_however_small_it_is(sent: str) -> None:
    with pytest.raises(InvalidValue, match="has more than 4 decimals: round it"):
        money(sent)
    with pytest.raises(InvalidValue, match="is not a whole number: send an integer"):
        values.integer(sent)


def test_noise_is_a_billionth_of_the_amount() -> None:
    assert money(N("3.000000003")) == 30000
    with pytest.raises(InvalidValue):
        money(N("3.0000000031"))
    # A half is only noise on large amounts, and goes to the even neighbour.
    assert money(N("1234567.00005")) == 12345670000
    assert money(N("1234567.00015")) == 12345670002


@pytest.mark.thorough
@settings(max_examples=500)
@given(PLAIN_NUMBERS)
@example("99999999999999.99995")
@example("99999999999999.99994999")
def test_money_is_what_decimal_arithmetic_says(sent: str) -> None:
    exact = Decimal(sent) * 10_000
    rounded = exact.to_integral_value(ROUND_HALF_EVEN)
    if abs(exact - rounded) <= abs(exact) * Decimal("1e-9") and abs(rounded) < 10**18:
        assert money(N(sent)) == rounded
    else:
        with pytest.raises(InvalidValue):
            money(N(sent))


TOO_LARGE = [
    "100000000000000",
    "-100000000000000",
    "99999999999999.99995",
    "1e400",
    "-1e400",
    "1e999999999999",
    "9" * 5000,
]


@pytest.mark.parametrize("sent", TOO_LARGE)
def test_money_beyond_fourteen_digits_is_too_large(sent: str) -> None:
    with pytest.raises(InvalidValue, match=r"is too large: at most 99999999999999\.9999"):
        money(N(sent))


@pytest.mark.parametrize(
    "sent",
    ["", " ", "nan", "NaN", "inf", "-Infinity", "1_0", "0x10", "1,5", " 1", "1 ", "1\n", "--1", "e5", "1e", ".", "١٢"],
)
def test_text_that_is_no_finite_number_is_rejected(sent: str) -> None:
    for parse in (money, values.integer):
        with pytest.raises(InvalidValue, match="is not a finite number"):
            parse(sent)


@pytest.mark.parametrize("sent", ["1,234.56", "$12.50", "12,50", "€ 5", "1.234,56", "5 EUR", "1 000"])
def test_an_amount_that_is_written_for_people_is_rejected_with_what_to_send(sent: str) -> None:
    with pytest.raises(InvalidValue, match=r"such as 1234\.56, and no currency or separators"):
        money(sent)


@pytest.mark.parametrize("sent", [True, False, [], {}, [N("1")]])
def test_what_is_no_number_is_rejected_by_kind(sent: object) -> None:
    for parse in (money, values.integer):
        with pytest.raises(InvalidValue, match=r"expected a number, found (true|false|an object|an array)"):
            parse(sent)


@pytest.mark.parametrize(
    ("sent", "whole"),
    [
        *((N("2"), 2), (N("2.0"), 2), (N("2e0"), 2), (N("-3"), -3), (N("1e3"), 1000), ("7", 7), ("+7.0", 7)),
        *((N("9223372036854775807"), 2**63 - 1), (N("-9223372036854775808"), -(2**63)), (N("3.0000000001"), 3)),
        *((N("0.0"), 0), (N("-0"), 0), (N("20000000000.0"), 20_000_000_000)),
    ],
)
def test_quantities_are_whole_numbers_of_64_bits(sent: str, whole: int) -> None:
    assert values.integer(sent) == whole


@pytest.mark.parametrize(
    "sent", ["2.5", "0.1", "1e-1", "3.00000001", "-0.5", "834707194.04", "10000000000.5", "3000.00001"]
)
def test_a_broken_quantity_is_rejected(sent: str) -> None:
    with pytest.raises(InvalidValue, match="not a whole number: send an integer"):
        values.integer(N(sent))


@pytest.mark.parametrize("sent", ["9223372036854775808", "-9223372036854775809", "1e19", "1e400"])
def test_a_quantity_beyond_64_bits_is_too_large(sent: str) -> None:
    with pytest.raises(InvalidValue, match="is too large: at most 9223372036854775807"):
        values.integer(N(sent))


def test_time_grows_with_the_number_of_digits_and_not_with_its_square() -> None:
    def parse_all(size: int) -> None:
        for sent in ("1" * size, "0." + "0" * size + "1", "1." + "9" * size, "1e" + "9" * size):
            for parse in (money, values.integer):
                with contextlib.suppress(InvalidValue):
                    parse(N(sent))

    assert_linear(parse_all, 250_000)


def test_identifiers_keep_every_digit_and_character() -> None:
    for sent in ("0012", "A-1", " x ", "550e8400-e29b-41d4-a716-446655440000", "", "é", "1.50"):
        assert values.identifier(sent) == sent
    for number in ("12", "-3", "0", "123456789012345678901234567890"):
        assert values.identifier(N(number)) == number


@pytest.mark.parametrize("sent", [N("1.0"), N("1e3"), N("-0.5"), True, [], {}])
def test_an_identifier_is_text_or_an_integer(sent: object) -> None:
    with pytest.raises(InvalidValue, match=r"is not an integer|expected text or an integer"):
        values.identifier(sent)


def test_text_takes_numbers_as_they_were_sent() -> None:
    assert [values.text(N(each)) for each in ("1.50", "1E5", "-0")] == ["1.50", "1E5", "-0"]
    assert [values.text(each) for each in (True, False, "True")] == ["true", "false", "True"]
    sent: object
    for sent in ([], {}):
        with pytest.raises(InvalidValue, match="expected text, found"):
            values.text(sent)


def test_half_a_surrogate_pair_is_no_text() -> None:
    for parse in (values.text, values.identifier):
        with pytest.raises(InvalidValue, match="half of a surrogate pair"):
            parse("a\ud800")
        assert parse("\U0001f600\ufffe\x00") == "\U0001f600\ufffe\x00"


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micros: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC).timestamp() * 1000)


DATES = {
    "2024-07-05": at(2024, 7, 5),
    "20240705": at(2024, 7, 5),
    "2024-02-29": at(2024, 2, 29),
    "2024-07-05T10:15:00Z": at(2024, 7, 5, 10, 15),
    "2024-07-05t10:15:00z": at(2024, 7, 5, 10, 15),
    "2024-07-05 10:15:00": at(2024, 7, 5, 10, 15),
    "2024-07-05T10:15": at(2024, 7, 5, 10, 15),
    "20240705T101500Z": at(2024, 7, 5, 10, 15),
    "2024-07-05T10:15:00.1Z": at(2024, 7, 5, 10, 15) + 100,
    "2024-07-05T10:15:00,5Z": at(2024, 7, 5, 10, 15) + 500,
    "2024-07-05T10:15:00.123999999Z": at(2024, 7, 5, 10, 15) + 123,
    "2024-07-05T10:15:00+02:00": at(2024, 7, 5, 8, 15),
    "2024-07-05T10:15:00+02": at(2024, 7, 5, 8, 15),
    "2024-07-05T10:15:00-0530": at(2024, 7, 5, 15, 45),
    "2024-01-01T00:30:00+01:00": at(2023, 12, 31, 23, 30),
    "2023-12-31T23:30:00-01:00": at(2024, 1, 1, 0, 30),
}
NO_DATES = [
    *("", "now", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-04-31", "2024-07-05T24:00:00"),
    *("2024-07-05T10:60:00", "2024-07-05T10:15:60Z", "2024-07-05T10:15:00+24:00", "2024-07-05T10:15:00+00:60"),
    *("2024-07-05T10:15:00.", "2024-07-05T10:15:00.1234567891", "2024-07-05Z", "２024-07-05", "2024-7-5", "05/07/2024"),
    *("0000-01-01", "2024-07-05T10:15:00 Z", " 2024-07-05", "2024-07-05\n", "2024-0705", "2024-07-05T10:1500", "2024"),
    *("2024-W27-5", "-2024-07-05", "12024-07-05", "2024-07-05T10", "2024-07-05T", "1720137600"),
]


@pytest.mark.parametrize(("sent", "ms"), DATES.items())
def test_iso_dates_become_milliseconds_utc(sent: str, ms: int) -> None:
    assert date_values.timestamp_ms(sent) == ms


@pytest.mark.parametrize("sent", NO_DATES)
def test_what_is_no_iso_date_is_rejected(sent: str) -> None:
    with pytest.raises(InvalidValue, match=r"is not (a date|an ISO 8601 date or date-time)"):
        date_values.timestamp_ms(sent)


def test_a_moment_beyond_the_years_does_not_fit_its_format_and_the_next_is_due() -> None:
    formats = (Dates.EPOCH_MICROSECONDS, Dates.EPOCH_NANOSECONDS)
    assert date_values.timestamp_ms(N("996662560000000000"), formats) == 996_662_560_000


@pytest.mark.parametrize("sent", [N("1720137600"), N("20240705"), True, [], {}])
def test_a_date_is_text(sent: object) -> None:
    with pytest.raises(InvalidValue, match="expected an ISO 8601 date as text"):
        date_values.timestamp_ms(sent)


@pytest.mark.parametrize(
    ("sent", "named"), [({"v": object()}, "an object"), ([object()], "an array"), (True, "true"), (None, "null")]
)
def test_of_what_is_no_date_in_any_of_several_formats_the_kind_is_named_and_not_what_is_in_it(
    sent: object, named: str
) -> None:
    with pytest.raises(InvalidValue) as problem:
        date_values.timestamp_ms(sent, (Dates.ISO, Dates.RFC2822))
    assert str(problem.value) == f"expected a date in one of the formats iso, rfc2822, found {named}"


pieces = st.sampled_from([*DATES, *NO_DATES]) | st.builds(
    lambda when, zone: when.isoformat() + zone,
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.sampled_from(["", "Z", "+05:45", "-12:00", "+00:00", "+23:59"]),
)
