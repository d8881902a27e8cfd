"""Pages and the cursors between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodeal_vehicle.app.errors import InvalidCursorError
from autodeal_vehicle.app.page import cut_page, read_cursor, write_cursor

KEYS = st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))


@given(KEYS)
def test_keys_come_back_when_a_cursor_is_read(keys: tuple[int, int]) -> None:
    assert read_cursor(write_cursor("for_sale", keys), "for_sale", 2) == keys


def test_page_is_the_first_when_there_is_no_cursor() -> None:
    assert read_cursor(None, "for_sale", 2) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "AAAA",
        "a" * 201,
        "W10",
        "e30",
        write_cursor("sold", (1, 2)),
        write_cursor("for_sale", (1,)),
        write_cursor("for_sale", (1, 2, 3)),
        write_cursor("for_sale", (-1, 2)),
        write_cursor("for_sale", (2**63, 2)),
        write_cursor("for_sale", (1, 2)) + "\n",
    ],
)
def test_cursor_is_refused_when_this_list_did_not_make_it(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        read_cursor(cursor, "for_sale", 2)


@given(st.text(max_size=60))
def test_cursor_never_fails_otherwise_when_it_is_nonsense(text: str) -> None:
    try:
        read_cursor(text, "for_sale", 2)
    except InvalidCursorError:
        return


def test_no_page_follows_when_the_rows_just_fill_one() -> None:
    assert cut_page([1, 2], 2, "orders", lambda row: (row,)).next_cursor is None


def test_next_page_starts_after_the_last_row_shown_when_more_were_found() -> None:
    page = cut_page([1, 2, 3], 2, "orders", lambda row: (row,))
    assert list(page.rows) == [1, 2]
    assert read_cursor(page.next_cursor, "orders", 1) == (2,)
