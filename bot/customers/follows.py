"""Where a guide–customer relation stands, whatever the order in which we hear of its changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class FollowState(StrEnum):
    """`half`: the customer added the guide, who has not answered; `missing`: a reconcile found
    it gone."""

    ACTIVE = "active"
    HALF = "half"
    LEFT = "deleted_by_customer"
    DROPPED = "deleted_by_guide"
    HANDED_ON = "transferred"
    MISSING = "missing"


class FollowChange(StrEnum):
    """What happens to a relation, as it is kept in its history."""

    HALF_ADDED = "half_added"
    ADDED = "added"
    EDITED = "edited"
    LEFT = "deleted_by_customer"
    DROPPED = "deleted_by_guide"
    HANDED_ON = "transferred"
    TRANSFER_FAILED = "transfer_failed"
    CONSENTED = "archive_consented"
    MISSING = "missing"


OPEN = (FollowState.ACTIVE, FollowState.HALF, FollowState.LEFT)
"""WeCom: a relation that only the customer ended still answers the guide's side of the API."""

JOINED = (FollowState.ACTIVE, FollowState.HALF)

_OUTCOMES = {
    FollowChange.HALF_ADDED: FollowState.HALF,
    FollowChange.ADDED: FollowState.ACTIVE,
    FollowChange.LEFT: FollowState.LEFT,
    FollowChange.DROPPED: FollowState.DROPPED,
    FollowChange.HANDED_ON: FollowState.HANDED_ON,
}
_RANKS = {change: rank for rank, change in enumerate(_OUTCOMES, start=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A relation's state with the watermark that keeps old news from changing it."""

    state: FollowState
    state_at: datetime | None = None
    state_rank: int = 0
    since: datetime | None = None
    until: datetime | None = None
    channel: str = ""
    channel_at: datetime | None = None


UNKNOWN = Standing(state=FollowState.ACTIVE)
"""A relation of which nothing is known but that it exists."""


def hear(
    standing: Standing | None, change: FollowChange, at: datetime, *, channel: str = ""
) -> Standing:
    """The standing after one more event; any order of the same events ends the same.

    WeCom's times are whole seconds, so two changes of one second are ranked by their kind.
    """
    known = standing or UNKNOWN
    outcome = _OUTCOMES.get(change)
    if outcome is None:
        return known
    if outcome in JOINED:
        known = _joined(known, at, channel)
    rank = _RANKS[change]
    if known.state_at is not None and (at, rank) <= (known.state_at, known.state_rank):
        return known
    until = None if outcome in JOINED else at
    return replace(known, state=outcome, state_at=at, state_rank=rank, until=until)


def _joined(known: Standing, at: datetime, channel: str) -> Standing:
    since = max(known.since, at) if known.since else at
    known = replace(known, since=since)
    if not channel:
        return known
    if known.channel_at and (known.channel_at, known.channel) >= (at, channel):
        return known
    return replace(known, channel=channel, channel_at=at)


def read(standing: Standing | None, *, since: datetime | None, channel: str = "") -> Standing:
    """The standing after WeCom listed the relation, which it says began at `since`.

    A closed relation opens again only if it was begun anew after its end: what the customer
    ended stays listed, and a listing may be a moment older than the event of the end.
    """
    known = standing or Standing(state=FollowState.ACTIVE, state_at=since, since=since)
    if channel:
        known = replace(known, channel=channel)
    if known.state in JOINED or known.state is FollowState.MISSING or _anew(known, since):
        return replace(
            known,
            state=FollowState.ACTIVE,
            since=since or known.since,
            until=None,
            state_at=_later(known.state_at, since),
        )
    return known


def _anew(known: Standing, since: datetime | None) -> bool:
    return since is not None and known.until is not None and since > known.until


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)
