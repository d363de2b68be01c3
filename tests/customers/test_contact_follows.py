from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.customers.follows import JOINED, FollowChange, FollowState, Standing, hear, read

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
HEARD = st.tuples(
    st.sampled_from(list(FollowChange)),
    st.integers(0, 6),
    st.sampled_from(["", "door", "live"]),
)


def after(events: list[tuple[FollowChange, int, str]]) -> Standing | None:
    standing: Standing | None = None
    for change, second, channel in events:
        at = BEGIN + timedelta(seconds=second)
        standing = hear(standing, change, at, channel=channel)
    return standing


@given(st.lists(HEARD, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_of_events_ends_the_same(events, random) -> None:
    shuffled = [*events, *random.sample(events, random.randint(0, len(events)))]
    random.shuffle(shuffled)
    assert after(shuffled) == after(events)


@given(st.lists(HEARD, min_size=1, max_size=8))
def test_a_relation_is_open_exactly_when_its_last_change_opened_it(events) -> None:
    standing = after(events)
    assert standing is not None
    assert (standing.until is None) == (standing.state in JOINED)


@given(st.lists(HEARD, max_size=6), st.integers(0, 9))
def test_a_listing_opens_only_what_began_after_its_end(events, second) -> None:
    before = after(events)
    since = BEGIN + timedelta(seconds=second)
    standing = read(before, since=since)
    if before is None or before.state in JOINED:
        assert standing.state is FollowState.ACTIVE
    elif before.until is not None:
        assert (standing.state is FollowState.ACTIVE) == (since > before.until)


def test_delete_before_its_add_stays_deleted() -> None:
    late = after([(FollowChange.LEFT, 5, ""), (FollowChange.ADDED, 1, "door")])
    assert late is not None
    assert late.state is FollowState.LEFT
    assert late.since == BEGIN + timedelta(seconds=1)
    assert late.channel == "door"


def test_an_edit_does_not_bring_back_what_the_customer_ended() -> None:
    standing = after([(FollowChange.ADDED, 0, ""), (FollowChange.LEFT, 2, "")])
    edited = hear(standing, FollowChange.EDITED, BEGIN + timedelta(seconds=3))
    assert edited.state is FollowState.LEFT


def test_a_listing_confirms_a_half_added_customer() -> None:
    half = after([(FollowChange.HALF_ADDED, 1, "")])
    assert read(half, since=BEGIN).state is FollowState.ACTIVE
