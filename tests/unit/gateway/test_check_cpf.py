from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodeal_gateway.domain.check_cpf import CpfInvalidError, check_digits, read_cpf

NINE_DIGITS = st.text(alphabet="0123456789", min_size=9, max_size=9).filter(lambda text: len(set(text)) > 1)


@pytest.mark.parametrize("written", ["52998224725", "529.982.247-25", "11144477735", "123.456.789-09"])
def test_cpf_is_read_when_its_check_digits_are_right(written: str) -> None:
    assert read_cpf(written).digits == written.replace(".", "").replace("-", "")


@given(NINE_DIGITS)
def test_cpf_is_read_when_made_by_the_rule(base: str) -> None:
    assert read_cpf(base + check_digits(base)).digits[:9] == base


@given(NINE_DIGITS, st.integers(0, 10), st.integers(1, 9))
def test_cpf_is_refused_when_one_digit_is_mistyped(base: str, place: int, shift: int) -> None:
    digits = base + check_digits(base)
    mistyped = str((int(digits[place]) + shift) % 10)
    wrong = digits[:place] + mistyped + digits[place + 1 :]
    # Ten and eleven are both written 0, so a few mistakes in the base cannot be seen; the check
    # digits themselves show any.
    if check_digits(wrong[:9]) == wrong[9:]:
        assert place < 9
        return
    with pytest.raises(CpfInvalidError):
        read_cpf(wrong)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "5299822472",
        "529982247255",
        "529.982.24725",
        "529982247-25",
        "5299822472a",
        "٥٢٩٩٨٢٢٤٧٢٥",
        "52998224724",
    ]
    + [digit * 11 for digit in "0123456789"],
)
def test_cpf_is_refused_when_malformed_or_never_issued(written: str) -> None:
    with pytest.raises(CpfInvalidError) as refusal:
        read_cpf(written)
    assert not written or written not in str(refusal.value)


def test_cpf_shows_only_its_middle_when_masked_or_printed() -> None:
    cpf = read_cpf("52998224725")
    assert cpf.masked == "***.982.247-**"
    assert "982" not in repr(cpf)
