"""A user pool in memory, for tests: it signs tokens as Cognito does and publishes its keys.

`pool.verifier()` goes into `create_app`, `pool.authorization("Buyer")` into a request's headers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from autodeal_platform.signing_keys import SigningKeys
from autodeal_platform.tokens import TokenVerifier

ISSUER: Final = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_fake"
CLIENT_ID: Final = "fake-client"
SUBJECT: Final = "11111111-2222-3333-4444-555555555555"
_PUBLIC_EXPONENT: Final = 65537
_KEY_BITS: Final = 2048


class FakeUserPool:
    """Issues tokens; `fetches` counts how often its keys were asked for, `reachable` decides the answer."""

    def __init__(
        self, *, issuer: str = ISSUER, client_id: str = CLIENT_ID, clock: Callable[[], float] = time.time
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self.reachable = True
        self.fetches = 0
        self._clock = clock
        self._generation = 0
        self.rotate_key()

    def rotate_key(self) -> None:
        """Replace the signing key by a new one under a new id."""
        self._generation += 1
        self.key_id = f"key-{self._generation}"
        self._private_key = rsa.generate_private_key(_PUBLIC_EXPONENT, _KEY_BITS)

    def key_set(self) -> bytes:
        """Return the JWKS document that the pool publishes."""
        public: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(
            self._private_key.public_key(), as_dict=True
        )
        return msgspec.json.encode({"keys": [{**public, "kid": self.key_id, "use": "sig", "alg": "RS256"}]})

    async def fetch(self, _url: str) -> bytes:
        """Answer as the pool's HTTP endpoint would."""
        self.fetches += 1
        if not self.reachable:
            raise ConnectionError("the fake user pool is away")
        return self.key_set()

    def verifier(self, *, leeway_s: float = 5.0, keys: SigningKeys | None = None) -> TokenVerifier:
        """Return a verifier that believes this pool and runs by its clock."""
        return TokenVerifier(
            issuer=self.issuer,
            client_id=self.client_id,
            leeway_s=leeway_s,
            fetch=self.fetch,
            clock=self._clock,
            keys=keys,
        )

    def token(
        self,
        *,
        subject: str = SUBJECT,
        groups: Sequence[str] = (),
        use: str = "access",
        lifetime_s: float = 3600,
        claims: dict[str, Any] | None = None,
    ) -> str:
        """Sign a token; `claims` overrides single claims, and a claim set to None is left out."""
        now = self._clock()
        audience = "aud" if use == "id" else "client_id"
        payload: dict[str, Any] = {
            "sub": subject,
            "iss": self.issuer,
            "token_use": use,
            audience: self.client_id,
            "iat": int(now),
            "exp": int(now + lifetime_s),
        }
        if groups:
            payload["cognito:groups"] = list(groups)
        payload |= claims or {}
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self._private_key, algorithm="RS256", headers={"kid": self.key_id})

    def authorization(self, *groups: str, subject: str = SUBJECT) -> dict[str, str]:
        """Return the request header of a caller in these groups."""
        return {"authorization": f"Bearer {self.token(groups=groups, subject=subject)}"}
