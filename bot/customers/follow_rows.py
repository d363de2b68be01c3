"""Standings as columns of the `follow` table."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, tuple_

from bot.customers.follows import FollowState, Standing
from bot.store.contact_tables import Follow, FollowTag


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


def of_pairs(
    table: type[Follow] | type[FollowTag], pairs: Collection[tuple[str, str]]
) -> ColumnElement[bool]:
    """That a row is of one of these pairs (guide, customer).

    The customers are named by themselves too: SQLite uses no index for a list of pairs and would
    read the whole table for each page of a sync.
    """
    return and_(
        table.external_userid.in_(sorted({who for _, who in pairs})),
        tuple_(table.userid, table.external_userid).in_(list(pairs)),
    )
