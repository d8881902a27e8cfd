from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodeal_devstack.sandbox.pix_code import (
    PixCode,
    PixCodeError,
    crc16,
    decode_pix_code,
    plain_text,
    verify_pix_code,
)

CENTRAL_BANK_SAMPLE = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)
printable = st.characters(min_codepoint=32, max_codepoint=126)
codes = st.builds(
    PixCode,
    key=st.text(printable, min_size=1, max_size=36),
    merchant_name=st.text(printable, min_size=1, max_size=25),
    merchant_city=st.text(printable, min_size=1, max_size=15),
    amount_cents=st.none() | st.integers(1, 10**12 - 1),
    transaction_id=st.text(printable, min_size=1, max_size=25),
    description=st.text(printable, max_size=30),
)


def code(**changes: Any) -> PixCode:
    values: dict[str, Any] = {"key": "k", "merchant_name": "AutoDeal", "merchant_city": "Sao Paulo"}
    return PixCode(**(values | changes))


def test_crc_is_the_published_one_when_fed_the_check_string() -> None:
    assert crc16(b"123456789") == 0x29B1


def test_code_is_the_central_banks_sample_when_made_of_its_values() -> None:
    sample = code(
        key="123e4567-e12b-12d1-a456-426655440000", merchant_name="Fulano de Tal", merchant_city="BRASILIA"
    )
    assert sample.encode() == CENTRAL_BANK_SAMPLE
    assert decode_pix_code(CENTRAL_BANK_SAMPLE) == sample


@given(codes)
def test_values_come_back_when_a_code_is_decoded(sample: PixCode) -> None:
    assert decode_pix_code(sample.encode()) == sample


@given(codes, st.data())
def test_code_is_refused_when_one_character_changed(sample: PixCode, data: st.DataObject) -> None:
    text = sample.encode()
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(printable.filter(lambda character: character != text[position]))
    changed = text[:position] + other + text[position + 1 :]
    assert not verify_pix_code(changed)
    with pytest.raises(PixCodeError):
        decode_pix_code(changed)


@given(st.text())
def test_text_is_refused_or_read_when_it_is_anything(text: str) -> None:
    try:
        decode_pix_code(text)
    except PixCodeError:
        assert not verify_pix_code(text) or "br.gov.bcb.pix" not in text


def test_amount_has_two_decimals_when_written() -> None:
    assert "540889990.00" in code(amount_cents=8_999_000).encode()
    assert "54040.05" in code(amount_cents=5).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_cents": 0},
        {"amount_cents": -1},
        {"amount_cents": 10**12},
        {"merchant_name": ""},
        {"merchant_name": "x" * 26},
        {"merchant_city": "São Paulo"},
        {"transaction_id": "x" * 26},
        {"key": "line\nbreak"},
        {"key": "k" * 60, "description": "d" * 30},
    ],
)
def test_code_is_refused_when_a_value_does_not_fit(changes: dict[str, Any]) -> None:
    with pytest.raises(PixCodeError):
        code(**changes).encode()


@pytest.mark.parametrize(
    ("text", "plain"), [("São Paulo", "Sao Paulo"), ("Doblò  1.8 – “ouro”", "Doblo 1.8 ouro"), ("日本", "")]
)
def test_name_is_plain_when_reduced(text: str, plain: str) -> None:
    assert plain_text(text, 25) == plain


@given(st.text(), st.integers(1, 30))
def test_name_fits_a_field_when_reduced(text: str, limit: int) -> None:
    reduced = plain_text(text, limit)
    assert len(reduced) <= limit
    assert all(" " <= character <= "~" for character in reduced)
