from __future__ import annotations

import pytest

from autodeal_gateway.__main__ import SETTINGS_INVALID, main
from autodeal_gateway.settings import Settings
from autodeal_platform.run_http import KEEP_ALIVE_SECONDS
from autodeal_platform.settings import describe_settings, load_settings

ENVIRONMENT = {
    "HTTP_PORT": "8080",
    "COGNITO_ISSUER": "https://cognito-idp.sa-east-1.amazonaws.com/sa-east-1_a",
    "COGNITO_CLIENT_ID": "app",
    "COGNITO_USER_POOL_ID": "sa-east-1_a",
    "AWS_REGION": "sa-east-1",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "VEHICLE_URL": "http://vehicle",
    "PAYMENT_URL": "http://payment",
    "WEBHOOK_SECRET": "new-secret",
}


def test_settings_are_read_when_only_the_needed_are_given() -> None:
    settings = load_settings(Settings, ENVIRONMENT)
    assert settings.webhook_secrets() == (b"new-secret",)


def test_both_secrets_are_accepted_when_the_previous_is_still_set() -> None:
    settings = load_settings(Settings, {**ENVIRONMENT, "WEBHOOK_SECRET_PREVIOUS": "old-secret"})
    assert settings.webhook_secrets() == (b"new-secret", b"old-secret")
    assert "new-secret" not in repr(settings)
    assert "old-secret" not in repr(settings)


def test_idle_connections_are_given_up_before_the_services_do_when_left_at_the_default() -> None:
    assert load_settings(Settings, ENVIRONMENT).upstream_keep_alive_seconds < KEEP_ALIVE_SECONDS


def test_every_setting_tells_what_it_is_for_when_described() -> None:
    assert [setting.env for setting in describe_settings(Settings) if not setting.doc] == []


def test_process_ends_naming_what_is_missing_when_started_without_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    assert main(["serve"]) == SETTINGS_INVALID
    assert {"VEHICLE_URL", "WEBHOOK_SECRET"} <= set(capsys.readouterr().err.replace(";", "").split())
