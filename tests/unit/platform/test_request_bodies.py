"""What reaches a handler, and what is refused before: never with a 5xx."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import AsyncTestClient
from litestar.types import Message

from autodeal_platform.errors import InvalidFieldError, MalformedJsonError
from autodeal_platform.json_codec import RequestBody, decode_json
from autodeal_platform.money import Price

Client = AsyncTestClient[Litestar]
JSON = {"content-type": "application/json"}


async def send(client: Client, body: str | bytes, path: str = "/vehicle") -> tuple[int, dict[str, Any]]:
    response = await client.post(path, content=body, headers=JSON)
    return response.status_code, response.json()


@pytest.mark.parametrize("literal", ["89990", "89990.0", "89990.00", "8.999e4"])
async def test_price_is_written_with_two_decimals_when_accepted(client: Client, literal: str) -> None:
    response = await client.post("/vehicle", content=f'{{"price": {literal}}}', headers=JSON)
    assert response.status_code == 201
    assert response.text == '{"price":89990.00,"year":2020}'


@pytest.mark.parametrize("body", ["{", "", "{]", "nope", '{"price": NaN}', '{"price": 1', '{"price": 1}}'])
async def test_body_is_refused_as_malformed_when_it_is_no_json(client: Client, body: str) -> None:
    status, problem = await send(client, body or " ")
    assert (status, problem["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "body",
    [b'{"model": "\xff", "price": 1}', b'{"model": "\\ud800", "price": 1}', b"\xff\xfe{", b"[" * 60_000],
    ids=["invalid utf-8", "half a surrogate", "byte order mark", "bottomless"],
)
async def test_body_is_refused_when_its_text_is_broken(client: Client, body: bytes) -> None:
    status, problem = await send(client, body)
    assert status in {400, 422}
    assert problem["code"] in {"malformed_json", "validation_failed"}


async def test_body_is_malformed_rather_than_invalid_when_it_is_both(client: Client) -> None:
    status, problem = await send(client, '{"price": "text", "model"')
    assert (status, problem["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "literal",
    [
        "1e400",
        "1e99999999999999999999",
        "-1",
        "0",
        "-0.0",
        "0.001",
        "123456789012345678901234567890",
        "123456789012345678901234567890.12",
        "1" * 5000,
        "10000000000.00",
        '"89990.00"',
        '"NaN"',
        "true",
        "null",
        "[1]",
        "{}",
    ],
)
async def test_price_is_refused_by_name_when_it_is_no_price(client: Client, literal: str) -> None:
    status, problem = await send(client, f'{{"price": {literal}}}')
    assert (status, problem["code"]) == (422, "validation_failed")
    assert [error["field"] for error in problem["errors"]] == ["price"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"price": 1, "year": "2020"}', "year"),
        ('{"price": 1, "year": 2020.5}', "year"),
        ('{"price": 1, "year": 1e400}', "year"),
        ('{"price": 1, "colour": "red"}', "colour"),
        ("{}", "price"),
        ('{"price": 1, "address": {}}', "address.state"),
        ('{"price": 1, "address": {"state": "SP", "flat": 1}}', "address.flat"),
        ('{"price": 1, "address": {"state": "SP", "number": "1"}}', "address.number"),
        ('{"price": 1, "address": {"state": "SPX"}}', "address.state"),
        ('{"price": 1, "model": "a\\u0000b"}', "model"),
        ('{"price": 1, "address": {"state": "\\u0000\\u0000"}}', "address.state"),
        ("[]", "$"),
        ("null", "$"),
        ('"text"', "$"),
        ("5", "$"),
    ],
)
async def test_field_is_named_when_a_body_does_not_fit(client: Client, body: str, field: str) -> None:
    status, problem = await send(client, body)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert problem["errors"][0]["message"]


async def test_escaped_backslash_is_kept_when_it_only_looks_like_nul(client: Client) -> None:
    status, _ = await send(client, '{"price": 1, "model": "C:\\\\u0000"}')
    assert status == 201


async def test_body_is_demanded_when_the_handler_needs_one(client: Client) -> None:
    response = await client.post("/vehicle")
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "$", "message": "a body is required"}]


async def test_body_may_be_absent_when_the_handler_says_so(client: Client) -> None:
    assert (await client.post("/vehicle/optional")).json() == {"given": False}
    assert await send(client, '{"price": 1}', "/vehicle/optional") == (201, {"given": True})
    assert (await send(client, '{"price": 0}', "/vehicle/optional"))[1]["errors"][0]["field"] == "price"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_body_is_refused_when_declared_as_something_else(client: Client, content_type: str) -> None:
    response = await client.post("/vehicle", content='{"price": 1}', headers={"content-type": content_type})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"]
)
async def test_body_is_read_when_declared_as_json(client: Client, content_type: str) -> None:
    response = await client.post("/vehicle", content='{"price": 1}', headers={"content-type": content_type})
    assert response.status_code == 201


async def test_body_is_refused_unread_when_announced_as_too_large(client: Client) -> None:
    for path in ("/vehicle", "/raw"):
        response = await client.post(path, content=b" " * 10_000_000, headers=JSON)
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/vehicle", "/raw"])
async def test_reading_stops_at_the_limit_when_a_chunked_body_goes_on(app: Litestar, path: str) -> None:
    given_out = 0
    sent: list[Message] = []

    async def receive() -> Any:
        nonlocal given_out
        given_out += 1
        return {"type": "http.request", "body": b" " * 16_384, "more_body": True}

    async def collect(message: Message) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")],
    }
    await app(scope, receive, collect)
    assert sent[0]["status"] == 413  # type: ignore[typeddict-item]  # the first message starts the answer
    assert given_out == 5, "one chunk beyond the limit of four is enough to know"


class Example(RequestBody, frozen=True, kw_only=True):
    price: Price
    text: str = ""
    count: int = 0


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(alphabet='{}[]":,\\u0019eE+-.pricetxoun ', max_size=60).map(str.encode),
    )
)
def test_only_client_errors_are_raised_when_bytes_are_arbitrary(body: bytes) -> None:
    try:
        decode_json(body, Example)
    except (MalformedJsonError, InvalidFieldError):
        return
