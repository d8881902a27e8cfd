from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodeal_devstack.sandbox.boleto_code import (
    BoletoCode,
    BoletoCodeError,
    barcode_from_line,
    decode_barcode,
    due_date,
    due_date_factor,
    format_line,
    line_from_barcode,
)

VECTORS = [
    (
        "23792717100000020003381260000000000100097210",
        "23793.38128 60000.000004 01000.972107 2 71710000002000",
    ),
    (
        "34196166700000123451101234567880057123457000",
        "34191.10121 34567.880058 71234.570001 6 16670000012345",
    ),
]
codes = st.builds(
    BoletoCode,
    bank=st.from_regex(r"[0-9]{3}", fullmatch=True),
    due_date_factor=st.just(0) | st.integers(1000, 9999),
    amount_cents=st.integers(0, 10**10 - 1),
    free_field=st.from_regex(r"[0-9]{25}", fullmatch=True),
)


@pytest.mark.parametrize(("barcode", "line"), VECTORS)
def test_line_and_bar_code_agree_when_checked_against_known_boletos(barcode: str, line: str) -> None:
    digits = line.replace(".", "").replace(" ", "")
    assert line_from_barcode(barcode) == digits
    assert barcode_from_line(line) == barcode
    assert format_line(digits) == line
    assert decode_barcode(barcode).barcode() == barcode


def test_values_are_read_when_a_known_boleto_is_decoded() -> None:
    assert decode_barcode(VECTORS[0][0]) == BoletoCode(
        bank="237", due_date_factor=7171, amount_cents=2000, free_field="3381260000000000100097210"
    )


@given(codes)
def test_values_come_back_when_a_boleto_is_decoded_from_its_line(code: BoletoCode) -> None:
    assert decode_barcode(barcode_from_line(code.digitable_line())) == code


@given(codes, st.data())
def test_line_is_refused_when_one_digit_of_a_field_changed(code: BoletoCode, data: st.DataObject) -> None:
    line = code.digitable_line()
    position = data.draw(st.integers(0, 31))
    digit = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != line[position]))
    with pytest.raises(BoletoCodeError):
        barcode_from_line(line[:position] + digit + line[position + 1 :])


@pytest.mark.parametrize("text", ["", "1" * 43, "1" * 45, "a" * 44, "٣" * 44, "0" * 44])
def test_bar_code_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(BoletoCodeError):
        decode_barcode(text)


@pytest.mark.parametrize(
    "code",
    [
        BoletoCode(bank="23", due_date_factor=0, amount_cents=1, free_field="0" * 25),
        BoletoCode(bank="237", due_date_factor=999, amount_cents=1, free_field="0" * 25),
        BoletoCode(bank="237", due_date_factor=10_000, amount_cents=1, free_field="0" * 25),
        BoletoCode(bank="237", due_date_factor=0, amount_cents=10**10, free_field="0" * 25),
        BoletoCode(bank="237", due_date_factor=0, amount_cents=-1, free_field="0" * 25),
        BoletoCode(bank="237", due_date_factor=0, amount_cents=1, free_field="0" * 24),
    ],
)
def test_boleto_is_refused_when_a_value_does_not_fit(code: BoletoCode) -> None:
    with pytest.raises(BoletoCodeError):
        code.barcode()


@pytest.mark.parametrize(
    ("day", "factor"),
    [
        (date(2000, 7, 3), 1000),
        (date(2025, 2, 21), 9999),
        (date(2025, 2, 22), 1000),
        (date(2049, 10, 13), 9999),
    ],
)
def test_factor_starts_anew_when_the_count_is_used_up(day: date, factor: int) -> None:
    assert due_date_factor(day) == factor
    assert due_date(factor, near=day) == day


@given(st.dates(date(2000, 7, 3), date(2049, 10, 13)), st.integers(-4000, 4000))
def test_due_date_comes_back_when_read_within_years_of_it(day: date, distance_days: int) -> None:
    assert due_date(due_date_factor(day), near=day + timedelta(days=distance_days)) == day


@pytest.mark.parametrize("day", [date(2000, 7, 2), date(2049, 10, 14)])
def test_due_date_is_refused_when_no_factor_names_it(day: date) -> None:
    with pytest.raises(BoletoCodeError):
        due_date_factor(day)


def test_due_date_is_absent_when_the_factor_is_zero() -> None:
    assert due_date(0, near=date(2026, 1, 1)) is None
    with pytest.raises(BoletoCodeError):
        due_date(500, near=date(2026, 1, 1))
