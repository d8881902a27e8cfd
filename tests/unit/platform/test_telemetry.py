from __future__ import annotations

import asyncio
import re

import pytest

from autodeal_platform.telemetry import (
    bind_purchase,
    bind_request,
    bound_ids,
    child_traceparent,
    current_causation_id,
    current_correlation_id,
    current_request_id,
    current_traceparent,
    new_traceparent,
)

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_ids_are_bound_for_a_block_when_given() -> None:
    with bind_purchase(correlation_id="7", causation_id="event-1", traceparent=PARENT):
        assert current_correlation_id() == "7"
        with bind_purchase(causation_id="event-2"):
            assert (current_correlation_id(), current_causation_id()) == ("7", "event-2")
        assert current_causation_id() == "event-1"
        assert bound_ids() == {
            "correlation_id": "7",
            "causation_id": "event-1",
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
        }
    assert bound_ids() == {}


def test_ids_are_unbound_when_the_block_fails() -> None:
    with pytest.raises(RuntimeError), bind_purchase(correlation_id="7"), bind_request("r", PARENT):
        raise RuntimeError
    assert (current_correlation_id(), current_request_id(), current_traceparent()) == (None, None, None)


async def test_ids_do_not_mix_when_work_is_concurrent() -> None:
    async def work(number: int) -> bool:
        with bind_purchase(correlation_id=str(number)):
            await asyncio.sleep(0)
            return current_correlation_id() == str(number)

    assert all(await asyncio.gather(*(work(number) for number in range(20))))


def test_trace_goes_on_in_a_span_of_its_own_when_the_parent_is_good() -> None:
    child = child_traceparent(PARENT)
    assert child[:36] == PARENT[:36]
    assert child != PARENT
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", new_traceparent())


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "rubbish",
        PARENT + "-x",
        PARENT.upper(),
        "01" + PARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        "00-٠af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ],
)
def test_trace_begins_anew_when_the_parent_is_malformed(parent: str | None) -> None:
    child = child_traceparent(parent)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", child, re.ASCII)
    assert "0af7651916cd43dd8448eb211c80319c" not in child
