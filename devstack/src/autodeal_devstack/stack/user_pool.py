"""A Cognito user pool as the platform wants it, with people in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.engines.probes import aws_client
from autodeal_devstack.stack.people import Person, make_person

if TYPE_CHECKING:  # the stubs are installed for development only
    from types_aiobotocore_cognito_idp import CognitoIdentityProviderClient

ADMIN = "Admin"
BUYER = "Buyer"
GROUPS = (ADMIN, BUYER)
POOL_NAME = "autodeal"
STANDARD_ATTRIBUTES = ("email", "given_name", "family_name")
CUSTOM_ATTRIBUTES = ("cpf", "address", "terms_accepted_at")
LONGEST_ATTRIBUTE = "2048"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A registered person."""

    subject: str
    """The `sub` of the tokens, which is also the user name."""
    person: Person
    groups: tuple[str, ...]


@dataclass(kw_only=True)
class UserPool:
    """A pool, its one app client and the accounts made here."""

    endpoints: Endpoints
    pool_id: str
    client_id: str
    accounts: dict[tuple[str, int], Account] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""
        return f"https://cognito-idp.{self.endpoints.aws_region}.amazonaws.com/{self.pool_id}"

    @property
    def jwks_url(self) -> str:
        """Where its public keys are served: by the emulator, else below the issuer."""
        root = f"{self.endpoints.cognito_url}/{self.pool_id}" if self.endpoints.cognito_url else self.issuer
        return f"{root}/.well-known/jwks.json"

    async def account(self, group: str, number: int = 1) -> Account:
        """Return the account of that number in a group, registering it the first time."""
        async with self._lock:
            known = self.accounts.get((group, number))
            if known is None:
                async with cognito_client(self.endpoints) as client:
                    known = await register(client, self.pool_id, make_person(group, number), [group])
                self.accounts[group, number] = known
            return known

    async def token(self, group: str = BUYER, number: int = 1) -> str:
        """Log an account in and return its access token."""
        account = await self.account(group, number)
        async with cognito_client(self.endpoints) as client:
            return await log_in(client, self.client_id, account.person)


def cognito_client(endpoints: Endpoints) -> AbstractAsyncContextManager[CognitoIdentityProviderClient]:
    """Return a client of the endpoints' Cognito."""
    client: AbstractAsyncContextManager[CognitoIdentityProviderClient] = aws_client(
        "cognito-idp",
        endpoints.cognito_url,
        region=endpoints.aws_region,
        access_key_id=endpoints.aws_access_key_id,
        secret_access_key=endpoints.aws_secret_access_key,
    )
    return client


async def create_user_pool(endpoints: Endpoints, name: str = POOL_NAME) -> UserPool:
    """Create a pool whose users sign in by e-mail, its groups, its attributes and an app client."""
    async with cognito_client(endpoints) as client:
        pool = await client.create_user_pool(
            PoolName=name,
            UsernameAttributes=["email"],
            AutoVerifiedAttributes=["email"],
            Schema=[
                {
                    "Name": attribute,
                    "AttributeDataType": "String",
                    "Mutable": True,
                    "StringAttributeConstraints": {"MinLength": "0", "MaxLength": LONGEST_ATTRIBUTE},
                }
                for attribute in CUSTOM_ATTRIBUTES
            ],
        )
        pool_id = pool["UserPool"]["Id"]
        for group in GROUPS:
            await client.create_group(UserPoolId=pool_id, GroupName=group)
        app = await client.create_user_pool_client(
            UserPoolId=pool_id,
            ClientName="autodeal",
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )
    return UserPool(endpoints=endpoints, pool_id=pool_id, client_id=app["UserPoolClient"]["ClientId"])


async def ensure_user_pool(endpoints: Endpoints, name: str = POOL_NAME) -> UserPool:
    """Return the pool of that name, creating it where there is none."""
    async with cognito_client(endpoints) as client:
        pools = (await client.list_user_pools(MaxResults=60))["UserPools"]
        pool_id = next((pool["Id"] for pool in pools if pool["Name"] == name), None)
        if pool_id is None:
            return await create_user_pool(endpoints, name)
        apps = await client.list_user_pool_clients(UserPoolId=pool_id, MaxResults=1)
    client_id = apps["UserPoolClients"][0]["ClientId"]
    return UserPool(endpoints=endpoints, pool_id=pool_id, client_id=client_id)


async def register(
    client: CognitoIdentityProviderClient, pool_id: str, person: Person, groups: Sequence[str]
) -> Account:
    """Create a confirmed user with a complete profile, in the given groups, unless there is one already."""
    values = (person.email, person.first_name, person.last_name)
    custom = (person.cpf, json.dumps(person.address), datetime.now(UTC).isoformat(timespec="seconds"))
    attributes = [
        *zip(STANDARD_ATTRIBUTES, values, strict=True),
        *((f"custom:{name}", value) for name, value in zip(CUSTOM_ATTRIBUTES, custom, strict=True)),
    ]
    try:
        created = await client.admin_create_user(
            UserPoolId=pool_id,
            Username=person.email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes],
        )
    except client.exceptions.UsernameExistsException:
        known = await client.admin_get_user(UserPoolId=pool_id, Username=person.email)
        return Account(subject=known["Username"], person=person, groups=tuple(groups))
    user_name = created["User"]["Username"]
    await client.admin_set_user_password(
        UserPoolId=pool_id, Username=user_name, Password=person.password, Permanent=True
    )
    for group in groups:
        await client.admin_add_user_to_group(UserPoolId=pool_id, Username=user_name, GroupName=group)
    return Account(subject=user_name, person=person, groups=tuple(groups))


async def log_in(client: CognitoIdentityProviderClient, client_id: str, person: Person) -> str:
    """Return an access token."""
    answer = await client.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
    )
    return answer["AuthenticationResult"]["AccessToken"]
