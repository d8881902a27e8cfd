"""How relays share the shards of one outbox evenly, each deciding from what all can see."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """What one member should do now."""

    take: list[int]
    """Free shards to try for; another member may try for the same at the same time."""
    surplus: list[int]
    """Held shards to give up."""


def decide_share(
    *,
    shards: int,
    me: str,
    members: Collection[str],
    holders: Mapping[int, str],
    unable: Collection[str] = (),
) -> Share:
    """Decide what member `me` takes or gives up.

    `holders` names the holder of each shard that a living member holds. Members are ranked by name and
    the first ones get the remainder, so shares differ by one at most and each member knows its own.

    Members that say they are `unable` to send get none, unless all are: then nobody is better off with
    their shards, and all keep trying, and measuring what waits.
    """
    living = {*members, me}
    ranked = sorted(living.difference(unable) or living)
    fair = 0
    if me in ranked:
        fair = shards // len(ranked) + (1 if ranked.index(me) < shards % len(ranked) else 0)
    held = sorted(shard for shard, holder in holders.items() if holder == me)
    free = [shard for shard in range(shards) if shard not in holders]
    wanted = min(max(0, fair - len(held)), len(free))
    # Chosen by chance, so that members that start together seldom try for the same ones.
    return Share(take=random.sample(free, wanted), surplus=held[fair:])
