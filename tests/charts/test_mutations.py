"""A sample of `make charts-mutations`, which tries every line."""

from __future__ import annotations

import os
import random

import pytest
from tests.charts.mutations import find_mutations, find_survivors

SAMPLE = 24
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.timeout(600)
def test_some_check_notices_when_a_line_of_a_template_is_deleted() -> None:
    mutations = random.Random(SEED).sample(list(find_mutations()), SAMPLE)
    assert [str(survivor) for survivor in find_survivors(mutations)] == [], f"SEED={SEED}"
