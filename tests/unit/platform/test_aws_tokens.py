"""What AWS's signers make of made-up credentials: the tokens say what they must, and open no socket."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

import pytest

from autodeal_platform.aws_tokens import (
    DATABASE_TOKEN_SECONDS,
    _rds_client,
    database_tokens,
    kafka_tokens,
    msk_tokens,
)
from autodeal_platform.fresh_token import FreshToken, TokenUnavailableError
from autodeal_platform.settings import SettingsError

REGION = "sa-east-1"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session")
    _rds_client.cache_clear()
    yield
    # It keeps the credentials that it was made with.
    _rds_client.cache_clear()


def lifetime_of(tokens: FreshToken) -> float:
    assert tokens._token is not None
    return tokens._token.expires_at - time.time()


@pytest.mark.usefixtures("credentials")
async def test_brokers_token_is_a_signed_address_of_the_cluster_action() -> None:
    tokens = msk_tokens(REGION)
    text = await tokens()
    address = urlparse(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert (address.scheme, address.netloc) == ("https", f"kafka.{REGION}.amazonaws.com")
    assert query["Action"] == "kafka-cluster:Connect"
    assert query["X-Amz-Credential"].startswith("AKIDEXAMPLE/")
    assert query["X-Amz-Credential"].endswith(f"/{REGION}/kafka-cluster/aws4_request")
    assert query["X-Amz-Security-Token"] == "a-session"
    assert len(query["X-Amz-Signature"]) == 64
    assert 840 < lifetime_of(tokens) <= float(query["X-Amz-Expires"])


@pytest.mark.usefixtures("credentials")
async def test_databases_token_names_the_server_and_the_user() -> None:
    tokens = database_tokens(REGION, host="db.example", port=5433, user="vehicle")
    address = urlparse("https://" + await tokens())
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.netloc == "db.example:5433"
    assert (query["Action"], query["DBUser"]) == ("connect", "vehicle")
    assert f"/{REGION}/rds-db/" in query["X-Amz-Credential"]
    assert float(query["X-Amz-Expires"]) == DATABASE_TOKEN_SECONDS
    assert 840 < lifetime_of(tokens) <= DATABASE_TOKEN_SECONDS


async def test_no_token_is_had_when_the_pod_has_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(TokenUnavailableError, match="no token for kafka"):
        await msk_tokens(REGION)()


def test_brokers_tokens_are_asked_for_only_by_their_mechanism() -> None:
    assert kafka_tokens("SCRAM-SHA-512", None) is None
    assert kafka_tokens("OAUTHBEARER", REGION) is not None
    with pytest.raises(SettingsError, match="OAUTHBEARER needs AWS_REGION"):
        kafka_tokens("OAUTHBEARER", None)
