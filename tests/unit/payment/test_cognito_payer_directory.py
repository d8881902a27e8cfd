"""Payers as Cognito tells them; what is missing is named by a word, never shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from autodeal_payment.adapters.cognito_payer_directory import CognitoPayerDirectory
from autodeal_payment.app.ports.payer_directory import PayerDirectoryUnavailableError, PayerUnknownError

ATTRIBUTES = {
    "sub": "s",
    "email": "maria@example.com",
    "given_name": "Maria",
    "family_name": "Silva",
    "custom:cpf": "52998224725",
    "custom:address": json.dumps(
        {
            "street": "Rua A",
            "number": "1",
            "complement": None,
            "neighborhood": "Centro",
            "city": "São Paulo",
            "state": "SP",
            "zip_code": "01001000",
        }
    ),
}


class ScriptedCognito:
    def __init__(self, answer: dict[str, str] | Exception) -> None:
        self.answer = answer

    async def admin_get_user(self, *, UserPoolId: str, Username: str) -> dict[str, Any]:  # noqa: N803
        assert (UserPoolId, Username) == ("pool", "subject")
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"UserAttributes": [{"Name": name, "Value": value} for name, value in self.answer.items()]}


def directory(answer: dict[str, str] | Exception) -> CognitoPayerDirectory:
    return CognitoPayerDirectory(ScriptedCognito(answer), "pool")  # type: ignore[arg-type]  # one method of it


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "AdminGetUser")


async def test_payer_is_complete_when_the_profile_is() -> None:
    payer = await directory(ATTRIBUTES).find("subject")
    assert (payer.email, payer.cpf, payer.address.city) == ("maria@example.com", "52998224725", "São Paulo")


@pytest.mark.parametrize("missing", ["email", "given_name", "family_name", "custom:cpf", "custom:address"])
async def test_payer_is_incomplete_when_an_attribute_is_missing(missing: str) -> None:
    attributes = {name: value for name, value in ATTRIBUTES.items() if name != missing}
    for damaged in (attributes, {**ATTRIBUTES, missing: ""}):
        with pytest.raises(PayerUnknownError) as error:
            await directory(damaged).find("subject")
        assert error.value.reason == "payer_incomplete"


async def test_payer_is_unknown_when_deleted() -> None:
    with pytest.raises(PayerUnknownError) as error:
        await directory(refusal("UserNotFoundException")).find("subject")
    assert error.value.reason == "payer_unknown"


@pytest.mark.parametrize(
    "error", [refusal("TooManyRequestsException"), EndpointConnectionError(endpoint_url="http://x")]
)
async def test_directory_is_away_when_it_does_not_answer(error: Exception) -> None:
    with pytest.raises(PayerDirectoryUnavailableError):
        await directory(error).find("subject")
