from __future__ import annotations

import re

import pytest
from tests.integration.gateway.conftest import RunningGateway, Upstream

pytestmark = pytest.mark.integration
PAGE = ["/docs", "/docs/page.css", "/docs/page.js"]


async def test_document_is_served_when_asked(gateway: RunningGateway) -> None:
    status, document, headers = await gateway.call("GET", "/openapi.json")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert document["openapi"].startswith("3.1")
    assert {"/vehicle", "/orders/{order_id}/events", "/user", "/login", "/webhook"} <= set(document["paths"])


@pytest.mark.parametrize("path", ["/openapi.json", *PAGE])
async def test_file_is_not_sent_again_when_known(gateway: RunningGateway, path: str) -> None:
    _, content, headers = await gateway.call("GET", path)
    assert content
    assert "max-age" in headers["cache-control"]
    for known in (headers["etag"], f'"other", W/{headers["etag"]}', "*"):
        status, nothing, _ = await gateway.call("GET", path, headers={"if-none-match": known})
        assert (status, nothing) in {(304, b""), (304, None)}
    assert (await gateway.call("GET", path, headers={"if-none-match": '"other"'}))[0] == 200


async def test_page_needs_nothing_from_elsewhere_when_opened(gateway: RunningGateway) -> None:
    for path in PAGE:
        _, content, headers = await gateway.call("GET", path)
        assert set(re.findall(r"https?://[^\s'\"]+", content.decode())) <= {"http://www.w3.org/2000/svg"}
        assert "default-src 'none'" in headers["content-security-policy"]
    _, page, headers = await gateway.call("GET", "/docs")
    assert headers["content-type"] == "text/html; charset=utf-8"
    for reference in re.findall(r"(?:src|href)=\"(/[^\"]+)\"", page.decode()):
        assert (await gateway.call("GET", reference))[0] == 200, reference


async def test_probes_answer_of_the_gateway_itself_when_asked(
    gateway: RunningGateway, vehicle: Upstream
) -> None:
    assert (await gateway.call("GET", "/healthz"))[:2] == (200, {"status": "alive"})
    assert (await gateway.call("GET", "/readyz"))[0] == 200
    await gateway.call("GET", "/vehicle/4711")
    _, metrics, _ = await gateway.call("GET", "/metrics")
    assert b'route="/vehicle/{vehicle_id}"' in metrics
    assert b"4711" not in metrics
    assert [request.path for request in vehicle.seen] == ["/vehicle/4711"]


async def test_nothing_tells_what_runs_behind_when_answers_are_read(gateway: RunningGateway) -> None:
    _, document, headers = await gateway.call("GET", "/openapi.json")
    assert "server" not in headers
    assert not re.search(r"127\.0\.0\.1|localhost|svc\.cluster|amazonaws", str(document))
