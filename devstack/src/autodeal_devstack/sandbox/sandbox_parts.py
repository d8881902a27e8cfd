"""The parts of one sandbox, wired together; routes get them as one dependency."""

from dataclasses import dataclass
from datetime import timedelta

from litestar.di import NamedDependency

from autodeal_devstack.sandbox.call_log import CallLog
from autodeal_devstack.sandbox.clock import Clock
from autodeal_devstack.sandbox.faults import FaultBoard
from autodeal_devstack.sandbox.front_desk import FrontDesk
from autodeal_devstack.sandbox.idempotency_keys import IdempotencyKeys
from autodeal_devstack.sandbox.issue_payment import IssuingRules
from autodeal_devstack.sandbox.payment_book import PaymentBook
from autodeal_devstack.sandbox.provider import Provider
from autodeal_devstack.sandbox.refund_desk import RefundDesk
from autodeal_devstack.sandbox.send_webhooks import WebhookSender
from autodeal_devstack.sandbox.settings import SandboxSettings
from autodeal_platform.health import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Everything that one process holds, all of it in memory."""

    settings: SandboxSettings
    book: PaymentBook
    keys: IdempotencyKeys
    refunds: RefundDesk
    faults: FaultBoard
    calls: CallLog
    sender: WebhookSender
    provider: Provider
    desk: FrontDesk

    def reset(self) -> None:
        """Forget payments, keys, faults, calls and notifications."""
        self.book.clear()
        self.keys.clear()
        self.refunds.clear()
        self.faults.clear()
        self.calls.clear()
        self.sender.clear()


TheSandbox = NamedDependency[Sandbox]
"""How a route asks for the sandbox."""


def build_sandbox(settings: SandboxSettings, clock: Clock, health: Health) -> Sandbox:
    """Wire the parts."""
    faults, keys = FaultBoard(), IdempotencyKeys()
    calls = CallLog(settings.sandbox_record_limit)
    sender = WebhookSender(settings, faults, clock)
    book = PaymentBook(clock, sender.announce)
    refunds = RefundDesk(book)
    rules = IssuingRules(
        merchant_name=settings.sandbox_merchant_name,
        merchant_city=settings.sandbox_merchant_city,
        pix_minimum_expiration=timedelta(seconds=settings.sandbox_pix_minimum_expiration_seconds),
        draw_pix_image=settings.sandbox_draw_pix_image,
    )
    return Sandbox(
        settings=settings,
        book=book,
        keys=keys,
        refunds=refunds,
        faults=faults,
        calls=calls,
        sender=sender,
        provider=Provider(
            book=book, keys=keys, refunds=refunds, clock=clock, rules=rules, public_url=settings.public_url
        ),
        desk=FrontDesk(
            faults=faults,
            calls=calls,
            keys=keys,
            clock=clock,
            health=health,
            access_token=settings.sandbox_access_token,
            unanswered_seconds=settings.sandbox_unanswered_seconds,
        ),
    )
