"""Purchases: how many, how they end, and how the edge fares."""

from __future__ import annotations

from tools.dashboard_panels import Dashboard, Number, Panel, Row

_ROUTES = 'job="gateway",endpoint="http",method="POST",route=~"/vehicle/.+/initialize-sale|/payment"'
_BURN = "gateway:purchase_requests:error_ratio_rate{window}{{NS}} / 0.001"

PURCHASES = Dashboard(
    uid="autodeal-purchases",
    title="AutoDeal: purchases",
    rows=[
        Row(
            "Now",
            [
                Number(
                    "Purchases failing, 1 h",
                    {"": "gateway:purchase_requests:error_ratio_rate1h{NS}"},
                    "percentunit",
                    "The error budget allows one in a thousand.",
                    red_from=0.001,
                ),
                Number("Sold, 24 h", {"": 'sum(increase(vehicle_sales_total{NS,state="sold"}[24h]))'}),
                Number(
                    "Orders that need a person, 24 h",
                    {"": "sum(increase(vehicle_alarms_total{NS}[24h]))"},
                    why="Refunds that failed, and money that a bank took back.",
                    red_from=1,
                ),
                Number(
                    "Most overdue deadline",
                    {"": "max(deadlines_oldest_overdue_seconds{NS})"},
                    "s",
                    red_from=120,
                ),
            ],
        ),
        Row(
            "Orders",
            [
                Panel(
                    "Orders by what they came to",
                    {"{{state}}": "sum by (state) (rate(vehicle_sales_total{NS}[5m])) * 60"},
                    why="A minute. Draft is the beginning; sold and cancelled together follow it.",
                ),
                Panel(
                    "Why orders are cancelled",
                    {
                        "{{reason}}": (
                            'sum by (reason) (increase(vehicle_sales_total{NS,state="cancelled"}[1h]))'
                        )
                    },
                    why="In the hour before.",
                ),
            ],
        ),
        Row(
            "At the edge",
            [
                Panel(
                    "Purchase requests",
                    {
                        "{{route}} {{status}}": (
                            "sum by (route, status) "
                            f"(rate(http_request_duration_seconds_count{{NS,{_ROUTES}}}[5m]))"
                        )
                    },
                    "reqps",
                ),
                Panel(
                    "99 of 100 purchase requests are faster than",
                    {"{{route}}": "gateway:purchase_request_seconds:p99_5m{NS}"},
                    "s",
                ),
                Panel(
                    "Burn of the error budget",
                    {window: _BURN.format(window=window) for window in ("1h", "6h", "3d")},
                    why="At 1 the budget of thirty days lasts thirty days.",
                ),
            ],
        ),
        Row(
            "All requests",
            [
                Panel(
                    "Answered with 5xx",
                    {
                        service: f"{service}:http_requests:error_ratio_rate5m{{NS}}"
                        for service in ("gateway", "vehicle", "payment")
                    },
                    "percentunit",
                ),
                Panel(
                    "Forwarded and not answered",
                    {
                        "{{upstream}} {{code}}": (
                            "sum by (upstream, code) (rate(gateway_upstream_failures_total{NS}[5m]))"
                        )
                    },
                    "reqps",
                ),
                Panel("Open event streams", {"{{pod}}": "gateway_open_event_streams{NS}"}),
            ],
        ),
    ],
)
