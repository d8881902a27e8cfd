"""People, at a Cognito user pool.

The pool takes the e-mail address as its alias, so a user's `Username` is the subject id of their
tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from autodeal_gateway.adapters.cognito_attributes import (
    TERMS_ACCEPTED_AT,
    attributes_of,
    by_name,
    profile_from,
)
from autodeal_gateway.app.errors import (
    IdentityUnavailableError,
    InvalidCredentialsError,
    PasswordChangeRequiredError,
    PersonNotFoundError,
    TooManyAttemptsError,
)
from autodeal_gateway.app.log_in import Tokens
from autodeal_gateway.app.register_person import EmailKnownError, PasswordRefusedError, UnfinishedPerson
from autodeal_gateway.domain.profile import Profile
from autodeal_gateway.domain.registration import Registration

if TYPE_CHECKING:
    from types_aiobotocore_cognito_idp import CognitoIdentityProviderClient

BUYERS: Final = "Buyer"

_WAITS_FOR_PASSWORD: Final = "FORCE_CHANGE_PASSWORD"  # noqa: S105  a state, not a password
_WRONG_CREDENTIALS: Final = frozenset({"NotAuthorizedException", "UserNotFoundException"})
_SET_UP_FURTHER: Final = frozenset({"PasswordResetRequiredException", "UserNotConfirmedException"})
_THROTTLED: Final = frozenset({"LimitExceededException", "TooManyRequestsException", "ThrottlingException"})
_ATTEMPTS_EXCEEDED: Final = "attempts exceeded"
"""How Cognito says, with the code of a wrong password, that an account is locked for a while."""


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what every call may meet into the application's errors; the rest passes through.

    Nothing of the original error is kept as a cause: Cognito's messages repeat what was sent.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "UserNotFoundException":
            raise PersonNotFoundError from None
        if code in _THROTTLED:
            raise TooManyAttemptsError from None
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:  # noqa: PLR2004  any server error
            raise IdentityUnavailableError from None
        raise
    except BotoCoreError:
        raise IdentityUnavailableError from None


class CognitoPeople:
    """The people of one user pool; serves every port of the use cases about people."""

    def __init__(self, client: CognitoIdentityProviderClient, *, user_pool_id: str, client_id: str) -> None:
        self._client = client
        self._pool = user_pool_id
        self._client_id = client_id

    async def create_person(self, registration: Registration) -> str:
        """Make a user without a known password; see Registrar."""
        try:
            with _translated():
                made = await self._client.admin_create_user(
                    UserPoolId=self._pool,
                    Username=registration.email,
                    UserAttributes=attributes_of(registration),
                    MessageAction="SUPPRESS",
                )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"UsernameExistsException", "AliasExistsException"}:
                raise EmailKnownError from None
            raise
        return made["User"]["Username"]

    async def find_unfinished(self, email: str) -> UnfinishedPerson | None:
        """Return the user under the address if its registration here was never finished.

        An administrator who was invited through the console waits for a first password just the
        same, and must not be taken for one: they lack the terms, and are in other groups.
        """
        try:
            with _translated():
                user = await self._client.admin_get_user(UserPoolId=self._pool, Username=email)
                if user.get("UserStatus") != _WAITS_FOR_PASSWORD:
                    return None
                if TERMS_ACCEPTED_AT not in by_name(user["UserAttributes"]):
                    return None
                groups = await self._client.admin_list_groups_for_user(
                    UserPoolId=self._pool, Username=user["Username"]
                )
        except PersonNotFoundError:
            return None
        if any(group["GroupName"] != BUYERS for group in groups["Groups"]):
            return None
        return UnfinishedPerson(subject=user["Username"], created_at=user["UserCreateDate"])

    async def admit_buyer(self, subject: str) -> None:
        """Add to group Buyer; see Registrar."""
        with _translated():
            await self._client.admin_add_user_to_group(
                UserPoolId=self._pool, Username=subject, GroupName=BUYERS
            )

    async def set_password(self, subject: str, password: str) -> None:
        """Set the password for good, after which the person can log in; see Registrar."""
        try:
            with _translated():
                await self._client.admin_set_user_password(
                    UserPoolId=self._pool, Username=subject, Password=password, Permanent=True
                )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"InvalidPasswordException", "InvalidParameterException"}:
                raise PasswordRefusedError("is refused by the identity provider's policy") from None
            raise

    async def erase(self, subject: str) -> None:
        """Delete the user with all that is kept of them; see Eraser."""
        try:
            with _translated():
                await self._client.admin_delete_user(UserPoolId=self._pool, Username=subject)
        except PersonNotFoundError:
            return

    async def read_profile(self, subject: str) -> Profile | None:
        """Return who a subject id is; see ProfileReader."""
        try:
            with _translated():
                user = await self._client.admin_get_user(UserPoolId=self._pool, Username=subject)
        except PersonNotFoundError:
            return None
        return profile_from(user["Username"], by_name(user["UserAttributes"]))

    async def log_in(self, email: str, password: str) -> Tokens:
        """Return tokens; see Doorkeeper."""
        try:
            with _translated():
                answer = await self._client.initiate_auth(
                    ClientId=self._client_id,
                    AuthFlow="USER_PASSWORD_AUTH",
                    AuthParameters={"USERNAME": email, "PASSWORD": password},
                )
        except PersonNotFoundError:
            raise InvalidCredentialsError from None
        except ClientError as error:
            raise _login_refusal(error) from None
        result = answer.get("AuthenticationResult")
        if result is None:
            raise PasswordChangeRequiredError
        return Tokens(
            access_token=result["AccessToken"],
            id_token=result["IdToken"],
            refresh_token=result.get("RefreshToken"),
            token_type=result["TokenType"],
            expires_in=result["ExpiresIn"],
        )


def _login_refusal(error: ClientError) -> Exception:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in _WRONG_CREDENTIALS and _ATTEMPTS_EXCEEDED in message.lower():
        return TooManyAttemptsError()
    if code in _WRONG_CREDENTIALS:
        return InvalidCredentialsError()
    if code in _SET_UP_FURTHER:
        return PasswordChangeRequiredError()
    return error
