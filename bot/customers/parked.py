"""Behaviour of people who were strangers when it was reported."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import BehaviourEvent


class BehaviourState(StrEnum):
    """`parked`: the customer is unknown; `ready`: they appeared; `applied`: taken into account."""

    PARKED = "parked"
    READY = "ready"
    APPLIED = "applied"


async def unpark(
    session: AsyncSession,
    *,
    external_userids: Iterable[str | None] = (),
    unionids: Iterable[str | None] = (),
) -> None:
    """Somebody became known: what waited for them is to be applied."""
    known = sorted(filter(None, external_userids))
    unions = sorted(filter(None, unionids))
    matches = [
        column.in_(values)
        for column, values in (
            (BehaviourEvent.external_userid, known),
            (BehaviourEvent.unionid, unions),
        )
        if values
    ]
    if matches:
        await session.execute(
            update(BehaviourEvent)
            .where(BehaviourEvent.state == BehaviourState.PARKED, or_(*matches))
            .values(state=BehaviourState.READY)
            .execution_options(synchronize_session=False)
        )
