from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from autodeal_messaging.outbox.port import shard_of
from autodeal_messaging.outbox.share_shards import decide_share


def test_a_member_takes_everything_when_it_is_alone() -> None:
    share = decide_share(shards=8, me="a", members=["a"], holders={})
    assert sorted(share.take) == list(range(8))
    assert not share.surplus


def test_a_member_gives_up_the_surplus_when_another_joins() -> None:
    share = decide_share(shards=8, me="a", members=["a", "b"], holders=dict.fromkeys(range(8), "a"))
    assert share.surplus == [4, 5, 6, 7]
    assert not share.take


def test_a_member_takes_nothing_when_all_shards_are_held() -> None:
    share = decide_share(shards=8, me="b", members=["a", "b"], holders=dict.fromkeys(range(8), "a"))
    assert not share.take
    assert not share.surplus


def test_a_member_counts_itself_when_the_others_do_not_see_it_yet() -> None:
    assert len(decide_share(shards=8, me="b", members=["a"], holders={}).take) == 4


def test_a_member_that_cannot_send_has_no_share_when_another_can() -> None:
    holders = dict.fromkeys(range(8), "a")
    assert decide_share(shards=8, me="a", members=["a", "b"], holders=holders, unable=["a"]).surplus == list(
        range(8)
    )
    assert len(decide_share(shards=8, me="b", members=["a", "b"], holders={}, unable=["a"]).take) == 8


def test_shares_are_as_ever_when_no_member_can_send() -> None:
    share = decide_share(shards=8, me="a", members=["a", "b"], holders={}, unable=["a", "b"])
    assert len(share.take) == 4


@given(
    shards=some.integers(1, 70),
    first_count=some.integers(1, 6),
    second_count=some.integers(1, 6),
)
def test_shares_even_out_when_members_come_and_go(shards: int, first_count: int, second_count: int) -> None:
    holders: dict[int, str] = {}
    for count in (first_count, second_count):
        members = [f"member-{number}" for number in range(count)]
        holders = {shard: holder for shard, holder in holders.items() if holder in members}
        for _ in range(3):
            for me in members:
                share = decide_share(shards=shards, me=me, members=members, holders=holders)
                assert not set(share.take) & holders.keys(), "only free shards are tried for"
                holders.update(dict.fromkeys(share.take, me))
                for shard in share.surplus:
                    assert holders.pop(shard) == me
        counts = [list(holders.values()).count(member) for member in members]
        assert sum(counts) == shards
        assert max(counts) - min(counts) <= 1


def test_the_shard_of_a_key_is_the_same_when_the_release_changes() -> None:
    """Rows written by the last release are read by this one."""
    assert [shard_of(key, 64) for key in ("1", "42", "10001", "ä")] == [55, 8, 19, 3]
