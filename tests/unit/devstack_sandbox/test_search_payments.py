from typing import Any

import pytest

from .conftest import CARD, PIX, Caller, ManualClock, exact, refusal


async def search(caller: Caller, query: str) -> dict[str, Any]:
    response = await caller.call("GET", f"/search?{query}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = exact(response)
    return found


async def test_payments_are_found_by_reference_when_several_exist(caller: Caller, clock: ManualClock) -> None:
    first = await caller.created(key="a")
    clock.advance(seconds=1)
    second = await caller.created(CARD, key="b")
    await caller.created(PIX | {"external_reference": "17-10"}, key="c")
    found = await search(caller, "external_reference=17-1")
    assert [payment["id"] for payment in found["results"]] == [second["id"], first["id"]]
    assert found["paging"] == {"total": 2, "limit": 30, "offset": 0}
    assert found["results"][1] == first
    approved = await search(caller, "external_reference=17-1&status=approved")
    assert [payment["id"] for payment in approved["results"]] == [second["id"]]


async def test_nothing_is_found_when_the_reference_is_unknown(caller: Caller) -> None:
    assert await search(caller, "external_reference=none") == {
        "paging": {"total": 0, "limit": 30, "offset": 0},
        "results": [],
    }


async def test_pages_follow_each_other_when_limited(caller: Caller) -> None:
    ids = [(await caller.created(key=str(number)))["id"] for number in range(3)]
    pages = [
        await search(caller, f"sort=date_created&criteria=asc&limit=2&offset={offset}") for offset in (0, 2)
    ]
    assert [payment["id"] for page in pages for payment in page["results"]] == ids
    assert [page["paging"]["total"] for page in pages] == [3, 3]


async def test_range_limits_what_is_found_when_given(caller: Caller, clock: ManualClock) -> None:
    await caller.created(key="a")
    clock.advance(days=2)
    recent = await caller.created(key="b")
    for dates in (
        "begin_date=NOW-1DAYS&end_date=NOW",
        "begin_date=2026-11-03T00:00:00.000-03:00&end_date=2026-11-04T00:00:00.000-03:00",
    ):
        found = await search(caller, f"range=date_created&{dates}")
        assert [payment["id"] for payment in found["results"]] == [recent["id"]]
    assert (await search(caller, "range=date_approved"))["results"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "offset=-1",
        "sort=price",
        "criteria=up",
        "range=price",
        "range=date_created&begin_date=soon",
    ],
)
async def test_search_is_refused_when_a_parameter_is_wrong(caller: Caller, query: str) -> None:
    assert refusal(await caller.call("GET", f"/search?{query}")) == (400, 1)


async def test_young_payment_stays_hidden_when_the_index_is_late(caller: Caller, clock: ManualClock) -> None:
    payment = await caller.created()
    await caller.fault(kind="late", operation="search", delay_ms=5000)
    assert (await search(caller, "external_reference=17-1"))["results"] == []
    assert await caller.status_of(payment["id"]) == ("pending", "pending_waiting_transfer")
    clock.advance(seconds=5)
    assert len((await search(caller, "external_reference=17-1"))["results"]) == 1
