"""Records that failed, and what operators did to them."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE parked_record (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        consumer_group TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        "offset" BIGINT NOT NULL,
        timestamp_ms BIGINT NOT NULL,
        key TEXT NOT NULL,
        record_key BYTEA,
        headers TEXT NOT NULL,
        value BYTEA,
        event_id TEXT,
        event_type TEXT,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        next_attempt_at TIMESTAMP WITH TIME ZONE,
        last_error TEXT NOT NULL,
        parked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT parked_record_state_known CHECK (state IN ('parked', 'dead'))
    )
    """,
    """
    CREATE INDEX parked_record_by_key ON parked_record (consumer_group, topic, key, id)
    """,
    """
    CREATE INDEX parked_record_dead ON parked_record (consumer_group, id) WHERE state = 'dead'
    """,
    """
    CREATE INDEX parked_record_due ON parked_record (consumer_group, next_attempt_at) WHERE next_attempt_at IS NOT NULL
    """,
    """
    COMMENT ON COLUMN parked_record.key IS 'what orders the record; its key as text'
    """,
    """
    COMMENT ON COLUMN parked_record.record_key IS 'the key as it was on the wire'
    """,
    """
    COMMENT ON COLUMN parked_record.headers IS 'JSON list of names and values'
    """,
    """
    COMMENT ON COLUMN parked_record.next_attempt_at IS 'only of the first of a key'
    """,
    """
    CREATE TABLE parking_audit (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        consumer_group TEXT NOT NULL,
        operator TEXT NOT NULL,
        act TEXT NOT NULL,
        topic TEXT NOT NULL,
        key TEXT NOT NULL,
        record_id TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (id)
    )
    """,
)


def upgrade() -> None:
    """Create both tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop both tables, unless a record still waits in them; what operators did is told in the logs too."""
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM parked_record) THEN
                RAISE EXCEPTION 'records are parked; redrive or discard them first (dlq list)';
            END IF;
        END $$
        """
    )
    op.execute("DROP TABLE parking_audit")
    op.execute("DROP TABLE parked_record")
