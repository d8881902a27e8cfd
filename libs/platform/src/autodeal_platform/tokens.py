"""Cognito's tokens: who is calling, proven.

RS256 only, from one user pool and for one app client; access tokens (`client_id`) and id tokens
(`aud`) are both accepted. Source: Amazon Cognito, "Verifying JSON web tokens".
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt

from autodeal_platform.errors import TokenExpiredError, UnauthenticatedError
from autodeal_platform.principal import Principal
from autodeal_platform.settings import CognitoSettings
from autodeal_platform.signing_keys import Fetch, SigningKeys, fetch_over_http

__all__ = ("Principal", "TokenVerifier")

MAX_TOKEN_LENGTH: Final = 8192
MAX_CACHED_TOKENS: Final = 10_000


class TokenVerifier:
    """Turns a token into a Principal, or says why not.

    Verified tokens are remembered until they expire (a bounded number, by their SHA-256), since
    checking an RSA signature costs more than the rest of a small request.
    """

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        jwks_url: str | None = None,
        leeway_s: float = 5.0,
        fetch: Fetch = fetch_over_http,
        clock: Callable[[], float] = time.time,
        keys: SigningKeys | None = None,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._leeway_s = leeway_s
        self._clock = clock
        self._keys = keys or SigningKeys(jwks_url or f"{issuer}/.well-known/jwks.json", fetch=fetch)
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()

    @classmethod
    def from_settings(cls, settings: CognitoSettings) -> TokenVerifier:
        """Make the verifier that the settings ask for; it opens no connection before the first token."""
        return cls(
            issuer=settings.cognito_issuer,
            client_id=settings.cognito_client_id,
            jwks_url=settings.cognito_jwks_url,
            leeway_s=settings.cognito_leeway_seconds,
        )

    async def verify(self, token: str) -> Principal:
        """Return who the token speaks for.

        Raises TokenExpiredError for a genuine token past its time, UnauthenticatedError for any
        other that is not ours, UnavailableError when the signing keys cannot be fetched.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise UnauthenticatedError
        digest = hashlib.sha256(token.encode()).digest()
        principal = self._verified.get(digest)
        if principal is not None:
            return self._still_valid(digest, principal)
        key = await self._keys.find(_key_id_of(token))
        principal = self._judge(_verified_claims(token, key))
        self._verified[digest] = principal
        if len(self._verified) > MAX_CACHED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    def _still_valid(self, digest: bytes, principal: Principal) -> Principal:
        if principal.expires_at + self._leeway_s <= self._clock():
            self._verified.pop(digest, None)
            raise TokenExpiredError
        return principal

    def _judge(self, claims: Mapping[str, Any]) -> Principal:
        """Check every claim of a token whose signature is good."""
        token_use = claims.get("token_use")
        audience = {"access": "client_id", "id": "aud"}.get(str(token_use))
        if claims.get("iss") != self._issuer or audience is None or claims.get(audience) != self._client_id:
            raise UnauthenticatedError
        subject, groups = claims.get("sub"), claims.get("cognito:groups", [])
        if not isinstance(subject, str) or not subject or not isinstance(groups, list):
            raise UnauthenticatedError
        now = self._clock()
        not_before = max(_seconds(claims.get("nbf", 0)), _seconds(claims.get("iat", 0)))
        expires_at = _seconds(claims.get("exp"))
        if not_before > now + self._leeway_s:
            raise UnauthenticatedError
        if expires_at + self._leeway_s <= now:
            raise TokenExpiredError
        return Principal(
            subject=subject,
            groups=frozenset(map(str, groups)),
            token_use=str(token_use),
            expires_at=expires_at,
        )


def _key_id_of(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise UnauthenticatedError from None
    key_id = header.get("kid")
    # Refused before any key is looked for: neither `none` nor a shared secret may ever verify.
    if header.get("alg") != "RS256" or not isinstance(key_id, str):
        raise UnauthenticatedError
    return key_id


def _verified_claims(token: str, key: jwt.PyJWK) -> Mapping[str, Any]:
    """Check the signature only; the claims are judged here, by our clock and for both kinds of token."""
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key=key,
            algorithms=["RS256"],
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
                "verify_iss": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise UnauthenticatedError from None
    return claims


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnauthenticatedError
    return float(value)
