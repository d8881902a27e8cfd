import asyncio
import contextlib
import os
import signal
import sys
from decimal import Decimal

import aiohttp
import pytest

from autodeal_devstack.processes.find_port import find_port
from autodeal_devstack.sandbox.client import SandboxControl, SandboxControlError

from .conftest import PATIENCE_SECONDS, TOKEN, Seller, Webhook, eventually, running_sandbox


async def test_payment_is_found_when_its_creation_was_never_answered(
    seller: Seller, control: SandboxControl
) -> None:
    await control.fault("create", kind="timeout_after_effect", count=1)
    with pytest.raises(TimeoutError):
        await seller.create(timeout_seconds=0.3)
    _, found = await seller.call("GET", "/search?external_reference=17-1")
    assert found["paging"]["total"] == 1
    status, payment = await seller.create()
    assert (status, payment["id"]) == (201, found["results"][0]["id"])
    calls = await control.calls("17-1", "create")
    assert [call.status for call in calls] == [None, 201]
    assert [call.faults for call in calls] == [("timeout_after_effect",), ()]


async def test_nothing_exists_when_the_call_was_swallowed(seller: Seller, control: SandboxControl) -> None:
    await control.fault("create", kind="timeout_before_effect", reference="17-", count=1)
    with pytest.raises(TimeoutError):
        await seller.create(timeout_seconds=0.3)
    assert await control.payments("17-1") == []
    assert (await seller.create())[0] == 201


async def test_effect_comes_later_when_the_caller_leaves_during_a_delay(
    seller: Seller, control: SandboxControl
) -> None:
    await control.fault("create", kind="delay", delay_ms=300, count=1)
    with pytest.raises(TimeoutError):
        await seller.create(timeout_seconds=0.1)
    payment = await control.payment("17-1", wait_seconds=10)
    assert (await seller.create())[1]["id"] == payment.id


async def test_key_is_locked_when_its_request_is_delayed(webhook: Webhook) -> None:
    drain = {"http_drain_timeout_seconds": 0.1}
    async with running_sandbox(webhook.url, **drain) as url, aiohttp.ClientSession() as http:
        seller, control = Seller(url, http), SandboxControl(url)
        await control.fault("create", kind="delay", delay_ms=600_000, count=1)
        with pytest.raises(TimeoutError):
            await seller.create(timeout_seconds=0.1)
        assert (await seller.create())[0] == 423
        assert (await seller.create(key="other"))[0] == 201


async def test_only_one_payment_is_made_when_the_same_request_comes_many_times(
    seller: Seller, control: SandboxControl
) -> None:
    answers = await asyncio.gather(*(seller.create() for _ in range(20)))
    assert {status for status, _ in answers} <= {201, 423}
    assert len({body["id"] for status, body in answers if status == 201}) == 1
    assert len(await control.payments()) == 1


async def test_page_pays_when_its_form_is_sent(seller: Seller, control: SandboxControl) -> None:
    _, payment = await seller.create()
    ticket_url = payment["point_of_interaction"]["transaction_data"]["ticket_url"]
    async with seller.http.get(ticket_url) as response:
        assert response.status == 200
        assert "Pagar" in await response.text()
    async with seller.http.post(f"{ticket_url}/pay") as response:
        assert str(response.url) == ticket_url
        assert "Pagamento confirmado" in await response.text()
    assert (await control.payment("17-1")).status == "approved"


async def test_story_is_told_when_driven_by_the_control_client(
    seller: Seller, control: SandboxControl
) -> None:
    asking = asyncio.create_task(control.payment("17-1", status="approved", wait_seconds=30))
    await seller.create()
    assert (await control.set_in_process("17-1")).status == "in_process"
    assert (await control.approve("17-1")).amount == Decimal("89990.00")
    assert (await asking).id == await control.provider_id("17-1")
    await control.refuse_refunds("17-1", count=1)
    path = f"/{(await asking).id}/refunds"
    assert (await seller.call("POST", path, {"amount": 1}, key="r"))[0] == 400
    assert (await seller.call("POST", path, {"amount": 1}, key="r"))[0] == 201
    await control.refuse_refunds("17-1", mode="in_process")
    await seller.call("POST", path, key="rest")
    assert (await control.settle_refunds("17-1")).status == "refunded"
    for move, detail in (("decline", "bank_error"), ("expire", "expired"), ("cancel", "by_payer")):
        await seller.create(f"18-{move}")
        assert (await getattr(control, move)(f"18-{move}")).status_detail == detail
    await seller.create("19-1")
    await control.approve("19-1")
    assert (await control.charge_back("19-1")).status == "charged_back"
    fault = await control.fault("get", kind="status", status=503, reference="19-")
    assert await control.faults() == [fault]
    await control.clear_faults()
    assert await control.faults() == []


async def test_client_tells_why_when_the_sandbox_refuses(seller: Seller, control: SandboxControl) -> None:
    with pytest.raises(SandboxControlError, match="Payment not found") as unknown:
        await control.approve("17-1")
    assert unknown.value.status == 404
    await seller.create()
    await control.decline("17-1")
    with pytest.raises(SandboxControlError, match="rejected") as refused:
        await control.approve("17-1")
    assert refused.value.status == 409


async def test_reference_is_found_when_it_holds_unusual_characters(
    seller: Seller, control: SandboxControl
) -> None:
    reference = "order 17:1?é#%"
    await seller.create(reference)
    assert (await control.approve(reference)).external_reference == reference
    assert len(await control.payments(reference)) == 1


async def test_server_stops_when_a_call_is_held_without_answer(webhook: Webhook) -> None:
    async with aiohttp.ClientSession() as http:
        async with running_sandbox(webhook.url) as url:
            await SandboxControl(url).fault("create", kind="timeout_after_effect")
            held = asyncio.create_task(Seller(url, http).create(timeout_seconds=60))
            await SandboxControl(url).payment("17-1", wait_seconds=10)
        # The server is gone although nobody gave up on it.
        with contextlib.suppress(aiohttp.ClientError):
            assert (await held)[0] == 504


async def test_process_serves_and_ends_well_when_told_to_stop() -> None:
    port = find_port()
    environ = os.environ | {
        "HTTP_PORT": str(port),
        "SANDBOX_ACCESS_TOKEN": TOKEN,
        "SANDBOX_WEBHOOK_SECRET": "hidden",
        "SANDBOX_DRAW_PIX_IMAGE": "false",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "autodeal_devstack.sandbox", env=environ, stderr=asyncio.subprocess.PIPE
    )
    url = f"http://127.0.0.1:{port}"

    async def is_up() -> bool:
        try:
            return await SandboxControl(url).payments() == []
        except aiohttp.ClientError:
            return False

    try:
        await eventually(is_up)
        async with aiohttp.ClientSession() as http:
            _, payment = await Seller(url, http).create()
        assert payment["point_of_interaction"]["transaction_data"]["qr_code_base64"] == ""
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            _, logs = await process.communicate()
        assert process.returncode == 0
        assert b"http.stopped" in logs
        assert b"hidden" not in logs
        assert b"ana@example.com" not in logs
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_process_names_what_is_missing_when_settings_are_incomplete() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "autodeal_devstack.sandbox",
        env=environ | {"HTTP_PORT": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, message = await process.communicate()
    assert process.returncode == 2
    assert b"SANDBOX_ACCESS_TOKEN is missing; SANDBOX_WEBHOOK_SECRET is missing" in message
