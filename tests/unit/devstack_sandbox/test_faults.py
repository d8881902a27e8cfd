import pytest

from autodeal_devstack.sandbox.control_messages import FaultKind, FaultOrder, Operation
from autodeal_devstack.sandbox.faults import FaultBoard

from .conftest import CARD, PIX, Caller, ManualClock, exact, refusal


async def statuses(caller: Caller) -> list[int | None]:
    return [call["status"] for call in exact(await caller.control("GET", "calls"))]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (423, "resource_locked"),
        (424, "failed_dependency"),
        (429, "too_many_requests"),
        (500, "internal_error"),
        (503, "internal_error"),
    ],
)
async def test_nothing_happens_when_an_error_is_switched_on(caller: Caller, status: int, error: str) -> None:
    await caller.fault(kind="status", operation="create", status=status, count=1, retry_after_seconds=7)
    response = await caller.create()
    assert refusal(response) == (status, error)
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)
    assert exact(await caller.control("GET", "payments")) == []
    assert (await caller.create()).status_code == 201


async def test_payment_exists_when_the_error_comes_after_the_effect(caller: Caller) -> None:
    await caller.fault(kind="status_after_effect", operation="create", count=1)
    assert (await caller.create()).status_code == 500
    made = exact(await caller.control("GET", "payments"))
    assert [payment["external_reference"] for payment in made] == ["17-1"]
    assert (await caller.created())["id"] == made[0]["id"]


@pytest.mark.parametrize(("kind", "count"), [("timeout_after_effect", 1), ("timeout_before_effect", 0)])
async def test_effect_is_there_or_not_when_the_answer_never_comes(
    caller: Caller, kind: str, count: int
) -> None:
    await caller.fault(kind=kind, operation="create", count=1)
    assert (await caller.create()).status_code == 504
    assert len(exact(await caller.control("GET", "payments"))) == count
    assert await statuses(caller) == [None]
    await caller.created()
    assert len(exact(await caller.control("GET", "payments"))) == 1


async def test_refusal_is_silent_too_when_the_answer_never_comes(caller: Caller) -> None:
    await caller.fault(kind="timeout_after_effect", operation="create")
    assert (await caller.create(CARD | {"token": "none"})).status_code == 504


async def test_delays_add_up_when_several_are_on(caller: Caller, clock: ManualClock) -> None:
    await caller.fault(kind="delay", delay_ms=200)
    await caller.fault(kind="delay", delay_ms=50, operation="create", count=1)
    await caller.created()
    assert clock.slept_seconds == 0.25
    await caller.created()
    assert clock.slept_seconds == 0.45


@pytest.mark.parametrize("operation", ["create", "get", "search", "cancel", "refund"])
async def test_only_its_operation_fails_when_a_fault_names_one(caller: Caller, operation: str) -> None:
    payment = await caller.created(CARD)
    await caller.fault(kind="status", operation=operation)
    answers = {
        "create": await caller.create(key="other"),
        "get": await caller.call("GET", f"/{payment['id']}"),
        "search": await caller.call("GET", "/search?external_reference=17-1"),
        "cancel": await caller.call("PUT", f"/{payment['id']}", {"status": "cancelled"}),
        "refund": await caller.refund(payment["id"]),
    }
    assert [name for name, answer in answers.items() if answer.status_code == 500] == [operation]


async def test_only_matching_references_fail_when_a_fault_names_a_prefix(caller: Caller) -> None:
    await caller.fault(kind="status", reference_prefix="17-")
    assert (await caller.create()).status_code == 500
    assert (await caller.create(PIX | {"external_reference": "18-1"})).status_code == 201
    assert (await caller.call("GET", "/search?external_reference=17-9")).status_code == 500
    assert (await caller.call("GET", "/search")).status_code == 200


async def test_fault_ends_by_itself_when_its_count_is_used_up(caller: Caller) -> None:
    await caller.fault(kind="status", count=2)
    assert [(await caller.create()).status_code for _ in range(3)] == [500, 500, 201]
    assert exact(await caller.control("GET", "faults")) == []


async def test_fault_ends_when_switched_off(caller: Caller) -> None:
    await caller.fault(kind="status")
    await caller.fault(kind="delay", delay_ms=1)
    first, second = exact(await caller.control("GET", "faults"))
    await caller.control("DELETE", f"faults/{first['id']}")
    assert exact(await caller.control("GET", "faults")) == [second]
    await caller.control("DELETE", "faults")
    assert exact(await caller.control("GET", "faults")) == []


async def test_key_is_free_when_a_switched_error_answered(caller: Caller) -> None:
    payment = await caller.created(CARD)
    await caller.fault(kind="status", operation="refund", status=503, count=1)
    assert (await caller.refund(payment["id"])).status_code == 503
    assert (await caller.refund(payment["id"])).status_code == 201


def test_webhooks_are_hit_only_by_their_own_faults_when_planned() -> None:
    board = FaultBoard()
    board.switch_on(FaultOrder(kind=FaultKind.STATUS))
    board.switch_on(FaultOrder(kind=FaultKind.DUPLICATED, reference_prefix="17", count=1))
    board.switch_on(FaultOrder(kind=FaultKind.LATE, delay_ms=300, reference_prefix="17"))
    assert board.plan_webhook("18-1").kinds == ()
    plan = board.plan_webhook("17-1")
    assert (plan.kinds, plan.delay_ms) == ((FaultKind.DUPLICATED, FaultKind.LATE), 300)
    assert board.plan_webhook("17-1").kinds == (FaultKind.LATE,)
    assert board.plan_call(Operation.GET, "17-1").kinds == (FaultKind.STATUS,)
