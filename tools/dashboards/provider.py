"""The payment provider: its answers, the money, its webhooks."""

from __future__ import annotations

from tools.dashboard_panels import Dashboard, Number, Panel, Row

_PAYMENTS = "autodeal_payment_payments_total"
_IGNORED = "autodeal_payment_notifications_ignored_total"
_REFUND_STATES = 'state=~"refunding|refunded|refund_failed"'

NOW = Row(
    "Now",
    [
        Number(
            "Calls unanswered",
            {"": "payment:provider_calls:unanswered_ratio5m{NS}"},
            "percentunit",
            red_from=0.2,
        ),
        Number(
            "Processes that gave the provider up",
            {"": "sum(autodeal_payment_provider_shut_off{NS})"},
            why="Each still lets one call through every two seconds.",
            red_from=1,
        ),
        Number(
            "Refunds that began to wait for a person, 24 h",
            {"": "sum(increase(autodeal_payment_refunds_stuck_total{NS}[24h]))"},
            red_from=1,
        ),
        Number(
            "Wrong amounts and stray payments, 24 h",
            {
                "wrong": "sum(increase(autodeal_payment_wrong_amounts_total{NS}[24h]))",
                "stray": "sum(increase(autodeal_payment_strays_total{NS}[24h]))",
            },
            red_from=1,
        ),
    ],
)
CALLS = Row(
    "Calls",
    [
        Panel(
            "Calls by what came of them",
            {
                "{{operation}} {{outcome}}": (
                    "sum by (operation, outcome) (payment:provider_calls:rate5m{NS})"
                )
            },
            "reqps",
        ),
        Panel(
            "95 of 100 calls are faster than",
            {"{{operation}}": "payment:provider_call_seconds:p95_5m{NS}"},
            "s",
            "After MERCADO_PAGO_TIMEOUT_SECONDS, 5 unless set otherwise, the outcome counts as unknown.",
        ),
    ],
)
PAYMENTS = Row(
    "Payments",
    [
        Panel(
            "Payments by what they came to",
            {"{{state}}": f"sum by (state) (rate({_PAYMENTS}{{NS}}[5m])) * 60"},
            why="A minute.",
        ),
        Panel(
            "Approved, by method",
            {"{{method}}": f'sum by (method) (increase({_PAYMENTS}{{NS,state="approved"}}[1h]))'},
            why="In the hour before.",
        ),
        Panel(
            "Refunds",
            {
                "{{state}}": f"sum by (state) (increase({_PAYMENTS}{{NS,{_REFUND_STATES}}}[1h]))",
            },
            why="In the hour before.",
        ),
    ],
)
WEBHOOKS = Row(
    "Webhooks",
    [
        Panel(
            "Webhooks by what became of them",
            {"{{outcome}}": "sum by (outcome) (rate(gateway_webhooks_total{NS}[5m])) * 60"},
            why="A minute.",
        ),
        Panel(
            "Notifications about payments that are not ours",
            {"{{reason}}": f"sum by (reason) (increase({_IGNORED}{{NS}}[1h]))"},
            why="In the hour before.",
        ),
        Panel(
            "Changes decided anew",
            {"": "sum(rate(autodeal_payment_version_conflicts_total{NS}[5m]))"},
            "ops",
            "Two events of one sale met; the loser looks again.",
        ),
    ],
)

PROVIDER = Dashboard(
    uid="autodeal-provider",
    title="AutoDeal: payments and their provider",
    rows=[NOW, CALLS, PAYMENTS, WEBHOOKS],
)
