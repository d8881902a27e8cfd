"""Records that failed: parked in order, replayed when due, dead when they never succeed."""
