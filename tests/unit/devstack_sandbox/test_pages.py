import re

import pytest

from .conftest import BOLETO, CARD, PIX, Caller, exact


async def page(caller: Caller, path: str, status: int = 200) -> str:
    response = await caller.client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


async def test_person_sees_what_to_pay_when_opening_a_pix(caller: Caller) -> None:
    payment = await caller.created()
    html = await page(caller, f"/pay/{payment['id']}")
    assert '<html lang="pt-BR">' in html
    assert "R$\N{NO-BREAK SPACE}89.990,00" in html
    assert "Fiat Pulse 2024" in html
    assert payment["point_of_interaction"]["transaction_data"]["qr_code"] in html
    assert 'class="qr"' in html
    assert "Aguardando pagamento" in html


async def test_person_sees_bars_and_line_when_opening_a_boleto(caller: Caller) -> None:
    payment = await caller.created(BOLETO)
    html = await page(caller, f"/pay/{payment['id']}")
    shown = re.search(r'<output class="line">([\d. ]+)</output>', html)
    assert shown is not None
    digits = shown[1].replace(".", "").replace(" ", "")
    assert digits == payment["transaction_details"]["digitable_line"]
    assert 'class="bars"' in html


@pytest.mark.parametrize(
    ("choice", "status", "word"), [("pay", "approved", "Pago"), ("decline", "rejected", "Recusado")]
)
async def test_payment_is_decided_when_a_button_is_pressed(
    caller: Caller, choice: str, status: str, word: str
) -> None:
    payment = await caller.created()
    action = f"/pay/{payment['id']}/{choice}"
    assert f'action="{action}"' in await page(caller, f"/pay/{payment['id']}")
    response = await caller.client.post(action, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, f"/pay/{payment['id']}")
    assert (await caller.status_of(payment["id"]))[0] == status
    html = await page(caller, f"/pay/{payment['id']}")
    assert word in html
    assert "<form" not in html
    assert 'class="qr"' not in html


async def test_second_press_changes_nothing_when_the_payment_is_closed(caller: Caller) -> None:
    payment = await caller.created()
    for choice in ("pay", "decline"):
        response = await caller.client.post(f"/pay/{payment['id']}/{choice}", follow_redirects=False)
        assert response.status_code == 303
    assert (await caller.status_of(payment["id"]))[0] == "approved"


@pytest.mark.parametrize(
    ("move", "text"),
    [
        ("expire", "O prazo terminou"),
        ("cancel", "cancelado"),
        ("charge-back", "contestado"),
        ("in-process", "em análise"),
    ],
)
async def test_person_is_told_when_the_payment_is_no_longer_open(
    caller: Caller, move: str, text: str
) -> None:
    payment = await caller.created(CARD if move == "charge-back" else PIX)
    await caller.move(payment["id"], move)
    assert text in await page(caller, f"/pay/{payment['id']}")


async def test_page_says_so_when_the_payment_is_unknown(caller: Caller) -> None:
    assert "não encontrado" in await page(caller, "/pay/1", status=404)
    assert (await caller.client.post("/pay/1/pay")).status_code == 404
    payment = await caller.created()
    assert (await caller.client.post(f"/pay/{payment['id']}/steal")).status_code == 404


async def test_text_stays_text_when_it_looks_like_html(caller: Caller) -> None:
    nasty = '<script>alert("1")</script> & $id ${x}'
    payment = await caller.created(PIX | {"description": nasty, "external_reference": nasty})
    for path in ("/", f"/pay/{payment['id']}"):
        html = await page(caller, path)
        assert "<script" not in html
        assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; $id ${x}" in html


async def test_page_loads_nothing_when_opened(caller: Caller) -> None:
    payment = await caller.created()
    for path in ("/", f"/pay/{payment['id']}"):
        html = await page(caller, path)
        assert not re.search(r"<script|<img|@import|url\(|(src|href)=\"(https?:)?//", html)
        policy = (await caller.client.get(path)).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")


async def test_index_lists_payments_when_there_are_any(caller: Caller) -> None:
    assert "Nenhum pagamento ainda." in await page(caller, "/")
    payment = await caller.created()
    html = await page(caller, "/")
    assert f'href="/pay/{payment["id"]}"' in html
    assert "17-1" in html


async def test_fault_is_switched_on_and_off_when_the_form_is_sent(caller: Caller) -> None:
    form = {
        "kind": "status",
        "operation": "create",
        "reference_prefix": "17",
        "count": "3",
        "delay_ms": "",
        "status": "503",
    }
    response = await caller.client.post("/faults", data=form, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    (fault,) = exact(await caller.control("GET", "faults"))
    assert fault["order"]["status"] == 503
    assert (fault["order"]["operation"], fault["remaining"]) == ("create", 3)
    assert "erro HTTP, sem efeito" in await page(caller, "/")
    await caller.client.post(f"/faults/{fault['id']}/off", follow_redirects=False)
    assert "Nenhuma falha ligada." in await page(caller, "/")


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "nonsense"},
        {"kind": "lost", "operation": "create"},
        {"kind": "delay"},
        {"kind": "status", "count": "0"},
        {"kind": "status", "count": "many"},
        {"kind": "status", "status": "200"},
        {},
    ],
)
async def test_form_is_refused_when_it_makes_no_sense(caller: Caller, form: dict[str, str]) -> None:
    response = await caller.client.post("/faults", data=form, follow_redirects=False)
    assert response.status_code == 400
    assert 'role="alert"' in response.text
    assert exact(await caller.control("GET", "faults")) == []
