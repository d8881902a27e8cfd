"""Messaging: outboxes, consumers, parked records, deadlines."""

from __future__ import annotations

from tools.dashboard_panels import Dashboard, Number, Panel, Row

_BY_TOPIC = "{{group}} {{topic}}"

NOW = Row(
    "Now",
    [
        Number(
            "Oldest event not in Kafka",
            {"": "max(outbox_oldest_age_seconds{NS})"},
            "s",
            "Nothing is lost while it grows, but purchases stand still.",
            red_from=60,
        ),
        Number(
            "Dead records",
            {"": "sum(max by (group) (dead_records{NS}))"},
            why="They wait for an operator, and the later ones of their keys behind them.",
            red_from=1,
        ),
        Number("Parked records", {"": "sum(max by (group) (parked_records{NS}))"}, red_from=100),
        Number("Consumers that wait for their surroundings", {"": "sum(consumer_paused{NS})"}, red_from=1),
    ],
)
OUTBOX = Row(
    "Outbox",
    [
        Panel(
            "Age of the oldest event", {"{{relay}}": "max by (relay) (outbox_oldest_age_seconds{NS})"}, "s"
        ),
        Panel(
            "Events that wait", {"{{relay}}": "sum by (relay) (outbox_depth{NS})"}, why="Counted up to a cap."
        ),
        Panel(
            "Events acknowledged by Kafka",
            {"{{topic}}": "sum by (topic) (rate(outbox_relayed_records_total{NS}[5m]))"},
            "ops",
        ),
        Panel(
            "Shards held",
            {"{{relay}} {{pod}}": "outbox_shards_held{NS}"},
            why="Every shard is held by somebody, in about even shares.",
        ),
    ],
)
SENDING = Row(
    "Sending",
    [
        Panel(
            "Until every replica has a batch, 99 of 100",
            {
                "{{topic}}": (
                    "histogram_quantile(0.99, sum by (topic, le) (rate(outbox_send_seconds_bucket{NS}[5m])))"
                )
            },
            "s",
        ),
        Panel(
            "Events a batch",
            {
                "{{topic}}": (
                    "sum by (topic) (rate(outbox_send_batch_records_sum{NS}[5m]))"
                    " / sum by (topic) (rate(outbox_send_batch_records_count{NS}[5m]))"
                )
            },
        ),
        Panel("Events set aside", {"{{relay}}": "max by (relay) (outbox_set_aside_waiting_records{NS})"}),
        Panel(
            "Events found missing",
            {"{{group}} {{topic}}": "sum by (group, topic) (increase(consumer_sequence_gaps_total{NS}[1h]))"},
            why="In the hour before.",
        ),
    ],
)
CONSUMERS = Row(
    "Consumers",
    [
        Panel("Records that wait in Kafka", {_BY_TOPIC: "sum by (group, topic) (consumer_lag_records{NS})"}),
        Panel(
            "Records that took effect",
            {_BY_TOPIC: "sum by (group, topic) (rate(consumer_handled_records_total{NS}[5m]))"},
            "ops",
        ),
        Panel(
            "From commit to effect, 99 of 100",
            {
                service + " {{topic}}": f"{service}:commit_to_handled_seconds:p99_5m{{NS}}"
                for service in ("vehicle", "payment")
            },
            "s",
        ),
        Panel(
            "Records a commit",
            {
                "{{group}}": (
                    "sum by (group) (rate(consumer_commit_records_sum{NS}[5m]))"
                    " / sum by (group) (rate(consumer_commit_records_count{NS}[5m]))"
                )
            },
        ),
    ],
)
FAILURES = Row(
    "What goes wrong",
    [
        Panel(
            "Attempts that failed",
            {"{{group}} {{error}}": "sum by (group, error) (rate(consumer_retried_records_total{NS}[5m]))"},
            "ops",
        ),
        Panel(
            "Records parked, by why",
            {"{{group}} {{why}}": "sum by (group, why) (increase(consumer_parked_records_total{NS}[1h]))"},
            why="In the hour before.",
        ),
        Panel(
            "Attempts at parked records",
            {"{{group}} {{outcome}}": "sum by (group, outcome) (increase(replayed_records_total{NS}[1h]))"},
            why="In the hour before.",
        ),
        Panel(
            "Repeats turned away by the inbox",
            {"{{consumer}}": "sum by (consumer) (rate(inbox_duplicates_total{NS}[5m]))"},
            "ops",
            "A wave after a rebalance is normal.",
        ),
    ],
)
DEADLINES = Row(
    "Deadlines",
    [
        Panel("Most overdue", {"{{pod}}": "deadlines_oldest_overdue_seconds{NS}"}, "s"),
        Panel(
            "Handled",
            {"{{kind}} {{pod}}": "sum by (kind, pod) (rate(deadlines_handled_total{NS}[5m]))"},
            "ops",
        ),
        Panel(
            "Failed",
            {"{{kind}} {{error}}": "sum by (kind, error) (rate(deadlines_failed_total{NS}[5m]))"},
            "ops",
        ),
    ],
)

MESSAGING = Dashboard(
    uid="autodeal-messaging",
    title="AutoDeal: messaging",
    rows=[NOW, OUTBOX, SENDING, CONSUMERS, FAILURES, DEADLINES],
)
