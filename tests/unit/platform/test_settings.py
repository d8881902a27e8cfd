from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest

from autodeal_platform.settings import (
    CognitoSettings,
    HttpSettings,
    Secret,
    SettingsError,
    describe_settings,
    load_settings,
)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class ExampleSettings(HttpSettings, CognitoSettings):
    database_url: Secret
    """Where the data lives."""
    pool_size: int = 5
    idempotent: bool = True
    colour: Colour = Colour.RED
    token: Secret | None = None


REQUIRED = {
    "HTTP_PORT": "8000",
    "COGNITO_ISSUER": "https://issuer",
    "COGNITO_CLIENT_ID": "client",
    "DATABASE_URL": "postgresql://user:hunter2@host/db",
}


def test_values_take_their_types_when_read_from_text() -> None:
    settings = load_settings(
        ExampleSettings,
        {
            **REQUIRED,
            "POOL_SIZE": "9",
            "IDEMPOTENT": "false",
            "COLOUR": "blue",
            "HTTP_DRAIN_DELAY_SECONDS": "1.5",
            "TOKEN": "abc",
            "SOMETHING_ELSE": "ignored",
        },
    )
    assert settings.http_port == 8000
    assert settings.pool_size == 9
    assert settings.idempotent is False
    assert settings.colour is Colour.BLUE
    assert settings.http_drain_delay_seconds == 1.5
    assert settings.database_url.reveal() == "postgresql://user:hunter2@host/db"
    assert settings.token == Secret("abc")
    assert settings.cognito_jwks_url is None


def test_every_fault_is_named_in_one_line_when_settings_are_bad() -> None:
    environ = {**REQUIRED, "HTTP_PORT": "hunter2", "LOG_LEVEL": "hunter2", "COLOUR": "hunter2"}
    del environ["DATABASE_URL"]
    with pytest.raises(SettingsError) as caught:
        load_settings(ExampleSettings, environ)
    message = str(caught.value)
    for name in ("HTTP_PORT", "LOG_LEVEL", "COLOUR", "DATABASE_URL is missing"):
        assert name in message
    assert "\n" not in message
    assert "hunter2" not in message


@pytest.mark.parametrize("raw", ["70000", "-1", "8000.5", "0x10", "nan"])
def test_port_is_refused_when_it_is_no_port(raw: str) -> None:
    with pytest.raises(SettingsError, match="HTTP_PORT is not an integer from 0 to 65535"):
        load_settings(ExampleSettings, {**REQUIRED, "HTTP_PORT": raw})


@pytest.mark.parametrize("raw", ["nan", "inf", "-1"])
def test_duration_is_refused_when_it_is_no_finite_duration(raw: str) -> None:
    with pytest.raises(SettingsError, match="HTTP_DRAIN_DELAY_SECONDS"):
        load_settings(ExampleSettings, {**REQUIRED, "HTTP_DRAIN_DELAY_SECONDS": raw})


def test_variable_counts_as_absent_when_empty() -> None:
    assert load_settings(ExampleSettings, {**REQUIRED, "POOL_SIZE": ""}).pool_size == 5
    with pytest.raises(SettingsError, match="DATABASE_URL is missing"):
        load_settings(ExampleSettings, {**REQUIRED, "DATABASE_URL": ""})


def test_secret_stays_hidden_when_shown_in_any_way() -> None:
    settings = load_settings(ExampleSettings, REQUIRED)
    secret = settings.database_url
    assert "hunter2" not in f"{settings!r} {secret} {secret!r} {secret:>40} " + "%s %r" % (secret, secret)  # noqa: UP031
    assert secret != "postgresql://user:hunter2@host/db"
    assert secret == Secret("postgresql://user:hunter2@host/db")


def test_description_has_types_defaults_and_texts_when_asked() -> None:
    described = {field.env: field for field in describe_settings(ExampleSettings)}
    assert described["DATABASE_URL"].secret
    assert described["DATABASE_URL"].default is None
    assert described["DATABASE_URL"].doc == "Where the data lives."
    assert described["TOKEN"].secret
    assert described["TOKEN"].default == ""
    assert described["POOL_SIZE"].default == "5"
    assert described["IDEMPOTENT"].default == "true"
    assert described["COLOUR"].type == "one of red, blue"
    assert described["COLOUR"].default == "red"
    assert described["HTTP_PORT"].type == "an integer from 0 to 65535"
    assert described["COGNITO_JWKS_URL"].doc.startswith("Where the pool publishes")


@pytest.mark.parametrize("cls", [HttpSettings, CognitoSettings])
def test_every_setting_is_documented_when_it_is_the_platforms(
    cls: type[HttpSettings | CognitoSettings],
) -> None:
    assert [field.env for field in describe_settings(cls) if not field.doc] == []
