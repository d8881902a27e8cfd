"""What keeps a use case from answering, apart from the rules of selling."""

from __future__ import annotations


class StoreUnavailableError(Exception):
    """The store did not answer in time or was cut off; what was under way may or may not have happened.

    Asked again with the same idempotency key, the store tells.
    """

    code = "unavailable"

    def __init__(self) -> None:
        super().__init__("The service cannot reach its database right now; try again.")


class AnswerTakenError(Exception):
    """Another request with the same idempotency key committed first; its answer is to be repeated."""

    code = "idempotency_in_progress"


class UnknownOrderError(Exception):
    """An event names an order that is not stored.

    Orders are committed before anything is published about them, so this means that something is
    lost or misrouted: the event is retried until somebody has looked.
    """

    code = "unknown_order"

    def __init__(self, order_id: int) -> None:
        super().__init__(f"an event names order {order_id}, which does not exist")


class InvariantBrokenError(Exception):
    """The store holds what no sequence of commits can have written; nothing is changed."""

    code = "invariant_broken"


class InvalidCursorError(Exception):
    """The cursor was not made by this list."""

    code = "cursor_invalid"

    def __init__(self) -> None:
        super().__init__("The cursor is not one that this list gave out.")
