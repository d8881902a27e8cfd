"""The provider's operations: what `/v1/payments` does, without HTTP and without faults.

Every method returns the JSON of the answer or raises `ProviderError`; none waits, so none is ever half done.
"""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from autodeal_devstack.sandbox.clock import Clock
from autodeal_devstack.sandbox.create_request import read_create_request
from autodeal_devstack.sandbox.idempotency_keys import IdempotencyKeys
from autodeal_devstack.sandbox.issue_payment import IssuingRules, issue_payment
from autodeal_devstack.sandbox.payment import IllegalMoveError, Payment, cancel
from autodeal_devstack.sandbox.payment_book import PaymentBook
from autodeal_devstack.sandbox.present_payment import present_payment, present_refund, present_refunds
from autodeal_devstack.sandbox.provider_errors import ProviderError, bad_request, payment_not_found
from autodeal_devstack.sandbox.refund_desk import RefundDesk
from autodeal_devstack.sandbox.search_payments import search_payments
from autodeal_platform.json_codec import encode_json

_canonical_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Provider:
    """The operations over one book of payments."""

    def __init__(
        self,
        *,
        book: PaymentBook,
        keys: IdempotencyKeys,
        refunds: RefundDesk,
        clock: Clock,
        rules: IssuingRules,
        public_url: str,
    ) -> None:
        self._book = book
        self._keys = keys
        self._refunds = refunds
        self._clock = clock
        self._rules = rules
        self._public_url = public_url

    def create(self, document: dict[str, Any], key: str) -> bytes:
        """Make a payment, once for each key."""
        now = self._clock.now()

        def effect() -> bytes:
            request = read_create_request(document)
            payment = issue_payment(request, payment_id=self._book.next_id(), now=now, rules=self._rules)
            self._book.add(payment)
            return self._present(payment)

        return self._keys.once("create", key, _fingerprint(document), now, effect)

    def get(self, payment_id: int) -> bytes:
        """Return a payment as it is now."""
        return self._present(self._require(payment_id))

    def search(self, params: Mapping[str, str], hidden_ms: int) -> bytes:
        """Return one page of payments; those younger than `hidden_ms` are not found yet."""
        hidden = timedelta(milliseconds=hidden_ms)
        found = search_payments(
            self._book, params, now=self._clock.now(), hidden=hidden, public_url=self._public_url
        )
        return encode_json(found)

    def update(self, payment_id: int, document: dict[str, Any]) -> bytes:
        """Cancel a payment, which is the one update that the sandbox knows."""
        self._require(payment_id)
        if document.get("status") not in {"cancelled", "canceled"}:
            raise bad_request(1, "Params Error: the sandbox updates status to cancelled only")
        try:
            return self._present(self._book.change(payment_id, cancel("by_collector")))
        except IllegalMoveError:
            message = "The action requested is not valid for the current payment state"
            raise bad_request(2018, message) from None

    def refund(self, payment_id: int, document: dict[str, Any], key: str) -> bytes:
        """Give money back, once for each key."""
        payment = self._require(payment_id)
        now = self._clock.now()

        def effect() -> bytes:
            changed, refund = self._refunds.refund(payment, document, now)
            return encode_json(present_refund(changed, refund))

        return self._keys.once(f"refund {payment_id}", key, _fingerprint(document), now, effect)

    def list_refunds(self, payment_id: int) -> bytes:
        """Return the refunds of a payment."""
        return encode_json(present_refunds(self._require(payment_id)))

    def get_refund(self, payment_id: int, refund_id: int) -> bytes:
        """Return one refund of a payment."""
        payment = self._require(payment_id)
        for refund in payment.refunds:
            if refund.id == refund_id:
                return encode_json(present_refund(payment, refund))
        raise ProviderError(404, "not_found", "Refund not found", code=2032)

    def _require(self, payment_id: int) -> Payment:
        payment = self._book.find(payment_id)
        if payment is None:
            raise payment_not_found()
        return payment

    def _present(self, payment: Payment) -> bytes:
        return encode_json(present_payment(payment, self._public_url))


def _fingerprint(document: dict[str, Any]) -> str:
    """Digest what a request says, so that white space and the order of fields make no other request."""
    return sha256(_canonical_encoder.encode(document)).hexdigest()
