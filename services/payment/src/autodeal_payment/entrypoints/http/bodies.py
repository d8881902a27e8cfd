"""What requests carry: bodies and parameters, checked before a use case sees them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from autodeal_contracts.events.sale import PaymentMethod
from autodeal_contracts.saga import PaymentState
from autodeal_payment.app.ports.payment_provider import CardSubmission
from autodeal_platform.errors import InvalidFieldError
from autodeal_platform.http_app import MAX_ID
from autodeal_platform.json_codec import RequestBody

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MOST_INSTALLMENTS = 24

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="1 to 255 visible ASCII characters. Sent again with the same request, it gives the first "
        "answer again; with another request, 422. Without one, each request makes another payment.",
    ),
]
PaymentId = Annotated[str, PathParameter(max_length=32, description="`<order id>-<attempt>`.")]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many to return at most.")]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=128, description="From the `Link` header of the page before."),
]
StatusFilter = Annotated[PaymentState | None, QueryParameter()]
KeyFilter = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=255,
        description="The key with which the caller asked for the payment, or began the sale.",
    ),
]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class CardBody(RequestBody, frozen=True, kw_only=True):
    """A card, as the provider's own form made a token of it: no number ever comes here."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    """Used for one call and kept nowhere."""
    payment_method_id: Word
    """The brand, such as `master`."""
    installments: Annotated[int, msgspec.Meta(ge=1, le=MOST_INSTALLMENTS)] = 1
    issuer_id: Word | None = None

    def __repr__(self) -> str:
        return "CardBody(…)"


class ChoosePaymentBody(RequestBody, frozen=True, kw_only=True):
    """How a buyer wants to pay an order."""

    order_id: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
    payment_method: PaymentMethod
    card: CardBody | None = None
    """With the method `card`, and only then."""

    def __post_init__(self) -> None:
        if self.payment_method is PaymentMethod.CARD and self.card is None:
            raise InvalidFieldError("card", "is required to pay by card")
        if self.payment_method is not PaymentMethod.CARD and self.card is not None:
            raise InvalidFieldError("card", "is only taken with the payment method card")

    @property
    def submission(self) -> CardSubmission | None:
        """Return the card as the use case takes it; the attempt is not known yet."""
        if self.card is None:
            return None
        return CardSubmission(
            attempt=0,
            token=self.card.token,
            payment_method_id=self.card.payment_method_id,
            installments=self.card.installments,
            issuer_id=self.card.issuer_id,
        )
