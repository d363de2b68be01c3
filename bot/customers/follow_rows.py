"""Standings as columns of the `follow` table."""

from __future__ import annotations

from typing import Any

from bot.customers.follows import FollowState, Standing
from bot.store.contact_tables import Follow


def standing_of(follow: Follow) -> Standing:
    """The standing that a row holds."""
    return Standing(
        state=FollowState(follow.state),
        state_at=follow.state_at,
        state_rank=follow.state_rank,
        since=follow.since,
        until=follow.until,
        channel=follow.channel_state,
        channel_at=follow.channel_at,
    )


def standing_values(standing: Standing) -> dict[str, Any]:
    """The columns of a standing."""
    return {
        "state": standing.state,
        "state_at": standing.state_at,
        "state_rank": standing.state_rank,
        "since": standing.since,
        "until": standing.until,
        "channel_state": standing.channel,
        "channel_at": standing.channel_at,
    }
