"""The sandbox's settings, read once from the environment."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from autodeal_platform.settings import HttpSettings, Secret

_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]


@dataclass(frozen=True, kw_only=True)
class SandboxSettings(HttpSettings):
    """How one sandbox behaves. Times are those of development; the real provider's stand beside them."""

    http_drain_timeout_seconds: _Seconds = 3.0
    """How long calls in flight may take to end once the process is told to stop."""
    sandbox_access_token: Secret
    """The bearer token that callers of `/v1` present."""
    sandbox_webhook_secret: Secret
    """The secret that signs notifications."""
    sandbox_webhook_url: str | None = None
    """Where notifications go, unless a payment names its own `notification_url`; without both, nowhere."""
    sandbox_public_url: str | None = None
    """The address under which a person's browser finds the sandbox; by default where it listens."""
    sandbox_webhook_attempts: _Positive = 12
    """How often a notification is tried."""
    sandbox_webhook_first_retry_seconds: _Seconds = 0.25
    """The pause before the second attempt, doubled for each further one (really 15 minutes)."""
    sandbox_webhook_longest_retry_seconds: _Seconds = 5.0
    """The longest pause between two attempts."""
    sandbox_webhook_timeout_seconds: _Seconds = 5.0
    """How long a receiver may take to answer (really 22 seconds)."""
    sandbox_webhook_concurrency: _Positive = 16
    """How many notifications are delivered side by side."""
    sandbox_webhook_pending_limit: _Positive = 100_000
    """How many notifications may wait; further ones are dropped, and the record of deliveries says so."""
    sandbox_unanswered_seconds: _Seconds = 30.0
    """How long a call that is never answered is held open, unless its caller leaves first."""
    sandbox_pix_minimum_expiration_seconds: _Seconds = 0.0
    """The shortest life of a Pix code (really 1800); zero, since development uses short deadlines."""
    sandbox_draw_pix_image: bool = True
    """Whether answers hold the QR code as PNG, which costs about 3 ms a payment; without, it is empty."""
    sandbox_merchant_name: str = "AutoDeal"
    """Who is paid, as a Pix code and the pages name it."""
    sandbox_merchant_city: str = "Sao Paulo"
    """The city of who is paid."""
    sandbox_record_limit: _Positive = 50_000
    """How many of the latest calls, and how many deliveries, are remembered."""

    @property
    def public_url(self) -> str:
        """Return the address for browsers, without a slash at its end."""
        host = "127.0.0.1" if self.http_host in {"0.0.0.0", "::"} else self.http_host
        return (self.sandbox_public_url or f"http://{host}:{self.http_port}").rstrip("/")
