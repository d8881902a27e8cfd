"""What the commands say when the environment is wrong, and what is told of the settings."""

from __future__ import annotations

import os

import pytest

from autodeal_payment.__main__ import main
from autodeal_payment.settings import Settings
from autodeal_platform.settings import describe_settings, load_settings

ENVIRONMENT = {
    "HTTP_PORT": "0",
    "COGNITO_ISSUER": "https://issuer.example",
    "COGNITO_CLIENT_ID": "client",
    "COGNITO_USER_POOL_ID": "pool",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "DYNAMODB_TABLE": "payment",
    "AWS_REGION": "us-east-1",
    "MERCADO_PAGO_ACCESS_TOKEN": "APP_USR-very-secret",
}


@pytest.mark.parametrize("command", ["serve", "work", "migrate"])
def test_command_ends_with_two_and_names_what_is_missing_when_nothing_is_set(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The stream that pytest captures is closed after this test; others would go on logging to it.
    monkeypatch.setattr("autodeal_payment.__main__.configure_logging", lambda *_: None)
    for name in list(os.environ):
        if name.startswith(("DYNAMODB_", "AWS_", "MERCADO_", "KAFKA_", "COGNITO_")):
            monkeypatch.delenv(name)
    assert main([command]) == 2
    assert "DYNAMODB_TABLE" in capsys.readouterr().err


def test_secret_is_hidden_and_the_schedule_follows_when_settings_are_read() -> None:
    settings = load_settings(Settings, {**ENVIRONMENT, "JANITOR_FIRST_CHECK_SECONDS": "2.5"})
    assert "very-secret" not in repr(settings)
    assert settings.schedule.first_check.total_seconds() == 2.5
    assert settings.mercado_pago_url == "https://api.mercadopago.com"


def test_every_setting_is_explained_when_described() -> None:
    described = describe_settings(Settings)
    assert all(setting.doc for setting in described)
    assert {setting.env for setting in described if setting.secret} == {
        "MERCADO_PAGO_ACCESS_TOKEN",
        "KAFKA_SASL_PASSWORD",
    }
