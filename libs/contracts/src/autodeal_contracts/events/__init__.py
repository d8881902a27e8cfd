"""The events, one module a topic.

Rules: an event is a fact in the past tense; a struct tolerates unknown fields when read; a new
field has a default; a change that old readers cannot stand is a new type under a new topic
version. No personal data and no token in any event: people appear as their opaque subject id.
"""
