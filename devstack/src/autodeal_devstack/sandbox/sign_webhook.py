"""The signature of a notification: HMAC-SHA256 over the query's `data.id`, the request's id and a time."""

import hashlib
import hmac


def sign_webhook(secret: str, *, data_id: str, request_id: str, timestamp: int) -> str:
    """Return the value of the `x-signature` header. The body is not signed, as with the real provider."""
    manifest = f"id:{data_id};request-id:{request_id};ts:{timestamp};"
    digest = hmac.new(secret.encode(), manifest.encode(), hashlib.sha256).hexdigest()
    return f"ts={timestamp},v1={digest}"
