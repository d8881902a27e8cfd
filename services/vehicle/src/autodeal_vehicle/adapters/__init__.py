"""The ports, on real technology: PostgreSQL, and the log for alarms."""
