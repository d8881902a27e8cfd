"""People as Cognito keeps them: read by subject at the moment of the call, never stored here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from autodeal_payment.app.ports.payer_directory import (
    Address,
    Payer,
    PayerDirectoryUnavailableError,
    PayerUnknownError,
)

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_cognito_idp import CognitoIdentityProviderClient

UNKNOWN = "payer_unknown"
INCOMPLETE = "payer_incomplete"


class _AddressAttribute(msgspec.Struct, frozen=True):
    """`custom:address`, as the registration writes it."""

    street: str
    number: str
    neighborhood: str
    city: str
    state: str
    zip_code: str


_read_address = msgspec.json.Decoder(_AddressAttribute).decode


class CognitoPayerDirectory:
    """The PayerDirectory on a user pool; the client is the process's own and outlives it."""

    def __init__(self, client: CognitoIdentityProviderClient, user_pool_id: str) -> None:
        self._client = client
        self._user_pool_id = user_pool_id

    async def find(self, subject: str) -> Payer:
        """Read the person; nothing of it is logged, and no error carries any of it."""
        try:
            found = await self._client.admin_get_user(UserPoolId=self._user_pool_id, Username=subject)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "UserNotFoundException":
                raise PayerUnknownError(UNKNOWN) from None
            raise PayerDirectoryUnavailableError from error
        except BotoCoreError as error:
            raise PayerDirectoryUnavailableError from error
        held = {each["Name"]: each.get("Value", "") for each in found.get("UserAttributes", [])}
        try:
            address = _read_address(held["custom:address"])
            payer = Payer(
                email=held["email"],
                first_name=held["given_name"],
                last_name=held["family_name"],
                cpf=held["custom:cpf"],
                address=Address(**{name: getattr(address, name) for name in address.__struct_fields__}),
            )
        except (KeyError, msgspec.MsgspecError):
            raise PayerUnknownError(INCOMPLETE) from None
        if not all((payer.email, payer.first_name, payer.last_name, payer.cpf)):
            raise PayerUnknownError(INCOMPLETE)
        return payer
